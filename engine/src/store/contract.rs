//! What every store must do, run against each of them.

mod files;

use std::collections::BTreeMap;

use super::{FORMAT, MemoryStore, SqliteStore, Store, StoreError, StudyFolder, each_event, folded, schema, study};
use crate::{
    events::{Event, TrialAdded, WorkerInfo},
    runner::{Checkpoint, Completed, Evaluation},
    schedulers::Action,
    state::{Phase, TrialKind},
    study::Refused,
    testing::{config, spec},
};

/// Runs `test` with a way to open handles on one fresh study, for every kind of store.
fn for_each_store(test: impl Fn(&dyn Fn() -> Box<dyn Store>)) {
    let dir = tempfile::tempdir().unwrap();
    let folder = StudyFolder::new(dir.path().join("study"));
    on_each_store(&folder, test);
    let store = SqliteStore::open(&folder).unwrap();
    let kept = schema::dump(store.connection()).unwrap();
    schema::rebuild(store.connection(), read(&folder).iter()).unwrap();
    assert_eq!(schema::dump(store.connection()).unwrap(), kept, "tables rebuilt from the events");
    assert_kept(&folder);
}

fn on_each_store(folder: &StudyFolder, test: impl Fn(&dyn Fn() -> Box<dyn Store>)) {
    let memory = MemoryStore::default();
    test(&|| Box::new(memory.clone()));
    test(&|| Box::new(SqliteStore::open_or_create(folder).unwrap()));
}

/// What a new handle finds in rows must be the fold of the events.
fn assert_kept(folder: &StudyFolder) {
    let mut store = SqliteStore::open(folder).unwrap();
    let kept = folded::read(folder.root(), store.connection()).unwrap();
    let folded = MemoryStore::from_events(store.events(0).unwrap()).state().unwrap().cloned();
    assert_eq!(format!("{kept:?}"), format!("{folded:?}"), "the state kept in rows");
}

fn read(folder: &StudyFolder) -> Vec<crate::events::Logged> {
    SqliteStore::open(folder).unwrap().events(0).unwrap()
}

fn started(store: &mut dyn Store) {
    store.create(1000, spec(9)).unwrap();
    let info = |name: &str| WorkerInfo { slots: 2, ..crate::testing::worker(name) };
    put(store, &[Event::WorkerStarted(info("cpu#1")), Event::WorkerStarted(info("cpu#2"))]).unwrap();
    add(store, 0);
}

fn put(store: &mut dyn Store, events: &[Event]) -> Result<(), StoreError> {
    store.commit(2000, &mut |_| events.to_vec())
}

fn add(store: &mut dyn Store, number: u32) {
    let trial = TrialAdded {
        number,
        kind: TrialKind::Search,
        config: config(0.1 + 0.2).into(),
        assignment: None,
        recipe: None,
        learn_from: 0,
        snapshot_seq: 3,
    };
    put(store, &[decided(Action::Start { learn_from: 0 }), Event::TrialAdded(Box::new(trial))]).unwrap();
}

fn decided(action: Action) -> Event {
    Event::Decided { upto_seq: 3, action, worker: "cpu#1".to_owned() }
}

fn claimed(rung: usize, fence: u64, worker: &str) -> Event {
    Event::SegmentClaimed { trial: 0, rung, fence, worker: worker.to_owned(), slot: "cpu/0".to_owned() }
}

fn completed(rung: usize, fence: u64, value: f64) -> Event {
    let step = [4, 12, 36][rung];
    let checkpoint = Some(Checkpoint { path: format!("checkpoints/{step}").into(), step, blake3: "00".to_owned(), bytes: 1 });
    let completed = Completed {
        value,
        step,
        stopped_early: false,
        steps_trained: 4,
        seconds: 0.5,
        trainable_parameters: 3,
        checkpoint,
        predictions: Some("artefacts/0".into()),
        ..Completed::default()
    };
    Event::SegmentCompleted { trial: 0, rung, fence, completed: Box::new(completed) }
}

