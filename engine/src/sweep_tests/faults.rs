//! Workers that die, disks that are full.

use super::*;

/// Fails at its commit number `left`; what that commit was to write may be lost or written.
pub(super) struct Crashing {
    pub inner: MemoryStore,
    pub left: u32,
    pub written: bool,
}

impl Store for Crashing {
    fn create(&mut self, at: i64, spec: StudySpec) -> Result<(), StoreError> {
        self.inner.create(at, spec)
    }

    fn state(&mut self) -> Result<Option<&StudyState>, StoreError> {
        self.inner.state()
    }

    fn commit(&mut self, at: i64, change: &mut Change<'_>) -> Result<(), StoreError> {
        if self.left == 0 {
            if self.written {
                self.inner.commit(at, change)?;
            }
            return Err(StoreError::DiskFull { path: "studies/a".into() });
        }
        self.left -= 1;
        self.inner.commit(at, change)
    }

    fn page(&mut self, after: u64, most: usize) -> Result<Vec<Logged>, StoreError> {
        self.inner.page(after, most)
    }
}

#[test]
fn a_sweep_that_dies_at_any_commit_continues_to_the_same_end() {
    let faults = || CurveRunner { checkpoint_every: 10, ..CurveRunner::with([(4, Fault::Fails)]) };
    for scheduler in [SchedulerKind::SuccessiveHalving, SchedulerKind::Asha] {
        let spec = spec(8);
        let sweep = Sweep::new(faults(), scheduler, 1);
        let undisturbed = MemoryStore::default();
        sweep.run(&undisturbed, &spec);
        let expected = trials(state(&undisturbed).search.trials());
        let mut crashes = 0;
        for written in [false, true] {
            for left in 0.. {
                let sweep = Sweep::new(faults(), scheduler, 1);
                let store = MemoryStore::default();
                begin(&mut store.clone(), &spec).unwrap();
                if sweep.work(Crashing { inner: store.clone(), left, written }).is_ok() {
                    break;
                }
                crashes += 1;
                assert_eq!(sweep.run(&store, &spec), Ended::Finished);
                let state = state(&store);
                assert_eq!(trials(state.search.trials()), expected, "{scheduler:?}, after {left} commits, the last written: {written}");
                assert!(state.trials.iter().all(|t| t.claim.is_none()) && state.workers.is_empty());
            }
        }
        assert!(crashes > 100, "{crashes}");
    }
}

#[test]
fn a_sweep_that_is_interrupted_continues_where_it_stopped() {
    let runner = CurveRunner { step_takes: Duration::from_millis(1), ..CurveRunner::default() };
    let sweep = Sweep::new(runner, SchedulerKind::SuccessiveHalving, 2);
    let store = MemoryStore::default();
    begin(&mut store.clone(), &spec(12)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while sweep.runner.trained.lock().unwrap().len() < 30 {
                std::thread::sleep(Duration::from_millis(1));
            }
            sweep.cancel.set();
        });
        assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Interrupted);
    });
    assert!(state(&store).trials.iter().all(|t| t.claim.is_none()));
    let sweep = Sweep { cancel: Cancel::default(), ..sweep };
    assert_eq!(sweep.run(&store, &spec(12)), Ended::Finished);
    let state = state(&store);
    assert_eq!(sweep.runner.repeated(), 0, "a step was trained twice");
    assert_eq!(total_steps(&state), sweep.runner.trained.lock().unwrap().len() as u64);
    let undisturbed = MemoryStore::default();
    Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 1).run(&undisturbed, &spec(12));
    assert_eq!(trials(state.search.trials()), trials(self::state(&undisturbed).search.trials()));
}

#[test]
fn a_full_disk_ends_the_worker_and_fails_no_trial() {
    let sweep = Sweep::new(CurveRunner::with([(2, Fault::DiskFull)]), SchedulerKind::Asha, 2);
    let mut store = MemoryStore::default();
    begin(&mut store, &spec(6)).unwrap();
    assert_eq!(sweep.work(store.clone()).unwrap_err().to_string(), "the disk is full");
    assert!(state(&store).search.trials().iter().all(|trial| !matches!(trial.phase, Phase::Failed { .. })));
    // Its supervisor releases what else it had; here the next run does.
    let again = Sweep { runner: Arc::new(CurveRunner::default()), ..sweep };
    assert_eq!(again.run(&store, &spec(6)), Ended::Finished);
    let state = state(&store);
    assert_eq!(state.search.trials().len(), 6);
    assert!(state.search.trials().iter().all(|trial| !matches!(trial.phase, Phase::Failed { .. })));
}

