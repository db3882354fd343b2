//! The study as folded from its events: a pure state machine that also says which events may follow.

mod checkpoints;
mod claims;
mod finalists;
pub(crate) mod kept;
mod memory;
mod refused;
mod target;
mod trusted;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use search_spaces::settings::Settings;
use serde::{Deserialize, Serialize};

pub use checkpoints::Dropped;
pub use claims::Claim;
pub(crate) use memory::too_large;
pub use refused::Refused;
use refused::out_of_order;

use crate::{
    clock::Base,
    enqueued::{Enqueued, Queue},
    events::{Event, Logged, TrialAdded, WorkerInfo},
    finalists::Finalists,
    folds::Folds,
    runner::{Checkpoint, Completed},
    schedulers::{self, Action},
    spec::StudySpec,
    state::{Phase, SearchState, TrialKind, TrialState},
    tested::Look,
};

/// How often a segment or a fold may take its worker down before it is failed.
pub(crate) const CRASHES: u32 = 2;

/// Everything the engine knows about a study at one event number.
#[derive(Debug, Clone)]
pub struct StudyState {
    pub spec: StudySpec,
    pub created_at: i64,
    /// What samplers and schedulers see. Shared, so that a sampler can keep what it was asked about while the study goes on.
    pub search: Arc<SearchState>,
    /// Beside `search.trials()`.
    pub trials: Vec<TrialProgress>,
    /// Trials whose segment waits for a slot.
    queue: BTreeSet<u32>,
    /// Trials with `crashes`.
    suspects: BTreeSet<u32>,
    /// A trial the scheduler has started and nobody has added yet.
    pub pending: Option<PendingStart>,
    pub enqueued: Queue,
    /// Trials that were planned before the starts were closed because of the budget; `None` while they are open.
    pub closed_from: Option<u32>,
    /// The number of the first trial after the study was last given up because every config drawn had failed; 0: it never was.
    pub gave_up_at: u32,
    pub finalists: Finalists,
    pub folds: Folds,
    /// Of the test split, in order.
    pub looks: Vec<Look>,
    /// Live workers by name.
    pub workers: BTreeMap<String, WorkerInfo>,
    pub workers_started: u32,
    pub dropped: Dropped,
    /// Active time up to the last event.
    active_millis: i64,
    last_at: i64,
    pub(crate) clock: Option<Base>,
    /// The trial of the search that was the first to be as good as the settings ask for, which has ended the search.
    pub target_reached: Option<u32>,
}

/// How far a trial's training has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TrialProgress {
    pub recipe: Option<String>,
    /// Of the newest claim; 0 before the first.
    pub fence: u64,
    /// While its segment runs.
    pub claim: Option<Claim>,
    /// Workers that died while running the segment that is due now.
    pub crashes: u32,
    /// The newest official one: where the next segment starts.
    pub checkpoint: Option<Checkpoint>,
    /// The official one before it, as long as the trial can go on: where the next segment starts when the newest turns out to be damaged.
    pub before: Option<Checkpoint>,
    /// Of the checkpoint it waited with, which went because the disk's limit was reached, until it goes on; 0: none did.
    pub(crate) dropped_step: u64,
    /// So many examples at a time in place of what its config says, since the device ran out of memory.
    pub micro_batch: Option<u32>,
    /// With the fence each was made under, in order.
    pub completed: Vec<(usize, u64, Completed)>,
    /// Of its evaluations, by step: the metrics that constraints and the second objective ask for.
    pub(crate) noted: BTreeMap<u64, Vec<(String, f64)>>,
    /// Of segments that were lost: the seconds until their last checkpoints, and the passes up to those. The segment that goes on from one tells of neither.
    pub(crate) salvaged: (f64, f64),
    /// Steps trained in all segments together, as far as events tell; more than the trial's length when some were trained twice.
    pub steps_trained: u64,
    /// The step it has come to.
    pub furthest_step: u64,
    /// Why it failed.
    pub cause: Option<String>,
}

/// Decided and not added: its config is drawn from the values at `upto_seq`, whoever draws it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingStart {
    pub number: u32,
    pub learn_from: u32,
    pub upto_seq: u64,
    pub worker: String,
    /// It is not for the sampler to say.
    pub enqueued: Option<Enqueued>,
}

