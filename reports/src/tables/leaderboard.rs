//! Trials from best to worst.

use engine::{record::StudyRecord, state::Phase};
use polars::prelude::{DataFrame, PolarsResult};

use super::{FinalistRow, Tables, TrialRow, column, parameter_columns};

#[derive(Debug, Clone, PartialEq)]
pub struct LeaderboardRow {
    /// From 1.
    pub rank: usize,
    pub trial: u32,
    pub recipe: Option<String>,
    /// Of the objective's metric at `rung`; `None` when it has none yet.
    pub value: Option<f64>,
    /// Over the trainings of a finalist, and how many they are.
    pub mean: Option<(f64, usize)>,
    /// The highest rung it has a value at.
    pub rung: Option<usize>,
    /// Whether `value` is final and may be compared with other final ones.
    pub complete: bool,
    /// What became of it, in words.
    pub outcome: String,
    pub steps: u64,
    pub seconds: f64,
}

/// Finalists come first, by their means; then all others as the search ranks them.
pub(super) fn rows(record: &StudyRecord, trials: &[TrialRow], finalists: &[FinalistRow]) -> Vec<LeaderboardRow> {
    let top = record.state.ladder.top();
    let finalist = |number: u32| finalists.iter().find(|row| row.trial == number);
    let others = record.state.leaderboard().into_iter().filter(|number| finalist(*number).is_none());
    let order = finalists.iter().map(|row| row.trial).chain(others).filter_map(|number| trials.get(number as usize));
    let rows = order.enumerate().map(|(place, row)| LeaderboardRow {
        rank: place + 1,
        trial: row.number,
        recipe: row.recipe.clone(),
        value: row.last_value(),
        mean: finalist(row.number).map(|row| (row.mean, row.trainings.len())),
        rung: row.rungs_reached.checked_sub(1),
        complete: row.phase == Phase::Complete,
        outcome: outcome(row, top, record.finished),
        steps: row.steps,
        seconds: row.seconds,
    });
    rows.collect()
}

fn outcome(row: &TrialRow, top: usize, finished: bool) -> String {
    match row.phase {
        Phase::Complete if row.stopped_early => "stopped itself".to_owned(),
        Phase::Complete => "full length".to_owned(),
        Phase::Paused { rung } if !finished => format!("waits at rung {rung} of {top}"),
        Phase::Paused { rung } => format!("ended at rung {rung} of {top}"),
        Phase::Active { rung } => format!("on the way to rung {rung} of {top}"),
        Phase::Failed { rung } => format!("failed before rung {rung} of {top}"),
    }
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.leaderboard;
    let mut columns = vec![
        column("rank", rows, |row| row.rank as u32),
        column("trial", rows, |row| row.trial),
        column("recipe", rows, |row| row.recipe.clone()),
        column("value", rows, |row| row.value),
        column("mean", rows, |row| row.mean.map(|(mean, _)| mean)),
        column("seeds", rows, |row| row.mean.map(|(_, seeds)| seeds as u32)),
        column("rung", rows, |row| row.rung.map(|rung| rung as u32)),
        column("complete", rows, |row| row.complete),
        column("outcome", rows, |row| row.outcome.clone()),
        column("steps", rows, |row| row.steps),
        column("seconds", rows, |row| row.seconds),
    ];
    let numbers: Vec<u32> = rows.iter().map(|row| row.trial).collect();
    columns.extend(parameter_columns(&tables.parameters, &numbers));
    DataFrame::new(rows.len(), columns)
}
