//! One row an evaluation.

use std::collections::{BTreeMap, BTreeSet};

use engine::record::StudyRecord;
use polars::prelude::{DataFrame, PolarsResult};

use super::{Tables, column};
use crate::active::ActiveTime;

#[derive(Debug, Clone, PartialEq)]
pub struct CurveRow {
    pub trial: u32,
    /// Optimizer steps done.
    pub step: u64,
    /// Training examples seen.
    pub examples: u64,
    /// Passes over the training data.
    pub epoch: f64,
    /// Active seconds since the study started.
    pub at_seconds: f64,
    pub train_loss: f64,
    /// On the validation split, by name.
    pub metrics: BTreeMap<String, f64>,
    /// The rung it stands at, if it does.
    pub rung: Option<usize>,
    pub blocks_thawed: usize,
    /// Of the thawed blocks; `None` when nothing is thawed.
    pub highest_learning_rate: Option<f64>,
    pub lowest_learning_rate: Option<f64>,
}

/// An evaluation that was repeated after a worker was lost counts once: the last one committed.
pub(super) fn rows(record: &StudyRecord, time: &ActiveTime) -> Vec<CurveRow> {
    let mut by_step = BTreeMap::new();
    for entry in &record.evaluations {
        by_step.insert((entry.trial, entry.evaluation.step), entry);
    }
    by_step
        .into_values()
        .map(|entry| {
            let evaluation = &entry.evaluation;
            let rates = || evaluation.learning_rates.iter().map(|(_, rate)| *rate);
            CurveRow {
                trial: entry.trial,
                step: evaluation.step,
                examples: evaluation.examples,
                epoch: evaluation.epoch,
                at_seconds: time.seconds(entry.at),
                train_loss: evaluation.train_loss,
                metrics: evaluation.metrics.clone(),
                rung: evaluation.rung,
                blocks_thawed: evaluation.learning_rates.len(),
                highest_learning_rate: rates().max_by(f64::total_cmp),
                lowest_learning_rate: rates().min_by(f64::total_cmp),
            }
        })
        .collect()
}

pub(super) fn metrics(record: &StudyRecord) -> Vec<String> {
    let names: BTreeSet<&String> = record.evaluations.iter().flat_map(|entry| entry.evaluation.metrics.keys()).collect();
    names.into_iter().cloned().collect()
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.curves;
    let mut columns = vec![
        column("trial", rows, |row| row.trial),
        column("step", rows, |row| row.step),
        column("examples", rows, |row| row.examples),
        column("epoch", rows, |row| row.epoch),
        column("at_seconds", rows, |row| row.at_seconds),
        column("train_loss", rows, |row| row.train_loss),
    ];
    columns.extend(tables.metrics.iter().map(|name| column(format!("validation_{name}"), rows, |row| row.metrics.get(name).copied())));
    columns.extend([
        column("rung", rows, |row| row.rung.map(|rung| rung as u32)),
        column("blocks_thawed", rows, |row| row.blocks_thawed as u32),
        column("highest_learning_rate", rows, |row| row.highest_learning_rate),
        column("lowest_learning_rate", rows, |row| row.lowest_learning_rate),
    ]);
    DataFrame::new(rows.len(), columns)
}
