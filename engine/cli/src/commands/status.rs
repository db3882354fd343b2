//! `thawline status`

mod causes;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

use engine::{
    clock::Clock,
    progress::{Against, AtWork, Doing, Progress},
    store::study as state_of,
    study::StudyState,
};
use serde::Serialize;

use super::{
    goals::Goals,
    next::{self, Next},
    study,
};
use crate::{
    args::Status,
    context::Context,
    exit::Error,
    progress::{Words, config},
};
use causes::{Cause, by_cause};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    /// `running`: a sweep or a worker is at work; `finished`: nothing is left to do; `target_reached`: a target beyond it lets it go on; `budget_spent`: more budget does; `stopped`:
    /// the same command goes on.
    state: &'static str,
    trials_planned: u32,
    trials_started: usize,
    trials_complete: usize,
    trials_paused: usize,
    trials_failed: usize,
    segments_running: usize,
    /// Trainings of finalists with other seeds: ended, and wanted in all.
    repeats_ended: usize,
    repeats: usize,
    /// Of the cross-validation: ended, and wanted in all.
    folds_ended: usize,
    folds: usize,
    /// Optimizer steps in all, and those of them that were trained again because a worker or a checkpoint was lost, or a checkpoint
    /// dropped.
    steps_trained: u64,
    steps_repeated: u64,
    /// Checkpoints that went because of `checkpoint_space`, and the steps that were trained again for want of them.
    checkpoints_dropped: u64,
    steps_dropped: u64,
    rungs: Vec<u64>,
    /// Trials that have reached each rung.
    reached: Vec<usize>,
    /// Segments that run up to each rung.
    training: Vec<usize>,
    metric: String,
    best_trial: Option<u32>,
    best_value: Option<f64>,
    /// The trial of the search whose config that is: often itself.
    best_of: Option<u32>,
    /// What made it the best.
    best_rule: Option<String>,
    #[serde(flatten)]
    goals: Goals,
    /// Of the best value, from 0.
    best_rung: Option<usize>,
    /// The recipe or the point of the space that the best is.
    best_config: Option<String>,
    /// The best and the default recipe after equal training: means where they were trained again. Null while one of them has no value, and where the default recipe is
    /// itself the best.
    against_default: Option<AgainstDefault>,
    /// The last look at the test split.
    test: Option<Test>,
    active_seconds: f64,
    budget_seconds: Option<u64>,
    /// A guess; `None` before the first segment has completed.
    seconds_left: Option<f64>,
    /// Since the last event: long ago in a study that runs means that something is wrong, or slow.
    seconds_since_event: f64,
    /// Those that have something to do, while the study is worked on; and how many there are.
    at_work: Vec<Slot>,
    slots: usize,
    failures: Vec<Failure>,
    /// The same without those that differ in numbers alone, the most common first.
    causes: Vec<Cause>,
    /// What could be done now.
    next: Vec<Next>,
}

#[derive(Debug, Serialize)]
struct AgainstDefault {
    best: f64,
    default: f64,
    /// Above 0 the best is better, whatever the direction.
    gain: f64,
    /// The highest rung that both have a value at; null: both are trained in full.
    rung: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Test {
    trial: u32,
    value: f64,
    /// Ends of its 95 % interval; null where it has none.
    low: Option<f64>,
    high: Option<f64>,
    /// It is of a training that is no longer the best.
    outdated: bool,
}

/// A slot and what it does.
#[derive(Debug, Serialize)]
struct Slot {
    worker: String,
    #[serde(rename = "slot")]
    name: String,
    trial: u32,
    /// The trial of the search whose config it has.
    of: u32,
    /// Null for a fold.
    rung: Option<usize>,
    fold: Option<u32>,
    /// Of this segment so far; null for a fold.
    seconds: Option<f64>,
    /// At the last evaluation or checkpoint, and at the rung; null for a fold.
    step: Option<u64>,
    to_step: Option<u64>,
    config: String,
}

#[derive(Debug, Serialize)]
struct Failure {
    trial: u32,
    cause: String,
}

pub(super) fn run(arguments: &Status, context: &mut Context) -> Result<(), Error> {
    let (folder, mut store) = study::open(&arguments.study)?;
    let state = state_of(&mut store).map_err(study::store_error)?;
    let looked = Looked::at(state, folder.is_worked_on(state.workers.values()));
    let summary = summarise(state, looked, &arguments.study, folder.root());
    if arguments.json { context.say_json(&summary) } else { context.say(words::words(&summary, &Words::of(&state.spec))) }
}

/// What does not stand in the study.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looked {
    /// A sweep or a worker is at work.
    pub(super) worked_on: bool,
    /// The study's time.
    pub(super) now: i64,
}

impl Looked {
    pub(super) fn at(state: &StudyState, worked_on: bool) -> Looked {
        Looked { worked_on, now: Clock::Study.now(state) }
    }

    /// Up to which active time counts: workers that were killed with their sweep stand in the study until it goes on, and their time since does not.
    pub(super) fn active_until(self) -> i64 {
        if self.worked_on { self.now } else { 0 }
    }