impl StudyState {
    /// The state after the first event, which must be `Created`.
    pub fn begin(first: &Logged) -> Result<StudyState, Refused> {
        let Event::Created(spec) = &first.event else {
            return out_of_order(format!("a study begins with `created`, not with `{}`", first.event.kind()));
        };
        if first.seq != 1 {
            return out_of_order(format!("a study begins with event 1, not with event {}", first.seq));
        }
        trusted::check_first(spec, first.at)?;
        let mut search = SearchState::new(spec.space.objective, spec.ladder.clone(), spec.space.settings.trials);
        (search.second, search.constraints) = (spec.space.second, spec.space.constraints.clone());
        (search.seq, search.finalists) = (first.seq, spec.space.settings.finalists);
        Ok(StudyState {
            search: Arc::new(search),
            spec: (**spec).clone(),
            created_at: first.at,
            trials: Vec::new(),
            queue: BTreeSet::new(),
            suspects: BTreeSet::new(),
            pending: None,
            enqueued: Queue::default(),
            closed_from: None,
            gave_up_at: 0,
            finalists: Finalists::default(),
            folds: Folds::default(),
            looks: Vec::new(),
            workers: BTreeMap::new(),
            workers_started: 0,
            dropped: Dropped::default(),
            active_millis: 0,
            last_at: first.at,
            clock: None,
            target_reached: None,
        })
    }

    /// Takes in the next event. `false`: it repeats what is known, and must not be logged again. After an error the state is
    /// undefined and has to be folded anew.
    pub fn apply(&mut self, next: &Logged) -> Result<bool, Refused> {
        if next.seq != self.search.seq + 1 {
            return out_of_order(format!("event {} cannot follow event {}", next.seq, self.search.seq));
        }
        trusted::check(self, next)?;
        if self.repeats(&next.event)? {
            return Ok(false);
        }
        if let Event::WorkersLost { workers, .. } = &next.event {
            // Before the time is counted: nobody knows when they died, so the time since the last event is not theirs.
            self.workers.retain(|name, _| !workers.contains(name));
        }
        if !self.workers.is_empty() {
            self.active_millis = self.active_millis.saturating_add((next.at - self.last_at).max(0));
        }
        self.last_at = self.last_at.max(next.at);
        self.fold(&next.event, next.at)?;
        self.search_mut().seq = next.seq;
        Ok(true)
    }

    /// Those of the newest run. `search.planned` is fewer than its `trials` when the space has no more, or the budget no room for more.
    pub fn settings(&self) -> &Settings {
        &self.spec.space.settings
    }

    /// Active milliseconds at time `now`: those in which at least one worker was there.
    pub fn active_millis(&self, now: i64) -> i64 {
        self.active_millis.saturating_add(if self.workers.is_empty() { 0 } else { now.saturating_sub(self.last_at).max(0) })
    }

    /// When the last event was, in the study's time.
    pub fn last_at(&self) -> i64 {
        self.last_at
    }

    /// Whether every trial of the search has gone as far as it is to go. More trials or a larger budget may let the search go on.
    pub fn is_finished(&self) -> bool {
        if self.target_reached.is_some() {
            return self.is_idle();
        }
        let idle = self.pending.is_none() && self.is_idle();
        idle && schedulers::next(&*schedulers::build(self.settings().scheduler), &self.search).is_none()
    }

    /// Whether no trial of the search is on its way to a rung, as far as that is still wanted.
    pub(crate) fn is_idle(&self) -> bool {
        let claimed = |trial: u32| self.trials[trial as usize].claim.is_some();
        self.search.index().active().all(|trial| !self.is_wanted(trial) && !claimed(trial))
    }

    /// Whether nothing is left to do: neither of the search, nor for finalists or folds.
    pub fn is_over(&self) -> bool {
        let chosen = self.finalists.stand() || self.settings().finalists == 0 || self.best_complete().next().is_none();
        self.is_finished() && chosen && self.repeats_open() == 0 && self.folds_open() == 0
    }

