//! One row a slot: what it did with its time.

use std::collections::BTreeMap;

use engine::record::StudyRecord;
use polars::prelude::{DataFrame, PolarsResult};

use super::{End, SegmentRow, Tables, column};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SlotRow {
    /// `cpu/0`, `cuda:1/0`.
    pub slot: String,
    /// `cpu`, `cuda:1`.
    pub device: String,
    pub segments: usize,
    pub completed: usize,
    pub failed: usize,
    pub lost: usize,
    /// Active seconds in which a segment ran.
    pub busy_seconds: f64,
    /// Of them, those of segments that were lost.
    pub lost_seconds: f64,
    /// Optimizer steps, those that were trained again included.
    pub steps: u64,
    /// Training examples of these steps.
    pub examples: u64,
    /// Of all active seconds of the study, those in which it was busy; `None` before any.
    pub busy: Option<f64>,
}

/// By device and number.
pub(super) fn rows(record: &StudyRecord, segments: &[SegmentRow], active_seconds: f64) -> Vec<SlotRow> {
    let mut slots: BTreeMap<&str, SlotRow> = BTreeMap::new();
    for segment in segments {
        let row = slots.entry(&segment.slot).or_default();
        let seconds = segment.to_seconds - segment.from_seconds;
        row.segments += 1;
        row.busy_seconds += seconds;
        row.steps += segment.steps;
        let batch = record.state.trials().get(segment.trial as usize).map_or(0, |trial| trial.config.batch_size);
        row.examples = row.examples.saturating_add(segment.steps.saturating_mul(u64::from(batch)));
        match segment.end {
            End::Running => {}
            End::Completed => row.completed += 1,
            End::Failed => row.failed += 1,
            End::Lost => {
                row.lost += 1;
                row.lost_seconds += seconds;
            }
        }
    }
    let place = |slot: &str| {
        let (device, number) = slot.rsplit_once('/').unwrap_or((slot, ""));
        (device.to_owned(), number.parse::<u32>().unwrap_or(u32::MAX))
    };
    let mut rows: Vec<SlotRow> = slots
        .into_iter()
        .map(|(slot, row)| {
            let busy = (active_seconds > 0.0).then(|| row.busy_seconds / active_seconds);
            SlotRow { slot: slot.to_owned(), device: place(slot).0, busy, ..row }
        })
        .collect();
    rows.sort_by_key(|row| place(&row.slot));
    rows
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.slots;
    let columns = vec![
        column("slot", rows, |row| row.slot.clone()),
        column("device", rows, |row| row.device.clone()),
        column("segments", rows, |row| row.segments as u32),
        column("completed", rows, |row| row.completed as u32),
        column("failed", rows, |row| row.failed as u32),
        column("lost", rows, |row| row.lost as u32),
        column("busy_seconds", rows, |row| row.busy_seconds),
        column("lost_seconds", rows, |row| row.lost_seconds),
        column("steps", rows, |row| row.steps),
        column("examples", rows, |row| row.examples),
        column("busy", rows, |row| row.busy),
    ];
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample_record;

    #[test]
    fn all_work_is_some_slot_s() {
        let record = sample_record(30, 3, 1);
        let tables = Tables::new(&record);
        let slots = &tables.slots;
        assert_eq!(
            slots.iter().map(|row| (row.slot.as_str(), row.device.as_str())).collect::<Vec<_>>(),
            [("cpu/0", "cpu"), ("cpu/1", "cpu")]
        );
        assert_eq!(slots.iter().map(|row| row.segments).sum::<usize>(), record.segments.len());
        assert!(slots.iter().all(|row| row.segments == row.completed + row.failed + row.lost));
        assert!(slots.iter().any(|row| row.lost > 0 && row.lost_seconds > 0.0), "those across the break");
        assert_eq!(slots.iter().map(|row| row.steps).sum::<u64>(), tables.trials.iter().map(|trial| trial.steps).sum::<u64>());
        assert!(slots.iter().all(|row| (0.5..=1.0).contains(&row.busy.unwrap()) && row.examples >= 8 * row.steps), "{slots:?}");
    }

    #[test]
    fn slots_stand_by_number() {
        let mut record = sample_record(12, 1, 1);
        for (number, segment) in record.segments.iter_mut().enumerate() {
            segment.slot = format!("cuda:{}/{}", number % 2, number % 12);
        }
        let slots: Vec<String> = Tables::new(&record).slots.into_iter().map(|row| row.slot).collect();
        assert_eq!(slots[..3], ["cuda:0/0", "cuda:0/2", "cuda:0/4"]);
        assert_eq!(slots[5..7], ["cuda:0/10", "cuda:1/1"]);
    }
}
