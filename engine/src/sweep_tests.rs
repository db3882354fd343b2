//! Whole sweeps in one process.

mod budget;
mod checkpoints;
mod enqueued;
mod faults;
mod finalists;
mod folds;
mod goals;
mod going_on;
mod target;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use search_spaces::settings::{SamplerKind, SchedulerKind};

use crate::{
    clock::{self, Clock},
    devices::{Device, DeviceSlots},
    events::{Event, Logged},
    record::{Decision, SegmentEnd, StudyRecord},
    replay::{Mismatch, replay},
    runner::Cancel,
    samplers, schedulers,
    session::{self, Opened},
    spec::StudySpec,
    state::{Phase, TrialKind, TrialState},
    store::{Change, MemoryStore, SqliteStore, Store, StoreError, StudyFolder, study},
    study::{StudyState, kept::round_trip},
    testing::{self, CurveRunner, FAULT_AT, Fault, spec},
    worker::{Ended, Worker, WorkerError, WorkerMessage, run_worker},
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
        Sweep { dir, runner, scheduler, sampler, slots, cancel, clock: clock::wall_millis }
    }

    /// One worker on what `store` holds.
    fn work(&self, store: impl Store + 'static) -> Result<Ended, WorkerError> {
        self.work_with(store, samplers::build(self.sampler, 0))
    }

    fn work_with(&self, store: impl Store + 'static, sampler: Box<dyn samplers::Sampler>) -> Result<Ended, WorkerError> {
        self.work_telling(store, sampler, &mut |_| {})
    }

    fn work_telling(
        &self,
        store: impl Store + 'static,
        sampler: Box<dyn samplers::Sampler>,
        tell: &mut dyn FnMut(&WorkerMessage),
    ) -> Result<Ended, WorkerError> {
        let worker = Worker {
            store: Box::new(store),
            folder: StudyFolder::new(self.dir.path()),
            runner: Arc::clone(&self.runner) as Arc<_>,
            scheduler: schedulers::build(self.scheduler),
            sampler,
            slots: DeviceSlots { device: Device::Cpu, slots: self.slots, threads: 1 },
            room: Some(100),
            cancel: self.cancel.clone(),
            clock: Clock::Simulated(self.clock),
            lock: None,
        };
        run_worker(worker, tell)
    }

    /// As the command does: starts or continues, then works.
    fn run(&self, store: &MemoryStore, spec: &StudySpec) -> Ended {
        let mut spec = spec.clone();
        spec.space.settings.scheduler = self.scheduler;
        begin(&mut store.clone(), &spec).unwrap();
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
    session::begin(store, Path::new("studies/a"), spec, clock::wall_millis())
}

fn state(store: &MemoryStore) -> StudyState {
    let state = study(&mut store.clone()).unwrap().clone();
    let first = store.clone().page(0, 1).unwrap().remove(0);
    assert_eq!(format!("{:?}", round_trip(&first, &state)), format!("{:?}", Some(&state)), "the state as kept in rows");
    state
}

/// Decisions that nothing but the record led to come out the same.
fn mismatches(store: &MemoryStore) -> Vec<Mismatch> {
    let replayed = replay(&mut store.clone(), |_| {}).unwrap();
    assert!(replayed.decisions > 0);
    replayed.mismatches
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
        assert_eq!(state.search.trials().len(), 20);
        assert_eq!(total_steps(&state), sweep.runner.trained.lock().unwrap().len() as u64 - failed_midway(&state));
        assert_eq!((sweep.runner.repeated(), state.steps_repeated()), (0, 0), "a step was trained twice");
        results.push((state.search.leaderboard(), trials(state.search.trials())));
    }
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

/// Steps of failed trials since their last event, which nobody counts.
fn failed_midway(state: &StudyState) -> u64 {
    state.search.trials().iter().map(|t| if matches!(t.phase, Phase::Failed { .. }) { FAULT_AT } else { 0 }).sum()
}

