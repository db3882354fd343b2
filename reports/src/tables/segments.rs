//! One row a segment: what ran where and when.

use engine::record::{SegmentEnd, SegmentRecord, StudyRecord};
use polars::prelude::{DataFrame, PolarsResult};

use super::{Tables, column};
use crate::active::ActiveTime;

#[derive(Debug, Clone, PartialEq)]
pub struct SegmentRow {
    pub trial: u32,
    /// Of a finalist's further training: the trial of the search whose config it has.
    pub parent: Option<u32>,
    /// Where it was to train to.
    pub rung: usize,
    pub slot: String,
    /// Active seconds since the study started.
    pub from_seconds: f64,
    /// The last moment known, for a segment that still runs.
    pub to_seconds: f64,
    pub end: End,
    pub value: Option<f64>,
    pub cause: Option<String>,
    /// Optimizer steps trained in it.
    pub steps: u64,
    /// Training examples of these steps.
    pub examples: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Running,
    Completed,
    Failed,
    Lost,
}

impl End {
    pub(crate) fn name(self) -> &'static str {
        match self {
            End::Running => "running",
            End::Completed => "completed",
            End::Failed => "failed",
            End::Lost => "lost",
        }
    }
}

pub(super) fn rows(record: &StudyRecord, time: &ActiveTime) -> Vec<SegmentRow> {
    let mut rows: Vec<SegmentRow> = record
        .segments
        .iter()
        .map(|segment| {
            let (end, value, cause) = match &segment.end {
                None => (End::Running, None, None),
                Some(SegmentEnd::Completed { value }) => (End::Completed, Some(*value), None),
                Some(SegmentEnd::Failed { cause }) => (End::Failed, None, Some(cause.clone())),
                Some(SegmentEnd::Lost { cause }) => (End::Lost, None, Some(cause.clone())),
            };
            SegmentRow {
                trial: segment.trial,
                parent: record.state.trials().get(segment.trial as usize).and_then(|trial| trial.parent),
                rung: segment.rung,
                slot: segment.slot.clone(),
                from_seconds: time.seconds(segment.started_at),
                to_seconds: time.seconds(segment.ended_at.unwrap_or(time.now())),
                end,
                value,
                cause,
                steps: segment.steps_trained,
                examples: examples(record, segment),
            }
        })
        .collect();
    rows.sort_by(|a, b| a.from_seconds.total_cmp(&b.from_seconds));
    rows
}

/// The last batch of a pass may be smaller: up to that, exact.
pub(super) fn examples(record: &StudyRecord, segment: &SegmentRecord) -> u64 {
    let batch = record.state.trials().get(segment.trial as usize).map_or(0, |trial| u64::from(trial.config.batch_size));
    segment.steps_trained.saturating_mul(batch)
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.segments;
    let columns = vec![
        column("trial", rows, |row| row.trial),
        column("parent", rows, |row| row.parent),
        column("rung", rows, |row| row.rung as u32),
        column("slot", rows, |row| row.slot.clone()),
        column("from_seconds", rows, |row| row.from_seconds),
        column("to_seconds", rows, |row| row.to_seconds),
        column("end", rows, |row| row.end.name()),
        column("value", rows, |row| row.value),
        column("cause", rows, |row| row.cause.clone()),
        column("steps", rows, |row| row.steps),
        column("examples", rows, |row| row.examples),
    ];
    DataFrame::new(rows.len(), columns)
}
