//! Falls when a metric stops improving.

use super::{Schedule, ScheduleState};
use crate::monitor::Monitor;

/// `torch.optim.lr_scheduler.ReduceLROnPlateau(threshold=min_delta, threshold_mode='abs', cooldown=0, eps=0)`, stepped at evaluations.
#[derive(Debug, Clone, PartialEq)]
pub struct Plateau {
    factor: f64,
    patience: u32,
    min_delta: f64,
    floor: f64,
    state: ScheduleState,
}

impl Plateau {
    pub fn new(factor: f64, patience: u32, min_delta: f64, floor: f64) -> Plateau {
        Plateau { factor, patience, min_delta, floor, state: ScheduleState { multiple: 1.0, monitor: Monitor::default() } }
    }
}

impl Schedule for Plateau {
    fn multiple(&self, _step: u64) -> f64 {
        self.state.multiple
    }

    fn observe(&mut self, cost: f64) {
        if self.state.monitor.observe(cost, self.min_delta) > self.patience {
            self.state.multiple = (self.state.multiple * self.factor).max(self.floor);
            self.state.monitor.forgive();
        }
    }

    fn state(&self) -> Option<ScheduleState> {
        Some(self.state.clone())
    }

    fn restore(&mut self, state: ScheduleState) {
        self.state = state;
    }
}
