//! That a trial which paused is the trial that did not, bit for bit.

use std::path::Path;

use search_spaces::config::{Dropout, EarlyStopping, Keep, Rate};

use super::*;

/// A config with everything that has a course of its own.
fn rich() -> Config {
    Config {
        epochs: 3,
        warmup: 0.2,
        dropout: Dropout {
            hidden: Rate::Ramp { from: 0.0, to: 0.3, until: 0.6 },
            attention: Rate::Constant(0.0),
            classifier: Rate::Early { rate: 0.2, until: 0.5 },
        },
        label_smoothing: 0.1,
        clip_norm: Some(0.5),
        layer_decay: 0.8,
        early_stopping: Some(EarlyStopping { patience: 7, min_delta: 0.0 }),
        keep: Keep::Best,
        ..testing::trial_config()
    }
}

/// The evaluations and the final file of a trial that is torn down and continued from its checkpoint after each of the steps `cuts`.
fn course(fixture: &Fixture, config: &Config, cuts: &[u64], folder: &Path) -> (Vec<Evaluation>, String) {
    let mut trainer = Trainer::new(fixture.job(config)).unwrap();
    let mut evaluations = Vec::new();
    for &cut in cuts {
        evaluations.extend(train(&mut trainer, cut));
        let checkpoint = trainer.save(folder).unwrap();
        trainer = Trainer::resume(fixture.job(config), &checkpoint).unwrap();
        assert_eq!(trainer.save(folder).unwrap(), checkpoint, "what is read is written again");
    }
    evaluations.extend(train(&mut trainer, u64::MAX));
    // The hash covers weights, best step and value, and where everything stood.
    let finished = trainer.finish(folder, None).unwrap();
    (evaluations, hash(&finished.checkpoint).to_owned())
}

/// 24 steps of which 5 warm up, evaluated every second step. The cuts lie within warm-up, at an evaluation that ends a pass, and
/// within a pass.
const CUTS: [u64; 3] = [3, 8, 19];

#[test]
fn cut_anywhere_every_optimizer_schedule_and_unfreezing_continues_bit_for_bit() {
    let fixture = Fixture::new(&[10, 30, 90]);
    let folder = tempfile::tempdir().unwrap();
    for config in all(&rich()) {
        let straight = course(&fixture, &config, &[], folder.path());
        assert_eq!(straight, course(&fixture, &config, &CUTS, folder.path()), "{config:?}");
    }
}

/// Watches that the cuts above do fall where continuing is hard.
#[test]
fn cut_within_a_thaw_and_within_a_count_at_every_step() {
    let fixture = Fixture::new(&[10, 30, 90]);
    let folder = tempfile::tempdir().unwrap();
    // Learns so slowly that nothing counts as improved.
    let config = Config {
        optimizer: Optimizer::AdamW { learning_rate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 },
        schedule: Schedule::Plateau { factor: 0.5, patience: 2, min_delta: 0.05, floor: 0.01 },
        unfreeze: Unfreeze::Gradual { start: 0, blocks: 1, patience: 3, min_delta: 0.05, rewarm: 0.5 },
        early_stopping: Some(EarlyStopping { patience: 9, min_delta: 0.05 }),
        ..rich()
    };
    let (mut warming, mut counting, mut thawed) = (0, 0, 0);
    let mut trainer = Trainer::new(fixture.job(&config)).unwrap();
    let mut lowest = 4;
    while !trainer.is_over() {
        let step = trainer.step() + 1;
        train(&mut trainer, step);
        let next = trainer.unfreezing.lowest(step);
        warming += u32::from((next..4).any(|block| trainer.unfreezing.warmth(block, step) < 1.0));
        counting += u32::from(
            trainer.schedule.state()
                != trainer.schedule.state().map(|s| crate::schedules::ScheduleState { monitor: crate::monitor::Monitor::default(), ..s }),
        );
        thawed += u32::from(next < lowest);
        lowest = next;
    }
    assert!(
        warming >= 6 && counting >= 10 && thawed >= 2,
        "{warming} cuts while warming up anew, {counting} while counting, {thawed} thaws"
    );
    assert!(trainer.progress.stopped_early);

    let every: Vec<u64> = (1..trainer.step()).collect();
    assert_eq!(course(&fixture, &config, &[], folder.path()), course(&fixture, &config, &every, folder.path()));
}

