use std::sync::Arc;

use search_spaces::{ladder::Ladder, settings::SamplerKind};

use super::*;
use crate::{
    enqueued::Enqueued,
    finalists::{FinalistsChosen, Repeat},
    folds::Folded,
    runner::Evaluation,
    schedulers::Action,
    store::{MemoryStore, Store, study},
    tested::Tested,
    testing::{config, spec},
};

const WORKER: &str = "cpu#1";

fn info(slots: usize) -> WorkerInfo {
    WorkerInfo { slots, ..crate::testing::worker(WORKER) }
}

fn added(number: u32) -> TrialAdded {
    let (config, kind) = (Arc::new(config(1e-3)), TrialKind::Search);
    TrialAdded { number, kind, config, assignment: None, recipe: None, learn_from: 0, snapshot_seq: 2 }
}

/// A study whose only trial runs.
fn running() -> MemoryStore {
    let mut store = MemoryStore::default();
    store.create(0, spec(9)).unwrap();
    let (worker, slot) = (WORKER.to_owned(), "cpu/0".to_owned());
    let events = [
        Event::WorkerStarted(info(1)),
        Event::Decided { upto_seq: 2, action: Action::Start { learn_from: 0 }, worker: worker.clone() },
        Event::TrialAdded(Box::new(added(0))),
        Event::SegmentClaimed { trial: 0, rung: 0, fence: 1, worker, slot },
    ];
    store.commit(0, &mut |_| events.to_vec()).unwrap();
    store
}

/// Why `event` may not follow.
fn refused_at(at: i64, event: &Event) -> String {
    running().commit(at, &mut |_| vec![event.clone()]).unwrap_err().to_string()
}

#[expect(clippy::needless_pass_by_value, reason = "read as an event that comes")]
fn refused(event: Event) -> String {
    refused_at(1, &event)
}

fn saved(path: &str) -> Event {
    let checkpoint = Checkpoint { path: path.into(), step: 3, blake3: "00".to_owned(), bytes: 2 };
    Event::Checkpointed { trial: 0, fence: 1, checkpoint }
}

fn ended(completed: Completed) -> Event {
    Event::SegmentCompleted { trial: 0, rung: 0, fence: 1, completed: Box::new(completed) }
}

