//! Whole sweeps in one process.

mod budget;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use search_spaces::settings::{SamplerKind, SchedulerKind};

use crate::{
    clock,
    devices::{Device, DeviceSlots},
    events::{Event, Logged},
    record::{SegmentEnd, StudyRecord},
    replay::replay,
    runner::Cancel,
    samplers, schedulers,
    session::{self, Opened},
    spec::StudySpec,
    state::{Phase, TrialKind, TrialState},
    store::{Change, MemoryStore, SqliteStore, Store, StoreError, StudyFolder, study},
    study::StudyState,
    testing::{self, CurveRunner, FAULT_AT, Fault, spec},
    worker::{Ended, Worker, WorkerError, run_worker},
};

struct Sweep {
    dir: tempfile::TempDir,
    runner: Arc<CurveRunner>,
    scheduler: SchedulerKind,
    sampler: SamplerKind,
    slots: usize,
    cancel: Cancel,
    clock: fn() -> i64,
}

impl Sweep {
    fn new(runner: CurveRunner, scheduler: SchedulerKind, slots: usize) -> Sweep {
        let dir = tempfile::tempdir().unwrap();
        StudyFolder::new(dir.path()).create().unwrap();
        let (runner, cancel, sampler) = (Arc::new(runner), Cancel::default(), SamplerKind::Tpe);
        Sweep { dir, runner, scheduler, sampler, slots, cancel, clock: clock::now_millis }
    }

    /// One worker on what `store` holds.
    fn work(&self, store: impl Store + 'static) -> Result<Ended, WorkerError> {
        self.work_with(store, samplers::build(self.sampler))
    }

    fn work_with(&self, store: impl Store + 'static, sampler: Box<dyn samplers::Sampler>) -> Result<Ended, WorkerError> {
        let worker = Worker {
            store: Box::new(store),
            folder: StudyFolder::new(self.dir.path()),
            runner: Arc::clone(&self.runner) as Arc<_>,
            scheduler: schedulers::build(self.scheduler),
            sampler,
            slots: DeviceSlots { device: Device::Cpu, slots: self.slots, threads: 1 },
            cancel: self.cancel.clone(),
            clock: self.clock,
        };
        run_worker(worker, &mut |_| {})
    }

    /// As the command does: starts or continues, then works.
    fn run(&self, store: &MemoryStore, spec: &StudySpec) -> Ended {
        begin(&mut store.clone(), spec).unwrap();
        self.work(store.clone()).unwrap()
    }

