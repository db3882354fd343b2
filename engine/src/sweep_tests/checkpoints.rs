//! Which checkpoints are kept, what happens when one is damaged, and when they take too much of the disk.

use proptest::prelude::*;
use search_spaces::goals::{Measure, Second};
use search_spaces::settings::Direction;

use super::{faults::Crashing, *};

fn undisturbed(spec: &StudySpec) -> StudyState {
    let store = MemoryStore::default();
    Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 1).run(&store, spec);
    state(&store)
}

/// Overwrites or removes the newest checkpoint of every trial, or the one before it, too.
fn damage(sweep: &Sweep, state: &StudyState, both: bool, gone: bool) {
    for progress in &state.trials {
        let before = progress.before.as_ref().filter(|_| both);
        for path in progress.checkpoint.iter().chain(before).map(|checkpoint| sweep.dir.path().join(&checkpoint.path)) {
            // Those of trials that are over may have gone.
            if path.is_file() {
                if gone { std::fs::remove_file(path).unwrap() } else { std::fs::write(path, "x").unwrap() }
            }
        }
    }
}

#[test]
fn a_damaged_checkpoint_is_made_up_for_from_the_one_before_or_from_the_start() {
    let expected = undisturbed(&spec(12));
    let mut seen = std::collections::BTreeSet::new();
    // With checkpoints at rungs alone the one before is that of the rung below.
    for (checkpoint_every, both, gone) in
        [0, 3].into_iter().flat_map(|n| [(n, false, false), (n, false, true), (n, true, false), (n, true, true)])
    {
        for left in (20..).step_by(7) {
            let case = format!("one every {checkpoint_every} steps, both: {both}, gone: {gone}, after {left} commits");
            let runner = CurveRunner { checkpoint_every, ..CurveRunner::default() };
            let sweep = Sweep::new(runner, SchedulerKind::SuccessiveHalving, 1);
            let store = MemoryStore::default();
            begin(&mut store.clone(), &spec(12)).unwrap();
            if sweep.work(Crashing { inner: store.clone(), left, written: true }).is_ok() {
                break;
            }
            damage(&sweep, &state(&store), both, gone);
            assert_eq!(sweep.run(&store, &spec(12)), Ended::Finished, "{case}");
            let state = state(&store);
            assert_eq!(trials(state.search.trials()), trials(expected.search.trials()), "{case}");
            let events = store.clone().events(0).unwrap();
            let causes = events.windows(2).filter_map(|pair| match (&pair[0].event, &pair[1].event) {
                (Event::CheckpointLost { .. }, Event::SegmentLost { cause, crashed: false, .. }) => Some(cause.as_str()),
                (Event::CheckpointLost { .. }, other) => panic!("{other:?}"),
                _ => None,
            });
            for cause in causes {
                let back = cause.contains("is lost; it goes on from the one before, of step ");
                assert!(back || cause.ends_with("is lost; it is trained again from its start"), "{case}: {cause}");
                seen.insert((both, back));
                assert!(state.steps_repeated() > 0, "{case}");
            }
            assert!(sweep.runner.repeated() as u64 >= state.steps_repeated(), "{case}");
            assert_eq!(mismatches(&store), [], "{case}");
        }
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

/// Every checkpoint of a [`CurveRunner`] is said to take two bytes.
fn limited(trials: u32, bytes: u64) -> StudySpec {
    let mut spec = spec(trials);
    spec.space.settings.checkpoint_space_bytes = Some(bytes);
    spec
}

#[test]
fn a_tight_limit_costs_steps_and_changes_no_value() {
    let expected = undisturbed(&spec(20));
    for slots in [1, 2, 4] {
        for limit in [100, 20, 10] {
            let runner = CurveRunner { checkpoint_every: 3, ..CurveRunner::default() };
            let sweep = Sweep::new(runner, SchedulerKind::SuccessiveHalving, slots);
            let store = MemoryStore::default();
            assert_eq!(sweep.run(&store, &limited(20, limit)), Ended::Finished);
            let state = state(&store);
            assert_eq!(trials(state.search.trials()), trials(expected.search.trials()), "{slots} slots, {limit} bytes");
            assert_eq!(state.search.leaderboard(), expected.search.leaderboard());
            assert!(2 * state.kept_checkpoints().len() as u64 <= limit);
            assert_eq!(sweep.checkpoints_on_disk().len(), state.kept_checkpoints().len());
            let repeated = sweep.runner.repeated() as u64;
            assert_eq!((state.steps_repeated(), state.dropped.steps), (repeated, repeated), "{slots} slots, {limit} bytes");
            assert_eq!(state.dropped.checkpoints > 0, limit < 100, "{slots} slots, {limit} bytes: {:?}", state.dropped);
            // With several slots it is for the threads to say who waits with a checkpoint when another needs the room.
            assert!(repeated > 0 || limit > 10 || slots > 1, "{slots} slots, {limit} bytes");
            let mut store = store;
            assert_eq!(mismatches(&store), []);
            assert_eq!(StudyRecord::read(&mut store, &StudyFolder::new(sweep.dir.path())).unwrap().dropped, state.dropped);
        }
    }
}

#[test]
fn what_must_stay_stays_whatever_the_limit_and_that_is_told_once() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 2);
    let store = MemoryStore::default();
    begin(&mut store.clone(), &limited(20, 1)).unwrap();
    let mut lines = Vec::new();
    let ended = sweep.work_telling(store.clone(), samplers::build(sweep.sampler, 0), &mut |message| {
        if let WorkerMessage::Mended { line } = message {
            lines.push(line.clone());
        }
    });
    assert_eq!(ended.unwrap(), Ended::Finished);
    let state = state(&store);
    assert_eq!(trials(state.search.trials()), trials(undisturbed(&spec(20)).search.trials()));
    assert_eq!(state.kept_checkpoints().len(), 3, "of the best complete ones");
    insta::assert_snapshot!(lines.join("\n"), @"the checkpoints that must stay take 1 MB, more than the 1 MB of checkpoint_space: none of them goes; write more in the space's settings to have no trial start anew");
}