#[test]
fn no_path_leaves_the_study_folder() {
    running().commit(1, &mut |_| vec![saved("checkpoints/trial-0-step-3.ckpt")]).unwrap();
    insta::assert_snapshot!(refused(saved("../other/letters.txt")), @r#"the path "../other/letters.txt" leads out of the study folder: the study is not to be trusted"#);
    for path in ["", "/", "/etc/passwd", "checkpoints/../../x", "..", ".", "./x", "a\0b", &"x/".repeat(9000)] {
        assert!(refused(saved(path)).contains("leads out of the study folder"), "{path}");
        let tested = Tested { trial: 0, examples: 1, metrics: [].into(), value: 0.5, low: 0.4, high: 0.6, predictions: Some(path.into()) };
        assert!(refused(Event::Tested(Box::new(tested))).contains("leads out of the study folder"), "{path}");
        let predictions = Completed { value: 0.5, step: 4, steps_trained: 4, predictions: Some(path.into()), ..Completed::default() };
        assert!(refused(ended(predictions)).contains("leads out of the study folder"), "{path}");
        let checkpoint = Some(Checkpoint { path: path.into(), step: 3, blake3: "00".to_owned(), bytes: 2 });
        assert!(refused(ended(Completed { checkpoint, ..Completed::default() })).contains("leads out of the study folder"), "{path}");
    }
}

#[test]
fn nothing_is_counted_that_cannot_be() {
    insta::assert_snapshot!(refused_at(-1, &saved("a")), @"nothing happens -1 ms after 1970");
    assert!(refused_at(i64::MAX, &saved("a")).contains("nothing happens"));
    let steps = |step| ended(Completed { value: 0.5, step, steps_trained: step, ..Completed::default() });
    insta::assert_snapshot!(refused(steps(u64::MAX)), @"nobody counts 18446744073709551615 steps");
    let evaluation = Evaluation {
        step: u64::MAX,
        examples: 1,
        epoch: 0.0,
        train_loss: f64::NAN,
        metrics: [].into(),
        learning_rates: Vec::new(),
        rung: None,
    };
    assert!(refused(Event::Evaluated { trial: 0, fence: 1, evaluation: Box::new(evaluation) }).contains("nobody counts"));
    insta::assert_snapshot!(refused(Event::WorkerStarted(info(usize::MAX))), @"worker cpu#1 cannot have 18446744073709551615 slots of 1 threads: at most 4096 are taken");
    let seen = Event::Decided { upto_seq: u64::MAX, action: Action::Start { learn_from: 0 }, worker: WORKER.to_owned() };
    insta::assert_snapshot!(refused(seen), @"event 6 cannot have seen event 18446744073709551615");
}

#[test]
fn what_is_not_there_is_not_spoken_of() {
    let fold =
        |trial, index| Event::FoldClaimed { fold: Fold { trial, index, of: 3 }, worker: WORKER.to_owned(), slot: "cpu/0".to_owned() };
    insta::assert_snapshot!(refused(fold(7, 0)), @"there is no trial 7");
    insta::assert_snapshot!(refused(fold(0, 3)), @"there is no part 3 of 3");
    let folded = Folded { value: 0.5, steps: 1, seconds: 1.0 };
    let completed = Event::FoldCompleted { fold: Fold { trial: 7, index: 0, of: 3 }, worker: WORKER.to_owned(), folded };
    insta::assert_snapshot!(refused(completed), @"there is no trial 7");
    let tested = Tested { trial: u32::MAX, examples: 1, metrics: [].into(), value: 0.5, low: 0.4, high: 0.6, predictions: None };
    insta::assert_snapshot!(refused(Event::Tested(Box::new(tested))), @"there is no trial 4294967295");
    let chosen =
        FinalistsChosen { trials: vec![1], seeds: 2, wanted: (1, 2), seconds_left: None, added: vec![Repeat { number: 1, parent: 1 }] };
    insta::assert_snapshot!(refused(Event::FinalistsChosen(Box::new(chosen))), @"there is no trial 1");
}

#[test]
fn a_trial_stands_where_one_can() {
    let mut store = running();
    let decided = Event::Decided { upto_seq: 2, action: Action::Start { learn_from: 0 }, worker: WORKER.to_owned() };
    store.commit(1, &mut |_| vec![decided.clone()]).unwrap();
    let mut refused = |added: TrialAdded| {
        let error = store.commit(1, &mut |_| vec![Event::TrialAdded(Box::new(added.clone()))]).unwrap_err();
        error.to_string()
    };
    insta::assert_snapshot!(refused(TrialAdded { kind: TrialKind::Finalist, ..added(1) }), @"trial 1 cannot be a finalist's: those are added when finalists are chosen");
    insta::assert_snapshot!(refused(TrialAdded { snapshot_seq: 99, ..added(1) }), @"event 7 cannot have seen event 99");
    let enqueued = Enqueued { name: "mine".to_owned(), config: Arc::new(config(1e-3)), assignment: Some(Assignment::default()) };
    let error = store.commit(1, &mut |_| vec![Event::Enqueued(Box::new(enqueued.clone()))]).unwrap_err();
    insta::assert_snapshot!(error, @"its place is none of this space: `optimizer.AdamW.learning_rate` has no value, although it is active");
}

#[test]
fn a_study_begins_with_what_a_file_can_hold() {
    let begun = |change: fn(&mut StudySpec)| {
        let mut spec = spec(9);
        change(&mut spec);
        MemoryStore::default().create(0, spec).unwrap_err().to_string()
    };
    insta::assert_snapshot!(begun(|spec| spec.ladder.rungs.clear()), @"no study has 0 rungs that are not growing, or not from 1 to 64: it is damaged, or not to be trusted");
    insta::assert_snapshot!(begun(|spec| spec.examples_per_epoch = 0), @"no study has 0 examples in a pass and 36 in all: it is damaged, or not to be trusted");
    insta::assert_snapshot!(begun(|spec| spec.ladder = Ladder { rungs: vec![1, u64::MAX], ..Ladder::default() }), @"no study has 36 examples in a pass and 18446744073709551615 in all: it is damaged, or not to be trusted");
    insta::assert_snapshot!(begun(|spec| spec.space.settings.sampler = SamplerKind::Grid), @"no study has a grid of more points than can be counted: it is damaged, or not to be trusted");
    let mut settings = spec(9).space.settings;
    settings.finalists = u32::MAX;
    insta::assert_snapshot!(refused(Event::SettingsChanged(Box::new(settings))), @"no settings have finalists 4294967295, which is not from 0 to 100");
}

#[test]
fn planned_trials_do_not_overflow() {
    let (mut store, mut many) = (MemoryStore::default(), spec(9));
    // As the command line may have it.
    many.space.settings.trials = u32::MAX;
    store.create(0, many).unwrap();
    let enqueued =
        |name: &str| Event::Enqueued(Box::new(Enqueued { name: name.to_owned(), config: Arc::new(config(1e-3)), assignment: None }));
    let exhausted = Event::SpaceExhausted { trials: u32::MAX };
    store.commit(0, &mut |_| vec![enqueued("a"), enqueued("b"), exhausted.clone(), enqueued("c")]).unwrap();
    assert_eq!(study(&mut store).unwrap().search.planned, u32::MAX);
}