#[test]
fn a_sweep_in_which_everything_fails_gives_up_and_can_be_extended() {
    for slots in [1, 3] {
        let sweep = Sweep::new(CurveRunner::with((0..100).map(|trial| (trial, Fault::Fails))), SchedulerKind::Asha, slots);
        let store = MemoryStore::default();
        let mut spec = spec(40);
        spec.space.settings.scheduler = SchedulerKind::Asha;
        assert_eq!(sweep.run(&store, &spec), Ended::Finished);
        let started = state(&store).search.trials().len();
        assert!((8..=8 + slots).contains(&started), "{started}");
        spec.space.settings.trials = 60;
        assert_eq!(sweep.run(&store, &spec), Ended::Finished);
        let more = state(&store).search.trials().len();
        assert!((started + 8..=started + 8 + slots).contains(&more), "{more} after {started}");
        assert_eq!(mismatches(&store), []);
    }
    // One that works is enough to go on.
    let sweep = Sweep::new(CurveRunner::with((2..100).map(|trial| (trial, Fault::Fails))), SchedulerKind::SuccessiveHalving, 1);
    let store = MemoryStore::default();
    sweep.run(&store, &spec(20));
    assert_eq!(state(&store).search.trials().len(), 20);
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
    assert_eq!(state.search.trials()[best as usize].phase, Phase::Complete);
    // All of it in the order that slots happened to finish in, and yet nothing but the record led to each decision.
    assert_eq!(mismatches(&store), []);
}

