//! A whole study as reports read it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use search_spaces::space::Space;

use crate::{
    events::{Event, Logged},
    finalists::{Best, Finalists},
    folds::{Fold, Folded},
    runner::Evaluation,
    schedulers::Action,
    state::SearchState,
    store::{Store, StoreError, StudyFolder, each_event},
    study::{Claim, Dropped, Refused, StudyState},
    tested::Look,
};

/// Everything a report may draw, read from the store in one go.
#[derive(Debug, Clone)]
pub struct StudyRecord {
    /// The study folder's name.
    pub name: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    pub space: Space,
    pub space_hash: String,
    pub state: SearchState,
    /// The search was given up at some time, because every config drawn had failed.
    pub gave_up: bool,
    /// Every trial has gone as far as the scheduler wants it to: those that wait at a rung have been ended there.
    pub finished: bool,
    /// By trial number, beside `state.trials`.
    pub trials: Vec<TrialRecord>,
    /// What was decided about the search, in order.
    pub decisions: Vec<DecisionRecord>,
    /// In the order they were claimed.
    pub segments: Vec<SegmentRecord>,
    /// In the order they were committed.
    pub evaluations: Vec<EvaluationRecord>,
    /// Training examples in one pass.
    pub examples_per_epoch: u64,
    pub finalists: Finalists,
    /// Of the test split, in order; their predictions with whole paths.
    pub looks: Vec<Look>,
    /// Of the cross-validation, as far as it has come: by trial, then by part.
    pub folds: Vec<FoldRecord>,
    /// Because the disk's limit was reached.
    pub dropped: Dropped,
}

/// A decision, and what it was taken from.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRecord {
    /// The number of its event.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The event number that the scheduler saw; of the others the one before their own.
    pub upto_seq: u64,
    /// That asked for it; `None` where none did, or its event does not say.
    pub worker: Option<String>,
    pub decision: Decision,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// A new trial.
    Start { trial: u32 },
    /// The trial goes on from where it waits.
    Promote { trial: u32, rung: usize },
    /// No more trials than these: the rest of the budget is kept for the best.
    StartsClosed { trials: u32, seconds_left: f64, seconds_needed: f64 },
    /// No more trials than these: the space has no others.
    SpaceExhausted { trials: u32 },
    /// No more trials than these: every config drawn had failed.
    GivenUp { trials: u32 },
    /// So many configs are trained with so many seeds, that of the search included, in `added` further trainings.
    FinalistsChosen { finalists: usize, seeds: u32, added: usize },
    /// So many checkpoints went, since the disk's limit was reached; of so many trials that wait it was the only one.
    CheckpointsDropped { checkpoints: usize, restart: usize },
}

/// A fold that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldRecord {
    pub fold: Fold,
    /// The result, or why there is none.
    pub outcome: Result<Folded, String>,
}

#[derive(Debug, Clone, Default)]
pub struct TrialRecord {
    /// Name of the recipe, for trials that are one.
    pub recipe: Option<String>,
    /// Why it failed.
    pub cause: Option<String>,
    /// The step whose weights have the trial's last value.
    pub best_step: Option<u64>,
    /// Validation predictions in the study's `artefacts/`.
    pub predictions: Option<PathBuf>,
    pub stopped_early: bool,
    /// At the last rung it reached, beside [`SearchState::measures`]; empty before the first.
    pub measured: Vec<f64>,
    /// So many examples at a time in place of what its config says, since the device ran out of memory.
    pub micro_batch: Option<u32>,
    /// Threads of the slot that ran its last segment: with another number the last bits may differ. `None` before the first.
    pub threads: Option<usize>,
}

