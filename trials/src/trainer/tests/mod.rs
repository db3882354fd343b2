//! Trials of the tiny test model, whole and cut to pieces.

mod equal_cost;
mod identity;
mod learning;
mod parity;
mod segments;

use engine::runner::{Checkpoint, Evaluation};
use search_spaces::{
    config::{Config, Optimizer, Schedule, Unfreeze},
    ladder::Ladder,
    settings::{Direction, Metric, Objective},
};

use super::*;
use crate::{
    metrics::Measures,
    testing::{self, Tiny},
};

const OBJECTIVE: Objective = Objective { metric: Metric::Loss, direction: Direction::Minimize };

fn optimizers() -> Vec<Optimizer> {
    vec![
        Optimizer::Sgd { learning_rate: 0.3, momentum: 0.0, nesterov: false, l2: 0.0 },
        Optimizer::Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: true, l2: 1e-4 },
        Optimizer::Adam { learning_rate: 0.03, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, l2: 1e-4 },
        Optimizer::AdamW { learning_rate: 0.03, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 },
        Optimizer::RmsProp { learning_rate: 0.02, alpha: 0.9, epsilon: 1e-6, momentum: 0.0, centered: false, l2: 0.0 },
        Optimizer::RmsProp { learning_rate: 0.01, alpha: 0.95, epsilon: 1e-3, momentum: 0.5, centered: true, l2: 1e-4 },
    ]
}

fn schedules() -> Vec<Schedule> {
    vec![
        Schedule::Constant,
        Schedule::Linear { end: 0.0 },
        Schedule::Cosine { end: 0.1 },
        Schedule::OneCycle { peak_at: 0.3, start_divisor: 25.0, end_divisor: 1e4 },
        Schedule::SlantedTriangular { cut: 0.1, ratio: 32.0 },
        Schedule::Step { every: 1.5, factor: 0.5 },
        Schedule::Exponential { factor: 0.7 },
        Schedule::Plateau { factor: 0.7, patience: 1, min_delta: 0.05, floor: 0.1 },
    ]
}

fn unfreezings() -> Vec<Unfreeze> {
    vec![
        Unfreeze::HeadOnly,
        Unfreeze::Everything,
        Unfreeze::LastBlocks { k: 2 },
        Unfreeze::Progressive { start: 1, blocks: 1, every: 0.6 },
        Unfreeze::Gradual { start: 0, blocks: 1, patience: 2, min_delta: 0.1, rewarm: 0.7 },
    ]
}

/// Every optimizer x schedule x unfreezing, each as `base` otherwise.
fn all(base: &Config) -> Vec<Config> {
    let mut configs = Vec::new();
    for optimizer in optimizers() {
        for schedule in schedules() {
            for unfreeze in unfreezings() {
                let (optimizer, schedule) = (optimizer.clone(), schedule.clone());
                configs.push(Config { optimizer, schedule, unfreeze, ..base.clone() });
            }
        }
    }
    configs
}

struct Fixture {
    task: Task,
    base: Tiny,
    ladder: Ladder,
    eval_every: f64,
    measures: Measures,
}

impl Fixture {
    /// 30 examples: passes of 8 steps, the last of 2 examples.
    fn new(rungs: &[u64]) -> Fixture {
        Fixture {
            task: testing::task(30, 20, 10).task(),
            base: Tiny::new(),
            ladder: Ladder { eta: 3, rungs: rungs.to_vec(), ..Ladder::default() },
            eval_every: 0.25,
            measures: Measures::default(),
        }
    }

    fn job<'a>(&'a self, config: &'a Config) -> Job<'a> {
        Job {
            task: &self.task,
            base: &self.base,
            measures: &self.measures,
            objective: OBJECTIVE,
            config,
            micro_batch: None,
            ladder: &self.ladder,
            eval_every: self.eval_every,
            seed: 5,
            trial: 3,
            alive: &|| (),
        }
    }
}

/// Trains until `step` or the end, whichever comes first.
fn train(trainer: &mut Trainer, step: u64) -> Vec<Evaluation> {
    let mut evaluations = Vec::new();
    while !trainer.is_over() && trainer.step() < step {
        trainer.train_step().unwrap();
        evaluations.extend(trainer.evaluate_if_due().unwrap());
    }
    evaluations
}

/// Of the checkpoint's content.
fn hash(checkpoint: &Checkpoint) -> &str {
    &checkpoint.blake3
}