#[test]
fn a_record_tells_what_the_slots_did() {
    let runner = CurveRunner { checkpoint_every: 3, ..CurveRunner::with([(2, Fault::Fails), (3, Fault::StopsEarly)]) };
    let sweep = Sweep::new(runner, SchedulerKind::SuccessiveHalving, 2);
    let mut store = MemoryStore::default();
    sweep.run(&store, &spec(12));
    let record = StudyRecord::read(&mut store, &StudyFolder::new(sweep.dir.path())).unwrap();
    assert_eq!(trials(record.state.trials()), trials(state(&store).search.trials()));
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
                assert_eq!(*value, record.state.trials()[segment.trial as usize].values[segment.rung]);
                assert_eq!(segment.trainable_parameters, Some(10));
            }
            SegmentEnd::Failed { .. } => assert_eq!(segment.trial, 2),
            SegmentEnd::Lost { .. } => panic!("nothing was lost"),
        }
    }
    assert_eq!(busy.keys().copied().collect::<Vec<_>>(), ["cpu/0", "cpu/1"]);
    assert!(record.evaluations.len() > record.state.trials().len());
    let (mut started, mut promoted) = (Vec::new(), 0);
    for one in &record.decisions {
        assert!(one.upto_seq < one.seq && one.worker.is_some(), "{one:?}");
        match one.decision {
            Decision::Start { trial } => started.push(trial),
            Decision::Promote { .. } => promoted += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(started, (0..12).collect::<Vec<_>>());
    assert_eq!(started.len() + promoted, record.segments.len());
}

#[test]
fn a_trial_that_goes_wrong_ends_alone() {
    let faults = [(1, Fault::Panics), (2, Fault::Fails), (3, Fault::NotANumber), (4, Fault::StopsEarly), (5, Fault::GivesUp)];
    let sweep = Sweep::new(CurveRunner::with(faults), SchedulerKind::None, 2);
    let store = MemoryStore::default();
    assert_eq!(sweep.run(&store, &spec(8)), Ended::Finished);
    let state = state(&store);
    let phases: Vec<Phase> = state.search.trials().iter().map(|t| t.phase).collect();
    for trial in [1, 2, 3, 5] {
        assert!(matches!(phases[trial], Phase::Failed { .. }), "trial {trial}: {:?}", phases[trial]);
        assert!(state.search.trials()[trial].values.last().unwrap().is_nan());
    }
    for trial in [0, 4, 6, 7] {
        assert_eq!(phases[trial], Phase::Complete, "trial {trial}");
        assert_eq!(state.search.trials()[trial].values.len(), 3);
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
fn a_trial_that_is_over_before_the_last_rung_counts_as_trained_in_full() {
    let sweep = Sweep::new(CurveRunner::with([(2, Fault::IsCheap)]), SchedulerKind::Asha, 1);
    let mut store = MemoryStore::default();
    assert_eq!(sweep.run(&store, &spec(9)), Ended::Finished);
    let state = state(&store);
    let cheap = &state.search.trials()[2];
    assert_eq!((cheap.phase, cheap.stopped_at, cheap.values.len()), (Phase::Complete, None, 3));
    assert!(cheap.values.iter().all(|value| *value == cheap.values[0]));
    assert_eq!(state.trials[2].completed.len(), 1);
    // Its value is final: however small it is, it stands before all that wait.
    let place = |trial: u32| state.search.leaderboard().iter().position(|other| *other == trial).unwrap();
    assert!(state.search.searched().filter(|trial| trial.phase != Phase::Complete).all(|trial| place(trial.number) > place(2)));
    let record = StudyRecord::read(&mut store, &StudyFolder::new(sweep.dir.path())).unwrap();
    assert!(!record.trials[2].stopped_early);
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
    let complete: Vec<u32> = state.search.trials().iter().filter(|t| t.phase == Phase::Complete).map(|t| t.number).collect();
    assert!(complete.len() >= 3, "{complete:?}");
    assert!(kept.contains(&format!("trial-{}-step-36.ckpt", state.search.incumbent().unwrap())));
}

#[test]
fn two_workers_on_one_study_do_each_thing_once() {
    let runner = CurveRunner { step_takes: Duration::from_micros(100), ..CurveRunner::default() };
    let sweep = Sweep::new(runner, SchedulerKind::SuccessiveHalving, 2);
    let folder = StudyFolder::new(sweep.dir.path());
    let mut store = SqliteStore::open_or_create(&folder).unwrap();
    store.create(clock::wall_millis(), spec(20)).unwrap();
    std::thread::scope(|scope| {
        let work = || sweep.work(SqliteStore::open(&folder).unwrap()).unwrap();
        let (a, b) = (scope.spawn(work), scope.spawn(work));
        assert_eq!((a.join().unwrap(), b.join().unwrap()), (Ended::Finished, Ended::Finished));
    });
    let alone = Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 1);
    let expected = MemoryStore::default();
    alone.run(&expected, &spec(20));
    assert_eq!(trials(study(&mut store).unwrap().search.trials()), trials(state(&expected).search.trials()));
    assert_eq!(sweep.runner.repeated(), 0, "a step was trained twice");
}

#[test]
fn a_space_with_no_more_configs_ends_the_sweep() {
    let spec = testing::study("Choice([1e-4, 2e-4, 3e-4])", 20);
    for sampler in [SamplerKind::Random, SamplerKind::Tpe] {
        let sweep = Sweep { sampler, ..Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 2) };
        let store = MemoryStore::default();
        assert_eq!(sweep.run(&store, &spec), Ended::Finished);
        // The default recipe's rate is near one of the three, and none of them: each is tried.
        let state = state(&store);
        let trials = state.search.trials();
        assert_eq!((trials.len(), trials[0].inside), (4, false));
        let drawn = trials.iter().skip(1).map(|trial| serde_json::to_string(&trial.config).unwrap());
        assert_eq!(drawn.collect::<std::collections::BTreeSet<_>>().len(), 3);
        assert_eq!(begin(&mut store.clone(), &spec).unwrap(), Opened::Continued, "twenty were asked for all along");
    }
}

/// Proposes nothing usable for trial 3.
struct Mistaken;

impl samplers::Sampler for Mistaken {
    fn propose(
        &self,
        parameters: &[search_spaces::domain::Parameter],
        view: crate::state::View<'_>,
        rng: &mut rand::rngs::ChaCha8Rng,
    ) -> Option<search_spaces::domain::Assignment> {
        let proposed = samplers::build(SamplerKind::Random, 0).propose(parameters, view, rng);
        if view.trials().count() == 3 { Some(search_spaces::domain::Assignment::default()) } else { proposed }
    }
}

#[test]
fn a_proposal_that_makes_no_config_is_a_failed_trial() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 2);
    let store = MemoryStore::default();
    begin(&mut store.clone(), &spec(6)).unwrap();
    assert_eq!(sweep.work_with(store.clone(), Box::new(Mistaken)).unwrap(), Ended::Finished);
    let state = state(&store);
    assert_eq!(state.search.trials().len(), 6);
    assert_eq!(state.search.trials()[3].phase, Phase::Failed { rung: 0 });
    insta::assert_snapshot!(
        state.trials[3].cause.as_deref().unwrap(),
        @"what the sampler proposed is no config of this space: `optimizer.AdamW.learning_rate` has no value, although it is active"
    );
    assert_eq!(state.trials.iter().filter(|t| t.cause.is_some()).count(), 1);
}