    fn checkpoints_on_disk(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.dir.path().join("checkpoints")).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn begin(store: &mut dyn Store, spec: &StudySpec) -> Result<Opened, StoreError> {
    session::begin(store, Path::new("studies/a"), spec, clock::now_millis())
}

fn state(store: &MemoryStore) -> StudyState {
    study(&mut store.clone()).unwrap().clone()
}

/// In a form that compares NaN as equal.
fn trials(trials: &[TrialState]) -> Vec<String> {
    trials.iter().map(|trial| serde_json::to_string(trial).unwrap()).collect()
}

fn total_steps(state: &StudyState) -> u64 {
    state.trials.iter().map(|trial| trial.steps_trained).sum()
}

#[test]
fn the_synchronous_scheduler_gives_the_same_leaderboard_on_any_number_of_slots() {
    let mut results = Vec::new();
    for slots in [1, 2, 4] {
        let sweep = Sweep::new(CurveRunner::with([(5, Fault::Panics)]), SchedulerKind::SuccessiveHalving, slots);
        let store = MemoryStore::default();
        assert_eq!(sweep.run(&store, &spec(20)), Ended::Finished);
        let state = state(&store);
        assert_eq!(state.search.trials.len(), 20);
        assert_eq!(total_steps(&state), sweep.runner.trained.lock().unwrap().len() as u64 - failed_midway(&state));
        assert_eq!((sweep.runner.repeated(), state.steps_repeated()), (0, 0), "a step was trained twice");
        results.push((state.search.leaderboard(), trials(&state.search.trials)));
    }
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

/// Steps of failed trials since their last event, which nobody counts.
fn failed_midway(state: &StudyState) -> u64 {
    state.search.trials.iter().map(|t| if matches!(t.phase, Phase::Failed { .. }) { FAULT_AT } else { 0 }).sum()
}

#[test]
fn promoted_trials_continue_on_several_slots() {
    let runner = CurveRunner { step_takes: Duration::from_micros(200), ..CurveRunner::default() };
    let sweep = Sweep::new(runner, SchedulerKind::Asha, 3);
    let store = MemoryStore::default();
    let mut spec = spec(20);
    spec.space.settings.scheduler = SchedulerKind::Asha;
    spec.space.settings.sampler = SamplerKind::Tpe;
    assert_eq!(sweep.run(&store, &spec), Ended::Finished);
    let state = state(&store);
    assert_eq!(sweep.runner.repeated(), 0, "a step was trained twice");
    assert_eq!(total_steps(&state), sweep.runner.trained.lock().unwrap().len() as u64);
    assert_eq!(sweep.runner.most_at_a_time.load(Ordering::SeqCst), 3);
    assert!(total_steps(&state) < 20 * 36 / 2, "most trials end early");
    let best = state.search.incumbent().unwrap();
    assert_eq!(state.search.trials[best as usize].phase, Phase::Complete);
    // All of it in the order that slots happened to finish in, and yet nothing but the record led to each decision.
    assert_eq!(replay(&store.clone().events(0).unwrap()).unwrap(), []);
}

#[test]
fn a_record_tells_what_the_slots_did() {
    let runner = CurveRunner { checkpoint_every: 3, ..CurveRunner::with([(2, Fault::Fails), (3, Fault::StopsEarly)]) };
    let sweep = Sweep::new(runner, SchedulerKind::SuccessiveHalving, 2);
    let mut store = MemoryStore::default();
    sweep.run(&store, &spec(12));
    let record = StudyRecord::read(&mut store, &StudyFolder::new(sweep.dir.path())).unwrap();
    assert_eq!(trials(&record.state.trials), trials(&state(&store).search.trials));
    assert_eq!(record.trials[0].recipe.as_deref(), Some("literature default"));
    assert!(record.trials[2].cause.as_deref().unwrap().starts_with("the training loss became NaN"));
    assert!(record.trials[3].stopped_early);
    let steps: u64 = record.segments.iter().map(|s| s.steps_trained).sum();
    assert_eq!(steps, total_steps(&state(&store)));
    let mut busy: BTreeMap<&str, i64> = BTreeMap::new();
    for segment in &record.segments {
        let end = segment.ended_at.unwrap();
        assert!(
            segment.started_at <= end && segment.started_at >= busy.get(&*segment.slot).copied().unwrap_or(0),
            "slots do one thing at a time"
        );
        busy.insert(&segment.slot, end);
        match segment.end.as_ref().unwrap() {
            SegmentEnd::Completed { value } => {
                assert_eq!(*value, record.state.trials[segment.trial as usize].values[segment.rung]);
                assert_eq!(segment.trainable_parameters, Some(10));
            }
            SegmentEnd::Failed { .. } => assert_eq!(segment.trial, 2),
            SegmentEnd::Lost { .. } => panic!("nothing was lost"),
        }
    }
    assert_eq!(busy.keys().copied().collect::<Vec<_>>(), ["cpu/0", "cpu/1"]);
    assert!(record.evaluations.len() > record.state.trials.len());
}

#[test]
fn a_trial_that_goes_wrong_ends_alone() {
    let faults = [(1, Fault::Panics), (2, Fault::Fails), (3, Fault::NotANumber), (4, Fault::StopsEarly), (5, Fault::GivesUp)];
    let sweep = Sweep::new(CurveRunner::with(faults), SchedulerKind::None, 2);
    let store = MemoryStore::default();
    assert_eq!(sweep.run(&store, &spec(8)), Ended::Finished);
    let state = state(&store);
    let phases: Vec<Phase> = state.search.trials.iter().map(|t| t.phase).collect();
    for trial in [1, 2, 3, 5] {
        assert!(matches!(phases[trial], Phase::Failed { .. }), "trial {trial}: {:?}", phases[trial]);
        assert!(state.search.trials[trial].values.last().unwrap().is_nan());
    }
    for trial in [0, 4, 6, 7] {
        assert_eq!(phases[trial], Phase::Complete, "trial {trial}");
        assert_eq!(state.search.trials[trial].values.len(), 3);
    }
    let causes: Vec<&str> = state.trials.iter().filter_map(|t| t.cause.as_deref()).collect();
    insta::assert_snapshot!(causes.join("\n"), @r"
    panicked: a shape was wrong
    the training loss became NaN at step 3: a lower learning rate, warm-up or clip_norm usually helps
    its objective became NaN at step 4
    it stopped before its rung without being asked to
    ");
    let board = state.search.leaderboard();
    assert_eq!(board[..4].iter().filter(|n| [0, 4, 6, 7].contains(*n)).count(), 4);
}

#[test]
fn only_checkpoints_that_may_be_needed_stay() {
    let runner = CurveRunner { checkpoint_every: 3, ..CurveRunner::default() };
    let sweep = Sweep::new(runner, SchedulerKind::SuccessiveHalving, 2);
    let store = MemoryStore::default();
    sweep.run(&store, &spec(20));
    let state = state(&store);
    let mut kept: Vec<String> = state.kept_checkpoints().iter().map(|p| p.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    kept.sort();
    assert_eq!(sweep.checkpoints_on_disk(), kept);
    let complete: Vec<u32> = state.search.trials.iter().filter(|t| t.phase == Phase::Complete).map(|t| t.number).collect();
    assert!(complete.len() >= 3, "{complete:?}");
    assert!(kept.contains(&format!("trial-{}-step-36.ckpt", state.search.incumbent().unwrap())));
}

/// Fails at its commit number `left`; what that commit was to write may be lost or written.
struct Crashing {
    inner: MemoryStore,
    left: u32,
    written: bool,
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

    fn events(&mut self, after: u64) -> Result<Vec<Logged>, StoreError> {
        self.inner.events(after)
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
        let expected = trials(&state(&undisturbed).search.trials);
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
                assert_eq!(trials(&state.search.trials), expected, "{scheduler:?}, after {left} commits, the last written: {written}");
                assert!(state.trials.iter().all(|t| t.claim.is_none()) && state.workers.is_empty());
            }
        }
        assert!(crashes > 100, "{crashes}");
    }
}

#[test]
fn two_workers_on_one_study_do_each_thing_once() {
    let runner = CurveRunner { step_takes: Duration::from_micros(100), ..CurveRunner::default() };
    let sweep = Sweep::new(runner, SchedulerKind::SuccessiveHalving, 2);
    let folder = StudyFolder::new(sweep.dir.path());
    let mut store = SqliteStore::open_or_create(&folder).unwrap();
    store.create(clock::now_millis(), spec(20)).unwrap();
    std::thread::scope(|scope| {
        let work = || sweep.work(SqliteStore::open(&folder).unwrap()).unwrap();
        let (a, b) = (scope.spawn(work), scope.spawn(work));
        assert_eq!((a.join().unwrap(), b.join().unwrap()), (Ended::Finished, Ended::Finished));
    });
    let alone = Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 1);
    let expected = MemoryStore::default();
    alone.run(&expected, &spec(20));
    assert_eq!(trials(&study(&mut store).unwrap().search.trials), trials(&state(&expected).search.trials));
    assert_eq!(sweep.runner.repeated(), 0, "a step was trained twice");
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
    assert_eq!(trials(&state.search.trials), trials(&self::state(&undisturbed).search.trials));
}

#[test]
fn more_trials_extend_a_study_and_fewer_change_nothing() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 1);
    let store = MemoryStore::default();
    sweep.run(&store, &spec(6));
    assert_eq!(begin(&mut store.clone(), &spec(3)).unwrap(), Opened::Continued);
    assert_eq!(begin(&mut store.clone(), &spec(6)).unwrap(), Opened::Continued);
    assert_eq!(begin(&mut store.clone(), &spec(12)).unwrap(), Opened::Extended { trials: 6, budget_seconds: None });
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Finished);
    assert_eq!(state(&store).search.trials.len(), 12);
    assert_eq!(sweep.runner.repeated(), 0, "a step was trained twice");
}

