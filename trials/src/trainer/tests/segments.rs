//! Segments as the engine runs them: rungs, cancelling, checkpoints on the way.

use std::sync::Arc;

use crossbeam_channel::unbounded;
use engine::{
    devices::Device,
    folds::Fold,
    runner::{Cancel, Completed, Outcome, Segment, SlotInfo, TrialError, TrialEvent, TrialRunner},
};
use search_spaces::config::{EarlyStopping, Keep};
use tempfile::TempDir;

use super::*;
use crate::{
    metrics::Measures,
    runner::{Runner, RunnerSettings},
};

struct Study {
    folder: TempDir,
    runner: Runner,
    config: Config,
}

fn config() -> Config {
    Config { epochs: 3, keep: Keep::Best, unfreeze: Unfreeze::Progressive { start: 0, blocks: 1, every: 0.7 }, ..testing::trial_config() }
}

fn slot(threads: usize) -> SlotInfo {
    SlotInfo { name: "cpu/0".to_owned(), device: Device::Cpu, threads }
}

impl Study {
    fn new(config: Config, checkpoint_every_seconds: u64) -> Study {
        let settings = RunnerSettings { objective: OBJECTIVE, eval_every: 0.25, checkpoint_every_seconds };
        let runner =
            Runner::new(Arc::new(testing::task(30, 20, 10).task()), Arc::new(Tiny::new()), Device::Cpu, settings, Measures::default());
        Study { folder: tempfile::tempdir().unwrap(), runner, config }
    }

    fn segment(&self, rung: usize) -> Segment {
        let folder = self.folder.path().to_owned();
        let ladder = Ladder { eta: 3, rungs: vec![10, 30, 90], ..Ladder::default() };
        Segment {
            trial: 3,
            rung,
            fold: None,
            ladder,
            config: self.config.clone(),
            micro_batch: None,
            assignment: None,
            seed: 5,
            checkpoints: folder.clone(),
            artefacts: folder,
        }
    }

    fn run(&self, rung: usize, from: Option<&Checkpoint>) -> (Completed, Vec<TrialEvent>) {
        self.run_segment(&self.segment(rung), 1, from)
    }

    fn run_segment(&self, segment: &Segment, threads: usize, from: Option<&Checkpoint>) -> (Completed, Vec<TrialEvent>) {
        let (sender, receiver) = unbounded();
        let outcome = self.runner.run(segment, &slot(threads), from, &sender, &Cancel::default()).unwrap();
        drop(sender);
        let Outcome::Completed(completed) = outcome else { panic!("{outcome:?}") };
        (completed, receiver.iter().filter(|event| *event != TrialEvent::Alive).collect())
    }
}

fn evaluations(events: &[TrialEvent]) -> Vec<Evaluation> {
    events.iter().filter_map(|event| if let TrialEvent::Evaluated(e) = event { Some(e.clone()) } else { None }).collect()
}

fn checkpoints(events: &[TrialEvent]) -> Vec<Checkpoint> {
    events.iter().filter_map(|event| if let TrialEvent::Checkpointed(c) = event { Some(c.clone()) } else { None }).collect()
}

/// All that must be equal: not the seconds, nor where the trial paused.
fn result(completed: &Completed) -> (u64, u64, bool, u64, Option<String>) {
    let blake3 = completed.checkpoint.as_ref().map(|checkpoint| checkpoint.blake3.clone());
    (completed.value.to_bits(), completed.step, completed.stopped_early, completed.trainable_parameters, blake3)
}

