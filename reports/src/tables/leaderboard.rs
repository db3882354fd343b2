//! Trials from best to worst.

use engine::{record::StudyRecord, state::Phase};
use polars::prelude::{DataFrame, PolarsResult};
use search_spaces::goals::Measure;

use super::{FinalistRow, Tables, TrialRow, column, column_name, parameter_columns};

#[derive(Debug, Clone, PartialEq)]
pub struct LeaderboardRow {
    /// From 1.
    pub rank: usize,
    pub trial: u32,
    pub recipe: Option<String>,
    /// Of the objective's metric at `rung`; `None` when it has none yet.
    pub value: Option<f64>,
    /// The ends of the 95 % interval of `value`, of the first rows whose predictions are known.
    pub interval: Option<(f64, f64)>,
    /// Over the trainings of a finalist, and how many they are.
    pub mean: Option<(f64, usize)>,
    /// Beside [`Tables::measures`]; `None` where it has none yet.
    pub measured: Vec<Option<f64>>,
    /// By how much it exceeds the constraints there, in shares of their limits, 0 when it keeps all; `None` where there are none or it has no value yet.
    pub exceeded: Option<f64>,
    /// On the Pareto front of two objectives.
    pub on_front: bool,
    /// The highest rung it has a value at.
    pub rung: Option<usize>,
    /// Whether `value` is final and may be compared with other final ones.
    pub complete: bool,
    /// What became of it, in words.
    pub outcome: String,
    pub steps: u64,
    pub seconds: f64,
}

/// Finalists come first, by their means, those that exceed a constraint last; then all others as the search ranks them.
pub(super) fn rows(record: &StudyRecord, trials: &[TrialRow], finalists: &[FinalistRow]) -> Vec<LeaderboardRow> {
    let top = record.state.ladder.top();
    let finalist = |number: u32| finalists.iter().find(|row| row.trial == number);
    let others = record.state.leaderboard().into_iter().filter(|number| finalist(*number).is_none());
    let order = finalists.iter().map(|row| row.trial).chain(others).filter_map(|number| trials.get(number as usize));
    let front = record.state.front();
    let measures = record.state.measures().len();
    let measured = |trial: u32| {
        let known = record.trials.get(trial as usize).map_or(&[][..], |trial| &trial.measured);
        (0..measures).map(|index| known.get(index).copied()).collect()
    };
    let rows = order.enumerate().map(|(place, row)| LeaderboardRow {
        rank: place + 1,
        trial: row.number,
        recipe: row.recipe.clone(),
        value: row.last_value(),
        interval: None,
        mean: finalist(row.number).map(|row| (row.mean, row.trainings.len())),
        measured: measured(row.number),
        exceeded: row.exceeded,
        on_front: front.contains(&row.number),
        rung: row.rungs_reached.checked_sub(1),
        complete: row.phase == Phase::Complete,
        outcome: outcome(row, top, record.finished),
        steps: row.steps,
        seconds: row.seconds,
    });
    rows.collect()
}

fn outcome(row: &TrialRow, top: usize, finished: bool) -> String {
    let exceeds = if row.exceeded.is_some_and(|share| share > 0.0) { ", exceeds a limit" } else { "" };
    let outcome = match row.phase {
        Phase::Complete if row.stopped_early => "stopped itself".to_owned(),
        Phase::Complete => "full length".to_owned(),
        Phase::Paused { rung } if !finished => format!("waits at rung {rung} of {top}"),
        Phase::Paused { rung } => format!("ended at rung {rung} of {top}"),
        Phase::Active { rung } => format!("on the way to rung {rung} of {top}"),
        Phase::Failed { rung } => return format!("failed before rung {rung} of {top}"),
    };
    outcome + exceeds
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.leaderboard;
    let mut columns = vec![
        column("rank", rows, |row| row.rank as u32),
        column("trial", rows, |row| row.trial),
        column("recipe", rows, |row| row.recipe.clone()),
        column("value", rows, |row| row.value),
        column("value_low", rows, |row| row.interval.map(|(low, _)| low)),
        column("value_high", rows, |row| row.interval.map(|(_, high)| high)),
        column("mean", rows, |row| row.mean.map(|(mean, _)| mean)),
        column("seeds", rows, |row| row.mean.map(|(_, seeds)| seeds as u32)),
        column("rung", rows, |row| row.rung.map(|rung| rung as u32)),
        column("complete", rows, |row| row.complete),
        column("outcome", rows, |row| row.outcome.clone()),
        column("steps", rows, |row| row.steps),
        column("seconds", rows, |row| row.seconds),
    ];
    if !tables.constraints.is_empty() {
        columns.push(column("exceeded", rows, |row| row.exceeded));
    }
    let mut named: Vec<Measure> = Vec::new();
    for (index, measure) in tables.measures.iter().enumerate() {
        // A measure may be constrained and the second objective, too.
        if !named.contains(measure) {
            columns.push(column(column_name(measure), rows, |row| row.measured[index]));
            named.push(*measure);
        }
    }
    if tables.second.is_some() {
        columns.push(column("on_front", rows, |row| row.on_front));
    }
    let numbers: Vec<u32> = rows.iter().map(|row| row.trial).collect();
    columns.extend(parameter_columns(&tables.parameters, &numbers));
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use search_spaces::{
        goals::{Constraint, Second},
        metric_name::MetricName,
        settings::Direction,
    };

    use super::*;
    use crate::testing::{sample_record, with_goals};

    #[test]
    fn a_metric_may_be_called_like_any_column() {
        for name in ["rank", "value", "mean", "steps", "best", "recipe", "exceeded", "trainable_parameters"] {
            let mut record = sample_record(12, 3, 1);
            with_goals(&mut record, vec![Constraint::TrainableParameters(u64::MAX)]);
            let measure = Measure::Custom(MetricName::new(name).unwrap());
            record.state.second = Some(Second { measure, direction: Direction::Maximize });
            let tables = Tables::new(&record);
            let frames = tables.frames().unwrap_or_else(|error| panic!("{name}: {error}"));
            for table in ["leaderboard", "pareto"] {
                let frame = &frames.iter().find(|(of, _)| *of == table).unwrap().1;
                assert!(frame.column(&format!("validation_{name}")).is_ok(), "{table}");
            }
        }
    }
}
