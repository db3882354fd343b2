//! How much work a study is, and how long what is left of it will take, from what its segments have taken so far.

use search_spaces::{ladder::Ladder, settings::Settings};

use crate::{
    events::Event,
    schedulers::{
        self, Action,
        rungs::{baseline, competitors, for_the_top, keeping_resort, last_resort},
    },
    state::{Phase, TrialState},
    study::{StudyState, TrialProgress},
};

/// Estimates are taken so many times before time is kept back: evaluations vary, and later steps can cost more (more blocks are thawed).
const CAUTION: f64 = 1.25;

/// The share of a budget that is kept for training the finalists again, at most: with less time there are fewer of them.
const MOST_FOR_FINALISTS: f64 = 0.25;

/// Seconds until the study is done on `slots` slots, finalists and all; `None` before the first segment has completed.
pub(crate) fn seconds_left(state: &StudyState, slots: usize, now: i64) -> Option<f64> {
    let search = search_seconds(state, state.search.planned as usize, slots, now)?;
    Some(search + repeats_seconds(state, &pace(state)?, slots, now))
}

/// Seconds until a search of `planned` trials is done, and its folds.
///
/// Rung by rung: the segments that the scheduler's rule still asks for there, each as long as those before it took, shared by the
/// slots, but no less than one of them. The baseline's full run counts; what the end rule may add beyond the best does not.
fn search_seconds(state: &StudyState, planned: usize, slots: usize, now: i64) -> Option<f64> {
    let pace = pace(state)?;
    let search = &state.search;
    let members = competitors(search);
    let beside = baseline(search).filter(|trial| !matches!(trial.phase, Phase::Failed { .. }));
    let others = planned.saturating_sub(search.searched().len() - members.len());
    let expected = expected(others, &search.ladder, state.settings());
    let rungs = pace.iter().zip(expected).enumerate().map(|(rung, (seconds, expected))| {
        let reached = members.clone().filter(|trial| trial.values.len() > rung).count();
        let active = members.clone().filter(|trial| trial.phase == Phase::Active { rung }).count();
        let missing = expected.saturating_sub(reached).max(active) + beside.iter().filter(|trial| trial.values.len() <= rung).count();
        let claims = searched(state).filter_map(|trial| trial.claim.as_ref()).filter(|claim| claim.rung == rung);
        let done: f64 = claims.map(|claim| ((now - claim.at).max(0) as f64 / 1000.0 / seconds.max(1e-9)).min(1.0)).sum();
        let missing = (missing as f64 - done).max(0.0);
        (missing / slots.max(1) as f64).max(missing.min(1.0)) * seconds
    });
    // Each fold trains its config in full.
    let folds = state.folds_open() as f64 / slots.max(1) as f64 * pace.iter().sum::<f64>();
    Some(rungs.sum::<f64>() + folds)
}

/// Seconds that the trainings of finalists will take that have not ended, or that there will be if the settings have their way.
fn repeats_seconds(state: &StudyState, pace: &[f64], slots: usize, now: i64) -> f64 {
    let full: f64 = pace.iter().sum();
    let running = state.finalists.repeats().filter_map(|trial| state.trials[trial as usize].claim.as_ref());
    let done: f64 = running.map(|claim| ((now - claim.at).max(0) as f64 / 1000.0 / full.max(1e-9)).min(1.0)).sum();
    let open = if state.finalists.stand() || state.is_finished() { state.repeats_open() } else { repeats(state.settings()) };
    let missing = (open as f64 - done).max(0.0);
    (missing / slots.max(1) as f64).max(missing.min(1.0)) * full
}

/// Seconds that training each of the complete trials `of` once more will take on so many slots, to be on the safe side.
pub(crate) fn trainings_seconds(state: &StudyState, of: impl Iterator<Item = u32>, slots: usize) -> f64 {
    let seconds = |trial: u32| state.trials[trial as usize].completed.iter().map(|(_, _, completed)| completed.seconds).sum::<f64>();
    // Each goes to the slot that is free first.
    let mut busy = vec![0.0_f64; slots.max(1)];
    for seconds in of.map(seconds) {
        busy.sort_by(f64::total_cmp);
        busy[0] += seconds;
    }
    CAUTION * busy.into_iter().fold(0.0, f64::max)
}