#[test]
fn three_rungs_are_the_same_as_going_straight_to_the_top() {
    for config in [config(), Config { keep: Keep::Last, ..config() }] {
        let study = Study::new(config, u64::MAX);
        let (straight, straight_events) = study.run(2, None);
        let (first, mut events) = study.run(0, None);
        let (second, more) = study.run(1, first.checkpoint.as_ref());
        events.extend(more);
        let (third, more) = study.run(2, second.checkpoint.as_ref());
        events.extend(more);
        assert_eq!(result(&straight), result(&third));
        assert_eq!(evaluations(&straight_events), evaluations(&events));
        assert_eq!([&first, &second, &third].map(|segment| segment.steps_trained), [3, 5, 16], "no step twice");
        assert_eq!(straight.steps_trained, 24);
        // The value at a rung is the evaluation there.
        let at = |rung| evaluations(&events).into_iter().find(|e| e.rung == Some(rung)).unwrap();
        assert_eq!((first.value, first.step), (at(0).metrics["loss"], 3));
        assert_eq!((second.value, second.step), (at(1).metrics["loss"], 8));
        assert_eq!(third.trainable_parameters, 24 * 8 + 3 * 72 + 27, "everything had thawed");
        assert_eq!(first.trainable_parameters, 27);
    }
}

#[test]
fn any_checkpoint_on_the_way_leads_to_the_same_end() {
    let study = Study::new(config(), 0);
    let (straight, events) = study.run(2, None);
    let on_the_way = checkpoints(&events);
    assert_eq!(on_the_way.iter().map(|checkpoint| checkpoint.step).collect::<Vec<_>>(), (1..=24).collect::<Vec<_>>());
    for checkpoint in &on_the_way {
        let (continued, more) = study.run(2, Some(checkpoint));
        assert_eq!(result(&straight), result(&continued), "from step {}", checkpoint.step);
        assert_eq!(continued.steps_trained, 24 - checkpoint.step);
        let after: Vec<_> = evaluations(&events).into_iter().filter(|e| e.step > checkpoint.step).collect();
        assert_eq!(evaluations(&more), after);
    }
}

#[test]
fn cancelled_it_leaves_a_checkpoint_to_go_on_from() {
    let study = Study::new(config(), u64::MAX);
    let (straight, _) = study.run(2, None);
    // Cancels itself when it hears of step 5: the channel has room for one message, so the runner is at most two steps further.
    let (sender, receiver) = crossbeam_channel::bounded(0);
    let cancel = Cancel::default();
    let (outcome, events) = std::thread::scope(|scope| {
        let listener = scope.spawn(|| {
            let mut events = Vec::new();
            for event in &receiver {
                if matches!(event, TrialEvent::Step { step: 5, .. }) {
                    cancel.set();
                }
                events.push(event);
            }
            events
        });
        let outcome = study.runner.run(&study.segment(2), &slot(1), None, &sender, &cancel).unwrap();
        drop(sender);
        (outcome, listener.join().unwrap())
    });
    assert_eq!(outcome, Outcome::Cancelled);
    let Some(TrialEvent::Checkpointed(checkpoint)) = events.last() else { panic!("{events:?}") };
    assert!((5..=6).contains(&checkpoint.step));
    let (continued, _) = study.run(2, Some(checkpoint));
    assert_eq!(result(&straight), result(&continued));
    assert_eq!(continued.steps_trained, 24 - checkpoint.step);
}