#[test]
fn another_limit_holds_as_soon_as_the_study_goes_on() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 2);
    let mut store = MemoryStore::default();
    sweep.run(&store, &spec(20));
    let before = state(&store).kept_checkpoints().len();
    assert!(before > 6);
    begin(&mut store, &limited(20, 12)).unwrap();
    let state = state(&store);
    assert_eq!(state.kept_checkpoints().len(), 6);
    assert_eq!(state.dropped.checkpoints as usize, before - 6);
    // Whoever waits nearest to the top, and best, still has one.
    let kept = |trial: &TrialState| state.trials[trial.number as usize].checkpoint.is_some();
    let waits = |trial: &&TrialState| matches!(trial.phase, Phase::Paused { .. });
    let place = |trial: &TrialState| (usize::MAX - trial.values.len(), state.search.cost(trial, trial.values.len() - 1), trial.number);
    let mut waiting: Vec<&TrialState> = state.search.searched().filter(waits).collect();
    waiting.sort_by_key(|trial| place(trial));
    assert!(waiting.iter().map(|trial| kept(trial)).is_sorted_by(|a, b| a >= b));
}

/// Looks after every commit whether the files are there that must be, and fails at commit number `left`.
struct Watching {
    inner: MemoryStore,
    folder: StudyFolder,
    left: Option<u32>,
}

impl Store for Watching {
    fn create(&mut self, at: i64, spec: StudySpec) -> Result<(), StoreError> {
        self.inner.create(at, spec)
    }

    fn state(&mut self) -> Result<Option<&StudyState>, StoreError> {
        self.inner.state()
    }

