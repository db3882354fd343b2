//! Thaws when a metric stops improving.

use super::{Unfreezing, UnfreezingState};

/// From `start` upwards at first; `blocks` more whenever `patience` evaluations in a row have not improved the metric by `min_delta`.
/// What has just thawed has its learning rate rise over `rewarm` steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradual {
    start: usize,
    blocks: usize,
    patience: u32,
    min_delta: f64,
    rewarm: f64,
    state: UnfreezingState,
}

impl Gradual {
    pub fn new(start: usize, blocks: usize, patience: u32, min_delta: f64, rewarm: f64) -> Gradual {
        Gradual { start, blocks, patience, min_delta, rewarm, state: UnfreezingState::default() }
    }
}

impl Unfreezing for Gradual {
    fn lowest(&self, _step: u64) -> usize {
        self.state.thawed_after.keys().next().copied().unwrap_or(self.start)
    }

    fn warmth(&self, block: usize, step: u64) -> f64 {
        match self.state.thawed_after.get(&block) {
            Some(after) if self.rewarm > 0.0 => ((step.saturating_sub(*after) + 1) as f64 / self.rewarm).min(1.0),
            _ => 1.0,
        }
    }

    fn observe(&mut self, cost: f64, step: u64) {
        let lowest = self.lowest(step);
        if lowest > 0 && self.state.monitor.observe(cost, self.min_delta) >= self.patience.max(1) {
            self.state.monitor.forgive();
            for block in lowest.saturating_sub(self.blocks)..lowest {
                self.state.thawed_after.insert(block, step);
            }
        }
    }

    fn state(&self) -> Option<UnfreezingState> {
        Some(self.state.clone())
    }

    fn restore(&mut self, state: UnfreezingState) {
        self.state = state;
    }
}
