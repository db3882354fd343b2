//! What is written and said when a sweep has ended: tables, charts, page, best config, leaderboard.

use std::path::PathBuf;

use engine::{
    record::StudyRecord,
    state::Phase,
    store::{Store, StudyFolder, study as state_of},
    tested::Tested,
    worker::Ended,
};
use serde::Serialize;

use super::{
    goals::Goals,
    next::{self, Next},
    report, study,
};
use crate::{args::Sweep, context::Context, exit::Error};

/// Rows of the leaderboard that the terminal shows.
const SHOWN: usize = 10;

/// Where everything is, for `--json`.
#[derive(Debug, Serialize)]
struct Outcome {
    ended: &'static str,
    /// Nothing is left for this sweep, and the one that it joined will write report and config.
    others_go_on: bool,
    study: PathBuf,
    report: Option<PathBuf>,
    best_config: Option<PathBuf>,
    metric: String,
    best_trial: Option<u32>,
    best_value: Option<f64>,
    /// The trial of the search whose config that is, and what made it the best.
    best_of: Option<u32>,
    best_rule: Option<String>,
    #[serde(flatten)]
    goals: Goals,
    /// Over the trainings of its config that were compared, and how many.
    best_mean: Option<f64>,
    best_seeds: Option<usize>,
    /// The last look at the test split.
    test: Option<Test>,
    trials: usize,
    failed: usize,
}

#[derive(Debug, Serialize)]
struct Test {
    trial: u32,
    examples: u64,
    value: f64,
    /// Ends of its 95 % interval; `None` where it has none.
    low: Option<f64>,
    high: Option<f64>,
    /// How often the split has been looked at, this time included.
    looks: usize,
}

impl Test {
    fn of(record: &StudyRecord) -> Option<Test> {
        let Tested { trial, examples, value, low, high, .. } = record.looks.last()?.tested.clone();
        let finite = |end: f64| Some(end).filter(|end| end.is_finite());
        Some(Test { trial, examples, value, low: finite(low), high: finite(high), looks: record.looks.len() })
    }
}

impl Outcome {
    fn of(record: &StudyRecord, folder: &StudyFolder, ended: Ended, others_go_on: bool) -> Outcome {
        let best = record.best();
        let standing = record.finalists.standings(&record.state).into_iter().next().filter(|first| first.trainings.len() > 1);
        Outcome {
            ended: word(ended),
            others_go_on,
            study: folder.root().to_owned(),
            report: (!others_go_on).then(|| folder.root().join("report/index.html")),
            best_config: best.filter(|_| !others_go_on).map(|_| folder.root().join("best.ron")),
            metric: record.state.objective.metric.name().to_owned(),
            best_trial: best.map(|best| best.trial),
            best_value: best.and_then(|best| record.state.trials()[best.trial as usize].values.last().copied()),
            best_of: best.map(|best| best.of),
            best_rule: best.map(|best| best.rule.to_string()),
            goals: Goals::of(&record.state, best),
            best_mean: standing.as_ref().map(|first| first.mean),
            best_seeds: standing.as_ref().map(|first| first.trainings.len()),
            test: Test::of(record),
            trials: record.state.searched().len(),
            failed: record.state.searched().filter(|trial| matches!(trial.phase, Phase::Failed { .. })).count(),
        }
    }
}

fn word(ended: Ended) -> &'static str {
    match ended {
        Ended::Finished => "finished",
        Ended::TargetReached => "target_reached",
        Ended::BudgetSpent => "budget_spent",
        Ended::Interrupted => "interrupted",
    }
}

/// Says how far a study is that another sweep goes on with.
pub(super) fn left(
    folder: &StudyFolder,
    store: &mut dyn Store,
    ended: Ended,
    arguments: &Sweep,
    context: &mut Context,
) -> Result<(), Error> {
    let why = if ended == Ended::Interrupted { "stopped" } else { "nothing is left to do here" };
    context.note(format!("{why}; the sweep that was joined says the rest"));
    if arguments.json {
        let record = StudyRecord::read(store, folder).map_err(study::store_error)?;
        context.say_json(&Outcome::of(&record, folder, ended, true))?;
    }
    match ended {
        Ended::Interrupted => Err(Error::interrupted("interrupted; the study is safe, and its sweep goes on")),
        Ended::Finished | Ended::TargetReached | Ended::BudgetSpent => Ok(()),
    }
}

