//! Finds the next segment for a free slot: what waits, what the scheduler wants, what the sampler proposes.

use std::{path::PathBuf, sync::Arc};

use search_spaces::space::Space;

use crate::{
    enqueued::Enqueued,
    estimate,
    events::{Event, Logged, TrialAdded},
    finalists::choosing,
    folds::{Fold, NextFold},
    giving_up::giving_up,
    runner::{Checkpoint, Segment},
    samplers::Sampler,
    schedulers::{self, Action, Scheduler},
    state::{Phase, SearchState, TrialKind},
    store::{Store, StoreError, StudyFolder, study},
    streams::{Purpose, stream},
    study::{PendingStart, StudyState},
    worker::WorkerError,
};

/// What a free slot does now.
#[derive(Debug)]
pub(crate) enum Work {
    /// Claimed for it.
    Run { segment: Box<Segment>, from: Option<Checkpoint>, fence: u64 },
    /// The same, of another split: `segment.fold` says which.
    Fold { segment: Box<Segment> },
    /// Nothing until a running segment ends, here or elsewhere.
    Wait,
    /// Or what is left of it is too little for another trial.
    BudgetSpent,
    /// Nothing is left to do, here or elsewhere.
    Finished,
}

pub(crate) struct Dispatcher {
    pub store: Box<dyn Store>,
    pub folder: StudyFolder,
    pub scheduler: Box<dyn Scheduler>,
    pub sampler: Box<dyn Sampler>,
    /// This worker's name.
    pub worker: String,
}

/// What has been claimed.
#[derive(Debug, Clone, Copy)]
enum Claimed {
    Segment { trial: u32, rung: usize },
    Fold(Fold),
}

/// What the newest state asks for.
#[derive(Debug)]
enum Plan {
    Claim {
        trial: u32,
        rung: usize,
    },
    Decide(Action),
    /// Something else to be decided: this event.
    Note(Event),
    Add(PendingStart),
    Fold(Fold),
    Wait,
    BudgetSpent,
    Finished,
}

impl Dispatcher {
    /// Claims the next segment for `slot`, if there is one. `busy`: other slots of this worker are running.
    pub(crate) fn next(&mut self, slot: &str, busy: bool, now: i64) -> Result<Work, WorkerError> {
        loop {
            // Most often there is nothing to do, which needs no lock to find out.
            match plan(study(&mut *self.store)?, &*self.scheduler, &self.worker, busy, now) {
                Plan::Wait => return Ok(Work::Wait),
                Plan::BudgetSpent => return Ok(Work::BudgetSpent),
                Plan::Finished => return Ok(Work::Finished),
                Plan::Claim { .. } | Plan::Decide(_) | Plan::Note(_) | Plan::Add(_) | Plan::Fold(_) => {}
            }
            match self.act(slot, busy, now)? {
                Some(Claimed::Segment { trial, rung }) => return Ok(self.work(trial, rung)?),
                Some(Claimed::Fold(fold)) => return Ok(self.fold(fold)?),
                None => {}
            }
        }
    }

    /// Whether nothing is left to do, here or elsewhere, however much of the budget is left.
    pub(crate) fn finished(&mut self, now: i64) -> Result<bool, StoreError> {
        Ok(matches!(plan(study(&mut *self.store)?, &*self.scheduler, &self.worker, false, now), Plan::Finished))
    }

    /// Chooses the finalists of a search that has ended with its budget.
    pub(crate) fn settle(&mut self, now: i64) -> Result<(), StoreError> {
        let (scheduler, worker) = (&*self.scheduler, &self.worker);
        self.store.commit(now, &mut |state| match plan(state, scheduler, worker, false, now) {
            Plan::Note(event @ Event::FinalistsChosen(_)) => vec![event],
            _ => Vec::new(),
        })
    }

    /// Plans anew under the write lock and takes the first step; gives the segment claimed, if that was it.
    fn act(&mut self, slot: &str, busy: bool, now: i64) -> Result<Option<Claimed>, WorkerError> {
        let mut claimed = None;
        let mut start = None;
        let (scheduler, worker) = (&*self.scheduler, &self.worker);
        self.store.commit(now, &mut |state| match plan(state, scheduler, worker, busy, now) {
            Plan::Claim { trial, rung } => {
                claimed = Some(Claimed::Segment { trial, rung });
                vec![claim(state, trial, rung, worker, slot)]
            }
            Plan::Decide(action) => {
                let upto_seq = state.search.seq;
                let decided = Event::Decided { upto_seq, action, worker: worker.clone() };
                match action {
                    Action::Promote { trial, rung } => {
                        claimed = Some(Claimed::Segment { trial, rung });
                        vec![decided, claim(state, trial, rung, worker, slot)]
                    }
                    Action::Start { learn_from } => {
                        let number = state.search.trials().len() as u32;
                        let enqueued = state.next_enqueued(&state.search).cloned();
                        let pending = PendingStart { number, learn_from, upto_seq, worker: worker.clone(), enqueued };
                        start = Some(pending);
                        vec![decided]
                    }
                }
            }
            Plan::Note(event) => vec![event],
            Plan::Fold(fold) => {
                claimed = Some(Claimed::Fold(fold));
                vec![Event::FoldClaimed { fold, worker: worker.clone(), slot: slot.to_owned() }]
            }
            Plan::Add(pending) => {
                start = Some(pending);
                Vec::new()
            }
            Plan::Wait | Plan::BudgetSpent | Plan::Finished => Vec::new(),
        })?;
        match start {
            Some(pending) => self.add(&pending, slot, now),
            None => Ok(claimed),
        }
    }