/// Beside the trials of the search: finalists' trainings run past the rungs.
fn searched(state: &StudyState) -> impl Iterator<Item = &TrialProgress> {
    state.search.searched().map(|trial| &state.trials[trial.number as usize])
}

/// How many of `trials` competitors will train up to each rung.
fn expected(trials: usize, ladder: &Ladder, settings: &Settings) -> Vec<usize> {
    let expected = schedulers::build(settings.scheduler).expected(ladder, trials);
    expected.into_iter().map(|by_rule| by_rule.max(for_the_top(ladder, settings.finalists, trials))).collect()
}

/// The event that keeps the rest of the budget for taking the best trials to the top, when one more trial would use it up.
///
/// Until a searched trial has a value there is nothing to keep it for.
pub(crate) fn closing(state: &StudyState, now: i64) -> Option<Event> {
    let search = &state.search;
    let left = state.settings().budget_seconds? as f64 - state.active_millis(now) as f64 / 1000.0;
    let valued = |trial: &TrialState| trial.values.last().is_some_and(|value| value.is_finite());
    if !competitors(search).any(valued) {
        return None;
    }
    let slots = state.workers.values().map(|worker| worker.slots).sum();
    let one_more = search_seconds(state, search.searched().len() + 1, slots, now)?;
    let pace = pace(state)?;
    // The new one may turn out best. Else the best of those that wait goes on, at its own pace: it may be slower than the others.
    let newcomer: f64 = pace.iter().sum();
    let waiting = match last_resort(search, &competitors(search)).or_else(|| keeping_resort(search)) {
        Some(Action::Promote { trial, rung }) => pace[0] + seconds_to_top(state, trial, rung - 1),
        _ => 0.0,
    };
    let most = MOST_FOR_FINALISTS * state.settings().budget_seconds? as f64;
    let finalists = (CAUTION * repeats_seconds(state, &pace, slots, now)).min(most);
    let needed = CAUTION * one_more.max(newcomer).max(waiting) + finalists;
    (left < needed).then_some(Event::StartsClosed { trials: search.searched().len() as u32, seconds_left: left, seconds_needed: needed })
}

/// Mean seconds of the segments to each rung; where none has completed, as long as its examples take at the pace of all others.
fn pace(state: &StudyState) -> Option<Vec<f64>> {
    let rungs = &state.search.ladder.rungs;
    let mut spent = vec![(0.0, 0.0); rungs.len()];
    for (rung, _, completed) in searched(state).flat_map(|trial| &trial.completed) {
        spent[*rung].0 += completed.seconds;
        spent[*rung].1 += 1.0;
    }
    let examples = |rung: usize| (rungs[rung] - if rung == 0 { 0 } else { rungs[rung - 1] }) as f64;
    let seconds: f64 = spent.iter().map(|spent| spent.0).sum();
    let seen: f64 = spent.iter().enumerate().map(|(rung, (_, count))| examples(rung) * count).sum();
    let each = |(rung, (spent, count)): (usize, &(f64, f64))| if *count > 0.0 { spent / count } else { seconds / seen * examples(rung) };
    (seen > 0.0).then(|| spent.iter().enumerate().map(each).collect())
}

/// How many trials are expected to train up to each rung: the baseline to all of them, of the others as many as the scheduler's rule and the finalists
/// ask for.
pub fn trials_at_rungs(ladder: &Ladder, settings: &Settings) -> Vec<usize> {
    let trials = settings.trials as usize;
    let baseline = trials.min(1);
    expected(trials - baseline, ladder, settings).into_iter().map(|others| baseline + others).collect()
}

/// Trainings of finalists after the search, at most.
pub fn repeats(settings: &Settings) -> usize {
    settings.finalists.min(settings.trials) as usize * settings.finalist_seeds.saturating_sub(1) as usize
}

/// Training examples that so many trials at each rung take together.
pub fn examples(at_rungs: &[usize], ladder: &Ladder) -> u64 {
    let from_last = |rung: usize| ladder.rungs[rung] - rung.checked_sub(1).map_or(0, |below| ladder.rungs[below]);
    at_rungs.iter().enumerate().map(|(rung, trials)| *trials as u64 * from_last(rung)).sum()
}

