//! What has happened in a study, read off its events a piece at a time.

use std::collections::{BTreeSet, VecDeque};

use engine::{
    events::{Event, Logged},
    progress::Incumbent,
    state::TrialKind,
    study::StudyState,
};

use super::log::{Line, told};
use crate::progress::{Words, best_line};

/// Lines that can be scrolled back to.
const LINES: usize = 1000;

/// Events of other kinds change nothing here.
pub(super) const KINDS: [&str; 20] = [
    "settings_changed",
    "worker_started",
    "worker_ended",
    "workers_lost",
    "stopped",
    "enqueued",
    "space_exhausted",
    "starts_closed",
    "given_up",
    "finalists_chosen",
    "checkpoint_lost",
    "out_of_memory",
    "checkpoints_dropped",
    "segment_completed",
    "segment_failed",
    "segment_lost",
    "fold_completed",
    "fold_failed",
    "fold_lost",
    "tested",
];

/// A trial of the search has reached a rung.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reached {
    pub(super) trial: u32,
    /// Active seconds until then.
    pub(super) at: f64,
    pub(super) value: f64,
    /// Its training is over.
    pub(super) full: bool,
}

#[derive(Debug, Default)]
pub(super) struct History {
    /// Events up to this number have been read.
    pub(super) upto: u64,
    /// With a finite value, in order.
    pub(super) reached: Vec<Reached>,
    pub(super) lines: VecDeque<Line>,
    time: Time,
    /// Whether its training is over, what rung it has reached, and the cost of its value.
    best: Option<(bool, usize, f64)>,
}

/// Active time: while a worker is there.
#[derive(Debug, Default)]
struct Time {
    workers: BTreeSet<String>,
    active_millis: i64,
    /// Of the last change of `workers`.
    since: i64,
}

impl Time {
    fn at(&self, at: i64) -> i64 {
        self.active_millis.saturating_add(if self.workers.is_empty() { 0 } else { at.saturating_sub(self.since).max(0) })
    }

    fn change(&mut self, at: i64, change: impl FnOnce(&mut BTreeSet<String>)) {
        (self.active_millis, self.since) = (self.at(at), at);
        change(&mut self.workers);
    }
}

impl History {
    /// Takes in the next event of one of [`KINDS`]; the event before it, of whatever kind, was at `before`. `state` is no older.
    pub(super) fn take(&mut self, before: i64, logged: &Logged, state: &StudyState, words: &Words) {
        self.keep_time(before, logged);
        let active_seconds = self.time.at(logged.at) as f64 / 1000.0;
        let mut tell = |text: String, bad: bool| {
            self.lines.push_back(Line { active_seconds, text, bad });
            if self.lines.len() > LINES {
                self.lines.pop_front();
            }
        };
        if let Event::SegmentCompleted { trial, rung, completed, .. } = &logged.event {
            let top = state.search.ladder.top();
            let full = completed.stopped_early || completed.full_length || *rung == top;
            let Some(of) = state.search.trials().get(*trial as usize).filter(|_| completed.value.is_finite()) else { return };
            if of.kind == TrialKind::Finalist {
                tell(format!("trial {} with another seed: {} {:.4}", of.parent.unwrap_or(*trial), words.metric(), completed.value), false);
                return;
            }
            self.reached.push(Reached { trial: *trial, at: active_seconds, value: completed.value, full });
            // As the leaderboard has it: the longer training first.
            let here = (full, *rung, state.search.objective.cost(completed.value));
            let keeps = of.exceeded.get(*rung).is_none_or(|share| *share <= 0.0);
            let better =
                self.best.is_none_or(|best| (here.0, here.1) > (best.0, best.1) || (here.0, here.1) == (best.0, best.1) && here.2 < best.2);
            if keeps && better {
                self.best = Some(here);
                let best =
                    Incumbent { trial: *trial, of: *trial, value: completed.value, rung: if full { top } else { *rung }, against: None };
                tell(best_line(&best, words), false);
            }
            return;
        }
        if let Some((text, bad)) = told(&logged.event, state, words) {
            tell(text, bad);
        }
    }

    fn keep_time(&mut self, before: i64, logged: &Logged) {
        match &logged.event {
            Event::WorkerStarted(info) => self.time.change(logged.at, |workers| {
                workers.insert(info.worker.clone());
            }),
            Event::WorkerEnded { worker } => self.time.change(logged.at, |workers| {
                workers.remove(worker);
            }),
            Event::WorkersLost { workers: lost, .. } => {
                // Nobody knows when they died, so the time since the last event is not theirs.
                let others = self.time.workers.iter().any(|worker| !lost.contains(worker));
                let until = if others { logged.at } else { before.min(logged.at) };
                self.time.change(until, |workers| workers.retain(|worker| !lost.contains(worker)));
            }
            _ => {}
        }
    }
}
