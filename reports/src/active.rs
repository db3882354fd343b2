//! Active time: the wall clock without the gaps in which nothing ran.

use engine::record::StudyRecord;

/// Nothing running for longer than this is a break (a study continued the next day), not part of the work.
const BREAK_MILLIS: i64 = 60_000;

/// Maps wall-clock milliseconds to seconds of activity since the first segment started.
#[derive(Debug, Clone)]
pub(crate) struct ActiveTime {
    /// Start, end, and activity before the start, in milliseconds; apart and in order.
    spans: Vec<(i64, i64, i64)>,
    /// The last moment the record knows of: where segments still running end in tables and charts.
    now: i64,
}

impl ActiveTime {
    pub(crate) fn new(record: &StudyRecord) -> ActiveTime {
        let segments = record.segments.iter().flat_map(|s| [Some(s.started_at), s.ended_at]).flatten();
        let now = segments.chain(record.evaluations.iter().map(|e| e.at)).max().unwrap_or(record.created_at);
        let mut pieces: Vec<(i64, i64)> =
            record.segments.iter().map(|s| (s.started_at, s.ended_at.unwrap_or(now).max(s.started_at))).collect();
        pieces.sort_unstable();
        let mut spans: Vec<(i64, i64, i64)> = Vec::new();
        for (start, end) in pieces {
            match spans.last_mut() {
                Some(last) if start - last.1 <= BREAK_MILLIS => last.1 = last.1.max(end),
                last => {
                    let before = last.map_or(0, |last| last.2 + last.1 - last.0);
                    spans.push((start, end, before));
                }
            }
        }
        ActiveTime { spans, now }
    }

    /// Seconds of activity until `at`.
    pub(crate) fn seconds(&self, at: i64) -> f64 {
        let index = self.spans.partition_point(|span| span.0 <= at);
        let millis = match index.checked_sub(1).map(|i| self.spans[i]) {
            Some((start, end, before)) => before + at.min(end) - start,
            None => 0,
        };
        millis as f64 / 1000.0
    }

    pub(crate) fn total(&self) -> f64 {
        self.seconds(i64::MAX)
    }

    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// Seconds of activity at which the study was continued after a break.
    pub(crate) fn breaks(&self) -> Vec<f64> {
        self.spans.iter().skip(1).map(|span| span.2 as f64 / 1000.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn breaks_are_cut_out_and_short_gaps_are_not() {
        let mut record = testing::sample_record(3, 1, 0);
        record.evaluations.clear();
        record.segments.truncate(3);
        for (segment, (start, end)) in record.segments.iter_mut().zip([(0, Some(10_000)), (40_000, Some(100_000)), (900_000, None)]) {
            (segment.started_at, segment.ended_at) = (start, end);
        }
        let mut after = record.segments[2].clone();
        (after.started_at, after.ended_at) = (905_000, Some(930_000));
        record.segments.push(after);
        let time = ActiveTime::new(&record);
        assert_eq!(time.breaks(), [100.0]);
        assert_eq!(time.total(), 130.0);
        assert_eq!(
            [-5, 0, 50_000, 100_000, 500_000, 900_000, 910_000].map(|at| time.seconds(at)),
            [0.0, 0.0, 50.0, 100.0, 100.0, 100.0, 110.0]
        );
    }
}
