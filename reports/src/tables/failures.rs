//! One row a trial that failed.

use engine::{failure::FailureKind, state::Phase};
use polars::prelude::{Column, DataFrame, PolarsResult};

use super::{Tables, TrialRow, column, parameter_columns};

#[derive(Debug, Clone, PartialEq)]
pub struct FailureRow {
    pub trial: u32,
    /// Of a finalist's further training: the trial of the search whose config it has.
    pub parent: Option<u32>,
    /// The rung that it failed before.
    pub rung: usize,
    pub kind: FailureKind,
    pub cause: String,
    /// Wall seconds and optimizer steps that went into it.
    pub seconds: f64,
    pub steps: u64,
}

/// By number.
pub(super) fn rows(trials: &[TrialRow]) -> Vec<FailureRow> {
    let row = |trial: &TrialRow| {
        let Phase::Failed { rung } = trial.phase else { return None };
        let cause = trial.cause.clone().unwrap_or_else(|| "no cause is recorded".to_owned());
        let kind = FailureKind::of(&cause);
        Some(FailureRow { trial: trial.number, parent: trial.parent, rung, kind, cause, seconds: trial.seconds, steps: trial.steps })
    };
    trials.iter().filter_map(row).collect()
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.failures;
    let mut columns = vec![
        column("trial", rows, |row| row.trial),
        column("parent", rows, |row| row.parent),
        column("rung", rows, |row| row.rung as u32),
        column("kind", rows, |row| row.kind.to_string()),
        column("cause", rows, |row| row.cause.clone()),
        column("seconds", rows, |row| row.seconds),
        column("steps", rows, |row| row.steps),
    ];
    // Of a finalist those of the trial whose config it has.
    let numbers: Vec<u32> = rows.iter().map(|row| row.parent.unwrap_or(row.trial)).collect();
    columns.extend::<Vec<Column>>(parameter_columns(&tables.parameters, &numbers));
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sample_record, with_finalists};

    #[test]
    fn failed_trials_with_their_causes_and_parameters() {
        let mut record = sample_record(30, 3, 1);
        let best = record.state.incumbent().unwrap();
        with_finalists(&mut record, &[(best, &[None])]);
        let tables = Tables::new(&record);
        let failed: Vec<u32> =
            tables.trials.iter().filter(|trial| matches!(trial.phase, Phase::Failed { .. })).map(|trial| trial.number).collect();
        assert_eq!(tables.failures.iter().map(|row| row.trial).collect::<Vec<_>>(), failed);
        assert!(
            tables.failures.iter().all(|row| row.kind == FailureKind::Diverged && row.seconds > 0.0 && row.steps > 0),
            "{:?}",
            tables.failures
        );
        assert_eq!(tables.failures.last().unwrap().parent, Some(best));
        let frame = frame(&tables).unwrap();
        assert_eq!(frame.column("batch_size").unwrap().null_count(), 0, "of a finalist those of its config");
    }
}
