//! How far a sweep has come, for displays.

mod against;
mod news;
mod work;

use search_spaces::domain::Assignment;

pub use against::Against;
pub use news::{Known, News};
pub use work::{AtWork, Doing};

use crate::{estimate, folds::Fold, state::Phase, study::StudyState, worker::WorkerMessage};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Trials there will be in all: those wanted, or fewer when the space or the budget has no more.
    pub planned: u32,
    pub active: u32,
    pub paused: u32,
    pub complete: u32,
    pub failed: u32,
    /// From the first.
    pub rungs: Vec<RungProgress>,
    /// Trainings of finalists: ended, and wanted in all; none before they are chosen.
    pub repeats: (usize, usize),
    /// Of the cross-validation: ended, and wanted in all.
    pub folds: (usize, usize),
    /// By name: `cpu/0`.
    pub slots: Vec<SlotProgress>,
    /// The best so far: what [`StudyState::best`] says.
    pub incumbent: Option<Incumbent>,
    /// Over all runs of the study.
    pub active_seconds: f64,
    pub budget_seconds: Option<u64>,
    /// A guess, from what the segments so far took and the scheduler's rule asks for, within the budget; `None` before the first has
    /// completed.
    pub seconds_left: Option<f64>,
    /// What has happened in the study since it was last shown.
    pub news: Vec<News>,
    /// What went wrong and was mended since it was last shown: lines for the user.
    pub mended: Vec<String>,
    /// What the next news are told against; `None` before the first look.
    pub known: Option<Known>,
}

/// Trials of the search at a rung.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RungProgress {
    /// Have a value there.
    pub reached: usize,
    /// Train up to it at this moment.
    pub training: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incumbent {
    pub trial: u32,
    /// The trial of the search whose config it has: often itself.
    pub of: u32,
    pub value: f64,
    /// At which it has the value.
    pub rung: usize,
    /// `None` where there is nothing to compare with, as when it is the default recipe.
    pub against: Option<Against>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SlotProgress {
    pub slot: String,
    /// `None`: it has nothing to do.
    pub segment: Option<SlotSegment>,
}

#[derive(Debug, Clone, Default, PartialEq)]
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
    /// Of the recipe that the config is.
    pub recipe: Option<String>,
    /// Where the config lies in the space; `None` for one outside it.
    pub assignment: Option<Assignment>,
}

impl Progress {
    /// What the store knows; slots are kept as they are.
    pub fn update(&mut self, state: &StudyState, now: i64) {
        let (mut active, mut paused, mut complete, mut failed) = (0, 0, 0, 0);
        self.rungs = vec![RungProgress::default(); state.search.ladder.rungs.len()];
        for trial in state.search.searched() {
            *match trial.phase {
                Phase::Active { .. } => &mut active,
                Phase::Paused { .. } => &mut paused,
                Phase::Complete => &mut complete,
                Phase::Failed { .. } => &mut failed,
            } += 1;
            for (rung, _) in self.rungs.iter_mut().zip(&trial.values).filter(|(_, value)| !value.is_nan()) {
                rung.reached += 1;
            }
            if let Some(claim) = &state.trials[trial.number as usize].claim
                && let Some(rung) = self.rungs.get_mut(claim.rung)
            {
                rung.training += 1;
            }
        }
        (self.active, self.paused, self.complete, self.failed) = (active, paused, complete, failed);
        self.planned = state.search.planned;
        let repeats = state.repeats_wanted().count();
        self.repeats = (repeats - state.repeats_open().min(repeats), repeats);
        let wanted = state.folds_wanted().len();
        self.folds = (wanted - state.folds_open(), wanted);
        self.incumbent = Incumbent::of(state);
        for segment in self.slots.iter_mut().filter_map(|slot| slot.segment.as_mut()) {
            segment.describe(state);
        }
        self.active_seconds = state.active_millis(now) as f64 / 1000.0;
        self.budget_seconds = state.settings().budget_seconds;
        let budget = self.budget_seconds.map_or(f64::INFINITY, |budget| (budget as f64 - self.active_seconds).max(0.0));
        // Where no worker tells of its slots, the store does.
        let slots = self.slots.len().max(state.workers.values().map(|worker| worker.slots).sum());
        let left = estimate::seconds_left(state, slots, now);
        self.seconds_left = left.map(|left| left.min(budget));
        let known = Known::of(state, self.incumbent, wanted);
        if let Some(before) = &self.known {
            self.news.extend(known.since(before, state));
        }
        self.known = Some(known);
    }

