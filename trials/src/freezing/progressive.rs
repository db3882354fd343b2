//! Thaws by the clock.

use super::Unfreezing;
use crate::schedules::whole;

/// From `start` upwards at first; `blocks` more after every `every` steps, which need not be whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progressive {
    pub start: usize,
    pub blocks: usize,
    pub every: f64,
}

impl Unfreezing for Progressive {
    fn lowest(&self, step: u64) -> usize {
        let times = usize::try_from(whole(step, self.every)).unwrap_or(usize::MAX);
        self.start.saturating_sub(self.blocks.saturating_mul(times))
    }
}