#[test]
fn a_segment_that_takes_its_worker_down_twice_has_failed_and_its_neighbour_has_not() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 2);
    let mut store = MemoryStore::default();
    begin(&mut store, &spec(6)).unwrap();
    // A worker of two slots whose trial 1 kills it.
    let crash = |store: &mut MemoryStore, claims: &[(u32, u64)]| {
        let claims = claims.to_vec();
        store
            .commit(0, &mut |state| {
                let worker = format!("cpu#{}", state.workers_started + 1);
                let info = crate::events::WorkerInfo { slots: 2, ..crate::testing::worker(&worker) };
                let mut events = vec![Event::WorkerStarted(info)];
                for (trial, fence) in &claims {
                    if state.search.trials().len() <= *trial as usize {
                        let (upto_seq, action) = (state.search.seq, schedulers::Action::Start { learn_from: 0 });
                        events.push(Event::Decided { upto_seq, action, worker: worker.clone() });
                        events.push(Event::TrialAdded(Box::new(crate::events::TrialAdded {
                            number: *trial,
                            kind: crate::state::TrialKind::Search,
                            config: crate::testing::config(1e-3).into(),
                            assignment: None,
                            recipe: None,
                            learn_from: 0,
                            snapshot_seq: upto_seq,
                        })));
                    }
                    events.push(Event::SegmentClaimed {
                        trial: *trial,
                        rung: 0,
                        fence: *fence,
                        worker: worker.clone(),
                        slot: "cpu/0".to_owned(),
                    });
                }
                events
            })
            .unwrap();
        store
            .commit(0, &mut |state| state.release(&state.workers.keys().cloned().collect::<Vec<_>>(), "killed by signal 9", true))
            .unwrap();
    };
    crash(&mut store, &[(0, 1), (1, 1)]);
    assert_eq!(state(&store).trials.iter().map(|t| t.crashes).collect::<Vec<_>>(), [1, 1]);
    // Both are suspects now, so the next worker runs one at a time; trial 1 dies alone.
    crash(&mut store, &[(1, 2)]);
    let then = state(&store);
    assert_eq!(then.search.trials()[1].phase, Phase::Failed { rung: 0 });
    assert_eq!(then.trials[1].cause.as_deref(), Some("took its worker down 2 times, the last time thus: killed by signal 9"));
    assert_eq!(then.search.trials()[0].phase, Phase::Active { rung: 0 });
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Finished);
    let events = store.events(0).unwrap();
    assert_ne!(state(&store).search.trials()[0].phase, Phase::Active { rung: 0 });
    // The suspect ran alone: nothing was claimed between its claim and its end.
    let claimed = events.iter().position(|l| matches!(l.event, Event::SegmentClaimed { trial: 0, fence: 2, .. })).unwrap();
    let next =
        events[claimed + 1..].iter().find(|l| matches!(l.event, Event::SegmentClaimed { .. } | Event::SegmentCompleted { .. })).unwrap();
    assert!(matches!(next.event, Event::SegmentCompleted { trial: 0, .. }), "{next:?}");
}

