//! Which blocks train, and when.

mod fixed;
mod gradual;
mod progressive;

use std::{collections::BTreeMap, fmt::Debug};

use search_spaces::config;

use crate::monitor::Monitor;

pub use self::{fixed::Fixed, gradual::Gradual, progressive::Progressive};

/// The lowest block that trains at each step.
///
/// # Blocks
/// Numbered from 0, the lowest; the last is the head, which always trains. What trains is a run of blocks up to the head.
///
/// # Monotone
/// A thawed block never freezes again: the lowest block of a later step is not higher.
///
/// # State
/// The answer is a function of the step, and for those that watch a metric of the evaluations before it, in order. Like schedules it
/// knows the full horizon and no rungs.
pub trait Unfreezing: Debug + Send {
    /// The lowest block that trains in the step after `step` others.
    fn lowest(&self, step: u64) -> usize;

    /// What the learning rate of `block` is multiplied by in the step after `step` others, while it warms up anew.
    fn warmth(&self, block: usize, step: u64) -> f64 {
        let _ = (block, step);
        1.0
    }

    /// Hears of an evaluation after `step` steps; `cost` is lower for better.
    fn observe(&mut self, cost: f64, step: u64) {
        let _ = (cost, step);
    }

    /// What [`Unfreezing::observe`] has changed; nothing for most.
    fn state(&self) -> Option<UnfreezingState> {
        None
    }

    /// Takes [`Unfreezing::state`] over.
    fn restore(&mut self, state: UnfreezingState) {
        let _ = state;
    }
}

/// State of unfreezing that watches a metric.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct UnfreezingState {
    /// After how many steps each block that was frozen at first was thawed.
    pub thawed_after: BTreeMap<usize, u64>,
    pub monitor: Monitor,
}

/// The unfreezing of `config` for a model of `blocks` blocks, the head included.
pub fn unfreezing(config: &config::Unfreeze, blocks: usize, steps_per_epoch: u64) -> Box<dyn Unfreezing> {
    let head = blocks.saturating_sub(1);
    let epoch = steps_per_epoch as f64;
    let below = |count: u32| head.saturating_sub(count as usize);
    match *config {
        config::Unfreeze::HeadOnly => Box::new(Fixed { lowest: head }),
        config::Unfreeze::Everything => Box::new(Fixed { lowest: 0 }),
        config::Unfreeze::LastBlocks { k } => Box::new(Fixed { lowest: below(k) }),
        config::Unfreeze::Progressive { start, blocks, every } => {
            Box::new(Progressive { start: below(start), blocks: blocks as usize, every: every * epoch })
        }
        config::Unfreeze::Gradual { start, blocks, patience, min_delta, rewarm } => {
            Box::new(Gradual::new(below(start), blocks as usize, patience, min_delta, rewarm * epoch))
        }
    }
}

/// Blocks below the head that `config` names outright: a model must have at least as many.
pub fn depth(config: &config::Unfreeze) -> u32 {
    match *config {
        config::Unfreeze::HeadOnly | config::Unfreeze::Everything => 0,
        config::Unfreeze::LastBlocks { k } => k,
        config::Unfreeze::Progressive { start, .. } | config::Unfreeze::Gradual { start, .. } => start,
    }
}

/// Layer-wise decay: the head has the whole learning rate, each block below it `decay` of that of the block above.
pub fn layer_factor(decay: f64, block: usize, blocks: usize) -> f64 {
    let below = blocks.saturating_sub(1).saturating_sub(block);
    decay.powi(i32::try_from(below).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests;
