//! Learning-rate schedules over the whole horizon.

mod annealed;
mod decayed;
mod plateau;
mod triangular;
mod warmup;

use std::fmt::Debug;

use search_spaces::config;

pub(crate) use self::decayed::whole;
use crate::monitor::Monitor;

pub use self::{
    annealed::{Cosine, Linear},
    decayed::{Constant, Exponential, Steps},
    plateau::Plateau,
    triangular::{OneCycle, SlantedTriangular},
    warmup::WarmUp,
};

/// The learning rate at each step, as a multiple of the optimizer's.
///
/// # Horizon
/// A schedule knows the full horizon of its config and nothing of rungs, so that a trial that paused has the course of one that did not.
///
/// # State
/// The multiple is a function of the step, and for those that watch a metric of the evaluations before it, in order.
pub trait Schedule: Debug + Send {
    /// For the step after `step` others, counted from 0 where the schedule begins.
    fn multiple(&self, step: u64) -> f64;

    /// Hears of an evaluation; `cost` is lower for better.
    fn observe(&mut self, cost: f64) {
        let _ = cost;
    }

    /// What [`Schedule::observe`] has changed; nothing for most.
    fn state(&self) -> Option<ScheduleState> {
        None
    }

    /// Takes [`Schedule::state`] over.
    fn restore(&mut self, state: ScheduleState) {
        let _ = state;
    }
}

/// State of a schedule that watches a metric.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ScheduleState {
    pub multiple: f64,
    pub monitor: Monitor,
}

/// The schedule of `config` with its warm-up, over `total_steps`.
pub fn schedule(config: &config::Config, steps_per_epoch: u64, total_steps: u64) -> Box<dyn Schedule> {
    let warm_up = WarmUp::steps(config.warmup, total_steps);
    let steps = total_steps - warm_up;
    let epoch = steps_per_epoch as f64;
    let after: Box<dyn Schedule> = match config.schedule {
        config::Schedule::Constant => Box::new(Constant),
        config::Schedule::Linear { end } => Box::new(Linear { end, steps }),
        config::Schedule::Cosine { end } => Box::new(Cosine { end, steps }),
        config::Schedule::OneCycle { peak_at, start_divisor, end_divisor } => {
            Box::new(OneCycle { peak_at, start_divisor, end_divisor, steps })
        }
        config::Schedule::SlantedTriangular { cut, ratio } => Box::new(SlantedTriangular { cut, ratio, steps }),
        config::Schedule::Step { every, factor } => Box::new(Steps { every: every * epoch, factor }),
        config::Schedule::Exponential { factor } => Box::new(Exponential { factor, epoch }),
        config::Schedule::Plateau { factor, patience, min_delta, floor } => Box::new(Plateau::new(factor, patience, min_delta, floor)),
    };
    if warm_up == 0 { after } else { Box::new(WarmUp::new(warm_up, after)) }
}

#[cfg(test)]
mod tests;
