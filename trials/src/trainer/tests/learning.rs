//! That trials learn, and only what they should.

use std::collections::BTreeMap;

use search_spaces::config::{ClassWeights, Dropout, EarlyStopping, Keep, Rate};

use super::*;

/// Enough passes for any schedule to show.
fn longer() -> Config {
    Config { epochs: 4, ..testing::trial_config() }
}

#[test]
fn every_optimizer_schedule_and_unfreezing_learns() {
    let fixture = Fixture { eval_every: 1.0, ..Fixture::new(&[120]) };
    let configs = all(&longer());
    assert_eq!(configs.len(), 6 * 8 * 5);
    for config in configs {
        let mut trainer = Trainer::new(fixture.job(&config)).unwrap();
        let validation = fixture.task.validation.as_ref();
        let before = evaluate(trainer.model.as_ref(), &fixture.base, validation, 3).unwrap().cross_entropy(&validation.labels());
        let evaluations = train(&mut trainer, u64::MAX);
        let after = evaluations.last().unwrap().metrics["loss"];
        assert_eq!(trainer.step(), 32);
        assert!(after < before, "{after} after, {before} before: {config:?}");
        assert!(evaluations.last().unwrap().train_loss < evaluations[0].train_loss, "{config:?}");
    }
}

fn bits(tensor: &candle_core::Tensor) -> Vec<u32> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

#[test]
fn what_is_thawed_moves_and_what_is_frozen_stays_and_costs_no_state() {
    let fixture = Fixture::new(&[60]);
    for unfreeze in unfreezings() {
        let config = Config { unfreeze, ..testing::trial_config() };
        let mut trainer = Trainer::new(fixture.job(&config)).unwrap();
        let start: BTreeMap<String, Vec<u32>> = trainer.model.parameters().iter().map(|p| (p.name.clone(), bits(p.tensor()))).collect();
        for _ in 0..16 {
            let lowest = trainer.unfreezing.lowest(trainer.step());
            let before: BTreeMap<String, Vec<u32>> =
                trainer.model.parameters().iter().map(|p| (p.name.clone(), bits(p.tensor()))).collect();
            trainer.train_step().unwrap();
            for parameter in trainer.model.parameters().iter() {
                let moved = before[&parameter.name] != bits(parameter.tensor());
                assert_eq!(moved, parameter.block >= lowest, "{} with {:?}", parameter.name, config.unfreeze);
                assert_eq!(parameter.var().is_some(), parameter.block >= lowest);
            }
            let updated: Vec<String> = trainer.optimizer.updates().into_keys().collect();
            let mut thawed: Vec<String> = trainer.model.parameters().thawed().map(|(p, _)| p.name.clone()).collect();
            thawed.sort_unstable();
            assert_eq!(updated, thawed);
            trainer.evaluate_if_due().unwrap();
        }
        // What the trials share is as it was.
        let again = Trainer::new(fixture.job(&config)).unwrap();
        assert!(again.model.parameters().iter().all(|p| start[&p.name] == bits(p.tensor())));
    }
}

#[test]
fn evaluations_tell_learning_rates_of_thawed_blocks() {
    let fixture = Fixture { eval_every: 0.5, ..Fixture::new(&[60]) };
    let config = Config {
        schedule: Schedule::Linear { end: 0.0 },
        warmup: 0.25,
        unfreeze: Unfreeze::Progressive { start: 0, blocks: 2, every: 0.75 },
        layer_decay: 0.5,
        ..testing::trial_config()
    };
    let evaluations = train(&mut Trainer::new(fixture.job(&config)).unwrap(), u64::MAX);
    let rates: Vec<Vec<(&str, f64)>> =
        evaluations.iter().map(|e| e.learning_rates.iter().map(|(name, rate)| (name.as_str(), *rate)).collect()).collect();
    // 16 steps, of which 4 warm up; thawed after 6 and 12 steps; the rate is that of the step just done.
    assert_eq!(rates[0], [("head", 0.01)]);
    assert_eq!(rates[1], [("layer.1", 0.0025 * 9.0 / 12.0), ("layer.2", 0.005 * 9.0 / 12.0), ("head", 0.01 * 9.0 / 12.0)]);
    assert_eq!(rates[3].iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["embeddings", "layer.0", "layer.1", "layer.2", "head"]);
    assert_eq!(
        evaluations.iter().map(|e| (e.step, e.examples, e.rung)).collect::<Vec<_>>(),
        [(4, 16, None), (8, 30, None), (12, 46, None), (16, 60, Some(0))]
    );
}

#[test]
fn dropout_is_drawn_by_step_and_changes_training_only() {
    let fixture = Fixture::new(&[60]);
    let with = |rate| {
        let dropout = Dropout { hidden: Rate::Constant(rate), attention: Rate::Constant(0.0), classifier: Rate::Constant(0.0) };
        let config = Config { dropout, ..testing::trial_config() };
        train(&mut Trainer::new(fixture.job(&config)).unwrap(), u64::MAX)
    };
    assert_eq!(with(0.3), with(0.3));
    assert_ne!(with(0.3), with(0.0));
}

#[test]
fn early_stopping_ends_a_trial_that_does_not_improve() {
    let fixture = Fixture::new(&[60]);
    let config = Config {
        epochs: 8,
        // Learns nothing to speak of.
        optimizer: Optimizer::Sgd { learning_rate: 1e-9, momentum: 0.0, nesterov: false, l2: 0.0 },
        early_stopping: Some(EarlyStopping { patience: 3, min_delta: 0.01 }),
        ..testing::trial_config()
    };
    let mut trainer = Trainer::new(fixture.job(&config)).unwrap();
    let evaluations = train(&mut trainer, u64::MAX);
    assert_eq!(evaluations.len(), 4, "the first is the best, three do not improve on it");
    assert!(trainer.is_over() && trainer.progress.stopped_early);
    assert_eq!(trainer.step(), 8);
}

