//! Configs that the user wants tried.

use super::*;
use crate::enqueued::{Enqueued, NotEnqueued};

fn enqueued(name: &str, learning_rate: f64) -> Enqueued {
    let config = Arc::new(testing::config(learning_rate));
    Enqueued { name: name.to_owned(), assignment: spec(1).space.nearest(&config), config }
}

fn enqueue(store: &MemoryStore, enqueued: &Enqueued) -> Result<(), NotEnqueued> {
    let mut result = Ok(());
    let mut commit = |state: &StudyState| match state.enqueue(enqueued.clone()) {
        Ok(event) => vec![event],
        Err(why) => {
            result = Err(why);
            Vec::new()
        }
    };
    store.clone().commit(clock::wall_millis(), &mut commit).unwrap();
    result
}

fn names(store: &MemoryStore) -> Vec<Option<String>> {
    state(store).trials.iter().map(|trial| trial.recipe.clone()).collect()
}

#[test]
fn what_is_enqueued_is_tried_next_beside_what_was_planned() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 1);
    let mut store = MemoryStore::default();
    let mut spec = spec(4);
    spec.space.settings.scheduler = SchedulerKind::Asha;
    begin(&mut store, &spec).unwrap();
    enqueue(&store, &enqueued("mine", 1e-3)).unwrap();
    enqueue(&store, &enqueued("another", 2e-3)).unwrap();
    assert_eq!(enqueue(&store, &enqueued("again", 2e-3)), Err(NotEnqueued::Waits("another".to_owned())));
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Finished);
    let [default, mine, another, None, None, None] = &names(&store)[..] else { panic!("{:?}", names(&store)) };
    let told = [default, mine, another].map(|name| name.as_deref().unwrap());
    assert_eq!(told, ["literature default", "mine", "another"]);
    let trial = state(&store).search.trials()[1].clone();
    assert!(trial.inside && trial.assignment.is_some() && trial.kind == TrialKind::Recipe);
    assert_eq!(enqueue(&store, &enqueued("again", 2e-3)), Err(NotEnqueued::Tried(2)));
    // A study that had ended goes on with it, and with it alone.
    enqueue(&store, &enqueued("late", 3e-3)).unwrap();
    assert!(!state(&store).is_finished());
    assert_eq!(sweep.run(&store, &spec), Ended::Finished);
    assert_eq!((names(&store).len(), names(&store)[6].as_deref()), (7, Some("late")));
    // More trials come on top.
    spec.space.settings.trials = 5;
    assert_eq!(sweep.run(&store, &spec), Ended::Finished);
    assert_eq!(names(&store).len(), 8);
    assert_eq!(sweep.runner.repeated(), 0);
    assert_eq!(mismatches(&store), []);
}

#[test]
fn the_files_recipes_keep_their_turn() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 2);
    let mut store = MemoryStore::default();
    let mut spec = spec(4);
    let mut second = spec.space.recipes[0].clone();
    second.name = "second".to_owned();
    spec.space.recipes.push(second);
    begin(&mut store, &spec).unwrap();
    enqueue(&store, &enqueued("mine", 1e-3)).unwrap();
    sweep.work(store.clone()).unwrap();
    let told: Vec<String> = names(&store).into_iter().flatten().collect();
    assert_eq!((told, names(&store).len()), (vec!["literature default".to_owned(), "second".to_owned(), "mine".to_owned()], 5));
}

#[test]
fn an_enqueued_config_reopens_the_choice_of_finalists() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::SuccessiveHalving, 1);
    let store = MemoryStore::default();
    let mut spec = spec(9);
    (spec.space.settings.finalists, spec.space.settings.finalist_seeds) = (2, 2);
    sweep.run(&store, &spec);
    let before = state(&store).finalists.trials().to_vec();
    enqueue(&store, &enqueued("best", 1.001e-3)).unwrap();
    sweep.run(&store, &spec);
    let late = state(&store).search.searched().last().unwrap().number;
    assert!(!before.contains(&late) && state(&store).finalists.trials().contains(&late), "{before:?}");
    assert_eq!(mismatches(&store), []);
}

#[test]
fn what_waits_is_tried_before_a_hopeless_search_is_given_up() {
    // All that the sampler draws fails; what comes after the eighth does not.
    let runner = CurveRunner::with((1..9).chain(10..60).map(|trial| (trial, Fault::Fails)));
    let sweep = Sweep::new(runner, SchedulerKind::Asha, 1);
    let store = MemoryStore::default();
    let mut spec = spec(40);
    spec.space.settings.scheduler = SchedulerKind::Asha;
    sweep.run(&store, &spec);
    assert_eq!(names(&store).len(), 9, "given up");
    enqueue(&store, &enqueued("safe", 1e-3)).unwrap();
    sweep.run(&store, &spec);
    assert_eq!(names(&store)[9].as_deref(), Some("safe"));
    assert!(state(&store).enqueued.waiting().is_empty());
    assert_eq!(mismatches(&store), []);
}

#[test]
fn the_plan_is_kept_though_a_config_is_enqueued_after_the_starts_were_closed() {
    use std::sync::atomic::AtomicI64;
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    let runner = CurveRunner { clock: Some(&CLOCK), ..CurveRunner::default() };
    let sweep = Sweep { clock: || CLOCK.load(Ordering::SeqCst), ..Sweep::new(runner, SchedulerKind::Asha, 1) };
    let store = MemoryStore::default();
    let mut spec = spec(40);
    (spec.space.settings.scheduler, spec.space.settings.budget_seconds) = (SchedulerKind::Asha, Some(150));
    let mut work = |budget: u64| {
        spec.space.settings.budget_seconds = Some(budget);
        session::begin(&mut store.clone(), Path::new("a"), &spec, CLOCK.load(Ordering::SeqCst)).unwrap();
        sweep.work(store.clone()).unwrap()
    };
    assert_eq!(work(150), Ended::BudgetSpent);
    enqueue(&store, &enqueued("mine", 1e-3)).unwrap();
    assert_eq!(work(150), Ended::BudgetSpent, "no time for it");
    assert_eq!(work(100_000), Ended::Finished);
    assert_eq!(names(&store).len(), 41);
    assert!(names(&store).contains(&Some("mine".to_owned())));
}