/// Writes everything that can be read from the study, and says what came out.
pub(super) fn conclude(
    folder: &StudyFolder,
    store: &mut dyn Store,
    ended: Ended,
    arguments: &Sweep,
    context: &mut Context,
) -> Result<(), Error> {
    let record = StudyRecord::read(store, folder).map_err(study::store_error)?;
    report::write(&record, folder)?;
    let failed: Vec<usize> =
        (0..record.state.trials().len()).filter(|n| matches!(record.state.trials()[*n].phase, Phase::Failed { .. })).collect();
    if arguments.json {
        context.say_json(&Outcome::of(&record, folder, ended, false))?;
    } else {
        context.say(reports::leaderboard_text(&record, SHOWN).trim_end())?;
    }
    causes(&record, &failed, context);
    let (started, wanted) = (record.state.searched().len(), record.space.settings.trials as usize);
    if record.gave_up && started < wanted {
        context.warn(format!("given up after {started} of {wanted} trials: every config drawn had failed"));
    }
    if record.best().is_none() {
        if ended == Ended::Interrupted {
            return Err(Error::interrupted("interrupted before any trial had a value; the same command goes on"));
        }
        return Err(none_succeeded(&record, &failed));
    }
    let exportable = next::is_exportable(state_of(store).map_err(study::store_error)?, folder.root());
    let with_best = next::with_best(&arguments.study, folder.root(), exportable);
    next_steps(arguments, &record, with_best, ended, context);
    if ended == Ended::Interrupted {
        return Err(Error::interrupted("interrupted; the study is safe, and the same command goes on"));
    }
    Ok(())
}

/// Causes of failed trials, each once with the trials it struck, the most common first.
fn causes(record: &StudyRecord, failed: &[usize], context: &mut Context) {
    const SHOWN: usize = 5;
    let mut causes: Vec<(&str, Vec<usize>)> = Vec::new();
    for number in failed {
        let cause = record.trials.get(*number).and_then(|trial| trial.cause.as_deref()).unwrap_or("no cause is recorded");
        match causes.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, trials)) => trials.push(*number),
            None => causes.push((cause, vec![*number])),
        }
    }
    // Stable: ties in the order in which they came up.
    causes.sort_by_key(|(_, trials)| std::cmp::Reverse(trials.len()));
    for (cause, trials) in causes.iter().take(SHOWN) {
        let trials: Vec<String> = trials.iter().map(ToString::to_string).collect();
        context.warn(format!("failed: trial {}: {cause}", trials.join(", ")));
    }
    if causes.len() > SHOWN {
        context.warn(format!("... and {} more causes; the report has them all", causes.len() - SHOWN));
    }
}

fn none_succeeded(record: &StudyRecord, failed: &[usize]) -> Error {
    if record.state.trials().is_empty() {
        return Error::no_trial("the budget was spent before any trial had started: give more with --budget");
    }
    if failed.is_empty() {
        return Error::no_trial("the budget was spent before any trial had a value: give more with --budget");
    }
    Error::no_trial(format!("none of {} trials succeeded; the causes are above, the most common first", record.state.searched().len()))
}

fn next_steps(arguments: &Sweep, record: &StudyRecord, with_best: Vec<Next>, ended: Ended, context: &mut Context) {
    let study = &arguments.study;
    let steps: Vec<Next> = if ended == Ended::Interrupted {
        next::on(&record.space, "stopped", study).into_iter().chain(with_best).collect()
    } else {
        with_best.into_iter().chain(next::on(&record.space, word(ended), study)).collect()
    };
    let shown = study.display();
    context.note(format!("\nreport  {shown}/report/index.html\nconfig  {shown}/best.ron\n\nWhat next:"));
    for Next { command, why } in steps {
        context.note(format!("  {command:<60}  {why}"));
    }
}
