//! Watching a metric for improvement.

use serde::{Deserialize, Serialize};

/// Counts evaluations without improvement. Costs are turned so that lower is better ([`search_spaces::settings::Objective::cost`]).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// Lowest cost so far; `None` before the first finite one.
    best: Option<f64>,
    /// Evaluations since, or since the last [`Monitor::forgive`].
    without: u32,
}

impl Monitor {
    /// Takes in an evaluation and returns how many in a row have not improved on the best by more than `min_delta`.
    pub fn observe(&mut self, cost: f64, min_delta: f64) -> u32 {
        if cost.is_finite() && self.best.is_none_or(|best| cost < best - min_delta) {
            self.best = Some(cost);
            self.without = 0;
        } else {
            self.without = self.without.saturating_add(1);
        }
        self.without
    }

    /// Starts counting anew; the best stays.
    pub fn forgive(&mut self) {
        self.without = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_does_not_improve_enough() {
        let mut monitor = Monitor::default();
        let counts: Vec<u32> = [0.5, 0.45, 0.3, f64::INFINITY, 0.3, 0.15].map(|cost| monitor.observe(cost, 0.1)).to_vec();
        assert_eq!(counts, [0, 1, 0, 1, 2, 0]);
    }

    #[test]
    fn nothing_finite_is_no_improvement() {
        let mut monitor = Monitor::default();
        assert_eq!(monitor.observe(f64::INFINITY, 0.0), 1);
        assert_eq!(monitor.observe(7.0, 0.0), 0);
    }

    #[test]
    fn forgiving_keeps_the_best() {
        let mut monitor = Monitor::default();
        monitor.observe(0.2, 0.0);
        monitor.observe(0.3, 0.0);
        monitor.forgive();
        assert_eq!(monitor.observe(0.25, 0.0), 1);
    }
}