fn evaluated(fence: u64, step: u64, value: f64) -> Event {
    let evaluation = Evaluation {
        step,
        examples: step,
        epoch: 0.1,
        train_loss: value,
        metrics: BTreeMap::from([("accuracy".to_owned(), value), ("loss".to_owned(), f64::NEG_INFINITY)]),
        learning_rates: vec![("head".to_owned(), 1e-3)],
        rung: None,
    };
    Event::Evaluated { trial: 0, fence, evaluation: Box::new(evaluation) }
}

fn refused(result: Result<(), StoreError>) -> Refused {
    match result {
        Err(StoreError::Refused(refused)) => refused,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_trial_goes_up_the_rungs() {
    for_each_store(|open| {
        let store = &mut *open();
        started(store);
        put(store, &[claimed(0, 1, "cpu#1"), evaluated(1, 4, 0.5), completed(0, 1, 0.5)]).unwrap();
        assert_eq!(study(store).unwrap().search.trials()[0].phase, Phase::Paused { rung: 0 });
        put(store, &[decided(Action::Promote { trial: 0, rung: 1 }), claimed(1, 2, "cpu#2"), completed(1, 2, 0.6)]).unwrap();
        put(store, &[decided(Action::Promote { trial: 0, rung: 2 }), claimed(2, 3, "cpu#2"), completed(2, 3, 0.7)]).unwrap();
        let state = study(store).unwrap();
        assert_eq!(state.search.trials()[0].phase, Phase::Complete);
        assert_eq!(state.search.trials()[0].values, [0.5, 0.6, 0.7]);
        assert_eq!(*state.search.trials()[0].config, config(0.1 + 0.2));
        assert_eq!(state.trials[0].checkpoint.as_ref().unwrap().step, 36);
    });
}

#[test]
fn transitions_out_of_order_are_refused_whole() {
    for_each_store(|open| {
        let store = &mut *open();
        assert!(store.state().unwrap().is_none());
        refused(store.commit(0, &mut |_| Vec::new()));
        started(store);
        refused(store.create(0, spec(9)));
        let before = store.events(0).unwrap().len();
        refused(put(store, &[completed(0, 1, 0.5)]));
        refused(put(store, &[claimed(1, 1, "cpu#1")]));
        refused(put(store, &[decided(Action::Promote { trial: 0, rung: 1 })]));
        refused(put(store, &[decided(Action::Promote { trial: 8, rung: 1 })]));
        refused(put(store, &[claimed(0, 1, "cpu#1"), completed(1, 1, 0.5)]));
        refused(put(store, &[claimed(0, 1, "cpu#1"), Event::WorkerEnded { worker: "cpu#1".to_owned() }]));
        assert_eq!(refused(put(store, &[claimed(0, 1, "cpu#9")])), Refused::WorkerGone { worker: "cpu#9".to_owned() });
        // One start at a time, so that nobody starts the same trial twice.
        put(store, &[decided(Action::Start { learn_from: 0 })]).unwrap();
        refused(put(store, &[decided(Action::Start { learn_from: 0 })]));
        assert_eq!(store.events(0).unwrap().len(), before + 1);
        assert_eq!(study(store).unwrap().search.seq, before as u64 + 1);
        put(store, &[claimed(0, 1, "cpu#1")]).unwrap();
    });
}

#[test]
fn fences_grow_and_older_ones_are_refused() {
    for_each_store(|open| {
        let store = &mut *open();
        started(store);
        refused(put(store, &[claimed(0, 2, "cpu#1")]));
        put(store, &[claimed(0, 1, "cpu#1")]).unwrap();
        assert!(matches!(refused(put(store, &[claimed(0, 2, "cpu#2")])), Refused::Claimed { .. }));
        let (workers, cause) = (["cpu#1".to_owned()], "its worker died");
        store.commit(3000, &mut |state| state.release(&workers, cause, false)).unwrap();
        let stale = Refused::Stale { trial: 0, fence: 1, newest: 1 };
        assert_eq!(refused(put(store, &[evaluated(1, 4, 0.5)])), stale);
        assert!(matches!(refused(put(store, &[claimed(0, 1, "cpu#2")])), Refused::Stale { .. }));
        put(store, &[claimed(0, 2, "cpu#2")]).unwrap();
        for late in [evaluated(1, 4, 0.5), completed(0, 1, 0.5)] {
            assert_eq!(refused(put(store, &[late])), Refused::Stale { trial: 0, fence: 1, newest: 2 });
        }
        assert_eq!(refused(put(store, &[claimed(0, 3, "cpu#1")])), Refused::WorkerGone { worker: "cpu#1".to_owned() });
        put(store, &[completed(0, 2, 0.5)]).unwrap();
        // Nor does it count once the other has completed.
        assert_eq!(refused(put(store, &[completed(0, 1, 0.5)])), Refused::Stale { trial: 0, fence: 1, newest: 2 });
    });
}

#[test]
fn a_completion_may_be_repeated_but_not_changed() {
    for_each_store(|open| {
        let store = &mut *open();
        started(store);
        put(store, &[claimed(0, 1, "cpu#1"), completed(0, 1, f64::NAN)]).unwrap();
        let before = store.events(0).unwrap().len();
        put(store, &[completed(0, 1, f64::NAN)]).unwrap();
        assert_eq!(store.events(0).unwrap().len(), before, "not kept twice");
        let other = Refused::OtherResult { trial: 0, rung: 0 };
        assert_eq!(refused(put(store, &[completed(0, 1, 0.5)])), other);
        assert_eq!(refused(put(store, &[completed(0, 2, f64::NAN)])), other);
    });
}

#[test]
fn lost_segments_run_again_and_failed_ones_do_not() {
    for_each_store(|open| {
        let store = &mut *open();
        started(store);
        let checkpoint = Checkpoint { path: "checkpoints/3".into(), step: 3, blake3: "00".to_owned(), bytes: 1 };
        let lost = Event::SegmentLost { trial: 0, rung: 0, fence: 1, cause: "interrupted".to_owned(), crashed: false };
        put(store, &[claimed(0, 1, "cpu#1"), Event::Checkpointed { trial: 0, fence: 1, checkpoint }, evaluated(1, 4, 0.1), lost]).unwrap();
        let state = study(store).unwrap();
        assert_eq!(state.waiting().collect::<Vec<_>>(), [0]);
        assert_eq!(state.trials[0].checkpoint.as_ref().unwrap().step, 3);
        assert_eq!(state.trials[0].steps_trained, 4);
        put(store, &[claimed(0, 2, "cpu#1")]).unwrap();
        assert_eq!(study(store).unwrap().trials[0].claim.as_ref().unwrap().from_step, 3);
        put(store, &[Event::SegmentFailed { trial: 0, rung: 0, fence: 2, cause: "loss is NaN".to_owned() }]).unwrap();
        let state = study(store).unwrap();
        assert_eq!(state.search.trials()[0].phase, Phase::Failed { rung: 0 });
        assert!(state.search.trials()[0].values[0].is_nan());
        assert_eq!(state.waiting().count(), 0);
        refused(put(store, &[claimed(0, 3, "cpu#1")]));
    });
}

#[test]
fn a_trial_whose_checkpoint_is_lost_starts_anew() {
    for_each_store(|open| {
        let store = &mut *open();
        started(store);
        put(store, &[claimed(0, 1, "cpu#1"), completed(0, 1, 0.5), decided(Action::Promote { trial: 0, rung: 1 })]).unwrap();
        put(store, &[claimed(1, 2, "cpu#1")]).unwrap();
        let lost = Event::CheckpointLost { trial: 0, fence: 2, cause: "it is gone".to_owned(), only_newest: true };
        let segment = Event::SegmentLost { trial: 0, rung: 1, fence: 2, cause: "it is gone".to_owned(), crashed: false };
        put(store, &[lost.clone(), segment]).unwrap();
        assert!(study(store).unwrap().trials[0].checkpoint.is_none());
        assert_eq!(refused(put(store, &[lost])), Refused::Stale { trial: 0, fence: 2, newest: 2 });
        put(store, &[claimed(1, 3, "cpu#1")]).unwrap();
        let state = study(store).unwrap();
        assert_eq!(state.trials[0].claim.as_ref().unwrap().from_step, 0);
        assert_eq!((&state.search.trials()[0].values[..], state.search.trials()[0].phase), (&[0.5][..], Phase::Active { rung: 1 }));
    });
}

/// Up to rung 1, then on to rung 2 with a newest checkpoint, of step 12, that turns out to be damaged.
fn damaged_on_the_way_to_the_top(store: &mut dyn Store) {
    let done = |rung, fence, steps| {
        let Event::SegmentCompleted { trial, mut completed, .. } = completed(rung, fence, 0.5) else { unreachable!() };
        (completed.steps_trained, completed.passes, completed.seconds) = (steps, steps as f64 / 36.0, steps as f64);
        Event::SegmentCompleted { trial, rung, fence, completed }
    };
    started(store);
    put(store, &[claimed(0, 1, "cpu#1"), done(0, 1, 4), decided(Action::Promote { trial: 0, rung: 1 })]).unwrap();
    put(store, &[claimed(1, 2, "cpu#1"), done(1, 2, 8), decided(Action::Promote { trial: 0, rung: 2 })]).unwrap();
    let lost = Event::CheckpointLost { trial: 0, fence: 3, cause: "damaged".to_owned(), only_newest: true };
    let segment = Event::SegmentLost { trial: 0, rung: 2, fence: 3, cause: "damaged".to_owned(), crashed: false };
    put(store, &[claimed(2, 3, "cpu#1"), lost, segment]).unwrap();
}

#[test]
fn a_trial_whose_newest_checkpoint_is_lost_goes_on_from_the_one_before() {
    for_each_store(|open| {
        let store = &mut *open();
        damaged_on_the_way_to_the_top(store);
        let step = |checkpoint: &Option<Checkpoint>| checkpoint.as_ref().map(|checkpoint| checkpoint.step);
        let state = study(store).unwrap();
        assert_eq!((step(&state.trials[0].checkpoint), step(&state.trials[0].before)), (Some(4), None));
        assert_eq!(state.kept_checkpoints(), [std::path::Path::new("checkpoints/4")]);
        put(store, &[claimed(2, 4, "cpu#1")]).unwrap();
        assert_eq!(study(store).unwrap().trials[0].claim.as_ref().unwrap().from_step, 4);
        // Past rung 1 again, to 20; then its worker dies.
        let checkpoint = Checkpoint { path: "checkpoints/20".into(), step: 20, blake3: "00".to_owned(), bytes: 1 };
        let lost = Event::SegmentLost { trial: 0, rung: 2, fence: 4, cause: "killed".to_owned(), crashed: true };
        put(store, &[evaluated(4, 12, 0.5), Event::Checkpointed { trial: 0, fence: 4, checkpoint }, lost]).unwrap();
        let progress = &study(store).unwrap().trials[0];
        assert_eq!((step(&progress.checkpoint), step(&progress.before)), (Some(20), Some(4)));
        assert_eq!((progress.steps_trained, progress.furthest_step), (4 + 8 + 16, 20));
        // Config and steps do not go together here: a pass of its batches of 16 has three steps.
        assert_eq!(progress.spent(), (12.0, 12.0 / 36.0 + 16.0 / 3.0), "what was trained twice was spent twice");
        let Event::SegmentCompleted { trial, rung, mut completed, .. } = completed(2, 5, 0.6) else { unreachable!() };
        completed.steps_trained = 16;
        put(store, &[claimed(2, 5, "cpu#1"), Event::SegmentCompleted { trial, rung, fence: 5, completed }]).unwrap();
        let state = study(store).unwrap();
        assert_eq!((state.trials[0].steps_trained, state.trials[0].furthest_step, state.steps_repeated()), (44, 36, 8));
        assert_eq!((state.search.trials()[0].phase, step(&state.trials[0].before)), (Phase::Complete, None));
    });
}

#[test]
fn when_both_checkpoints_are_lost_the_trial_starts_anew() {
    for_each_store(|open| {
        let store = &mut *open();
        damaged_on_the_way_to_the_top(store);
        let lost = Event::CheckpointLost { trial: 0, fence: 4, cause: "damaged".to_owned(), only_newest: true };
        let segment = Event::SegmentLost { trial: 0, rung: 2, fence: 4, cause: "damaged".to_owned(), crashed: false };
        put(store, &[claimed(2, 4, "cpu#1"), lost, segment, claimed(2, 5, "cpu#1")]).unwrap();
        let state = study(store).unwrap();
        assert_eq!((state.trials[0].claim.as_ref().unwrap().from_step, state.kept_checkpoints().len()), (0, 0));
    });
}

#[test]
fn an_event_of_before_the_one_before_was_kept_loses_all() {
    let event = r#"{"CheckpointLost":{"trial":0,"fence":3,"cause":"damaged"}}"#;
    assert!(matches!(serde_json::from_str(event).unwrap(), Event::CheckpointLost { only_newest: false, .. }));
}

#[test]
fn only_checkpoints_that_wait_are_dropped() {
    for_each_store(|open| {
        let store = &mut *open();
        started(store);
        let dropped = |before: &[u32], newest: &[u32]| Event::CheckpointsDropped { before: before.to_vec(), newest: newest.to_vec() };
        refused(put(store, &[dropped(&[0], &[])]));
        refused(put(store, &[dropped(&[], &[0])]));
        refused(put(store, &[dropped(&[], &[7])]));
        put(store, &[claimed(0, 1, "cpu#1"), completed(0, 1, 0.5)]).unwrap();
        put(store, &[dropped(&[], &[0])]).unwrap();
        refused(put(store, &[dropped(&[], &[0])]));
        let state = study(store).unwrap();
        assert_eq!((state.dropped.checkpoints, state.dropped.steps, state.kept_checkpoints().len()), (1, 0, 0));
        put(store, &[decided(Action::Promote { trial: 0, rung: 1 }), claimed(1, 2, "cpu#1")]).unwrap();
        let state = study(store).unwrap();
        assert_eq!((state.dropped.steps, state.trials[0].claim.as_ref().unwrap().from_step), (4, 0));
        refused(put(store, &[dropped(&[], &[0])]));
    });
}

#[test]
fn steps_after_the_last_checkpoint_of_a_lost_segment_count_twice() {
    for_each_store(|open| {
        let store = &mut *open();
        started(store);
        let checkpoint = Checkpoint { path: "checkpoints/1".into(), step: 1, blake3: "00".to_owned(), bytes: 1 };
        let lost = Event::SegmentLost { trial: 0, rung: 0, fence: 1, cause: "killed".to_owned(), crashed: true };
        put(store, &[claimed(0, 1, "cpu#1"), Event::Checkpointed { trial: 0, fence: 1, checkpoint }, evaluated(1, 2, 0.1), lost]).unwrap();
        assert_eq!(study(store).unwrap().steps_repeated(), 0, "not yet");
        let Event::SegmentCompleted { trial, rung, mut completed, .. } = completed(0, 2, 0.5) else { unreachable!() };
        completed.steps_trained = 3;
        put(store, &[claimed(0, 2, "cpu#1"), Event::SegmentCompleted { trial, rung, fence: 2, completed }]).unwrap();
        let state = study(store).unwrap();
        assert_eq!((state.trials[0].steps_trained, state.trials[0].furthest_step, state.steps_repeated()), (5, 4, 1));
    });
}

#[test]
fn values_that_are_not_finite_survive() {
    for_each_store(|open| {
        started(&mut *open());
        put(&mut *open(), &[claimed(0, 1, "cpu#1"), evaluated(1, 4, f64::NAN), evaluated(1, 5, f64::INFINITY)]).unwrap();
        put(&mut *open(), &[completed(0, 1, f64::NEG_INFINITY)]).unwrap();
        let events = open().events(0).unwrap();
        let values: Vec<&Evaluation> = events
            .iter()
            .filter_map(|l| if let Event::Evaluated { evaluation, .. } = &l.event { Some(&**evaluation) } else { None })
            .collect();
        assert!(values[0].train_loss.is_nan() && values[0].metrics["accuracy"].is_nan());
        assert_eq!(values[1].train_loss, f64::INFINITY);
        assert_eq!(values[1].metrics["loss"], f64::NEG_INFINITY);
        assert_eq!(study(&mut *open()).unwrap().search.trials()[0].values, [f64::NEG_INFINITY]);
    });
}

#[test]
fn handles_see_each_other() {
    for_each_store(|open| {
        let (mut a, mut b) = (open(), open());
        started(&mut *a);
        assert_eq!(study(&mut *b).unwrap().search.seq, study(&mut *a).unwrap().search.seq);
        put(&mut *b, &[claimed(0, 1, "cpu#2")]).unwrap();
        assert!(matches!(refused(put(&mut *a, &[claimed(0, 1, "cpu#1")])), Refused::Claimed { .. }));
        assert_eq!(study(&mut *a).unwrap().claims_of("cpu#2").count(), 1);
        let after = a.events(4).unwrap();
        assert_eq!(after.iter().map(|l| l.seq).collect::<Vec<_>>(), [5, 6]);
    });
}

#[test]
fn time_is_active_while_a_worker_is_there() {
    for_each_store(|open| {
        let store = &mut *open();
        store.create(0, spec(9)).unwrap();
        let start = |name: &str| Event::WorkerStarted(crate::testing::worker(name));
        store.commit(1000, &mut |_| vec![start("cpu#1")]).unwrap();
        store.commit(1500, &mut |_| vec![start("cpu#2")]).unwrap();
        store.commit(2000, &mut |_| vec![Event::WorkerEnded { worker: "cpu#1".to_owned() }]).unwrap();
        assert_eq!(study(store).unwrap().active_millis(2600), 1600);
        let mut settings = spec(10).space.settings;
        settings.budget_seconds = Some(2);
        store.commit(3000, &mut |_| vec![Event::SettingsChanged(Box::new(settings.clone()))]).unwrap();
        assert!(study(store).unwrap().budget_spent(3000));
        // Nobody knows when it died, so only what it has shown counts.
        let (lost, cause) = (["cpu#2".to_owned()], "the power went");
        store.commit(90_000, &mut |state| state.release(&lost, cause, false)).unwrap();
        assert_eq!(study(store).unwrap().active_millis(100_000), 2000);
    });
}

#[test]
fn a_hundred_thousand_trials_are_read_in_pages() {
    const TRIALS: u32 = 100_000;
    let dir = tempfile::tempdir().unwrap();
    on_each_store(&StudyFolder::new(dir.path()), |open| {
        let store = &mut *open();
        started(store);
        let config: std::sync::Arc<_> = config(0.1).into();
        let mut number = 1;
        while number < TRIALS {
            let trial = |number| {
                let (config, kind) = (std::sync::Arc::clone(&config), TrialKind::Search);
                TrialAdded { number, kind, config, assignment: None, recipe: None, learn_from: 0, snapshot_seq: 3 }
            };
            let numbers = number..(number + 10_000).min(TRIALS);
            number = numbers.end;
            let events: Vec<Event> =
                numbers.flat_map(|number| [decided(Action::Start { learn_from: 0 }), Event::TrialAdded(Box::new(trial(number)))]).collect();
            put(store, &events).unwrap();
        }
        let seq = study(store).unwrap().search.seq;
        assert_eq!(study(&mut *open()).unwrap().search.trials().len(), TRIALS as usize);
        let page = store.page(10, 1000).unwrap();
        assert_eq!((page.len(), page[0].seq, page[999].seq), (1000, 11, 1010));
        assert_eq!(store.page(seq - 1, 1000).unwrap().len(), 1);
        assert!(store.page(seq, 1000).unwrap().is_empty() && store.page(u64::MAX, 1000).unwrap().is_empty());
        let mut next = 1;
        let take = |logged: &crate::events::Logged| {
            assert_eq!(logged.seq, next);
            next += 1;
            Ok::<_, StoreError>(())
        };
        each_event(&mut *open(), take).unwrap();
        assert_eq!(next, seq + 1);
    });
}