#[derive(Debug, Clone)]
pub struct SegmentRecord {
    pub trial: u32,
    pub rung: usize,
    /// `cpu/0`, `cuda:1/0`: device and slot on it.
    pub slot: String,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// `None` while running.
    pub ended_at: Option<i64>,
    pub end: Option<SegmentEnd>,
    /// Optimizer steps trained in it, as far as known.
    pub steps_trained: u64,
    pub trainable_parameters: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SegmentEnd {
    Completed {
        value: f64,
    },
    /// By the trial's own fault.
    Failed {
        cause: String,
    },
    /// The worker's fault, or asked to stop: it runs again.
    Lost {
        cause: String,
    },
}

#[derive(Debug, Clone)]
pub struct EvaluationRecord {
    pub trial: u32,
    /// Milliseconds since 1970.
    pub at: i64,
    pub evaluation: Evaluation,
}

impl StudyRecord {
    /// The training that leaves the study.
    pub fn best(&self) -> Option<Best> {
        self.finalists.best(&self.state)
    }

    /// Reads the study in `store`, which lies in `folder`.
    pub fn read(store: &mut dyn Store, folder: &StudyFolder) -> Result<StudyRecord, StoreError> {
        let mut reading: Option<Reading> = None;
        let mut evaluations = Vec::new();
        each_event(store, |logged| {
            let Some(reading) = &mut reading else {
                reading = Some(Reading::begin(logged)?);
                return Ok(());
            };
            reading.take(logged)?;
            if let Event::Evaluated { trial, evaluation, .. } = &logged.event {
                evaluations.push(EvaluationRecord { trial: *trial, at: logged.at, evaluation: (**evaluation).clone() });
            }
            Ok::<_, StoreError>(())
        })?;
        let Some(Reading { state, mut segments, open, threads, decisions, .. }) = reading else {
            return Err(Refused::OutOfOrder("the study has not been created".to_owned()).into());
        };
        for (trial, index) in open {
            segments[index].steps_trained = state.trials[trial as usize].claim.as_ref().map_or(0, steps);
        }
        let trials = (0u32..).zip(&state.trials).map(|(number, trial)| {
            let last = trial.completed.last().map(|(_, _, completed)| completed);
            TrialRecord {
                recipe: trial.recipe.clone(),
                cause: trial.cause.clone(),
                best_step: last.map(|c| c.step),
                predictions: trial.completed.iter().rev().find_map(|(_, _, c)| c.predictions.as_ref()).map(|path| folder.absolute(path)),
                stopped_early: last.is_some_and(|c| c.stopped_early),
                measured: last
                    .map(|_| state.search.measures().into_iter().map(|measure| trial.measured(measure)).collect())
                    .unwrap_or_default(),
                micro_batch: state.micro_batch(number),
                threads: threads.get(&number).copied(),
            }
        });
        let finished = state.is_finished();
        let ended = state.folds.iter().filter_map(|(fold, run)| Some(FoldRecord { fold, outcome: run.outcome.clone()? }));
        let folds = ended.collect();
        let trials = trials.collect();
        let mut looks = state.looks;
        for look in &mut looks {
            look.tested.predictions = look.tested.predictions.take().map(|path| folder.absolute(&path));
        }
        Ok(StudyRecord {
            name: folder.root().file_name().unwrap_or_default().to_string_lossy().into_owned(),
            created_at: state.created_at,
            space_hash: state.spec.space_hash.clone(),
            trials,
            decisions,
            segments,
            evaluations,
            examples_per_epoch: state.spec.examples_per_epoch,
            space: state.spec.space,
            folds,
            finalists: state.finalists,
            looks,
            dropped: state.dropped,
            finished,
            gave_up: state.gave_up_at > 0,
            state: Arc::unwrap_or_clone(state.search),
        })
    }
}

/// Segments while the events go by.
struct Reading {
    state: StudyState,
    last_at: i64,
    /// When the workers lost at this event time had last been heard of.
    lost_at: Option<(i64, i64)>,
    segments: Vec<SegmentRecord>,
    /// By trial, the index of the segment that runs.
    open: BTreeMap<u32, usize>,
    /// By trial, those of its last claim.
    threads: BTreeMap<u32, usize>,
    decisions: Vec<DecisionRecord>,
}

impl Reading {
    fn begin(first: &Logged) -> Result<Reading, StoreError> {
        Ok(Reading {
            state: StudyState::begin(first)?,
            last_at: first.at,
            lost_at: None,
            segments: Vec::new(),
            open: BTreeMap::new(),
            threads: BTreeMap::new(),
            decisions: Vec::new(),
        })
    }