    /// Carries out a start that has been decided: the sampler runs outside any transaction, on the values as they were when it was decided.
    fn add(&mut self, pending: &PendingStart, slot: &str, now: i64) -> Result<Option<Claimed>, WorkerError> {
        let state = study(&mut *self.store)?;
        // Most often nothing but the decision itself has happened since.
        let snapshot = (state.search.seq <= pending.upto_seq + 1).then(|| Arc::clone(&state.search));
        let snapshot = match snapshot {
            Some(snapshot) => snapshot,
            None => state_at(&self.store.events(0)?, pending.upto_seq)?.search,
        };
        let spec = &study(&mut *self.store)?.spec;
        let proposal = propose(&spec.space, pending, &snapshot, &*self.sampler)?;
        // The state is changed where it is, and not copied, once nobody else looks at it.
        drop(snapshot);
        let mut claimed = None;
        let worker = &self.worker;
        self.store.commit(now, &mut |state| {
            // Another worker may have taken it up meanwhile, when it took this one for dead.
            if state.pending.as_ref() != Some(pending) {
                return Vec::new();
            }
            let Some(Proposal { trial: added, refused }) = proposal.clone() else {
                return vec![Event::SpaceExhausted { trials: state.search.searched().len() as u32 }];
            };
            let (trial, rung, fence) = (pending.number, 0, 1);
            let claim = Event::SegmentClaimed { trial, rung, fence, worker: worker.clone(), slot: slot.to_owned() };
            let mut events = vec![Event::TrialAdded(Box::new(added)), claim];
            match refused {
                None => claimed = Some(Claimed::Segment { trial, rung }),
                Some(cause) => events.push(Event::SegmentFailed { trial, rung, fence, cause }),
            }
            events
        })?;
        Ok(claimed)
    }

    fn work(&mut self, trial: u32, rung: usize) -> Result<Work, StoreError> {
        let (checkpoints, artefacts) = (self.folder.checkpoints(), self.folder.artefacts());
        let state = study(&mut *self.store)?;
        let progress = &state.trials[trial as usize];
        let from = progress.checkpoint.clone().map(|c| Checkpoint { path: self.folder.absolute(&c.path), ..c });
        let segment = segment(state, trial, rung, checkpoints, artefacts);
        Ok(Work::Run { segment: Box::new(segment), from, fence: progress.fence })
    }

    /// A fold leaves no files: all it writes is for the time of its training.
    fn fold(&mut self, fold: Fold) -> Result<Work, StoreError> {
        let folder = self.folder.fold(fold);
        std::fs::create_dir_all(&folder).map_err(|source| StoreError::Io {
            path: folder.clone(),
            action: "make a folder for cross-validation",
            source,
        })?;
        let state = study(&mut *self.store)?;
        let segment = segment(state, fold.trial, state.spec.ladder.top(), folder.clone(), folder);
        Ok(Work::Fold { segment: Box::new(Segment { fold: Some(fold), ..segment }) })
    }
}

fn segment(state: &StudyState, trial: u32, rung: usize, checkpoints: PathBuf, artefacts: PathBuf) -> Segment {
    Segment {
        trial,
        rung,
        fold: None,
        ladder: state.spec.ladder.clone(),
        config: (*state.search.trials()[trial as usize].config).clone(),
        micro_batch: state.micro_batch(trial),
        assignment: state.search.trials()[trial as usize].assignment.clone(),
        seed: state.spec.space.settings.seed,
        checkpoints,
        artefacts,
    }
}

