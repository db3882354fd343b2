//! Linear warm-up before any schedule.

use super::{Schedule, ScheduleState};

/// Rises in a straight line from 0 to where `after` begins, which then runs over the steps that are left: `transformers`'
/// `get_linear_schedule_with_warmup`, except that the first step is already above 0.
#[derive(Debug)]
pub struct WarmUp {
    steps: u64,
    after: Box<dyn Schedule>,
}

impl WarmUp {
    /// `steps` is at least 1.
    pub fn new(steps: u64, after: Box<dyn Schedule>) -> WarmUp {
        WarmUp { steps: steps.max(1), after }
    }

    /// Steps of a warm-up over `share` of `total_steps`, rounded up; at least one step is left.
    pub fn steps(share: f64, total_steps: u64) -> u64 {
        // Not up because of a rounding error: 0.07 * 100 is a little over 7.
        let steps = (share * total_steps as f64 - 1e-9).ceil().max(0.0) as u64;
        steps.min(total_steps.saturating_sub(1))
    }
}

impl Schedule for WarmUp {
    fn multiple(&self, step: u64) -> f64 {
        match step.checked_sub(self.steps) {
            Some(step) => self.after.multiple(step),
            None => self.after.multiple(0) * (step + 1) as f64 / self.steps as f64,
        }
    }

    fn observe(&mut self, cost: f64) {
        self.after.observe(cost);
    }

    fn state(&self) -> Option<ScheduleState> {
        self.after.state()
    }

    fn restore(&mut self, state: ScheduleState) {
        self.after.restore(state);
    }
}
