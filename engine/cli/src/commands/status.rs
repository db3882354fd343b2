//! `thawline status`

use engine::{clock::Clock, progress::Progress, state::Phase, store::study as state_of, study::StudyState};
use serde::Serialize;

use super::{goals::Goals, study};
use crate::{args::Status, context::Context, exit::Error, progress::text};

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
    metric: String,
    best_trial: Option<u32>,
    best_value: Option<f64>,
    /// What made it the best.
    best_rule: Option<String>,
    #[serde(flatten)]
    goals: Goals,
    /// Of the best value, from 0.
    best_rung: Option<usize>,
    active_seconds: f64,
    budget_seconds: Option<u64>,
    /// A guess; `None` before the first segment has completed.
    seconds_left: Option<f64>,
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    trial: u32,
    cause: String,
}

pub(super) fn run(arguments: &Status, context: &mut Context) -> Result<(), Error> {
    let (folder, mut store) = study::open(&arguments.study)?;
    let state = state_of(&mut store).map_err(study::store_error)?;
    let worked_on = folder.is_worked_on(state.workers.values());
    // Workers that were killed with their sweep stand in the study until it goes on, and their time since does not count.
    let now = if worked_on { Clock::Study.now(state) } else { 0 };
    let summary = summarise(state, worked_on, now);
    if arguments.json { context.say_json(&summary) } else { context.say(words(&summary)) }
}

fn summarise(state: &StudyState, worked_on: bool, now: i64) -> Summary {
    let search = &state.search;
    let count = |wanted: fn(Phase) -> bool| search.searched().filter(|trial| wanted(trial.phase)).count();
    let chosen = state.best();
    let best = chosen.and_then(|best| {
        let trial = &search.trials()[best.trial as usize];
        Some((best.trial, trial.values.len(), *trial.values.last()?))
    });
    let mut progress = Progress::default();
    progress.update(state, now);
    let finished = state.is_over();
    // With the starts closed it is more budget that lets it go on.
    let budget_spent = state.budget_spent(now) || (finished && state.closed_from.is_some());
    Summary {
        state: match (worked_on, finished) {
            (true, _) => "running",
            (false, true) if state.target_reached.is_some() => "target_reached",
            (false, _) if budget_spent => "budget_spent",
            (false, true) => "finished",
            (false, false) => "stopped",
        },
        trials_planned: state.closed_from.unwrap_or(search.planned),
        trials_started: search.searched().len(),
        trials_complete: count(|phase| phase == Phase::Complete),
        trials_paused: count(|phase| matches!(phase, Phase::Paused { .. })),
        trials_failed: count(|phase| matches!(phase, Phase::Failed { .. })),
        segments_running: state.trials.iter().filter(|trial| worked_on && trial.claim.is_some()).count(),
        repeats_ended: progress.repeats.0,
        repeats: progress.repeats.1,
        folds_ended: progress.folds.0,
        folds: progress.folds.1,
        steps_trained: state.trials.iter().map(|trial| trial.steps_trained).sum(),
        steps_repeated: state.steps_repeated(),
        checkpoints_dropped: state.dropped.checkpoints,
        steps_dropped: state.dropped.steps,
        rungs: search.ladder.rungs.clone(),
        reached: (0..search.ladder.rungs.len())
            .map(|rung| search.searched().filter(|t| t.values.get(rung).is_some_and(|v| !v.is_nan())).count())
            .collect(),
        metric: search.objective.metric.name().to_owned(),
        best_trial: best.map(|(trial, ..)| trial),
        best_value: best.map(|(.., value)| value),
        best_rule: chosen.map(|best| best.rule.to_string()),
        goals: Goals::of(search, chosen),
        best_rung: best.map(|(_, reached, _)| reached - 1),
        active_seconds: state.active_millis(now) as f64 / 1000.0,
        budget_seconds: state.settings().budget_seconds,
        seconds_left: progress.seconds_left.filter(|_| !finished),
        failures: (0u32..)
            .zip(&state.trials)
            .filter_map(|(trial, progress)| Some(Failure { trial, cause: progress.cause.clone()? }))
            .collect(),
    }
}

fn words(summary: &Summary) -> String {
    let mut rows = vec![
        vec!["state".to_owned(), summary.state.replace('_', " ")],
        vec![
            "trials".to_owned(),
            format!(
                "{} of {} started: {} complete, {} paused, {} running, {} failed",
                summary.trials_started,
                summary.trials_planned,
                summary.trials_complete,
                summary.trials_paused,
                summary.segments_running,
                summary.trials_failed
            ),
        ],
    ];
    let reached: Vec<String> =
        summary.rungs.iter().zip(&summary.reached).map(|(examples, trials)| format!("{trials} at {examples} examples")).collect();
    rows.push(vec!["rungs".to_owned(), reached.join(", ")]);
    rows.push(vec![
        "best".to_owned(),
        match (summary.best_trial, summary.best_value, summary.best_rung, &summary.best_rule) {
            (Some(trial), Some(value), Some(rung), Some(rule)) => {
                format!("{} {value:.4}: trial {trial}, at rung {rung} of {}, {rule}", summary.metric, summary.rungs.len() - 1)
            }
            _ => "no value yet".to_owned(),
        },
    ]);
    if summary.repeats > 0 {
        rows.push(vec!["finalists".to_owned(), format!("{} of {} further trainings ended", summary.repeats_ended, summary.repeats)]);
    }
    if summary.folds > 0 {
        rows.push(vec!["folds".to_owned(), format!("{} of {} cross-validated", summary.folds_ended, summary.folds)]);
    }
    let repeated = match summary.steps_repeated {
        0 => "none of them known to be repeated".to_owned(),
        steps => format!("{steps} of them again, after a worker was lost or a checkpoint had gone"),
    };
    rows.push(vec!["steps".to_owned(), format!("{} trained, {repeated}", summary.steps_trained)]);
    if summary.checkpoints_dropped > 0 {
        let (dropped, steps) = (summary.checkpoints_dropped, summary.steps_dropped);
        rows.push(vec!["checkpoints".to_owned(), format!("{dropped} dropped to keep to checkpoint_space, which cost {steps} steps")]);
    }
    let budget = summary.budget_seconds.map_or_else(String::new, |budget| format!(" of {}", text::seconds(budget as f64)));
    let left = summary.seconds_left.map_or_else(String::new, |seconds| format!(", about {} to go", text::seconds(seconds)));
    rows.push(vec!["active time".to_owned(), format!("{}{budget}{left}", text::seconds(summary.active_seconds))]);
    for failure in &summary.failures {
        rows.push(vec!["failed".to_owned(), format!("trial {}: {}", failure.trial, failure.cause)]);
    }
    text::table(&rows)
}