#[test]
fn a_trial_that_needs_too_much_memory_goes_on_with_half_as_many_examples_at_a_time() {
    let sweep = Sweep::new(CurveRunner::with([(2, Fault::OutOfMemory)]), SchedulerKind::None, 2);
    let mut store = MemoryStore::default();
    assert_eq!(sweep.run(&store, &spec(4)), Ended::Finished);
    let then = state(&store);
    assert_eq!((then.search.trials()[2].phase, then.trials[2].micro_batch, then.trials[2].crashes), (Phase::Complete, Some(8), 0));
    assert!(then.trials.iter().enumerate().all(|(number, progress)| number == 2 || progress.micro_batch.is_none()));
    let undisturbed = MemoryStore::default();
    Sweep::new(CurveRunner::default(), SchedulerKind::None, 2).run(&undisturbed, &spec(4));
    assert_eq!(trials(then.search.trials()), trials(state(&undisturbed).search.trials()));
    let events = store.events(0).unwrap();
    let told = events.windows(2).find_map(|pair| match (&pair[0].event, &pair[1].event) {
        (Event::OutOfMemory { trial: 2, fence: 1, micro_batch: 8, cause }, Event::SegmentLost { cause: lost, crashed: false, .. }) => {
            Some(format!("{cause}\n{lost}"))
        }
        _ => None,
    });
    insta::assert_snapshot!(told.unwrap(), @r"
    no memory is left
    the memory was too little for 16 examples at a time (no memory is left); it goes on with 8
    ");
    assert_eq!(mismatches(&store), []);
    assert_eq!(StudyRecord::read(&mut store, &StudyFolder::new(sweep.dir.path())).unwrap().trials[2].micro_batch, Some(8));
}

#[test]
fn a_trial_that_needs_too_much_memory_twice_has_failed() {
    let sweep = Sweep::new(CurveRunner::with([(1, Fault::NeverFits)]), SchedulerKind::None, 1);
    let store = MemoryStore::default();
    assert_eq!(sweep.run(&store, &spec(3)), Ended::Finished);
    let state = state(&store);
    assert_eq!((state.search.trials()[1].phase, state.trials[1].fence), (Phase::Failed { rung: 0 }, 2));
    insta::assert_snapshot!(
        state.trials[1].cause.as_deref().unwrap(),
        @"the memory was too little for 16 examples at a time, and again for 8 (no memory is left): `micro_batch: Some(4)`, fewer slots, or fewer blocks that train need less"
    );
}

#[test]
fn a_finalist_is_trained_as_its_config_had_to_be() {
    let mut spec = spec(4);
    spec.space.settings.finalists = 1;
    let sweep = Sweep::new(CurveRunner::with((0..4).map(|trial| (trial, Fault::OutOfMemory))), SchedulerKind::SuccessiveHalving, 1);
    let store = MemoryStore::default();
    assert_eq!(sweep.run(&store, &spec), Ended::Finished);
    let state = state(&store);
    let repeats: Vec<u32> = state.finalists.repeats().collect();
    assert!(repeats.len() == 2 && repeats.iter().all(|repeat| state.micro_batch(*repeat) == Some(8)));
}

#[test]
fn a_device_that_is_gone_leaves_its_claims_to_whoever_notices() {
    let sweep = Sweep::new(CurveRunner::with([(2, Fault::DeviceGone)]), SchedulerKind::Asha, 2);
    let mut store = MemoryStore::default();
    begin(&mut store, &spec(6)).unwrap();
    let error = sweep.work(store.clone()).unwrap_err();
    assert!(matches!(error, WorkerError::Device(_)), "{error:?}");
    assert_eq!(error.to_string(), "the device can no longer be used: it fell off the bus");
    let then = state(&store);
    assert!(then.trials[2].claim.is_some() && then.workers.len() == 1);
    let again = Sweep { runner: Arc::new(CurveRunner::default()), ..sweep };
    assert_eq!(again.run(&store, &spec(6)), Ended::Finished);
    assert!(state(&store).search.trials().iter().all(|trial| !matches!(trial.phase, Phase::Failed { .. })));
}

#[test]
fn a_trial_that_cannot_fit_is_refused_before_it_runs() {
    let mut space = testing::study("LogUniform(1e-5, 1e-1)", 6);
    // Slots have a hundred bytes here.
    let runner = CurveRunner { bytes_an_example: 5, ..CurveRunner::default() };
    let sweep = Sweep::new(runner, SchedulerKind::None, 2);
    let store = MemoryStore::default();
    assert_eq!(sweep.run(&store, &space), Ended::Finished);
    assert!(state(&store).search.trials().iter().all(|trial| trial.phase == Phase::Complete), "80 bytes fit");
    space.space.settings.trials = 3;
    let sweep = Sweep::new(CurveRunner { bytes_an_example: 7, ..CurveRunner::default() }, SchedulerKind::None, 2);
    let store = MemoryStore::default();
    sweep.run(&store, &space);
    let state = state(&store);
    assert!(state.trials.iter().all(|trial| trial.cause.as_ref().unwrap().contains("`micro_batch: Some(8)`, ")), "{:?}", state.trials);
    assert!(state.search.trials().iter().all(|trial| trial.phase == Phase::Failed { rung: 0 }));
    assert_eq!(sweep.runner.trained.lock().unwrap().len(), 0);
    assert_eq!(mismatches(&store), []);
}