#[test]
fn a_budget_can_be_given_later_and_only_grows() {
    let mut store = MemoryStore::default();
    begin(&mut store, &spec(6)).unwrap();
    let mut ask = |budget_seconds: Option<u64>| {
        let mut spec = spec(6);
        spec.space.settings.budget_seconds = budget_seconds;
        let opened = begin(&mut store, &spec).unwrap();
        (opened, study(&mut store).unwrap().settings().budget_seconds)
    };
    assert_eq!(ask(Some(60)), (Opened::Extended { trials: 6, budget_seconds: None }, Some(60)));
    assert_eq!(ask(Some(30)), (Opened::Continued, Some(60)));
    assert_eq!(ask(None), (Opened::Continued, Some(60)));
    assert_eq!(ask(Some(90)), (Opened::Extended { trials: 6, budget_seconds: Some(60) }, Some(90)));
}

#[test]
fn another_space_is_refused_with_what_differs() {
    let mut store = MemoryStore::default();
    begin(&mut store, &spec(6)).unwrap();
    let before = store.events(0).unwrap().len();
    let other = testing::study("LogUniform(1e-5, 1e-2)", 6);
    insta::assert_snapshot!(begin(&mut store, &other).unwrap_err(), @r"
    studies/a: this study was started with another space:
      space.optimizer.AdamW.learning_rate: was LogUniform(1e-5, 0.1), now LogUniform(1e-5, 0.01)
    Name a new folder with --study, or go back to the space it was started with
    ");
    assert_eq!(store.events(0).unwrap().len(), before);
}

#[test]
fn other_data_or_another_model_is_refused_with_what_changed() {
    let mut store = MemoryStore::default();
    begin(&mut store, &spec(6)).unwrap();
    let before = store.events(0).unwrap().len();
    let other = |data: &str, model: &str| StudySpec { data_hash: data.to_owned(), model_hash: model.to_owned(), ..spec(9) };
    insta::assert_snapshot!(begin(&mut store, &other("e", "n")).unwrap_err(), @r"
    studies/a: what this study trains on has changed since it was started:
      the data: /spaces/texts.csv no longer gives the same texts, labels and splits
      the model: /spaces/model no longer has the same weights
    Put it back as it was, or start a new study in another folder with --study
    ");
    insta::assert_snapshot!(begin(&mut store, &other("d", "n")).unwrap_err(), @r"
    studies/a: what this study trains on has changed since it was started:
      the model: /spaces/model no longer has the same weights
    Put it back as it was, or start a new study in another folder with --study
    ");
    assert_eq!(store.events(0).unwrap().len(), before);
    begin(&mut store, &other("d", "m")).unwrap();
}

#[test]
fn a_space_with_no_more_configs_ends_the_sweep() {
    let spec = testing::study("Choice([1e-4, 2e-4, 3e-4])", 20);
    for sampler in [SamplerKind::Random, SamplerKind::Tpe] {
        let sweep = Sweep { sampler, ..Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 2) };
        let store = MemoryStore::default();
        assert_eq!(sweep.run(&store, &spec), Ended::Finished);
        let places = state(&store).search.trials.iter().filter(|t| t.kind == TrialKind::Search).count();
        assert!((2..=3).contains(&places), "{places}");
        assert_eq!(begin(&mut store.clone(), &spec).unwrap(), Opened::Continued, "twenty were asked for all along");
    }
}

#[test]
fn a_trial_whose_checkpoint_is_lost_is_trained_again_to_the_same_values() {
    let undisturbed = MemoryStore::default();
    Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 1).run(&undisturbed, &spec(12));
    let expected = state(&undisturbed);
    for damage in ["gone", "damaged"] {
        let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 1);
        let store = MemoryStore::default();
        begin(&mut store.clone(), &spec(12)).unwrap();
        // Dies when trials have reached the first rung.
        sweep.work(Crashing { inner: store.clone(), left: 60, written: true }).unwrap_err();
        let files = sweep.checkpoints_on_disk();
        assert!(files.len() > 5, "{files:?}");
        for file in &files {
            let path = sweep.dir.path().join("checkpoints").join(file);
            if damage == "gone" { std::fs::remove_file(path).unwrap() } else { std::fs::write(path, "x").unwrap() }
        }
        assert_eq!(sweep.run(&store, &spec(12)), Ended::Finished, "{damage}");
        let state = state(&store);
        assert_eq!(trials(&state.search.trials), trials(&expected.search.trials), "{damage}");
        let events = store.clone().events(0).unwrap();
        let lost =
            events.windows(2).filter(|pair| matches!(pair[0].event, Event::CheckpointLost { .. })).map(|pair| match &pair[1].event {
                Event::SegmentLost { cause, crashed: false, .. } => cause.as_str(),
                other => panic!("{other:?}"),
            });
        let lost: Vec<&str> = lost.collect();
        assert!(
            !lost.is_empty() && lost.iter().all(|cause| *cause == "the checkpoint of step 4 is lost; it is trained again from its start"),
            "{lost:?}"
        );
        assert!(state.steps_repeated() >= 4 * lost.len() as u64 && sweep.runner.repeated() as u64 >= state.steps_repeated());
        assert_eq!(replay(&events).unwrap(), []);
    }
}

