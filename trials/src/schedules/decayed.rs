//! Schedules that know no horizon.

use super::Schedule;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constant;

impl Schedule for Constant {
    fn multiple(&self, _step: u64) -> f64 {
        1.0
    }
}

/// `torch.optim.lr_scheduler.StepLR(step_size=every, gamma=factor)`, where `every` counts steps and need not be whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps {
    pub every: f64,
    pub factor: f64,
}

impl Schedule for Steps {
    fn multiple(&self, step: u64) -> f64 {
        self.factor.powf(whole(step, self.every) as f64)
    }
}

/// `torch.optim.lr_scheduler.ExponentialLR(gamma=factor ** (1 / epoch))`, stepped at every step; `epoch` is the steps of a pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exponential {
    pub factor: f64,
    pub epoch: f64,
}

impl Schedule for Exponential {
    fn multiple(&self, step: u64) -> f64 {
        self.factor.powf(step as f64 / self.epoch)
    }
}

/// How many times `every` steps have passed after `step` of them.
pub(crate) fn whole(step: u64, every: f64) -> u64 {
    // A third of 99 steps is 33 of them, whatever the rounding of a third is.
    (step as f64 / every + 1e-9).floor() as u64
}