    /// `running`, `finished`, `target_reached`, `budget_spent` or `stopped`, as in [`Summary::state`].
    pub(super) fn word(self, state: &StudyState) -> &'static str {
        let finished = state.is_over();
        // With the starts closed it is more budget that lets it go on.
        let budget_spent = state.budget_spent(self.active_until()) || (finished && state.closed_from.is_some());
        match (self.worked_on, finished) {
            (true, _) => "running",
            (false, true) if state.target_reached.is_some() => "target_reached",
            (false, _) if budget_spent => "budget_spent",
            (false, true) => "finished",
            (false, false) => "stopped",
        }
    }
}

/// `study` is the folder as the user names it, `root` the same as an absolute path.
fn summarise(state: &StudyState, looked: Looked, study: &Path, root: &Path) -> Summary {
    let search = &state.search;
    let chosen = state.best();
    let best = chosen.and_then(|best| {
        let trial = &search.trials()[best.trial as usize];
        Some((best.trial, trial.values.len(), *trial.values.last()?))
    });
    let now = looked.active_until();
    let mut progress = Progress::default();
    progress.update(state, now);
    let finished = state.is_over();
    let at_work = if looked.worked_on { state.at_work() } else { Vec::new() };
    let failures: Vec<Failure> =
        (0u32..).zip(&state.trials).filter_map(|(trial, progress)| Some(Failure { trial, cause: progress.cause.clone()? })).collect();
    let word = looked.word(state);
    Summary {
        state: word,
        trials_planned: state.closed_from.unwrap_or(search.planned),
        trials_started: search.searched().len(),
        trials_complete: progress.complete as usize,
        trials_paused: progress.paused as usize,
        trials_failed: progress.failed as usize,
        segments_running: at_work.iter().filter(|work| matches!(work.doing, Doing::Segment { .. })).count(),
        repeats_ended: progress.repeats.0,
        repeats: progress.repeats.1,
        folds_ended: progress.folds.0,
        folds: progress.folds.1,
        steps_trained: state.trials.iter().map(|trial| trial.steps_trained).sum(),
        steps_repeated: state.steps_repeated(),
        checkpoints_dropped: state.dropped.checkpoints,
        steps_dropped: state.dropped.steps,
        rungs: search.ladder.rungs.clone(),
        reached: progress.rungs.iter().map(|rung| rung.reached).collect(),
        training: progress.rungs.iter().map(|rung| if looked.worked_on { rung.training } else { 0 }).collect(),
        metric: search.objective.metric.name().to_owned(),
        best_trial: best.map(|(trial, ..)| trial),
        best_value: best.map(|(.., value)| value),
        best_of: chosen.map(|best| best.of),
        best_rule: chosen.map(|best| best.rule.to_string()),
        goals: Goals::of(search, chosen),
        best_rung: best.map(|(_, reached, _)| reached - 1),
        best_config: chosen.map(|best| config_of(state, best.of)),
        against_default: Against::of(state).map(|Against { best, default, gain, rung }| AgainstDefault { best, default, gain, rung }),
        test: test(state),
        active_seconds: progress.active_seconds,
        budget_seconds: progress.budget_seconds,
        seconds_left: progress.seconds_left.filter(|_| !finished),
        seconds_since_event: (looked.now - state.last_at()).max(0) as f64 / 1000.0,
        at_work: at_work.into_iter().map(|work| slot(state, looked.now, work)).collect(),
        slots: if looked.worked_on { state.workers.values().map(|worker| worker.slots).sum() } else { 0 },
        causes: by_cause(&failures),
        failures,
        next: next::steps(state, word, study, root),
    }
}

/// The recipe or the point of the space that a trial is.
pub(super) fn config_of(state: &StudyState, trial: u32) -> String {
    let recipe = state.trials[trial as usize].recipe.as_deref();
    config::trial(&state.spec.space.parameters, recipe, state.search.trials()[trial as usize].assignment.as_ref())
}

fn test(state: &StudyState) -> Option<Test> {
    let tested = &state.looks.last()?.tested;
    let finite = |end: f64| Some(end).filter(|end| end.is_finite());
    Some(Test {
        trial: tested.trial,
        value: tested.value,
        low: finite(tested.low),
        high: finite(tested.high),
        outdated: state.best().is_none_or(|best| best.trial != tested.trial),
    })
}

fn slot(state: &StudyState, now: i64, AtWork { worker, slot, doing }: AtWork) -> Slot {
    match doing {
        Doing::Segment { trial, parent, rung, since, step, to_step } => {
            let of = parent.unwrap_or(trial);
            let seconds = Some((now - since).max(0) as f64 / 1000.0);
            let (rung, step, to_step) = (Some(rung), Some(step), Some(to_step));
            Slot { worker, name: slot, trial, of, rung, fold: None, seconds, step, to_step, config: config_of(state, of) }
        }
        Doing::Fold(fold) => {
            let (trial, config) = (fold.trial, config_of(state, fold.trial));
            let none = None;
            Slot {
                worker,
                name: slot,
                trial,
                of: trial,
                rung: None,
                fold: Some(fold.index),
                seconds: none,
                step: None,
                to_step: None,
                config,
            }
        }
    }
}