#[test]
fn weights_of_the_last_step_continue_bit_for_bit_too() {
    let fixture = Fixture::new(&[90]);
    let folder = tempfile::tempdir().unwrap();
    let config = Config { keep: Keep::Last, early_stopping: None, ..rich() };
    let straight = course(&fixture, &config, &[], folder.path());
    assert_eq!(straight, course(&fixture, &config, &CUTS, folder.path()));
}

#[test]
fn a_checkpoint_of_another_trial_or_config_is_refused() {
    let fixture = Fixture::new(&[90]);
    let folder = tempfile::tempdir().unwrap();
    let config = rich();
    let mut trainer = Trainer::new(fixture.job(&config)).unwrap();
    train(&mut trainer, 3);
    let checkpoint = trainer.save(folder.path()).unwrap();
    let other = Config { batch_size: 8, ..rich() };
    let refused =
        |job| Trainer::resume(job, &checkpoint).map(|_| ()).unwrap_err().to_string().replace(&folder.path().display().to_string(), "F");
    let expected = "the checkpoint F/trial-3-step-3.ckpt does not fit this trial: it is of another trial, config or data";
    assert_eq!(refused(fixture.job(&other)), expected);
    assert_eq!(refused(Job { seed: 6, ..fixture.job(&config) }), expected);
    Trainer::resume(fixture.job(&config), &checkpoint).unwrap();
}

/// As after a device ran out of memory, and on a larger one again.
#[test]
fn a_checkpoint_of_whole_batches_goes_on_in_parts_and_back() {
    let fixture = Fixture::new(&[90]);
    let folder = tempfile::tempdir().unwrap();
    let still = || Rate::Constant(0.0);
    let dropout = Dropout { hidden: still(), attention: still(), classifier: still() };
    let config = Config { dropout, ..testing::trial_config() };
    let whole = train(&mut Trainer::new(fixture.job(&config)).unwrap(), u64::MAX);
    let (mut trainer, mut found) = (Trainer::new(fixture.job(&config)).unwrap(), Vec::new());
    for (micro_batch, pause, until) in [(Some(2), 3, 5), (None, 8, 11), (Some(1), 13, u64::MAX)] {
        found.extend(train(&mut trainer, pause));
        let checkpoint = trainer.save(folder.path()).unwrap();
        trainer = Trainer::resume(Job { micro_batch, ..fixture.job(&config) }, &checkpoint).unwrap();
        found.extend(train(&mut trainer, until));
    }
    assert_eq!(found.len(), whole.len());
    for (found, whole) in found.iter().zip(&whole) {
        assert_eq!(found.step, whole.step);
        assert!((found.train_loss - whole.train_loss).abs() < 1e-4, "step {}: {} and {}", found.step, found.train_loss, whole.train_loss);
        assert!((found.metrics["loss"] - whole.metrics["loss"]).abs() < 1e-4, "step {}", found.step);
    }
}

#[test]
fn a_checkpoint_whose_state_lies_is_refused() {
    let fixture = Fixture::new(&[90]);
    let folder = tempfile::tempdir().unwrap();
    let config = Config { unfreeze: Unfreeze::LastBlocks { k: 1 }, ..rich() };
    let mut trainer = Trainer::new(fixture.job(&config)).unwrap();
    train(&mut trainer, 3);
    let checkpoint = trainer.save(folder.path()).unwrap();
    let contents = crate::checkpoint::read(&checkpoint).unwrap();
    let refused = |from: &str, to: &str| {
        let state = contents.state.replacen(from, to, 1);
        assert_ne!(state, contents.state);
        let forged = crate::checkpoint::write(&folder.path().join("forged.ckpt"), 3, &state, &[]).unwrap();
        Trainer::resume(fixture.job(&config), &forged).map(|_| ()).unwrap_err().to_string()
    };
    assert!(refused("],\"lowest\":3", "],\"lowest\":2").ends_with("it has no tensor weights/layer.1.weight"));
    assert!(refused("layer.0", "layer.9").contains("its model has the blocks embeddings, layer.9"));
    assert!(refused("\"step\":3", "\"step\":-3").contains("its state cannot be read"));
}
