//! Schedules that rise to a peak and fall.

use std::f64::consts::PI;

use super::Schedule;

/// `torch.optim.lr_scheduler.OneCycleLR(total_steps=steps, pct_start=peak_at, div_factor=start_divisor, final_div_factor=end_divisor)`
/// (Smith & Topin 2018).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneCycle {
    pub peak_at: f64,
    pub start_divisor: f64,
    pub end_divisor: f64,
    pub steps: u64,
}

impl Schedule for OneCycle {
    fn multiple(&self, step: u64) -> f64 {
        let start = 1.0 / self.start_divisor;
        let end = start / self.end_divisor;
        let last = self.steps as f64 - 1.0;
        let peak = self.peak_at * self.steps as f64 - 1.0;
        let step = (step as f64).min(last);
        if step <= peak && peak > 0.0 {
            cosine(start, 1.0, step / peak)
        } else if last > peak {
            cosine(1.0, end, (step - peak) / (last - peak))
        } else {
            1.0
        }
    }
}

/// From `from` at 0 to `to` at 1 along half a cosine.
fn cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * share).cos())
}

/// Howard & Ruder 2018, equation 3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlantedTriangular {
    pub cut: f64,
    pub ratio: f64,
    pub steps: u64,
}

impl Schedule for SlantedTriangular {
    fn multiple(&self, step: u64) -> f64 {
        let step = step.min(self.steps) as f64;
        let cut = (self.steps as f64 * self.cut).floor().max(1.0);
        // The paper divides by `cut * (1 / cut_frac - 1)`, which is this when nothing is rounded.
        let share = if step < cut { step / cut } else { 1.0 - (step - cut) / (self.steps as f64 - cut).max(1.0) };
        (1.0 + share * (self.ratio - 1.0)) / self.ratio
    }
}
