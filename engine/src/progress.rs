//! How far a sweep has come, for displays.

use crate::{estimate, folds::Fold, state::Phase, study::StudyState, worker::WorkerMessage};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Trials there will be in all: those wanted, or fewer when the space or the budget has no more.
    pub planned: u32,
    pub active: u32,
    pub paused: u32,
    pub complete: u32,
    pub failed: u32,
    /// Trainings of finalists: ended, and wanted in all; none before they are chosen.
    pub repeats: (usize, usize),
    /// Of the cross-validation: ended, and wanted in all.
    pub folds: (usize, usize),
    /// By name: `cpu/0`.
    pub slots: Vec<SlotProgress>,
    /// The best trial so far and its value.
    pub incumbent: Option<(u32, f64)>,
    /// Over all runs of the study.
    pub active_seconds: f64,
    /// A guess, from what the segments so far took and the scheduler's rule asks for, within the budget; `None` before the first has
    /// completed.
    pub seconds_left: Option<f64>,
    /// What went wrong and was mended since it was last shown: lines for the user.
    pub mended: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotProgress {
    pub slot: String,
    /// `None`: it has nothing to do.
    pub segment: Option<SlotSegment>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotSegment {
    pub trial: u32,
    pub rung: usize,
    /// Of a finalist's training: the trial of the search whose config it has.
    pub parent: Option<u32>,
    /// It trains this fold, not to a rung.
    pub fold: Option<Fold>,
    /// Optimizer steps of the trial done.
    pub step: u64,
    /// Of its full length; 0 while unknown.
    pub total_steps: u64,
}

impl Progress {
    /// What the store knows; slots are kept as they are.
    pub fn update(&mut self, state: &StudyState, now: i64) {
        let count = |wanted: fn(Phase) -> bool| state.search.searched().filter(|t| wanted(t.phase)).count() as u32;
        self.planned = state.search.planned;
        self.active = count(|p| matches!(p, Phase::Active { .. }));
        self.paused = count(|p| matches!(p, Phase::Paused { .. }));
        self.complete = count(|p| p == Phase::Complete);
        self.failed = count(|p| matches!(p, Phase::Failed { .. }));
        let repeats = state.repeats_wanted().count();
        self.repeats = (repeats - state.repeats_open().min(repeats), repeats);
        let wanted = state.folds_wanted().len();
        self.folds = (wanted - state.folds_open(), wanted);
        self.incumbent = state.search.incumbent().and_then(|n| Some((n, *state.search.trials()[n as usize].values.last()?)));
        for segment in self.slots.iter_mut().filter_map(|slot| slot.segment.as_mut()) {
            segment.parent = state.search.trials().get(segment.trial as usize).and_then(|trial| trial.parent);
        }
        self.active_seconds = state.active_millis(now) as f64 / 1000.0;
        let budget = state.settings().budget_seconds.map_or(f64::INFINITY, |budget| (budget as f64 - self.active_seconds).max(0.0));
        // Where no worker tells of its slots, the store does.
        let slots = self.slots.len().max(state.workers.values().map(|worker| worker.slots).sum());
        let left = estimate::seconds_left(state, slots, now);
        self.seconds_left = left.map(|left| left.min(budget));
    }

    /// What a worker told.
    pub fn hear(&mut self, message: &WorkerMessage) {
        match message {
            WorkerMessage::Started { slots, .. } => slots.iter().for_each(|slot| self.slot(slot).segment = None),
            WorkerMessage::Claimed { slot, trial, rung } => {
                self.slot(slot).segment = Some(SlotSegment { trial: *trial, rung: *rung, ..SlotSegment::default() });
            }
            WorkerMessage::ClaimedFold { slot, fold } => {
                self.slot(slot).segment = Some(SlotSegment { trial: fold.trial, fold: Some(*fold), ..SlotSegment::default() });
            }
            WorkerMessage::Step { slot, step, total_steps, .. } => {
                if let Some(segment) = &mut self.slot(slot).segment {
                    (segment.step, segment.total_steps) = (*step, *total_steps);
                }
            }
            WorkerMessage::Idle { slot } => self.slot(slot).segment = None,
            WorkerMessage::Mended { line } => self.mended.push(line.clone()),
            WorkerMessage::Ended(_) | WorkerMessage::Alive { .. } | WorkerMessage::DeviceLost { .. } | WorkerMessage::Failed { .. } => {}
        }
    }

    fn slot(&mut self, name: &str) -> &mut SlotProgress {
        let index = self.slots.binary_search_by(|s| s.slot.as_str().cmp(name)).unwrap_or_else(|index| {
            self.slots.insert(index, SlotProgress { slot: name.to_owned(), segment: None });
            index
        });
        &mut self.slots[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_show_what_their_workers_told() {
        let mut progress = Progress::default();
        let slots = vec!["cpu/0".to_owned(), "cpu/1".to_owned()];
        let (slot, trial) = (slots[1].clone(), 3);
        progress.hear(&WorkerMessage::Started { worker: "cpu#1".to_owned(), slots });
        progress.hear(&WorkerMessage::Claimed { slot: slot.clone(), trial, rung: 1 });
        progress.hear(&WorkerMessage::Step { slot: slot.clone(), trial, step: 5, total_steps: 36 });
        assert_eq!(progress.slots[0].segment, None);
        assert_eq!(progress.slots[1].segment, Some(SlotSegment { trial: 3, rung: 1, parent: None, fold: None, step: 5, total_steps: 36 }));
        progress.hear(&WorkerMessage::Idle { slot });
        assert_eq!(progress.slots[1].segment, None);
    }

    #[test]
    fn the_time_left_is_guessed_from_the_segments_so_far() {
        use crate::{
            events::{Event, TrialAdded},
            runner::Completed,
            schedulers::Action,
            state::TrialKind,
            store::{MemoryStore, Store, study},
            testing::{config, spec},
        };
        let mut store = MemoryStore::default();
        let mut spec = spec(9);
        spec.space.settings.budget_seconds = Some(1000);
        store.create(0, spec.clone()).unwrap();
        let mut progress = Progress::default();
        progress.update(study(&mut store).unwrap(), 0);
        assert_eq!((progress.planned, progress.seconds_left, progress.incumbent), (9, None, None));
        let worker = "cpu#1".to_owned();
        let trial = TrialAdded {
            number: 0,
            kind: TrialKind::Recipe,
            config: config(1e-3).into(),
            assignment: None,
            recipe: None,
            learn_from: 0,
            snapshot_seq: 2,
        };
        // The first four steps took a second each.
        let completed = Completed {
            value: 0.5,
            step: 4,
            stopped_early: false,
            steps_trained: 4,
            seconds: 4.0,
            trainable_parameters: 1,
            ..Completed::default()
        };
        let events = [
            Event::WorkerStarted(crate::testing::worker(&worker)),
            Event::Decided { upto_seq: 2, action: Action::Start { learn_from: 0 }, worker: worker.clone() },
            Event::TrialAdded(Box::new(trial)),
            Event::SegmentClaimed { trial: 0, rung: 0, fence: 1, worker, slot: "cpu/0".to_owned() },
            Event::SegmentCompleted { trial: 0, rung: 0, fence: 1, completed: Box::new(completed) },
        ];
        store.commit(0, &mut |_| events.to_vec()).unwrap();
        progress.update(study(&mut store).unwrap(), 4000);
        assert_eq!((progress.paused, progress.incumbent, progress.active_seconds), (1, Some((0, 0.5)), 4.0));
        // Eight more trials of 4 s, two promotions of 8 s, one of 24 s; and the baseline's 8 s and 24 s.
        assert_eq!(progress.seconds_left, Some(104.0));
        // One who only looks knows the slots from the store.
        let (mut looking, mut state) = (Progress::default(), study(&mut store).unwrap().clone());
        state.workers.values_mut().for_each(|worker| worker.slots = 2);
        looking.update(&state, 4000);
        assert_eq!(looking.seconds_left, Some(52.0));
        // Most of the budget is gone.
        progress.update(study(&mut store).unwrap(), 990_000);
        assert_eq!(progress.seconds_left, Some(10.0));
    }
}
