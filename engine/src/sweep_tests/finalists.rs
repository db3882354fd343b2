//! Finalists after the search.

use super::*;
use crate::finalists::{Best, By, Rule};

fn spec_with(trials: u32, finalists: u32, finalist_seeds: u32) -> StudySpec {
    let mut spec = spec(trials);
    (spec.space.settings.finalists, spec.space.settings.finalist_seeds) = (finalists, finalist_seeds);
    spec
}

fn chosen(store: &MemoryStore) -> Vec<(Vec<u32>, u32)> {
    let events = store.clone().events(0).unwrap();
    let chosen = events.iter().filter_map(|logged| match &logged.event {
        Event::FinalistsChosen(chosen) => Some((chosen.trials.clone(), chosen.seeds)),
        _ => None,
    });
    chosen.collect()
}

fn repeats(state: &StudyState) -> Vec<&TrialState> {
    state.search.trials().iter().filter(|trial| trial.kind == TrialKind::Finalist).collect()
}

#[test]
fn the_best_are_trained_with_other_seeds_and_the_best_mean_wins() {
    let mut results = Vec::new();
    for slots in [1, 3] {
        let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, slots);
        let store = MemoryStore::default();
        assert_eq!(sweep.run(&store, &spec_with(12, 3, 3)), Ended::Finished);
        let state = state(&store);
        assert!(state.is_over());
        let best: Vec<u32> = state.best_complete().take(3).collect();
        assert_eq!(chosen(&store), [(best.clone(), 3)]);
        let repeats = repeats(&state);
        let parents: Vec<u32> = repeats.iter().map(|trial| trial.parent.unwrap()).collect();
        assert_eq!(parents, [best.clone(), best.clone()].concat(), "one of each after the other");
        for trial in repeats {
            assert_eq!(trial.config, state.search.trials()[trial.parent.unwrap() as usize].config);
            assert_eq!((trial.phase, trial.values.len()), (Phase::Complete, 3));
            assert!(trial.values[2] != state.search.trials()[trial.parent.unwrap() as usize].values[2], "another seed");
        }
        let standings = state.finalists.standings(&state.search);
        assert!(standings.is_sorted_by(|a, b| a.mean >= b.mean) && standings.iter().all(|one| one.trainings.len() == 3));
        let mut values: Vec<f64> = standings[0].trainings.iter().map(|training| training.value).collect();
        values.sort_by(f64::total_cmp);
        let Some(Best { trial, of, rule }) = state.best() else { panic!("there is a best") };
        let by = By::Mean { finalists: 3, seeds: 3 };
        assert_eq!((of, rule), (standings[0].trial, Rule { by, feasible: None, exceeding: 0, others_keep: false, second: false }));
        assert_eq!(state.search.trials()[trial as usize].values[2], values[1], "the median training");
        // What may be exported is there.
        for number in standings.iter().flat_map(|one| &one.trainings).map(|training| training.trial) {
            assert!(sweep.checkpoints_on_disk().contains(&format!("trial-{number}-step-36.ckpt")));
        }
        assert_eq!((sweep.runner.repeated(), state.steps_repeated()), (0, 0));
        assert_eq!(mismatches(&store), []);
        results.push(trials(state.search.trials()));
    }
    assert_eq!(results[0], results[1], "whatever the number of slots");
}

#[test]
fn a_search_that_goes_on_chooses_anew_and_repeats_no_training() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 2);
    let mut store = MemoryStore::default();
    let mut spec = spec_with(10, 3, 2);
    spec.space.settings.scheduler = SchedulerKind::Asha;
    sweep.run(&store, &spec);
    assert_eq!(repeats(&state(&store)).len(), 3);
    // The same again asks for nothing.
    let before = store.events(0).unwrap().len();
    begin(&mut store.clone(), &spec).unwrap();
    assert_eq!(store.events(0).unwrap().len(), before);
    spec.space.settings.trials = 40;
    sweep.run(&store, &spec);
    let extended = state(&store);
    assert_eq!(extended.search.searched().len(), 40);
    let numbers: Vec<u32> = extended.search.searched().map(|trial| trial.number).filter(|number| *number < 13).collect();
    assert_eq!(numbers, (0..10).collect::<Vec<_>>(), "10 to 12 are finalists");
    assert_eq!(chosen(&store).len(), 2);
    assert_eq!((extended.finalists.trials().len(), extended.repeats_open()), (3, 0));
    // More seeds for the same finalists.
    spec.space.settings.finalist_seeds = 4;
    sweep.run(&store, &spec);
    let seeds = state(&store);
    assert_eq!(seeds.finalists.trials(), extended.finalists.trials());
    assert_eq!(repeats(&seeds).len(), repeats(&extended).len() + 6);
    assert!(seeds.finalists.standings(&seeds.search).iter().all(|one| one.trainings.len() == 4));
    assert_eq!(sweep.runner.repeated(), 0);
    assert_eq!(mismatches(&store), []);
}