/// For a trial that waits at `rung`, at the pace it has had so far.
///
/// By the steps it has behind it: where rungs are of equal cost their examples are those of a trial that trains every block, and one that freezes much has seen
/// more. Without its checkpoint it has none behind it.
fn seconds_to_top(state: &StudyState, trial: u32, rung: usize) -> f64 {
    let ladder = &state.search.ladder;
    let progress = &state.trials[trial as usize];
    let (seconds, passes) = progress.spent();
    let steps: u64 = progress.completed.iter().map(|(_, _, completed)| completed.steps_trained).sum();
    // Studies of before passes were counted have rungs of equal data.
    if passes <= 0.0 || steps == 0 {
        let behind = ladder.rungs[rung] as f64 / ladder.horizon() as f64;
        return seconds * (1.0 - behind).max(0.0) / behind;
    }
    let a_step = progress.completed.iter().map(|(_, _, completed)| completed.passes).sum::<f64>() / steps as f64;
    let behind = progress.checkpoint.as_ref().map_or(0.0, |checkpoint| checkpoint.step as f64 * a_step);
    // What was trained twice counts in both.
    seconds / passes * (f64::from(state.search.trials()[trial as usize].config.epochs.max(1)) - behind).max(0.0)
}

#[cfg(test)]
mod tests {
    use search_spaces::settings::SchedulerKind;

    use super::*;
    use crate::{
        events::TrialAdded,
        runner::{Checkpoint, Completed},
        state::TrialKind,
        store::{MemoryStore, Store, study},
        testing::{config, spec},
    };

    #[test]
    fn schedulers_ask_for_so_many_trials_at_each_rung() {
        let ladder = Ladder { eta: 3, rungs: vec![100, 300, 900], ..Ladder::default() };
        let expected = |scheduler, trials| schedulers::build(scheduler).expected(&ladder, trials);
        assert_eq!(expected(SchedulerKind::Asha, 20), [20, 5, 1]);
        assert_eq!(expected(SchedulerKind::SuccessiveHalving, 20), [20, 7, 3], "cohorts of 9, 9 and 2");
        assert_eq!(expected(SchedulerKind::None, 20), [20; 3]);
        assert_eq!(
            expected(SchedulerKind::Hyperband, 20),
            [20, 4 + 5 + 3, 1 + 1 + 3],
            "12 halved from rung 0, 5 from rung 1, 3 not at all"
        );
        assert_eq!(expected(SchedulerKind::MedianRule, 20), [20, 10, 5]);
        assert_eq!(expected(SchedulerKind::Asha, 2), [2, 1, 1], "the end rule");
        assert_eq!(expected(SchedulerKind::SuccessiveHalving, 0), [0; 3]);
        // The baseline beside 15 others.
        let settings = |trials| Settings { trials, ..spec(1).space.settings.clone() };
        let at_rungs = trials_at_rungs(&ladder, &Settings { scheduler: SchedulerKind::Asha, ..settings(16) });
        assert_eq!(at_rungs, [16, 4, 2]);
        assert_eq!(examples(&at_rungs, &ladder), 16 * 100 + 4 * 200 + 2 * 600);
        assert_eq!(trials_at_rungs(&ladder, &settings(1)), [1; 3]);
        // Three finalists are to be trained in full, and twice more.
        let settings = Settings { finalists: 3, ..settings(16) };
        assert_eq!(trials_at_rungs(&ladder, &settings)[2], 4);
        assert_eq!(repeats(&settings), 6);
    }

    /// Two searched trials wait at rung 0; the second took ten times as long.
    fn two_wait(budget: u64, values: [f64; 2]) -> MemoryStore {
        let mut spec = spec(9);
        (spec.space.settings.scheduler, spec.space.settings.budget_seconds) = (SchedulerKind::Asha, Some(budget));
        let mut store = MemoryStore::default();
        store.create(0, spec).unwrap();
        let worker = "cpu#1".to_owned();
        let info = crate::testing::worker(&worker);
        store.commit(0, &mut |_| vec![Event::WorkerStarted(info.clone())]).unwrap();
        for (trial, value) in (0..).zip(values) {
            let seconds = [4.0, 40.0][trial as usize];
            let (step, steps_trained, trainable_parameters) = (4, 4, 1);
            let completed =
                Completed { value, step, stopped_early: false, steps_trained, seconds, trainable_parameters, ..Completed::default() };
            start(&mut store, trial, 0);
            store
                .commit(0, &mut |_| vec![Event::SegmentCompleted { trial, rung: 0, fence: 1, completed: Box::new(completed.clone()) }])
                .unwrap();
        }
        store
    }

