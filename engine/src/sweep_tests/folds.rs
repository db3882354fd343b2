//! Cross-validation after the search.

use super::*;
use crate::folds::{Fold, Folded};

/// The settings name the scheduler of the sweep: the study itself asks it whether the search has ended.
fn spec_with(folds: u32) -> StudySpec {
    let mut spec = spec(12);
    spec.space.settings.folds = Some(folds);
    spec.space.settings.scheduler = SchedulerKind::Asha;
    spec
}

fn ended(state: &StudyState) -> BTreeMap<Fold, Result<Folded, String>> {
    state.folds.iter().filter_map(|(fold, run)| Some((fold, run.outcome.clone()?))).collect()
}

#[test]
fn the_finalists_and_the_default_recipe_are_trained_on_every_fold_once_the_search_has_ended() {
    let mut expected = None;
    for slots in [1, 3] {
        let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, slots);
        let mut store = MemoryStore::default();
        assert_eq!(sweep.run(&store, &spec_with(4)), Ended::Finished);
        let state = state(&store);
        let mut trials = state.best_trials();
        assert_eq!(trials.len(), 3);
        if !trials.contains(&0) {
            trials.push(0);
        }
        let wanted: Vec<Fold> = trials.iter().flat_map(|trial| (0..4).map(|index| Fold { trial: *trial, index, of: 4 })).collect();
        assert_eq!(state.folds_wanted(), wanted);
        assert_eq!((ended(&state).len(), state.folds_open()), (wanted.len(), 0));
        assert!(ended(&state).values().all(|outcome| outcome.as_ref().is_ok_and(|folded| folded.steps == 36)));
        assert_eq!(*expected.get_or_insert(ended(&state)), ended(&state), "whatever the number of slots");
        // Nothing is left behind, and nothing of the search has changed.
        assert!(sweep.checkpoints_on_disk().iter().all(|name| name.starts_with("trial-")), "{:?}", sweep.checkpoints_on_disk());
        let plain = MemoryStore::default();
        Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, slots).run(&plain, &spec(12));
        assert_eq!(trials_of(&state), trials_of(&super::state(&plain)));
        let record = StudyRecord::read(&mut store, &StudyFolder::new(sweep.dir.path())).unwrap();
        assert_eq!((record.folds.len(), record.finished), (wanted.len(), true));
    }
}

fn trials_of(state: &StudyState) -> Vec<String> {
    trials(state.search.trials())
}

#[test]
fn a_study_that_had_ended_is_cross_validated_when_it_is_asked_for() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 1);
    let store = MemoryStore::default();
    sweep.run(&store, &spec(12));
    assert_eq!(ended(&state(&store)).len(), 0);
    sweep.run(&store, &spec_with(2));
    let of_two = ended(&state(&store));
    assert!(of_two.len() >= 4);
    // Other parts are other trainings; those before stay known.
    sweep.run(&store, &spec_with(3));
    let state = state(&store);
    assert_eq!(ended(&state).keys().filter(|fold| fold.of == 2).count(), of_two.len());
    assert_eq!(ended(&state).keys().filter(|fold| fold.of == 3).count(), of_two.len() / 2 * 3);
}

#[test]
fn a_fold_that_fails_leaves_its_cause() {
    let runner = CurveRunner { fold_fails: Some(1), ..CurveRunner::default() };
    let sweep = Sweep::new(runner, SchedulerKind::Asha, 2);
    let store = MemoryStore::default();
    assert_eq!(sweep.run(&store, &spec_with(2)), Ended::Finished);
    for (fold, outcome) in ended(&state(&store)) {
        assert_eq!(outcome.is_err(), fold.index == 1);
        if let Err(cause) = outcome {
            assert!(cause.starts_with("the training loss became NaN at step 3"), "{cause}");
        }
    }
}