#[test]
fn a_recipe_has_its_turn_though_finalists_took_its_number() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 1);
    let store = MemoryStore::default();
    let mut spec = spec_with(1, 1, 2);
    spec.space.settings.scheduler = SchedulerKind::Asha;
    let mut second = spec.space.recipes[0].clone();
    second.name = "another".to_owned();
    spec.space.recipes.push(second);
    sweep.run(&store, &spec);
    spec.space.settings.trials = 3;
    sweep.run(&store, &spec);
    let recipes: Vec<Option<String>> = state(&store).trials.iter().map(|trial| trial.recipe.clone()).take(4).collect();
    assert_eq!(recipes, [Some("literature default".to_owned()), None, Some("another".to_owned()), None]);
}

#[test]
fn a_config_that_fails_with_another_seed_ranks_last() {
    let plain = MemoryStore::default();
    Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 1).run(&plain, &spec_with(12, 3, 2));
    let winner = state(&plain).best().unwrap().of;
    let repeat = state(&plain).finalists.trainings(winner).nth(1).unwrap();
    let sweep = Sweep::new(CurveRunner::with([(repeat, Fault::Fails)]), SchedulerKind::SuccessiveHalving, 1);
    let store = MemoryStore::default();
    assert_eq!(sweep.run(&store, &spec_with(12, 3, 2)), Ended::Finished);
    let state = state(&store);
    let last = state.finalists.standings(&state.search).pop().unwrap();
    assert_eq!((last.trial, last.failed), (winner, 1));
    assert!(state.trials[repeat as usize].cause.is_some() && state.best().unwrap().of != winner);
}

#[test]
fn an_interrupted_finalist_goes_on_from_its_checkpoint() {
    let runner = CurveRunner { step_takes: Duration::from_micros(500), ..CurveRunner::default() };
    let sweep = Sweep::new(runner, SchedulerKind::Asha, 2);
    let store = MemoryStore::default();
    let mut spec = spec_with(6, 2, 3);
    spec.space.settings.scheduler = SchedulerKind::Asha;
    begin(&mut store.clone(), &spec).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while sweep.runner.trained.lock().unwrap().iter().filter(|(trial, _)| *trial > 6).count() < 10 {
                std::thread::sleep(Duration::from_millis(1));
            }
            sweep.cancel.set();
        });
        assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Interrupted);
    });
    assert!(!state(&store).is_over());
    // Another worker, the same checkpoints.
    let again = Sweep { cancel: Cancel::default(), ..sweep };
    assert_eq!(again.run(&store, &spec), Ended::Finished);
    assert_eq!(again.runner.repeated(), 0, "a step was trained twice");
    assert_eq!(state(&store).repeats_open(), 0);
}

static NOW: AtomicI64 = AtomicI64::new(0);

#[test]
fn a_budget_keeps_time_for_finalists_and_shrinks_them_to_fit() {
    let mut shrunk = 0;
    for budget in (80..900).step_by(40) {
        for scheduler in [SchedulerKind::Asha, SchedulerKind::SuccessiveHalving] {
            let runner = CurveRunner { clock: Some(&NOW), ..CurveRunner::default() };
            let sweep = Sweep { clock: || NOW.load(Ordering::SeqCst), ..Sweep::new(runner, scheduler, 1) };
            let store = MemoryStore::default();
            let mut spec = spec_with(200, 3, 3);
            (spec.space.settings.scheduler, spec.space.settings.budget_seconds) = (scheduler, Some(budget));
            session::begin(&mut store.clone(), Path::new("a"), &spec, NOW.load(Ordering::SeqCst)).unwrap();
            assert_eq!(sweep.work(store.clone()).unwrap(), Ended::BudgetSpent);
            let state = state(&store);
            let what = format!("{scheduler:?}, {budget} s: {:?}", chosen(&store));
            assert_eq!((chosen(&store).len(), state.repeats_open()), (1, 0), "{what}");
            assert!(state.is_over(), "{what}");
            let active = state.active_millis(NOW.load(Ordering::SeqCst)) / 1000;
            assert!(active <= budget as i64, "{active} of {what}");
            let events = store.clone().events(0).unwrap();
            assert!(!events.iter().any(|l| matches!(l.event, Event::SegmentLost { .. })), "nothing was cut off: {what}");
            assert_eq!(mismatches(&store), []);
            let seeds = state.finalists.chosen().unwrap();
            shrunk += usize::from((seeds.trials.len(), seeds.seeds) != seeds.wanted);
            // 6 trainings of 36 s are a quarter of 864 s; half of that is kept in any case.
            assert!(budget < 300 || seeds.seeds > 1, "{what}");
        }
    }
    assert!(shrunk > 2, "{shrunk}");
}

