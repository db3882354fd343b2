//! One row a trial.

use engine::{
    record::StudyRecord,
    state::{Phase, TrialKind},
};
use polars::prelude::{Column, DataFrame, PolarsResult};

use super::{Tables, column, parameter_columns};
use crate::active::ActiveTime;

#[derive(Debug, Clone, PartialEq)]
pub struct TrialRow {
    pub number: u32,
    pub kind: TrialKind,
    /// Of a finalist's further training: the trial of the search whose config it has.
    pub parent: Option<u32>,
    pub recipe: Option<String>,
    pub phase: Phase,
    pub stopped_early: bool,
    /// Rungs it has a value at; the rung a failed trial failed before is none of them.
    pub rungs_reached: usize,
    /// At each rung: `None` was not reached, NaN failed.
    pub values: Vec<Option<f64>>,
    /// The value it is ranked by, once it is complete.
    pub final_value: Option<f64>,
    /// Optimizer steps trained in all its segments, those lost and run again included.
    pub steps: u64,
    /// Passes over the training data of its full length.
    pub epochs: u32,
    /// Optimizer steps of its full length.
    pub steps_full: u64,
    /// Wall seconds of all its segments.
    pub seconds: f64,
    pub trainable_parameters: Option<u64>,
    /// By how much it exceeds the constraints at its last rung, in shares of their limits; `None` where there are none or it has no value yet.
    pub exceeded: Option<f64>,
    pub best_step: Option<u64>,
    pub cause: Option<String>,
}

impl TrialRow {
    /// The last value it has, whatever its rung.
    pub fn last_value(&self) -> Option<f64> {
        self.values.iter().rev().flatten().copied().find(|value| !value.is_nan() || !matches!(self.phase, Phase::Failed { .. }))
    }

    pub(crate) fn phase_name(&self) -> &'static str {
        match self.phase {
            Phase::Active { .. } => "running",
            Phase::Paused { .. } => "paused",
            Phase::Complete => "complete",
            Phase::Failed { .. } => "failed",
        }
    }

    pub(crate) fn kind_name(&self) -> &'static str {
        match self.kind {
            TrialKind::Search => "search",
            TrialKind::Recipe => "recipe",
            TrialKind::Finalist => "finalist",
        }
    }
}

pub(super) fn rows(record: &StudyRecord, time: &ActiveTime) -> Vec<TrialRow> {
    let top = record.state.ladder.top();
    let mut rows: Vec<TrialRow> = record
        .state
        .trials()
        .iter()
        .enumerate()
        .map(|(index, trial)| {
            let details = record.trials.get(index).cloned().unwrap_or_default();
            let failed_at = match trial.phase {
                Phase::Failed { rung } => rung,
                _ => usize::MAX,
            };
            TrialRow {
                number: trial.number,
                kind: trial.kind,
                parent: trial.parent,
                recipe: details.recipe,
                phase: trial.phase,
                stopped_early: details.stopped_early,
                rungs_reached: trial.values.len().min(failed_at),
                values: (0..=top).map(|rung| trial.values.get(rung).copied().or((rung == failed_at).then_some(f64::NAN))).collect(),
                final_value: if trial.phase == Phase::Complete { trial.values.last().copied() } else { None },
                steps: 0,
                epochs: trial.config.epochs,
                steps_full: trial.config.total_steps(record.examples_per_epoch),
                seconds: 0.0,
                trainable_parameters: None,
                exceeded: trial.exceeded.last().copied(),
                best_step: details.best_step,
                cause: details.cause,
            }
        })
        .collect();
    for segment in &record.segments {
        if let Some(row) = rows.get_mut(segment.trial as usize) {
            row.steps += segment.steps_trained;
            row.seconds += (segment.ended_at.unwrap_or(time.now()) - segment.started_at).max(0) as f64 / 1000.0;
            row.trainable_parameters = segment.trainable_parameters.or(row.trainable_parameters);
        }
    }
    rows
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.trials;
    let mut columns = vec![
        column("trial", rows, |row| row.number),
        column("kind", rows, TrialRow::kind_name),
        column("parent", rows, |row| row.parent),
        column("recipe", rows, |row| row.recipe.clone()),
        column("phase", rows, TrialRow::phase_name),
        column("stopped_early", rows, |row| row.stopped_early),
        column("rungs_reached", rows, |row| row.rungs_reached as u32),
    ];
    columns.extend((0..tables.ladder.len()).map(|rung| column(format!("value_rung_{rung}"), rows, |row| row.values[rung])));
    columns.extend([
        column("final_value", rows, |row| row.final_value),
        column("steps", rows, |row| row.steps),
        column("epochs", rows, |row| row.epochs),
        column("steps_full", rows, |row| row.steps_full),
        column("seconds", rows, |row| row.seconds),
        column("trainable_parameters", rows, |row| row.trainable_parameters),
        column("best_step", rows, |row| row.best_step),
        column("cause", rows, |row| row.cause.clone()),
    ]);
    let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
    // Every trial has its epochs above, whether they are searched or not.
    let others: Vec<_> = tables.parameters.iter().filter(|parameter| parameter.path != "epochs").cloned().collect();
    columns.extend::<Vec<Column>>(parameter_columns(&others, &numbers));
    DataFrame::new(rows.len(), columns)
}