    /// What was shown need not be shown again.
    pub fn shown(&mut self) {
        self.news.clear();
        self.mended.clear();
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

impl Incumbent {
    fn of(state: &StudyState) -> Option<Incumbent> {
        let best = state.best()?;
        let values = &state.search.trials()[best.trial as usize].values;
        Some(Incumbent { trial: best.trial, of: best.of, value: *values.last()?, rung: values.len() - 1, against: Against::of(state) })
    }
}

impl SlotSegment {
    /// Fills in what the store knows of its trial.
    fn describe(&mut self, state: &StudyState) {
        let Some(trial) = state.search.trials().get(self.trial as usize) else { return };
        self.parent = trial.parent;
        let of = trial.parent.unwrap_or(trial.number) as usize;
        self.recipe.clone_from(&state.trials[of].recipe);
        self.assignment.clone_from(&state.search.trials()[of].assignment);
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
        assert_eq!(progress.slots[1].segment, Some(SlotSegment { trial: 3, rung: 1, step: 5, total_steps: 36, ..SlotSegment::default() }));
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
        let best = Incumbent { trial: 0, of: 0, value: 0.5, rung: 0, against: None };
        assert_eq!((progress.paused, progress.incumbent, progress.active_seconds), (1, Some(best), 4.0));
        assert_eq!(progress.news, [News::Best(best)]);
        assert_eq!(progress.rungs[0], RungProgress { reached: 1, training: 0 });
        progress.shown();
        // Eight more trials of 4 s, two promotions of 8 s, one of 24 s; and the baseline's 8 s and 24 s.
        assert_eq!(progress.seconds_left, Some(104.0));
        // One who only looks knows the slots from the store.
        let (mut looking, mut state) = (Progress::default(), study(&mut store).unwrap().clone());
        state.workers.values_mut().for_each(|worker| worker.slots = 2);
        looking.update(&state, 4000);
        assert_eq!(looking.seconds_left, Some(52.0));
        // Most of the budget is gone.
        progress.update(study(&mut store).unwrap(), 990_000);
        assert_eq!((progress.seconds_left, progress.budget_seconds), (Some(10.0), Some(1000)));
        assert_eq!(progress.news, [], "it has been told");
    }

    mod of_states {
        use std::sync::Arc;

        use super::*;
        use crate::{
            finalists::{FinalistsChosen, Repeat},
            state::{TrialKind, TrialState},
            store::{MemoryStore, Store},
            study::{Claim, TrialProgress},
            testing::{config, spec},
        };

        /// Trials with these values at three rungs, more is better; the first is the default recipe.
        fn state(values: &[&[f64]]) -> StudyState {
            let mut store = MemoryStore::default();
            store.create(0, spec(9)).unwrap();
            let mut state = store.state().unwrap().unwrap().clone();
            for (number, values) in (0..).zip(values) {
                let kind = if number == 0 { TrialKind::Recipe } else { TrialKind::Search };
                add(&mut state, number, kind, None, values);
            }
            state
        }

        fn add(state: &mut StudyState, number: u32, kind: TrialKind, parent: Option<u32>, values: &[f64]) {
            let phase = match values.len() {
                3 => Phase::Complete,
                0 => Phase::Active { rung: 0 },
                reached => Phase::Paused { rung: reached - 1 },
            };
            let (exceeded, second, config) = (Vec::new(), Vec::new(), Arc::new(config(1e-3)));
            let (assignment, inside, stopped_at, values) = (None, false, None, values.to_vec());
            let trial = TrialState { number, kind, parent, config, assignment, inside, values, exceeded, second, phase, stopped_at };
            Arc::make_mut(&mut state.search).add(trial);
            state.trials.push(TrialProgress::default());
        }

        #[test]
        fn the_best_is_compared_with_the_default_recipe_after_equal_training() {
            let against = |values: &[&[f64]]| Against::of(&state(values)).map(|a| (a.best, a.default, a.rung));
            assert_eq!(against(&[]), None);
            assert_eq!(against(&[&[0.5]]), None, "it is the default recipe");
            assert_eq!(against(&[&[], &[0.6]]), None);
            assert_eq!(against(&[&[0.5, 0.6, 0.7], &[0.6, 0.7, 0.9]]), Some((0.9, 0.7, None)));
            assert_eq!(against(&[&[0.5, f64::NAN], &[0.6, 0.7, 0.9]]), Some((0.6, 0.5, Some(0))));
            // Means, where they were trained again.
            let mut finalists = state(&[&[0.5, 0.6, 0.7], &[0.6, 0.7, 0.9]]);
            add(&mut finalists, 2, TrialKind::Finalist, Some(1), &[f64::NAN, f64::NAN, 0.8]);
            let chosen = FinalistsChosen {
                trials: vec![1],
                seeds: 2,
                wanted: (1, 2),
                seconds_left: None,
                added: vec![Repeat { number: 2, parent: 1 }],
            };
            finalists.finalists.choose(&chosen);
            let found = Against::of(&finalists).unwrap();
            assert_eq!((found.best, found.default, found.rung), (f64::midpoint(0.9, 0.8), 0.7, None));
            assert!((found.gain - 0.15).abs() < 1e-12);
            let best = Incumbent::of(&finalists).unwrap();
            assert_eq!((best.trial, best.of, best.value, best.rung), (2, 1, 0.8, 2));
        }

        #[test]
        fn news_are_what_has_changed() {
            let mut state = state(&[&[0.5], &[]]);
            let mut progress = Progress::default();
            progress.update(&state, 0);
            assert_eq!(progress.news, [], "what there was before is no news");
            Arc::make_mut(&mut state.search).change(1, |trial| {
                (trial.values, trial.phase) = (vec![f64::NAN], Phase::Failed { rung: 0 });
            });
            state.trials[1].cause = Some("a panic".to_owned());
            (state.closed_from, state.gave_up_at, state.target_reached) = (Some(9), 2, Some(0));
            progress.update(&state, 0);
            let cause = "a panic".to_owned();
            let expected = [
                News::Failed { trial: 1, cause },
                News::StartsClosed { trials: 2 },
                News::GivenUp { trials: 2 },
                News::TargetReached { trial: 0 },
            ];
            assert_eq!(progress.news, expected);
            progress.shown();
            progress.update(&state, 0);
            assert_eq!(progress.news, []);
        }

        #[test]
        fn who_is_at_work_is_known_from_claims() {
            let mut state = state(&[&[0.5], &[]]);
            assert_eq!(state.at_work(), []);
            for (trial, slot) in [(0, "cpu/1"), (1, "cpu/0")] {
                let rung = state.search.trials()[trial].values.len();
                let (worker, slot) = ("cpu#1".to_owned(), slot.to_owned());
                state.trials[trial].claim = Some(Claim { worker, slot, rung, at: 7, from_step: 4, last_step: 5, saved: None });
            }
            let found: Vec<(String, Doing)> = state.at_work().into_iter().map(|work| (work.slot, work.doing)).collect();
            let total = state.search.trials()[0].config.total_steps(36);
            let doing = |trial, rung| {
                let to_step = state.search.ladder.step(rung, total);
                Doing::Segment { trial, parent: None, rung, since: 7, step: 5, to_step }
            };
            assert_eq!(found, [("cpu/0".to_owned(), doing(1, 0)), ("cpu/1".to_owned(), doing(0, 1))]);
            let mut progress = Progress::default();
            progress.update(&state, 0);
            let rungs = [(1, 1), (0, 1), (0, 0)].map(|(reached, training)| RungProgress { reached, training });
            assert_eq!(progress.rungs, rungs);
        }
    }
}
