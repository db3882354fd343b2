//! The Pareto front as the page shows it.

use search_spaces::{
    goals::{Constraint, Measure},
    settings::Metric,
};
use serde::Serialize;

use crate::{
    format,
    tables::{LeaderboardRow, ParetoRow, Tables},
};

/// A config that is beaten by no other in both objectives.
#[derive(Debug, Serialize)]
pub(super) struct Choice {
    trial: u32,
    recipe: Option<String>,
    value: String,
    second: String,
    best: bool,
    cells: Vec<String>,
}

/// `cells` are a trial's parameters.
pub(super) fn choices(tables: &Tables, metric: Metric, cells: impl Fn(usize) -> Vec<String>) -> Vec<Choice> {
    let Some(second) = tables.second else { return Vec::new() };
    let choice = |row: &ParetoRow| Choice {
        trial: row.trial,
        recipe: row.recipe.clone(),
        value: format::metric(metric, row.value),
        second: format::measure(second.measure, row.second),
        best: row.best,
        cells: cells(row.trial as usize),
    };
    tables.pareto.iter().map(choice).collect()
}

/// What goals measure of a trial of the leaderboard, with a note where it exceeds a constraint.
pub(super) fn measured(tables: &Tables, row: &LeaderboardRow) -> Vec<String> {
    let limits = tables.constraints.iter().map(|constraint| Some(*constraint)).chain(std::iter::repeat(None));
    let cell = |((measure, value), limit): ((&Measure, &Option<f64>), Option<Constraint>)| match (value, limit) {
        (None, _) => String::new(),
        (Some(value), Some(limit)) if limit.excess(*value) > 0.0 => format!("{} (exceeds)", format::measure(*measure, *value)),
        (Some(value), _) => format::measure(*measure, *value),
    };
    tables.measures.iter().zip(&row.measured).zip(limits).map(cell).collect()
}
