//! Dropout over the course of training.

use search_spaces::config::{Dropout, Rate};

use crate::models::DropoutRates;

/// The rate in the step after `step` of `total_steps`.
pub fn rate(rate: &Rate, step: u64, total_steps: u64) -> f64 {
    let share = step as f64 / total_steps.max(1) as f64;
    match *rate {
        Rate::Constant(rate) => rate,
        Rate::Ramp { from, to, until } if share < until => from + (to - from) * share / until,
        Rate::Ramp { to, .. } => to,
        Rate::Early { rate, until } if share < until => rate,
        Rate::Early { .. } => 0.0,
    }
}

/// All rates in that step.
pub fn dropout(dropout: &Dropout, step: u64, total_steps: u64) -> DropoutRates {
    let at = |course| rate(course, step, total_steps);
    DropoutRates { hidden: at(&dropout.hidden), attention: at(&dropout.attention), classifier: at(&dropout.classifier) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_course(course: &Rate, expected: [f64; 10]) {
        for (step, expected) in expected.into_iter().enumerate() {
            let found = rate(course, step as u64, 10);
            assert!((found - expected).abs() < 1e-12, "{course:?} at step {step}: {found}, expected {expected}");
        }
    }

    #[test]
    fn courses_over_ten_steps() {
        assert_course(&Rate::Constant(0.3), [0.3; 10]);
        assert_course(&Rate::Early { rate: 0.2, until: 0.3 }, [0.2, 0.2, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_course(&Rate::Ramp { from: 0.0, to: 0.5, until: 0.4 }, [0.0, 0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
        assert_course(&Rate::Ramp { from: 0.5, to: 0.3, until: 0.5 }, [0.5, 0.46, 0.42, 0.38, 0.34, 0.3, 0.3, 0.3, 0.3, 0.3]);
        assert_course(&Rate::Ramp { from: 0.5, to: 0.1, until: 0.0 }, [0.1; 10]);
    }
}
