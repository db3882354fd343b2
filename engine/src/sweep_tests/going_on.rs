//! A study that is opened again: extended, or refused.

use super::*;

#[test]
fn more_trials_extend_a_study_and_fewer_change_nothing() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 1);
    let store = MemoryStore::default();
    sweep.run(&store, &spec(6));
    assert_eq!(begin(&mut store.clone(), &spec(3)).unwrap(), Opened::Continued);
    assert_eq!(begin(&mut store.clone(), &spec(6)).unwrap(), Opened::Continued);
    assert_eq!(begin(&mut store.clone(), &spec(12)).unwrap(), Opened::Extended { trials: 6, budget_seconds: None });
    assert_eq!(sweep.work(store.clone()).unwrap(), Ended::Finished);
    assert_eq!(state(&store).search.trials().len(), 12);
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
    insta::assert_snapshot!(begin(&mut store, &other).unwrap_err(), @"
    studies/a: this study was started with another space:
      space.optimizer.AdamW.learning_rate: was LogUniform(1e-5, 0.1), now LogUniform(1e-5, 0.01)
    Name a new folder with --study, or go back to the space and the options it was started with
    ");
    assert_eq!(store.events(0).unwrap().len(), before);
}

#[test]
fn other_data_or_another_model_is_refused_with_what_changed() {
    let mut store = MemoryStore::default();
    begin(&mut store, &spec(6)).unwrap();
    let before = store.events(0).unwrap().len();
    let other = |data: &str, model: &str| StudySpec { data_hash: data.to_owned(), model_hash: model.to_owned(), ..spec(9) };
    insta::assert_snapshot!(begin(&mut store, &other("e", "n")).unwrap_err(), @"
    studies/a: what this study trains on has changed since it was started:
      the data: /spaces/texts.csv, with the tokenizer of /spaces/model, no longer gives the same tokens, labels and splits
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