fn plan(state: &StudyState, scheduler: &dyn Scheduler, worker: &str, busy: bool, now: i64) -> Plan {
    let decision = schedulers::next(scheduler, &state.search);
    let searched = decision.is_none() && state.search.index().active().next().is_none() && state.pending.is_none();
    let choosing = if searched { choosing(state, now) } else { None };
    let to_fold = searched && choosing.is_none() && state.repeats_open() == 0;
    if to_fold && state.folds_open() == 0 {
        return if state.closed_from.is_some() { Plan::BudgetSpent } else { Plan::Finished };
    }
    // It costs no time, and says how little there is.
    if let Some(event) = choosing {
        return Plan::Note(event);
    }
    if state.budget_spent(now) {
        return Plan::BudgetSpent;
    }
    if to_fold {
        return match state.next_fold(worker, busy) {
            NextFold::Run(fold) => Plan::Fold(fold),
            NextFold::Wait => Plan::Wait,
        };
    }
    let segment = |trial: u32| match state.search.trials()[trial as usize].phase {
        Phase::Active { rung } => Plan::Claim { trial, rung },
        Phase::Paused { .. } | Phase::Complete | Phase::Failed { .. } => Plan::Wait,
    };
    // A segment whose worker died runs alone in its worker, so that a second death is known to be its own doing.
    let claim = |trial: &u32| state.trials[*trial as usize].claim.as_ref();
    if state.suspects().any(|trial| claim(&trial).is_some_and(|claim| claim.worker == worker)) {
        return Plan::Wait;
    }
    if let Some(trial) = state.suspects().find(|trial| claim(trial).is_none()) {
        return if busy { Plan::Wait } else { segment(trial) };
    }
    if let Some(trial) = state.waiting().next() {
        return segment(trial);
    }
    if let Some(pending) = &state.pending {
        let elsewhere = pending.worker != worker && state.workers.contains_key(&pending.worker);
        return if elsewhere { Plan::Wait } else { Plan::Add(pending.clone()) };
    }
    match decision {
        Some(Action::Start { learn_from }) => {
            giving_up(state).or_else(|| estimate::closing(state, now)).map_or(Plan::Decide(Action::Start { learn_from }), Plan::Note)
        }
        Some(action) => Plan::Decide(action),
        None => Plan::Wait,
    }
}

fn claim(state: &StudyState, trial: u32, rung: usize, worker: &str, slot: &str) -> Event {
    let fence = state.trials[trial as usize].fence + 1;
    Event::SegmentClaimed { trial, rung, fence, worker: worker.to_owned(), slot: slot.to_owned() }
}

/// A trial to be added.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub trial: TrialAdded,
    /// Why the sampler's proposal makes no config: the trial has failed. It has the config of the default recipe, for want of its own.
    pub refused: Option<String>,
}

/// The trial that `pending` stands for: the recipe whose turn it is, what the user has enqueued, or what the sampler proposes. `None`: the space is exhausted. The same
/// arguments give the same trial.
pub(crate) fn propose(
    space: &Space,
    pending: &PendingStart,
    snapshot: &SearchState,
    sampler: &dyn Sampler,
) -> Result<Option<Proposal>, WorkerError> {
    let PendingStart { number, learn_from, upto_seq: snapshot_seq, .. } = *pending;
    // Finalists have numbers too, but no place in the order of the search.
    if let Some(recipe) = space.recipes.get(snapshot.searched().len()) {
        let (config, assignment) = (recipe.config.clone(), recipe.assignment.clone());
        let recipe = Some(recipe.name.clone());
        let trial = TrialAdded { number, kind: TrialKind::Recipe, config: Arc::new(config), assignment, recipe, learn_from, snapshot_seq };
        return Ok(Some(Proposal { trial, refused: None }));
    }
    if let Some(Enqueued { name, config, assignment }) = pending.enqueued.clone() {
        let trial = TrialAdded { number, kind: TrialKind::Recipe, config, assignment, recipe: Some(name), learn_from, snapshot_seq };
        return Ok(Some(Proposal { trial, refused: None }));
    }
    let mut rng = stream(space.settings.seed, number, Purpose::Sampler);
    let Some(assignment) = sampler.propose(&space.parameters, snapshot.view(learn_from), &mut rng) else { return Ok(None) };
    let (config, refused) = match (space.config(&assignment), space.recipes.first()) {
        (Ok(config), _) => (config, None),
        (Err(why), Some(default)) => (default.config.clone(), Some(format!("what the sampler proposed is no config of this space: {why}"))),
        (Err(source), None) => return Err(WorkerError::Config { trial: number, source }),
    };
    let assignment = Some(assignment);
    let trial =
        TrialAdded { number, kind: TrialKind::Search, config: Arc::new(config), assignment, recipe: None, learn_from, snapshot_seq };
    Ok(Some(Proposal { trial, refused }))
}

/// The study as it was after event number `seq`.
pub(crate) fn state_at(events: &[Logged], seq: u64) -> Result<StudyState, StoreError> {
    let Some((first, rest)) = events.split_first() else {
        return Err(crate::study::Refused::OutOfOrder("a study without events".to_owned()).into());
    };
    let mut state = StudyState::begin(first)?;
    for logged in rest.iter().take_while(|logged| logged.seq <= seq) {
        state.apply(logged)?;
    }
    Ok(state)
}