#[test]
fn the_best_weights_are_kept_when_they_count() {
    let fixture = Fixture::new(&[60]);
    // So high a rate that the loss goes up again.
    let diverging = |keep| Config {
        epochs: 4,
        optimizer: Optimizer::Sgd { learning_rate: 3.0, momentum: 0.5, nesterov: false, l2: 0.0 },
        unfreeze: Unfreeze::Progressive { start: 0, blocks: 2, every: 1.0 },
        keep,
        ..testing::trial_config()
    };
    let folder = tempfile::tempdir().unwrap();
    for keep in [Keep::Best, Keep::Last] {
        let config = diverging(keep);
        let mut trainer = Trainer::new(fixture.job(&config)).unwrap();
        let evaluations = train(&mut trainer, u64::MAX);
        let best = evaluations.iter().min_by(|a, b| a.metrics["loss"].total_cmp(&b.metrics["loss"])).unwrap();
        let last = evaluations.last().unwrap();
        assert!(best.step < last.step);
        let expected = if keep == Keep::Best { best } else { last };
        let finished = trainer.finish(folder.path(), None).unwrap();
        assert_eq!((finished.value, finished.step), (expected.metrics["loss"], expected.step));
        // The weights are those that have this value, in memory and on disk.
        let validation = fixture.task.validation.as_ref();
        for model in [finished.model, final_model(&fixture.base, &finished.checkpoint).unwrap()] {
            let logits = evaluate(model.as_ref(), &fixture.base, validation, 3).unwrap();
            assert_eq!(fixture.measures.of(&logits, &validation.labels()), expected.metrics);
        }
    }
}

#[test]
fn a_loss_that_is_not_finite_fails_the_trial() {
    let fixture = Fixture::new(&[60]);
    let optimizer = Optimizer::Sgd { learning_rate: 1e30, momentum: 0.0, nesterov: false, l2: 0.0 };
    let config = Config { optimizer, ..testing::trial_config() };
    let mut trainer = Trainer::new(fixture.job(&config)).unwrap();
    let error = (0..5).find_map(|_| trainer.train_step().and_then(|()| trainer.evaluate_if_due().map(|_| ())).err()).unwrap();
    assert!(matches!(error, engine::runner::TrialError::NonFiniteLoss { .. }), "{error}");
}

#[test]
fn clipping_and_smoothing_change_training() {
    let fixture = Fixture::new(&[60]);
    let run = |config: Config| train(&mut Trainer::new(fixture.job(&config)).unwrap(), u64::MAX);
    // Adam would hide a gradient's scale.
    let sgd = Config { optimizer: optimizers()[0].clone(), ..testing::trial_config() };
    let plain = run(sgd.clone());
    assert_ne!(plain, run(Config { clip_norm: Some(0.1), ..sgd.clone() }));
    assert_eq!(plain, run(Config { clip_norm: Some(1e9), ..sgd.clone() }));
    assert_ne!(plain, run(Config { label_smoothing: 0.2, ..sgd }));
}

/// Without dropout a batch in parts is the same batch, but for rounding.
#[test]
fn parts_of_a_batch_sum_to_it() {
    let fixture = Fixture::new(&[60]);
    let rate = || Rate::Constant(0.0);
    let still = Config {
        dropout: Dropout { hidden: rate(), attention: rate(), classifier: rate() },
        clip_norm: Some(0.5),
        class_weights: ClassWeights::Balanced,
        ..testing::trial_config()
    };
    let losses = |config: &Config| {
        let mut trainer = Trainer::new(fixture.job(config)).unwrap();
        train(&mut trainer, u64::MAX).iter().map(|evaluation| (evaluation.train_loss, evaluation.metrics["loss"])).collect::<Vec<_>>()
    };
    let whole = losses(&still);
    for count in [1, 3, 4, 100] {
        let parts = losses(&Config { micro_batch: Some(count), ..still.clone() });
        assert_eq!(parts.len(), whole.len());
        for ((train, validation), (same_train, same)) in parts.iter().zip(&whole) {
            assert!((train - same_train).abs() < 1e-4 && (validation - same).abs() < 1e-4, "{count} at a time: {validation} and {same}");
        }
    }
    // Parts have dropout masks of their own.
    let dropping = Config { class_weights: ClassWeights::Off, ..testing::trial_config() };
    assert_ne!(losses(&dropping), losses(&Config { micro_batch: Some(2), ..dropping.clone() }));
}

#[test]
fn balanced_classes_count_the_same() {
    let mut task = testing::task(60, 20, 10);
    // One class in ten is not the first.
    for (index, example) in task.train.iter_mut().enumerate() {
        example.label = if index % 10 == 0 { 1 + index as u32 / 10 % 2 } else { 0 };
    }
    let fixture = Fixture { task: task.task(), ..Fixture::new(&[120]) };
    let config = Config { class_weights: ClassWeights::Balanced, ..testing::trial_config() };
    let weights = Trainer::new(fixture.job(&config)).unwrap().class_weights.unwrap();
    for (weight, count) in weights.iter().zip([54.0, 3.0, 3.0]) {
        assert!((f64::from(*weight) - 60.0 / (3.0 * count)).abs() < 1e-6, "{weight} for {count}");
    }
    assert_eq!(Trainer::new(fixture.job(&testing::trial_config())).unwrap().class_weights, None);
}