    pub fn budget_spent(&self, now: i64) -> bool {
        self.settings()
            .budget_seconds
            .is_some_and(|seconds| self.active_millis(now) >= i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX))
    }

    /// Steps trained more than once, because a worker or a checkpoint was lost, or a checkpoint dropped. None in an undisturbed study; a lower bound after a
    /// worker was killed, because steps are known only from its last evaluation or checkpoint: those after it count once, when they are
    /// trained again.
    pub fn steps_repeated(&self) -> u64 {
        self.trials.iter().map(|trial| trial.steps_trained.saturating_sub(trial.furthest_step)).fold(0, u64::saturating_add)
    }

    /// Trials whose segment waits for a slot, lowest number first.
    pub fn waiting(&self) -> impl Iterator<Item = u32> + '_ {
        self.queue.iter().copied()
    }

    /// Trials whose worker died while it ran the segment that is due now, lowest number first.
    pub fn suspects(&self) -> impl Iterator<Item = u32> + '_ {
        self.suspects.iter().copied()
    }

    fn search_mut(&mut self) -> &mut SearchState {
        Arc::make_mut(&mut self.search)
    }

    fn repeats(&self, event: &Event) -> Result<bool, Refused> {
        let Event::SegmentCompleted { trial, rung, fence, completed } = event else { return Ok(false) };
        let known = self.trials.get(*trial as usize).and_then(|t| t.completed.iter().find(|(r, ..)| r == rung));
        match known {
            None => Ok(false),
            // Whoever has it was given up meanwhile, and another was quicker.
            Some((_, f, _)) if f > fence => Err(Refused::Stale { trial: *trial, fence: *fence, newest: *f }),
            // As text, because NaN differs from itself.
            Some((_, f, content)) if f == fence && serde_json::to_string(content).ok() == serde_json::to_string(completed).ok() => Ok(true),
            Some(_) => Err(Refused::OtherResult { trial: *trial, rung: *rung }),
        }
    }

    fn fold(&mut self, event: &Event, at: i64) -> Result<(), Refused> {
        match event {
            Event::Created(_) => return out_of_order("the study has been created already".to_owned()),
            Event::SettingsChanged(settings) => {
                let before = self.settings().clone();
                let longer = match (before.budget_seconds, settings.budget_seconds) {
                    (Some(before), Some(now)) => now > before,
                    (before, now) => before.is_some() && now.is_none(),
                };
                // Unless more are wanted now, a space that has been found exhausted stays so.
                if settings.trials > before.trials {
                    self.closed_from = None;
                    let enqueued = self.enqueued.total();
                    self.search_mut().planned = settings.trials.saturating_add(enqueued);
                } else if longer && let Some(planned) = self.closed_from.take() {
                    self.search_mut().planned = planned;
                }
                let finalists = |settings: &Settings| (settings.finalists, settings.finalist_seeds);
                if longer || settings.trials > before.trials || finalists(settings) != finalists(&before) {
                    self.reopen_finalists();
                }
                self.search_mut().finalists = settings.finalists;
                self.spec.space.settings = (**settings).clone();
                if settings.target != before.target {
                    self.look_for_target();
                }
            }
            Event::WorkerStarted(info) => {
                self.workers_started += 1;
                if info.clock.is_some() {
                    self.clock.clone_from(&info.clock);
                }
                if self.workers.insert(info.worker.clone(), info.clone()).is_some() {
                    return out_of_order(format!("worker {} is there already", info.worker));
                }
            }
            Event::WorkerEnded { worker } => {
                if self.workers.remove(worker).is_none() {
                    return Err(Refused::WorkerGone { worker: worker.clone() });
                }
                if let Some((trial, _)) = self.claims_of(worker).next() {
                    return out_of_order(format!("worker {worker} cannot leave while it runs trial {trial}"));
                }
                if let Some(fold) = self.folds.claims_of(worker).next() {
                    return out_of_order(format!("worker {worker} cannot leave while it runs {}", fold.name()));
                }
            }
            Event::WorkersLost { .. } => {}
            Event::Stopped { millis } => {
                if let Some(clock) = &mut self.clock {
                    clock.offset = clock.offset.saturating_sub(*millis);
                }
            }
            Event::Decided { upto_seq, action, worker } => self.decide(*upto_seq, *action, worker)?,
            Event::TrialAdded(trial) => self.add(trial)?,
            Event::Enqueued(enqueued) => {
                self.enqueued.push((**enqueued).clone());
                let planned = (self.search.planned as usize).max(self.search.searched().len()) as u32;
                self.search_mut().planned = planned.saturating_add(1);
                self.closed_from = self.closed_from.map(|planned| planned.saturating_add(1));
                self.reopen_finalists();
            }
            Event::SpaceExhausted { trials } => {
                let enqueued = self.enqueued.waiting().len() as u32;
                self.search_mut().planned = trials.saturating_add(enqueued);
                self.pending = None;
            }
            Event::StartsClosed { trials, .. } => {
                if self.pending.is_some() || *trials as usize != self.search.searched().len() {
                    return out_of_order(format!(
                        "starts cannot be closed at {trials} trials, of which {} are there",
                        self.search.searched().len()
                    ));
                }
                // What had been planned at first: another config may have been enqueued since the starts were closed.
                self.closed_from.get_or_insert(self.search.planned);
                self.search_mut().planned = *trials;
            }
            Event::GivenUp { trials } => {
                self.gave_up_at = self.search.trials().len() as u32;
                self.search_mut().planned = *trials;
            }
            Event::FinalistsChosen(chosen) => self.choose_finalists(chosen)?,
            Event::SegmentClaimed { trial, rung, fence, worker, slot } => self.claim(*trial, *rung, *fence, worker, slot, at)?,
            Event::Evaluated { trial, fence, evaluation } => {
                let claim = self.held(*trial, *fence)?;
                claim.last_step = claim.last_step.max(evaluation.step);
                self.trials[*trial as usize].note(&self.search, evaluation);
            }
            Event::Checkpointed { trial, fence, checkpoint } => {
                let claim = self.held(*trial, *fence)?;
                claim.last_step = claim.last_step.max(checkpoint.step);
                claim.saved = Some((checkpoint.step, at));
                self.trials[*trial as usize].saved(checkpoint);
            }
            Event::CheckpointLost { trial, fence, only_newest, .. } => {
                self.held(*trial, *fence)?.saved = None;
                self.trials[*trial as usize].lose_checkpoint(!only_newest);
            }
            Event::OutOfMemory { trial, fence, micro_batch, .. } => {
                self.held(*trial, *fence)?;
                self.trials[*trial as usize].micro_batch = Some(*micro_batch);
            }
            Event::CheckpointsDropped { before, newest } => self.drop_checkpoints(before, newest)?,
            Event::SegmentCompleted { trial, rung, fence, completed } => self.complete(*trial, *rung, *fence, completed)?,
            Event::SegmentFailed { trial, rung, fence, cause } => {
                self.end_claim(*trial, *rung, *fence, None)?;
                self.trials[*trial as usize].cause = Some(cause.clone());
                self.suspects.remove(trial);
                self.search_mut().change(*trial, |state| {
                    state.values.push(f64::NAN);
                    state.phase = Phase::Failed { rung: *rung };
                });
            }
            Event::SegmentLost { trial, rung, fence, crashed, .. } => {
                self.salvage(*trial, *fence)?;
                self.end_claim(*trial, *rung, *fence, None)?;
                self.trials[*trial as usize].crashes += u32::from(*crashed);
                self.suspects.remove(trial);
                let finalist = self.search.trials()[*trial as usize].kind == TrialKind::Finalist;
                // A finalist's training may not be wanted any more.
                if !finalist || self.repeats_wanted().any(|wanted| wanted == *trial) {
                    self.queue.insert(*trial);
                    if self.trials[*trial as usize].crashes > 0 {
                        self.suspects.insert(*trial);
                    }
                }
            }
            Event::FoldClaimed { fold, worker, slot } => {
                if !self.workers.contains_key(worker) {
                    return Err(Refused::WorkerGone { worker: worker.clone() });
                }
                self.folds.claim(*fold, worker, slot)?;
            }
            Event::FoldCompleted { fold, worker, folded } => self.folds.end(*fold, worker, Some(Ok(folded.clone())), false)?,
            Event::FoldFailed { fold, worker, cause } => self.folds.end(*fold, worker, Some(Err(cause.clone())), false)?,
            Event::FoldLost { fold, worker, crashed, .. } => self.folds.end(*fold, worker, None, *crashed)?,
            Event::Tested(tested) => self.looks.push(Look { tested: (**tested).clone(), searched: self.search.searched().len() }),
        }
        Ok(())
    }

    fn decide(&mut self, upto_seq: u64, action: Action, worker: &str) -> Result<(), Refused> {
        match action {
            Action::Start { learn_from } => {
                if let Some(pending) = &self.pending {
                    return out_of_order(format!("trial {} is still to be added", pending.number));
                }
                let number = self.search.trials().len() as u32;
                let enqueued = self.next_enqueued(&self.search).cloned();
                self.pending = Some(PendingStart { number, learn_from, upto_seq, worker: worker.to_owned(), enqueued });
            }
            Action::Promote { trial, rung } => {
                let Some(state) = self.search.trials().get(trial as usize) else {
                    return out_of_order(format!("there is no trial {trial}"));
                };
                let next = state.values.len();
                if !matches!(state.phase, Phase::Paused { .. }) || rung != next || rung > self.search.ladder.top() {
                    return out_of_order(format!("trial {trial}, now {:?}, cannot be promoted to rung {rung}", state.phase));
                }
                self.search_mut().change(trial, |state| state.phase = Phase::Active { rung });
                self.queue.insert(trial);
                self.suspects.remove(&trial);
                self.trials[trial as usize].crashes = 0;
            }
        }
        Ok(())
    }

    fn add(&mut self, trial: &TrialAdded) -> Result<(), Refused> {
        match &self.pending {
            Some(pending) if pending.number == trial.number => {
                if pending.enqueued.is_some() {
                    self.enqueued.take();
                }
                self.pending = None;
            }
            _ => return out_of_order(format!("trial {} has been added already, or was never started", trial.number)),
        }
        let at = |assignment| self.spec.space.config(assignment).is_ok_and(|config| config == *trial.config);
        let inside = trial.kind == TrialKind::Search || trial.assignment.as_ref().is_some_and(at);
        self.search_mut().add(TrialState {
            number: trial.number,
            kind: trial.kind,
            parent: None,
            config: Arc::clone(&trial.config),
            assignment: trial.assignment.clone(),
            inside,
            values: Vec::new(),
            exceeded: Vec::new(),
            second: Vec::new(),
            phase: Phase::Active { rung: 0 },
            stopped_at: None,
        });
        self.queue.insert(trial.number);
        self.trials.push(TrialProgress { recipe: trial.recipe.clone(), ..TrialProgress::default() });
        Ok(())
    }

    fn complete(&mut self, trial: u32, rung: usize, fence: u64, completed: &Completed) -> Result<(), Refused> {
        self.end_claim(trial, rung, fence, Some(completed.steps_trained))?;
        let progress = &mut self.trials[trial as usize];
        progress.crashes = 0;
        if let Some(checkpoint) = &completed.checkpoint {
            progress.saved(checkpoint);
        }
        progress.completed.push((rung, fence, completed.clone()));
        let second = self.search.second.map(|second| second.cost(progress.measured(second.measure)));
        let exceeded = (!self.search.constraints.is_empty()).then(|| progress.exceeded(&self.search.constraints));
        let top = self.search.ladder.top();
        self.suspects.remove(&trial);
        let reached = if completed.stopped_early || completed.full_length { top } else { rung };
        if reached == top {
            self.trials[trial as usize].before = None;
        }
        self.search_mut().change(trial, |state| {
            state.stopped_at = completed.stopped_early.then_some(rung);
            // A finalist passes by the lower rungs, and one that stopped itself has its value at those it passed over.
            let passed = if state.kind == TrialKind::Finalist { f64::NAN } else { completed.value };
            state.values.resize(reached, passed);
            state.values.push(completed.value);
            let rungs = state.values.len();
            if let Some(cost) = second {
                state.second.resize(rungs, cost);
            }
            if let Some(share) = exceeded {
                state.exceeded.resize(rungs, share);
            }
            state.phase = if reached == top { Phase::Complete } else { Phase::Paused { rung } };
        });
        self.compare_with_target(trial);
        Ok(())
    }
}
