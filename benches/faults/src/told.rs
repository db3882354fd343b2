//! What workers said, and so promised: that a segment is claimed, and that it has ended, are told once the study knows it for good.

use std::collections::BTreeMap;

use engine::{
    events::{Event, Logged},
    folds::Fold,
    worker::WorkerMessage,
};

use crate::traps::{Op, Record};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Segment(u32, usize),
    Fold(Fold),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Claimed,
    Ended,
}

/// From a position in the log on, everything up to this event has been acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) position: usize,
    pub(crate) seq: u64,
}

/// What was acknowledged in `log`, in order; the error is what the study's events do not know of.
pub(crate) fn acknowledged(log: &[Record], events: &[Logged]) -> Result<Vec<Acknowledged>, String> {
    let known = known(events);
    let mut told: BTreeMap<(Step, What), usize> = BTreeMap::new();
    let mut all = Vec::new();
    for (position, step, what) in messages(log) {
        let count = told.entry((step, what)).or_default();
        let seq = known.get(&(step, what)).and_then(|known| known.get(*count));
        *count += 1;
        match seq {
            Some(seq) => all.push(Acknowledged { position, seq: *seq }),
            None => return Err(format!("a worker has told {step:?} {what:?} for the {count}. time, which no event says")),
        }
    }
    Ok(all)
}

fn known(events: &[Logged]) -> BTreeMap<(Step, What), Vec<u64>> {
    let mut known: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for logged in events {
        let step = match &logged.event {
            Event::SegmentClaimed { trial, rung, .. } => (Step::Claimed, What::Segment(*trial, *rung)),
            Event::SegmentCompleted { trial, rung, .. }
            | Event::SegmentFailed { trial, rung, .. }
            | Event::SegmentLost { trial, rung, .. } => (Step::Ended, What::Segment(*trial, *rung)),
            Event::FoldClaimed { fold, .. } => (Step::Claimed, What::Fold(*fold)),
            Event::FoldCompleted { fold, .. } | Event::FoldFailed { fold, .. } | Event::FoldLost { fold, .. } => {
                (Step::Ended, What::Fold(*fold))
            }
            _ => continue,
        };
        known.entry(step).or_default().push(logged.seq);
    }
    known
}

/// A line may have been written in pieces, or with others.
fn messages(log: &[Record]) -> Vec<(usize, Step, What)> {
    let mut pieces: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let mut running: BTreeMap<(u32, String), What> = BTreeMap::new();
    let mut all = Vec::new();
    for (position, record) in log.iter().enumerate().filter(|(_, record)| record.op == Op::Told) {
        let text = pieces.entry(record.process).or_default();
        text.extend(&record.data);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(WorkerMessage::Claimed { slot, trial, rung }) => {
                    running.insert((record.process, slot), What::Segment(trial, rung));
                    all.push((position, Step::Claimed, What::Segment(trial, rung)));
                }
                Ok(WorkerMessage::ClaimedFold { slot, fold }) => {
                    running.insert((record.process, slot), What::Fold(fold));
                    all.push((position, Step::Claimed, What::Fold(fold)));
                }
                Ok(WorkerMessage::Idle { slot }) => {
                    all.extend(running.remove(&(record.process, slot)).map(|what| (position, Step::Ended, what)));
                }
                _ => {}
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Record {
        let (name, other) = (String::new(), String::new());
        Record { op: Op::Told, process: 1, thread: 1, name, other, offset: 0, data: text.as_bytes().to_vec() }
    }

    #[test]
    fn what_was_told_must_be_known() {
        let log =
            ["{\"Claimed\":{\"slot\":\"a\",\"trial\":3,", "\"rung\":1}}\n{\"Idle\":{\"slot\":\"a\"}}\n", "{\"Idle\":{\"slot\":\"a\"}}\n"]
                .map(said);
        let claimed = Event::SegmentClaimed { trial: 3, rung: 1, fence: 1, worker: "w".to_owned(), slot: "a".to_owned() };
        let lost = Event::SegmentLost { trial: 3, rung: 1, fence: 1, cause: String::new(), crashed: false };
        let mut events = vec![Logged { seq: 5, at: 0, event: claimed }];
        let missing = acknowledged(&log, &events).unwrap_err();
        assert_eq!(missing, "a worker has told Ended Segment(3, 1) for the 1. time, which no event says");
        events.push(Logged { seq: 9, at: 0, event: lost });
        let expected = [(1, 5), (1, 9)].map(|(position, seq)| Acknowledged { position, seq });
        assert_eq!(acknowledged(&log, &events).unwrap(), expected);
    }
}