#[test]
fn a_finite_space_is_exhausted_after_finalists_too() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 1);
    let store = MemoryStore::default();
    let mut spec = testing::study("Choice([1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2])", 4);
    let settings = &mut spec.space.settings;
    (settings.scheduler, settings.finalists, settings.finalist_seeds) = (SchedulerKind::Asha, 2, 3);
    sweep.run(&store, &spec);
    assert_eq!(repeats(&state(&store)).len(), 4);
    spec.space.settings.trials = 30;
    assert_eq!(sweep.run(&store, &spec), Ended::Finished);
    let state = state(&store);
    // Six points, and the default recipe where it is none of them.
    let searched = state.search.searched().len();
    assert!((6..=7).contains(&searched) && state.search.planned as usize == searched, "{searched}");
    assert_eq!(mismatches(&store), []);
}

#[test]
fn a_choice_stands_until_the_next_one() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 1);
    let store = MemoryStore::default();
    let mut spec = spec_with(12, 3, 3);
    sweep.run(&store, &spec);
    let best = state(&store).best().unwrap();
    assert_eq!(state(&store).untested(), Some(best.trial));
    let tested = crate::tested::Tested {
        trial: best.trial,
        examples: 9,
        metrics: BTreeMap::new(),
        value: 0.5,
        low: 0.4,
        high: 0.6,
        predictions: None,
    };
    store.clone().commit(clock::wall_millis(), &mut |_| vec![Event::Tested(Box::new(tested.clone()))]).unwrap();
    assert_eq!(state(&store).untested(), None);
    // Asked for more, and not yet gone on: nothing has been learned since.
    spec.space.settings.trials = 30;
    begin(&mut store.clone(), &spec).unwrap();
    let asked = state(&store);
    assert_eq!((asked.best(), asked.untested(), asked.is_over()), (Some(best), None, false));
    assert!(asked.kept_checkpoints().len() >= 9);
    sweep.run(&store, &spec);
    assert!(state(&store).is_over());
}

static LATER: AtomicI64 = AtomicI64::new(0);

#[test]
fn several_slots_train_whole_rounds_within_the_budget() {
    for slots in [2, 4, 8] {
        let runner = CurveRunner { step_takes: Duration::from_micros(300), ..CurveRunner::default() };
        let sweep = Sweep::new(runner, SchedulerKind::Asha, slots);
        let store = MemoryStore::default();
        let mut spec = spec_with(12, 3, 3);
        spec.space.settings.scheduler = SchedulerKind::Asha;
        sweep.run(&store, &spec);
        assert_eq!(state(&store).repeats_open(), 0);
    }
    // By estimate: trainings of 36 s on two slots, three of them in two rounds.
    let runner = CurveRunner { clock: Some(&LATER), ..CurveRunner::default() };
    let sweep = Sweep { clock: || LATER.load(Ordering::SeqCst), ..Sweep::new(runner, SchedulerKind::None, 1) };
    let store = MemoryStore::default();
    let mut spec = spec_with(3, 0, 1);
    spec.space.settings.scheduler = SchedulerKind::None;
    session::begin(&mut store.clone(), Path::new("a"), &spec, 0).unwrap();
    sweep.work(store.clone()).unwrap();
    let state = state(&store);
    let seconds = |trainings: usize, slots| crate::estimate::trainings_seconds(&state, (0..3).cycle().take(trainings), slots);
    assert_eq!([seconds(2, 2), seconds(3, 2), seconds(9, 8), seconds(8, 8)].map(|s| s / 1.25), [36.0, 72.0, 72.0, 36.0]);
}