    fn start(store: &mut MemoryStore, number: u32, at: i64) {
        let worker = "cpu#1".to_owned();
        let kind = TrialKind::Search;
        let trial =
            TrialAdded { number, kind, config: config(1e-3).into(), assignment: None, recipe: None, learn_from: 0, snapshot_seq: 2 };
        let decided = Event::Decided { upto_seq: 2, action: Action::Start { learn_from: 0 }, worker: worker.clone() };
        let claimed = Event::SegmentClaimed { trial: number, rung: 0, fence: 1, worker, slot: "cpu/0".to_owned() };
        store.commit(at, &mut |_| vec![decided.clone(), Event::TrialAdded(Box::new(trial.clone())), claimed.clone()]).unwrap();
    }

    #[test]
    fn a_running_segment_counts_for_what_is_left_of_it() {
        let mut store = two_wait(1000, [0.3, 0.9]);
        let left = |store: &mut MemoryStore, slots, now| search_seconds(study(store).unwrap(), 3, slots, now);
        // To rung 0 22 s by what was measured; to rung 1 and 2 44 s and 132 s by their examples.
        assert_eq!(left(&mut store, 1, 44_000), Some(198.0));
        start(&mut store, 2, 44_000);
        assert_eq!(left(&mut store, 1, 44_000), Some(198.0));
        assert_eq!(left(&mut store, 1, 55_000), Some(187.0));
        assert_eq!(left(&mut store, 1, 99_000), Some(176.0));
        assert_eq!(left(&mut store, 2, 55_000), Some(187.0), "one after the other");
        assert_eq!(search_seconds(study(&mut store).unwrap(), 6, 2, 55_000), Some(3.5 * 22.0 / 2.0 + 2.0 * 44.0 / 2.0 + 132.0));
    }

    #[test]
    fn the_way_to_the_top_is_what_is_left_of_its_passes() {
        let mut state = study(&mut two_wait(1000, [0.3, 0.9])).unwrap().clone();
        assert_eq!(seconds_to_top(&state, 0, 0), 4.0 * 8.0, "what older studies say nothing of is taken for its examples");
        // Where rungs are of equal cost one that freezes much has seen half of its only pass at the first.
        state.trials[0].checkpoint = Some(Checkpoint { path: "a".into(), step: 4, blake3: "00".to_owned(), bytes: 2 });
        state.trials[0].completed[0].2.passes = 0.5;
        assert_eq!(seconds_to_top(&state, 0, 0), 4.0);
        // Half of that from the one before, and all of it from the start.
        state.trials[0].checkpoint.as_mut().unwrap().step = 2;
        assert_eq!(seconds_to_top(&state, 0, 0), 6.0);
        state.trials[0].checkpoint = None;
        assert_eq!(seconds_to_top(&state, 0, 0), 8.0);
        state.trials[0].checkpoint = Some(Checkpoint { path: "a".into(), step: 4, blake3: "00".to_owned(), bytes: 2 });
        state.trials[0].completed[0].2.passes = 1.0;
        assert_eq!(seconds_to_top(&state, 0, 0), 0.0);
    }

    #[test]
    fn starts_close_in_time_for_the_best_at_its_own_pace() {
        let closes = |budget, values| closing(study(&mut two_wait(budget, values)).unwrap(), 44_000);
        // A newcomer all the way: 198 s, and a quarter more.
        assert!(closes(44 + 248, [0.9, 0.3]).is_none());
        let Some(Event::StartsClosed { trials: 2, seconds_left, seconds_needed }) = closes(44 + 247, [0.9, 0.3]) else { panic!("open") };
        assert_eq!((seconds_left, seconds_needed), (247.0, 247.5));
        // The best is the slow one: a newcomer's 22 s and its own 320 s, and a quarter more.
        assert!(closes(44 + 428, [0.3, 0.9]).is_none());
        assert!(closes(44 + 427, [0.3, 0.9]).is_some());
        assert!(closes(1, [f64::NAN, f64::NAN]).is_none(), "nothing to keep time for");
    }
}