#[test]
fn a_full_disk_ends_the_worker_and_fails_no_trial() {
    let sweep = Sweep::new(CurveRunner::with([(2, Fault::DiskFull)]), SchedulerKind::Asha, 2);
    let mut store = MemoryStore::default();
    begin(&mut store, &spec(6)).unwrap();
    assert_eq!(sweep.work(store.clone()).unwrap_err().to_string(), "the disk is full");
    assert!(state(&store).search.trials.iter().all(|trial| !matches!(trial.phase, Phase::Failed { .. })));
    // Its supervisor releases what else it had; here the next run does.
    let again = Sweep { runner: Arc::new(CurveRunner::default()), ..sweep };
    assert_eq!(again.run(&store, &spec(6)), Ended::Finished);
    let state = state(&store);
    assert_eq!(state.search.trials.len(), 6);
    assert!(state.search.trials.iter().all(|trial| !matches!(trial.phase, Phase::Failed { .. })));
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
                let info = crate::events::WorkerInfo { worker: worker.clone(), device: Device::Cpu, slots: 2, threads: 1, pid: 1, boot: 1 };
                let mut events = vec![Event::WorkerStarted(info)];
                for (trial, fence) in &claims {
                    if state.search.trials.len() <= *trial as usize {
                        let (upto_seq, action) = (state.search.seq, schedulers::Action::Start { learn_from: 0 });
                        events.push(Event::Decided { upto_seq, action, worker: worker.clone() });
                        events.push(Event::TrialAdded(Box::new(crate::events::TrialAdded {
                            number: *trial,
                            kind: crate::state::TrialKind::Search,
                            config: crate::testing::config(1e-3),
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
    assert_eq!(then.search.trials[1].phase, Phase::Failed { rung: 0 });
    assert_eq!(then.trials[1].cause.as_deref(), Some("took its worker down 2 times, the last time thus: killed by signal 9"));
    assert_eq!(then.search.trials[0].phase, Phase::Active { rung: 0 });
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Finished);
    let events = store.events(0).unwrap();
    assert_ne!(state(&store).search.trials[0].phase, Phase::Active { rung: 0 });
    // The suspect ran alone: nothing was claimed between its claim and its end.
    let claimed = events.iter().position(|l| matches!(l.event, Event::SegmentClaimed { trial: 0, fence: 2, .. })).unwrap();
    let next =
        events[claimed + 1..].iter().find(|l| matches!(l.event, Event::SegmentClaimed { .. } | Event::SegmentCompleted { .. })).unwrap();
    assert!(matches!(next.event, Event::SegmentCompleted { trial: 0, .. }), "{next:?}");
}

/// Proposes nothing usable for trial 3.
struct Mistaken;

impl samplers::Sampler for Mistaken {
    fn propose(
        &self,
        parameters: &[search_spaces::domain::Parameter],
        state: &crate::state::SearchState,
        rng: &mut rand::rngs::ChaCha8Rng,
    ) -> Option<search_spaces::domain::Assignment> {
        let proposed = samplers::build(SamplerKind::Random).propose(parameters, state, rng);
        if state.trials.len() == 3 { Some(search_spaces::domain::Assignment::default()) } else { proposed }
    }
}

#[test]
fn a_proposal_that_makes_no_config_is_a_failed_trial() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 2);
    let store = MemoryStore::default();
    begin(&mut store.clone(), &spec(6)).unwrap();
    assert_eq!(sweep.work_with(store.clone(), Box::new(Mistaken)).unwrap(), Ended::Finished);
    let state = state(&store);
    assert_eq!(state.search.trials.len(), 6);
    assert_eq!(state.search.trials[3].phase, Phase::Failed { rung: 0 });
    insta::assert_snapshot!(
        state.trials[3].cause.as_deref().unwrap(),
        @"what the sampler proposed is no config of this space: `optimizer.AdamW.learning_rate` has no value, although it is active"
    );
    assert_eq!(state.trials.iter().filter(|t| t.cause.is_some()).count(), 1);
}
