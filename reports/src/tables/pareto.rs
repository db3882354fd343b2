//! The Pareto front: full-length trials that no other beats in both objectives.

use engine::record::StudyRecord;
use polars::prelude::{DataFrame, PolarsResult};

use super::{LeaderboardRow, Tables, column, column_name, parameter_columns};

#[derive(Debug, Clone, PartialEq)]
pub struct ParetoRow {
    pub trial: u32,
    pub recipe: Option<String>,
    /// Of the first objective.
    pub value: f64,
    /// Of the second.
    pub second: f64,
    /// The config that leaves the study.
    pub best: bool,
}

/// From the best by the first objective to the best by the second; empty without a second objective. Trials that exceed a constraint or have not been trained
/// in full are not among them, nor are finalists' further trainings: values are those of the search.
pub(super) fn rows(record: &StudyRecord, leaderboard: &[LeaderboardRow]) -> Vec<ParetoRow> {
    let best = record.best().map(|best| best.of);
    let row = |trial: u32| {
        let row = leaderboard.iter().find(|row| row.trial == trial)?;
        let (value, second) = (row.value?, row.measured.last().copied().flatten()?);
        Some(ParetoRow { trial, recipe: row.recipe.clone(), value, second, best: best == Some(trial) })
    };
    record.state.front().into_iter().filter_map(row).collect()
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.pareto;
    let mut columns = vec![
        column("trial", rows, |row| row.trial),
        column("recipe", rows, |row| row.recipe.clone()),
        column("value", rows, |row| row.value),
    ];
    columns.extend(tables.second.map(|second| column(column_name(&second.measure), rows, |row| row.second)));
    columns.push(column("best", rows, |row| row.best));
    let numbers: Vec<u32> = rows.iter().map(|row| row.trial).collect();
    columns.extend(parameter_columns(&tables.parameters, &numbers));
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use search_spaces::goals::Constraint;

    use super::*;
    use crate::testing::{sample_record, with_goals};

    #[test]
    fn no_row_is_beaten_and_every_other_full_length_trial_is() {
        let mut record = sample_record(60, 3, 1);
        assert_eq!(Tables::new(&record).pareto, []);
        with_goals(&mut record, Vec::new());
        let tables = Tables::new(&record);
        let front = &tables.pareto;
        assert!(front.len() > 2 && front.is_sorted_by(|a, b| a.value >= b.value && a.second >= b.second), "{front:?}");
        for row in tables.leaderboard.iter().filter(|row| row.complete && !front.iter().any(|one| one.trial == row.trial)) {
            let (value, second) = (row.value.unwrap(), row.measured[0].unwrap());
            assert!(front.iter().any(|one| one.value >= value && one.second <= second), "{row:?}");
        }
        assert_eq!(front.iter().filter(|row| row.best).map(|row| row.trial).collect::<Vec<_>>(), [tables.leaderboard[0].trial]);
        assert!(tables.leaderboard.iter().all(|row| row.on_front == front.iter().any(|one| one.trial == row.trial)));
        // What exceeds a constraint has no place there.
        let limit = front[0].second - 1.0;
        with_goals(&mut record, vec![Constraint::TrainableParameters(limit as u64)]);
        let constrained = Tables::new(&record);
        assert!(constrained.pareto.iter().all(|row| row.second <= limit) && constrained.pareto[0].trial != front[0].trial);
        assert!(constrained.leaderboard.iter().any(|row| row.exceeded.is_some_and(|share| share > 0.0)));
    }
}
