//! Schedules that fall towards `end` at the horizon.

use std::f64::consts::PI;

use super::Schedule;

/// `torch.optim.lr_scheduler.LinearLR(start_factor=1, end_factor=end, total_iters=steps)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    pub end: f64,
    pub steps: u64,
}

impl Schedule for Linear {
    fn multiple(&self, step: u64) -> f64 {
        1.0 + (self.end - 1.0) * share(step, self.steps)
    }
}

/// `torch.optim.lr_scheduler.CosineAnnealingLR(T_max=steps, eta_min=end * lr)` (Loshchilov & Hutter 2017, without restarts).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cosine {
    pub end: f64,
    pub steps: u64,
}

impl Schedule for Cosine {
    fn multiple(&self, step: u64) -> f64 {
        self.end + (1.0 - self.end) * (1.0 + (PI * share(step, self.steps)).cos()) / 2.0
    }
}

fn share(step: u64, steps: u64) -> f64 {
    step.min(steps) as f64 / steps.max(1) as f64
}
