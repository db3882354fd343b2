//! When trials began and ended, by the wall clock.

use engine::record::StudyRecord;

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moments {
    pub(super) start: i64,
    /// Of its last segment, unless that still runs.
    pub(super) end: Option<i64>,
}

/// By trial number. A trial that is queued begins at the last moment that the record knows of.
pub(super) fn moments(record: &StudyRecord) -> Vec<Moments> {
    let mut known: Vec<Option<Moments>> = vec![None; record.state.trials().len()];
    let mut now = record.created_at;
    for segment in &record.segments {
        now = now.max(segment.started_at).max(segment.ended_at.unwrap_or(0));
        if let Some(moments) = known.get_mut(segment.trial as usize) {
            let start = moments.map_or(segment.started_at, |before| before.start.min(segment.started_at));
            *moments = Some(Moments { start, end: segment.ended_at });
        }
    }
    let now = record.evaluations.iter().map(|entry| entry.at).fold(now, i64::max);
    known.into_iter().map(|moments| moments.unwrap_or(Moments { start: now, end: None })).collect()
}