    fn commit(&mut self, at: i64, change: &mut Change<'_>) -> Result<(), StoreError> {
        if self.left == Some(0) {
            return Err(StoreError::DiskFull { path: "studies/a".into() });
        }
        self.left = self.left.map(|left| left - 1);
        self.inner.commit(at, change)?;
        let state = study(&mut self.inner)?;
        for path in state.kept_checkpoints() {
            assert!(self.folder.absolute(&path).is_file(), "{} is gone", path.display());
        }
        // What is kept holds these.
        let best = crate::folds::best(state.settings()) as usize;
        let mut needed: Vec<u32> = state.best_complete().take(best).chain(state.search.front()).collect();
        // It may have started anew before the former one failed.
        needed.extend(state.search.incumbent().filter(|trial| state.trials[*trial as usize].dropped_step == 0));
        needed.extend(state.finalists.repeats().filter(|repeat| state.search.trials()[*repeat as usize].phase == Phase::Complete));
        for trial in needed {
            let checkpoint = state.trials[trial as usize].checkpoint.as_ref();
            assert!(checkpoint.is_some_and(|checkpoint| state.kept_checkpoints().contains(&checkpoint.path)), "trial {trial} has none");
        }
        Ok(())
    }

    fn page(&mut self, after: u64, most: usize) -> Result<Vec<Logged>, StoreError> {
        self.inner.page(after, most)
    }
}

fn faults() -> impl Strategy<Value = Vec<(u32, Fault)>> {
    let fault =
        prop::sample::select(vec![Fault::Panics, Fault::Fails, Fault::NotANumber, Fault::StopsEarly, Fault::IsCheap, Fault::GivesUp]);
    prop::collection::vec((0u32..12, fault), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_files_that_are_needed_are_there_and_no_others_stay(
        faults in faults(),
        scheduler in prop::sample::select(vec![SchedulerKind::SuccessiveHalving, SchedulerKind::Asha, SchedulerKind::FreezeThaw]),
        (slots, checkpoint_every, finalists) in (1usize..4, 0u64..6, 0u32..3),
        limit in prop::option::of(1u64..40),
        two in any::<bool>(),
        crashes in prop::collection::vec(0u32..150, 0..4),
    ) {
        let mut spec = spec(12);
        spec.space.settings.scheduler = scheduler;
        (spec.space.settings.finalists, spec.space.settings.checkpoint_space_bytes) = (finalists, limit);
        if two {
            spec.space.second = Some(Second { measure: Measure::TrainableParameters, direction: Direction::Minimize });
        }
        let runner = CurveRunner { checkpoint_every, ..CurveRunner::with(faults) };
        let sweep = Sweep::new(runner, scheduler, slots);
        let folder = StudyFolder::new(sweep.dir.path());
        let mut store = MemoryStore::default();
        for left in crashes.into_iter().map(Some).chain([None]) {
            begin(&mut store, &spec).unwrap();
            session::remove_unneeded(&mut store, &folder).unwrap();
            let ended = sweep.work(Watching { inner: store.clone(), folder: folder.clone(), left });
            prop_assert_eq!(left.is_none() || ended.is_ok(), ended.is_ok());
            // Of a worker that was killed while it wrote.
            std::fs::write(folder.checkpoints().join(".checkpoint-x"), "").unwrap();
            std::fs::write(folder.artefacts().join(".predictions-x"), "").unwrap();
        }
        let cleaned = sweep.checkpoints_on_disk();
        session::remove_unneeded(&mut store, &folder).unwrap();
        let state = state(&store);
        let failed = state.search.trials().iter().filter(|trial| matches!(trial.phase, Phase::Failed { .. })).map(|trial| trial.number);
        let failed: Vec<u32> = failed.collect();
        let mut kept: Vec<String> =
            state.kept_checkpoints().iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        kept.sort();
        prop_assert_eq!(sweep.checkpoints_on_disk(), kept.clone());
        // What no event has named is swept up when the study is next opened: here the last of a trial whose value is no number.
        let named = |name: &String| !failed.iter().any(|trial| name.starts_with(&format!("trial-{trial}-")));
        let cleaned: Vec<String> = cleaned.into_iter().skip(1).filter(named).collect();
        prop_assert_eq!(&cleaned, &kept, "the last run left something else behind");
        prop_assert_eq!(std::fs::read_dir(folder.artefacts()).unwrap().count(), 0);
        prop_assert!(state.is_over());
        if let Some(limit) = limit {
            prop_assert!(2 * kept.len() as u64 <= limit || state.too_little_space().is_some());
        }
        prop_assert_eq!(mismatches(&store), []);
    }
}