#[test]
fn cancelled_at_once_it_does_nothing_and_a_closed_channel_cancels() {
    let study = Study::new(config(), u64::MAX);
    let (sender, receiver) = unbounded();
    let cancel = Cancel::default();
    cancel.set();
    assert_eq!(study.runner.run(&study.segment(0), &slot(1), None, &sender, &cancel).unwrap(), Outcome::Cancelled);
    assert!(receiver.is_empty());
    drop(receiver);
    assert_eq!(study.runner.run(&study.segment(0), &slot(1), None, &sender, &Cancel::default()).unwrap(), Outcome::Cancelled);
    assert_eq!(std::fs::read_dir(study.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_trial_that_is_over_gives_its_result_again() {
    let study = Study::new(config(), u64::MAX);
    let (first, _) = study.run(2, None);
    std::fs::remove_file(first.predictions.as_ref().unwrap()).unwrap();
    let (again, events) = study.run(2, first.checkpoint.as_ref());
    assert_eq!(result(&first), result(&again));
    assert_eq!((again.steps_trained, events.len()), (0, 0));
    assert_eq!(again.checkpoint, first.checkpoint);
    assert!(again.predictions.unwrap().exists());
}

#[test]
fn a_rung_that_has_been_reached_gives_its_value_again() {
    let study = Study::new(config(), u64::MAX);
    let (first, _) = study.run(0, None);
    let (again, events) = study.run(0, first.checkpoint.as_ref());
    assert_eq!(result(&first), result(&again));
    assert_eq!((again.steps_trained, events.len()), (0, 0));
}

#[test]
fn a_lower_rung_at_the_last_step_has_the_value_of_that_step() {
    let optimizer = Optimizer::Sgd { learning_rate: 8.0, momentum: 0.9, nesterov: false, l2: 0.0 };
    let study = Study::new(Config { optimizer, ..config() }, u64::MAX);
    let segment = |rung| Segment { ladder: Ladder { eta: 3, rungs: vec![30, 89, 90], ..Ladder::default() }, ..study.segment(rung) };
    let (straight, events) = study.run_segment(&segment(2), 1, None);
    assert!(straight.step < 24, "the best is not the last");
    let (lower, _) = study.run_segment(&segment(1), 1, None);
    let last = evaluations(&events).pop().unwrap();
    assert_eq!((last.step, lower.step, lower.value), (24, 24, last.metrics["loss"]));
    assert!(lower.value > straight.value);
    let (top, events) = study.run_segment(&segment(2), 1, lower.checkpoint.as_ref());
    assert_eq!(result(&top), result(&straight));
    assert_eq!((top.steps_trained, evaluations(&events).len()), (0, 0));
}

#[test]
fn a_trial_that_stops_itself_is_over_at_a_lower_rung() {
    let optimizer = Optimizer::Sgd { learning_rate: 1e-9, momentum: 0.0, nesterov: false, l2: 0.0 };
    let early_stopping = Some(EarlyStopping { patience: 2, min_delta: 0.01 });
    let study = Study::new(Config { optimizer, early_stopping, ..config() }, u64::MAX);
    let (completed, events) = study.run(1, None);
    assert!(completed.stopped_early && completed.predictions.is_some());
    assert_eq!(evaluations(&events).len(), 3);
    assert_eq!(completed.steps_trained, 4, "rung 1 would be at step 8");
    let (again, _) = study.run(2, completed.checkpoint.as_ref());
    assert_eq!(result(&completed), result(&again));
}

#[test]
fn predictions_are_those_of_the_weights_that_count() {
    let study = Study::new(config(), u64::MAX);
    let (waits, mut events) = study.run(1, None);
    let at_the_rung = std::fs::read_to_string(waits.predictions.as_ref().unwrap()).unwrap();
    let (completed, more) = study.run(2, waits.checkpoint.as_ref());
    events.extend(more);
    let table = std::fs::read_to_string(completed.predictions.unwrap()).unwrap();
    let rows = |table: &str| table.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect::<Vec<Vec<String>>>();
    for (table, step) in [(&at_the_rung, waits.step), (&table, completed.step)] {
        let rows = rows(table);
        let right = rows.iter().filter(|row| row[2] == row[3]).count();
        let counts = evaluations(&events).into_iter().find(|e| e.step == step).unwrap();
        assert_eq!(right as f64 / rows.len() as f64, counts.metrics["accuracy"]);
    }
    assert_ne!(at_the_rung, table);
    let rows = rows(&table);
    assert_eq!(table.lines().next(), Some("split,row,label,predicted,probability of bad,probability of fair,probability of good"));
    assert_eq!(rows.iter().map(|row| row[1].clone()).collect::<Vec<_>>(), (0..20).map(|row| row.to_string()).collect::<Vec<_>>());
}

#[test]
fn the_test_split_is_evaluated_with_the_weights_that_count() {
    let study = Study::new(config(), u64::MAX);
    let (completed, _) = study.run(2, None);
    let checkpoint = completed.checkpoint.unwrap();
    let model = study.runner.model(&checkpoint).unwrap();
    let test = study.runner.task().test.as_ref();
    let logits = evaluate(model.as_ref(), &Tiny::new(), test, 3).unwrap();
    let labels = test.labels();
    assert_eq!(
        study.runner.evaluate_test(&checkpoint, 0, 7, 1).unwrap().map(|tested| tested.metrics),
        Some(Measures::default().of(&logits, &labels))
    );
    let folder = tempfile::tempdir().unwrap();
    let tested = study.runner.evaluate_test_into(folder.path(), &checkpoint, (0, 7), 1).unwrap().unwrap();
    let rows = std::fs::read_to_string(tested.predictions.unwrap()).unwrap();
    let (right, all) = rows.lines().skip(1).map(|row| row.split(',').collect::<Vec<_>>()).fold((0, 0), |(right, all), row| {
        assert_eq!(row[0], "test");
        (right + usize::from(row[2] == row[3]), all + 1)
    });
    assert_eq!((right as f64 / f64::from(all), all as u64), (tested.metrics["accuracy"], tested.examples));
}

#[test]
fn trained_again_from_its_config_file_a_trial_has_the_same_value() {
    let study = Study::new(Config { unfreeze: unfreezings()[4].clone(), schedule: schedules()[7].clone(), ..config() }, u64::MAX);
    let (first, _) = study.run(0, None);
    let (second, _) = study.run(1, first.checkpoint.as_ref());
    let (found, _) = study.run(2, second.checkpoint.as_ref());
    let segment = study.segment(2);
    let file = search_spaces::claim::ConfigFile {
        config: segment.config.clone(),
        ladder: segment.ladder.clone(),
        objective: OBJECTIVE,
        eval_every: 0.25,
        seed: segment.seed,
        trial: segment.trial,
        threads: Some(1),
        ..testing::trial_config_file()
    };
    let (task, base) = (Arc::new(testing::task(30, 20, 10).task()), Arc::new(Tiny::new()));
    let runner = Runner::new(task, base, Device::Cpu, RunnerSettings::of(&file), Measures::default());
    let folder = tempfile::tempdir().unwrap();
    let (sender, _receiver) = unbounded();
    let Outcome::Completed(trained) = runner.train(&file, folder.path(), &sender, &Cancel::default()).unwrap() else { panic!("cancelled") };
    assert_eq!(result(&found), result(&trained));
}

#[test]
fn what_cannot_run_is_the_trials_fault_and_leaves_nothing_behind() {
    let study = Study::new(config(), u64::MAX);
    let (sender, _receiver) = unbounded();
    let run = |segment: &Segment, slot: &SlotInfo, from: Option<&Checkpoint>| {
        study.runner.run(segment, slot, from, &sender, &Cancel::default()).unwrap_err().to_string()
    };
    let gpu = SlotInfo { device: Device::Cuda(1), name: "cuda:1/0".to_owned(), threads: 1 };
    insta::assert_snapshot!(run(&study.segment(0), &gpu, None), @"slot cuda:1/0 computes on Cuda(1), the model lies on Cpu");
    insta::assert_snapshot!(run(&study.segment(3), &slot(1), None), @"rung 3 of a ladder of 3");
    let optimizer = Optimizer::Sgd { learning_rate: 1e30, momentum: 0.0, nesterov: false, l2: 0.0 };
    let diverging = Segment { config: Config { optimizer, ..config() }, ..study.segment(1) };
    let error = study.runner.run(&diverging, &slot(1), None, &sender, &Cancel::default()).unwrap_err();
    assert!(matches!(error, TrialError::NonFiniteLoss { .. }));
    assert_eq!(std::fs::read_dir(study.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_checkpoint_that_is_gone_or_damaged_is_nobodys_fault() {
    let study = Study::new(config(), u64::MAX);
    let (first, _) = study.run(0, None);
    let checkpoint = first.checkpoint.unwrap();
    let (sender, _receiver) = unbounded();
    let error = || study.runner.run(&study.segment(1), &slot(1), Some(&checkpoint), &sender, &Cancel::default()).unwrap_err();
    let whole = std::fs::read(&checkpoint.path).unwrap();
    let damaged: Vec<u8> = whole.iter().map(|byte| byte ^ 1).collect();
    for bytes in [&damaged[..], &whole[..9]] {
        std::fs::write(&checkpoint.path, bytes).unwrap();
        assert!(matches!(error(), TrialError::CheckpointLost(_)), "{:?}", error());
    }
    std::fs::remove_file(&checkpoint.path).unwrap();
    assert!(matches!(error(), TrialError::CheckpointLost(_)), "{:?}", error());
    // What is there and cannot be read is the machine's.
    std::fs::create_dir(&checkpoint.path).unwrap();
    let folder = Checkpoint { bytes: std::fs::metadata(&checkpoint.path).unwrap().len(), ..checkpoint.clone() };
    let error = study.runner.run(&study.segment(1), &slot(1), Some(&folder), &sender, &Cancel::default()).unwrap_err();
    let TrialError::Machine(why) = error else { panic!("{error:?}") };
    assert!(why.ends_with("see that the disk is in order, then run the same command again"), "{why}");
}

/// Bits are promised for one thread count only; lost state would show as far more than rounding does.
#[test]
fn threads_of_a_slot_may_change_between_segments() {
    let study = Study::new(config(), u64::MAX);
    let (straight, expected) = study.run(2, None);
    let (mut from, mut found) = (None, Vec::new());
    for (rung, threads) in [1, 3, 2].into_iter().enumerate() {
        let (completed, events) = study.run_segment(&study.segment(rung), threads, from.as_ref());
        found.extend(evaluations(&events));
        from = completed.checkpoint.clone();
        if rung == 2 {
            assert_eq!((completed.step, completed.trainable_parameters), (straight.step, straight.trainable_parameters));
            assert!((completed.value - straight.value).abs() < 1e-5, "{} and {}", completed.value, straight.value);
        }
    }
    let expected = evaluations(&expected);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!((found.step, &found.learning_rates), (expected.step, &expected.learning_rates));
        let (loss, like) = (found.metrics["loss"], expected.metrics["loss"]);
        assert!((loss - like).abs() < 1e-5 && (found.train_loss - expected.train_loss).abs() < 1e-5, "step {}: {loss}, {like}", found.step);
    }
}

#[test]
fn a_fold_is_trained_on_the_other_parts_and_judged_by_its_own() {
    let study = Study::new(config(), 600);
    let task = testing::task(30, 20, 10).task();
    let mut values = Vec::new();
    for index in 0..3 {
        let fold = Fold { trial: 3, index, of: 3 };
        let segment = Segment { fold: Some(fold), ..study.segment(2) };
        let (completed, _) = study.run_segment(&segment, 1, None);
        // 50 examples in all: of one part 16 or 17, so 33 or 34 for training in batches of 4.
        assert_eq!(completed.steps_trained, 3 * 9);
        // As a task of its own.
        let base = Tiny::new();
        let split = task.fold(index, 3, 5);
        let fixture = Fixture { task: split, base, ladder: segment.ladder.clone(), eval_every: 0.25, measures: Measures::default() };
        let mut trainer = Trainer::new(fixture.job(&study.config)).unwrap();
        train(&mut trainer, u64::MAX);
        let finished = trainer.finish(study.folder.path(), None).unwrap();
        assert_eq!(completed.value.to_bits(), finished.value.to_bits());
        values.push(completed.value.to_bits());
    }
    values.dedup();
    assert_eq!(values.len(), 3, "every part gives another value");
}
