//! What steps cost, by a model of the network and never by the clock.

use search_spaces::{
    config::{Adapter, Config},
    ladder::Ladder,
    settings::Rungs,
};

use crate::{data::Task, models::BaseModel};

/// Rungs at which all trials have cost the same, whatever they freeze.
///
/// A step costs its forward pass through all blocks, once in multiply-adds, and twice that again for each block that trains: for the gradients of what goes in
/// and of the weights (the usual estimate, as in Kaplan et al. 2020, "Scaling Laws for Neural Language Models", section 2.1). With low-rank additions only once, since
/// their own weights are few. Texts count with the mean length of the training split. Evaluations are left out.
///
/// A rung of *n* examples is reached when a trial has cost as much as *n* examples cost that train every block; or when it is over.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EqualCost {
    /// Of one example's forward pass, in thousands of multiply-adds.
    forward: u64,
    /// By the lowest block that trains: of its forward pass and that of all above.
    trains: Vec<u64>,
    /// How often the latter is paid again.
    backward: u64,
    /// By rung, all but the last: what a trial has cost there.
    budgets: Vec<u64>,
}

impl EqualCost {
    /// `None` where the rungs of `ladder` are of equal data.
    pub(super) fn new(ladder: &Ladder, base: &dyn BaseModel, task: &Task, config: &Config) -> Option<EqualCost> {
        if ladder.kind == Rungs::EqualData {
            return None;
        }
        let blocks = base.multiply_adds(task.train.size(), task.labels.len());
        let mut trains = vec![0; blocks.len() + 1];
        for (block, cost) in blocks.iter().enumerate().rev() {
            trains[block] = trains[block + 1] + cost.div_ceil(1000);
        }
        let forward = trains[0];
        let backward = if config.adapter == Adapter::Off { 2 } else { 1 };
        let budgets = ladder.rungs[..ladder.top()].iter().map(|examples| examples.saturating_mul(3 * forward)).collect();
        Some(EqualCost { forward, trains, backward, budgets })
    }

    /// Of a step of so many examples that trains from block `lowest` up.
    pub(super) fn step(&self, examples: u64, lowest: usize) -> u64 {
        let trains = self.trains.get(lowest).copied().unwrap_or(0);
        examples * (self.forward + self.backward * trains)
    }

    /// How many rungs below the last a trial has reached that has cost so much.
    pub(super) fn reached(&self, cost: u64) -> usize {
        self.budgets.partition_point(|budget| *budget <= cost)
    }
}