#[test]
fn interrupted_folds_are_trained_again_and_no_others() {
    let runner = CurveRunner { step_takes: Duration::from_micros(500), ..CurveRunner::default() };
    let sweep = Sweep::new(runner, SchedulerKind::Asha, 2);
    let store = MemoryStore::default();
    begin(&mut store.clone(), &spec_with(3)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while ended(&state(&store)).len() < 4 {
                std::thread::sleep(Duration::from_millis(1));
            }
            sweep.cancel.set();
        });
        assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Interrupted);
    });
    let before = ended(&state(&store));
    assert!(before.len() >= 4 && state(&store).folds_open() > 0, "{before:?}");
    let again = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 2);
    assert_eq!(again.run(&store, &spec_with(3)), Ended::Finished);
    let (state, trained) = (state(&store), again.runner.trained.lock().unwrap().len());
    assert_eq!(trained, (state.folds_wanted().len() - before.len()) * 36);
    assert_eq!(before.iter().filter(|(fold, outcome)| ended(&state).get(fold) == Some(outcome)).count(), before.len());
}

#[test]
fn what_a_dead_worker_held_is_released_and_fails_the_second_time() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 1);
    let store = MemoryStore::default();
    sweep.run(&store, &spec(12));
    begin(&mut store.clone(), &spec_with(2)).unwrap();
    let fold = state(&store).folds_wanted()[0];
    for death in [1, 2] {
        let worker = format!("cpu#{}", 10 + death);
        let info = crate::testing::worker(&worker);
        let claimed = Event::FoldClaimed { fold, worker: worker.clone(), slot: "cpu/0".to_owned() };
        let mut writer = store.clone();
        writer.commit(1, &mut |_| vec![Event::WorkerStarted(info.clone()), claimed.clone()]).unwrap();
        assert!(writer.commit(2, &mut |_| vec![Event::WorkerEnded { worker: worker.clone() }]).is_err(), "it holds a fold");
        writer.commit(3, &mut |state| state.release(std::slice::from_ref(&worker), "killed", true)).unwrap();
        // Whatever it still tells is nothing to us.
        let late = Event::FoldCompleted { fold, worker, folded: Folded { value: 0.5, steps: 36, seconds: 1.0 } };
        assert!(writer.commit(4, &mut |_| vec![late.clone()]).unwrap_err().is_stale());
        assert_eq!(ended(&state(&store)).contains_key(&fold), death == 2);
    }
    assert_eq!(ended(&state(&store))[&fold], Err("took its worker down 2 times, the last time thus: killed".to_owned()));
    assert_eq!(sweep.run(&store, &spec_with(2)), Ended::Finished);
    assert_eq!(state(&store).folds_open(), 0);
}

#[test]
fn a_spent_budget_ends_the_cross_validation_and_more_of_it_goes_on() {
    use std::sync::atomic::AtomicI64;
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    let runner = CurveRunner { clock: Some(&CLOCK), ..CurveRunner::default() };
    let sweep = Sweep { clock: || CLOCK.load(Ordering::SeqCst), ..Sweep::new(runner, SchedulerKind::Asha, 1) };
    let store = MemoryStore::default();
    let begin_now = |spec: &StudySpec| session::begin(&mut store.clone(), Path::new("a"), spec, CLOCK.load(Ordering::SeqCst)).unwrap();
    let mut spec = spec_with(3);
    spec.space.settings.folds = None;
    begin_now(&spec);
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Finished);
    let searched = state(&store).active_millis(CLOCK.load(Ordering::SeqCst)) / 1000;
    // Room for two folds of 36 s and a bit.
    spec.space.settings.folds = Some(3);
    spec.space.settings.budget_seconds = Some(searched as u64 + 100);
    begin_now(&spec);
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::BudgetSpent);
    // The one that ran when the budget ended may have been too quick to be stopped.
    assert!((2..=3).contains(&ended(&state(&store)).len()) && state(&store).folds_open() > 0);
    spec.space.settings.budget_seconds = Some(searched as u64 + 10_000);
    begin_now(&spec);
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Finished);
    assert_eq!(state(&store).folds_open(), 0);
}
