//! What a budget does to a sweep.

use std::sync::atomic::AtomicI64;

use super::*;

static TICKS: AtomicI64 = AtomicI64::new(0);

/// Ten milliseconds a look.
fn ticking() -> i64 {
    TICKS.fetch_add(10, Ordering::SeqCst)
}

#[test]
fn a_spent_budget_ends_the_sweep_and_more_of_it_goes_on() {
    let runner = CurveRunner { step_takes: Duration::from_millis(1), ..CurveRunner::default() };
    let sweep = Sweep { clock: ticking, ..Sweep::new(runner, SchedulerKind::Asha, 1) };
    let store = MemoryStore::default();
    let mut spec = spec(20);
    spec.space.settings.budget_seconds = Some(1);
    session::begin(&mut store.clone(), Path::new("a"), &spec, ticking()).unwrap();
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::BudgetSpent);
    let then = state(&store);
    assert!(then.search.trials().len() < 20 && !then.search.trials().is_empty());
    assert!((1000..1500).contains(&then.active_millis(ticking())), "{}", then.active_millis(ticking()));
    // Time in which nobody works is not active.
    TICKS.fetch_add(1_000_000, Ordering::SeqCst);
    assert_eq!(session::begin(&mut store.clone(), Path::new("a"), &spec, ticking()).unwrap(), Opened::Continued);
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::BudgetSpent);
    spec.space.settings.budget_seconds = Some(1_000_000);
    let extended = session::begin(&mut store.clone(), Path::new("a"), &spec, ticking()).unwrap();
    assert_eq!(extended, Opened::Extended { trials: 20, budget_seconds: Some(1) });
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Finished);
    assert_eq!(state(&store).search.trials().len(), 20);
    assert_eq!(sweep.runner.repeated(), 0, "a step was trained twice");
}

static NOW: AtomicI64 = AtomicI64::new(0);

/// Moves on by a second a step, with one slot: what a sweep does in it is always the same.
fn simulated() -> i64 {
    NOW.load(Ordering::SeqCst)
}

/// Held by whoever uses [`simulated`].
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn turn() -> std::sync::MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn limited(scheduler: SchedulerKind, trials: u32, seconds: u64) -> (Sweep, StudySpec) {
    let runner = CurveRunner { clock: Some(&NOW), ..CurveRunner::default() };
    let mut spec = spec(trials);
    let settings = &mut spec.space.settings;
    (settings.scheduler, settings.sampler, settings.budget_seconds) = (scheduler, SamplerKind::Tpe, Some(seconds));
    (Sweep { clock: simulated, ..Sweep::new(runner, scheduler, 1) }, spec)
}

fn work(sweep: &Sweep, store: &MemoryStore, spec: &StudySpec) -> Ended {
    session::begin(&mut store.clone(), Path::new("a"), spec, simulated()).unwrap();
    sweep.work(store.clone()).unwrap()
}

#[test]
fn a_budget_leaves_time_to_take_the_best_to_the_top() {
    let _turn = turn();
    for scheduler in [SchedulerKind::Asha, SchedulerKind::SuccessiveHalving, SchedulerKind::None] {
        for budget in (80..500).step_by(30) {
            let (sweep, spec) = limited(scheduler, 200, budget);
            let store = MemoryStore::default();
            assert_eq!(work(&sweep, &store, &spec), Ended::BudgetSpent);
            let state = state(&store);
            let what = format!("{scheduler:?}, {budget} s: {:?}", state.search.trials().iter().map(|t| &t.values).collect::<Vec<_>>());
            let full = |kind| state.search.trials().iter().any(|t| t.kind == kind && t.phase == Phase::Complete);
            assert!(full(TrialKind::Search) && full(TrialKind::Recipe), "{what}");
            let active = state.active_millis(simulated()) / 1000;
            // What is kept back for safety and for the last trial that no longer fits.
            assert!((budget as i64 - 60..=budget as i64).contains(&active), "{active} of {what}");
            let events = store.clone().events(0).unwrap();
            assert!(!events.iter().any(|l| matches!(l.event, Event::SegmentLost { .. })), "nothing was cut off: {what}");
            assert_eq!(mismatches(&store), []);
        }
    }
}

#[test]
fn more_budget_or_trials_open_the_starts_again() {
    let _turn = turn();
    let (sweep, mut spec) = limited(SchedulerKind::Asha, 100, 150);
    let store = MemoryStore::default();
    assert_eq!(work(&sweep, &store, &spec), Ended::BudgetSpent);
    let first = state(&store).search.trials().len();
    assert!(first < 100);
    assert_eq!(work(&sweep, &store, &spec), Ended::BudgetSpent, "the same again");
    assert_eq!(state(&store).search.trials().len(), first);
    spec.space.settings.trials = 110;
    session::begin(&mut store.clone(), Path::new("a"), &spec, simulated()).unwrap();
    assert_eq!(state(&store).search.planned, 110);
    spec.space.settings.budget_seconds = Some(300);
    assert_eq!(work(&sweep, &store, &spec), Ended::BudgetSpent);
    let second = state(&store).search.trials().len();
    assert!(first < second && second < 110);
    spec.space.settings.budget_seconds = Some(1_000_000);
    assert_eq!(work(&sweep, &store, &spec), Ended::Finished);
    assert_eq!(state(&store).search.trials().len(), 110);
    assert_eq!(sweep.runner.repeated(), 0, "a step was trained twice");
    assert_eq!(mismatches(&store), []);
}

#[test]
fn a_sweep_that_ends_with_its_budget_has_finished() {
    let _turn = turn();
    let (sweep, spec) = limited(SchedulerKind::Asha, 1, 36);
    let store = MemoryStore::default();
    assert_eq!(work(&sweep, &store, &spec), Ended::Finished);
    assert!(state(&store).budget_spent(simulated()));
}