    fn take(&mut self, logged: &Logged) -> Result<(), StoreError> {
        let at = logged.at;
        match &logged.event {
            Event::WorkersLost { .. } => self.lost_at = Some((at, self.last_at)),
            Event::SegmentClaimed { trial, rung, slot, worker, .. } => {
                if let Some(worker) = self.state.workers.get(worker) {
                    self.threads.insert(*trial, worker.threads);
                }
                self.open.insert(*trial, self.segments.len());
                self.segments.push(SegmentRecord {
                    trial: *trial,
                    rung: *rung,
                    slot: slot.clone(),
                    started_at: at,
                    ended_at: None,
                    end: None,
                    steps_trained: 0,
                    trainable_parameters: None,
                });
            }
            Event::SegmentCompleted { trial, completed, .. } => {
                self.end(*trial, at, SegmentEnd::Completed { value: completed.value });
                if let Some(segment) = self.segments.iter_mut().rev().find(|s| s.trial == *trial) {
                    segment.steps_trained = completed.steps_trained;
                    segment.trainable_parameters = Some(completed.trainable_parameters);
                }
            }
            Event::SegmentFailed { trial, cause, .. } => self.end(*trial, at, SegmentEnd::Failed { cause: cause.clone() }),
            Event::SegmentLost { trial, cause, .. } => self.end(*trial, at, SegmentEnd::Lost { cause: cause.clone() }),
            _ => {}
        }
        self.state.apply(logged)?;
        self.last_at = at;
        self.decisions.extend(self.decision(logged));
        Ok(())
    }

    /// That the event is, which has been folded.
    fn decision(&self, logged: &Logged) -> Option<DecisionRecord> {
        let (decision, decided) = match &logged.event {
            Event::Decided { upto_seq, action, worker } => {
                let decision = match action {
                    Action::Start { .. } => Decision::Start { trial: self.state.pending.as_ref()?.number },
                    Action::Promote { trial, rung } => Decision::Promote { trial: *trial, rung: *rung },
                };
                (decision, Some((*upto_seq, worker.clone())))
            }
            Event::StartsClosed { trials, seconds_left, seconds_needed } => {
                (Decision::StartsClosed { trials: *trials, seconds_left: *seconds_left, seconds_needed: *seconds_needed }, None)
            }
            Event::SpaceExhausted { trials } => (Decision::SpaceExhausted { trials: *trials }, None),
            Event::GivenUp { trials } => (Decision::GivenUp { trials: *trials }, None),
            Event::FinalistsChosen(chosen) => {
                let (finalists, seeds, added) = (chosen.trials.len(), chosen.seeds, chosen.added.len());
                (Decision::FinalistsChosen { finalists, seeds, added }, None)
            }
            Event::CheckpointsDropped { before, newest } => {
                (Decision::CheckpointsDropped { checkpoints: before.len() + newest.len(), restart: newest.len() }, None)
            }
            _ => return None,
        };
        let (upto_seq, worker) = decided.map_or((logged.seq - 1, None), |(upto_seq, worker)| (upto_seq, Some(worker)));
        Some(DecisionRecord { seq: logged.seq, at: logged.at, upto_seq, worker, decision })
    }

    fn end(&mut self, trial: u32, at: i64, end: SegmentEnd) {
        let Some(index) = self.open.remove(&trial) else { return };
        let segment = &mut self.segments[index];
        // A segment whose worker died ended when something was last heard, not when the death was noticed.
        segment.ended_at = Some(self.lost_at.filter(|(noticed, _)| *noticed == at).map_or(at, |(_, heard)| heard.max(segment.started_at)));
        segment.end = Some(end);
        segment.steps_trained = self.state.trials[trial as usize].claim.as_ref().map_or(0, steps);
    }
}

fn steps(claim: &Claim) -> u64 {
    claim.last_step - claim.from_step
}
