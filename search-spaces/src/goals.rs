//! What is wanted of a config beside its objective: a second objective, and constraints.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    metric_name::MetricName,
    settings::{Direction, Metric},
};

/// What a trial is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    Accuracy,
    MacroF1,
    Matthews,
    Loss,
    /// One that the program brings along itself.
    Custom(MetricName),
    /// Parameters that training the config in full trains, as far as is known by then.
    TrainableParameters,
    /// Seconds that a pass over the training data has taken the trial in the mean, evaluations and all, in its slot. It is measured: other trials that
    /// run at the same time are part of it.
    SecondsPerEpoch,
    /// Bytes of the weights that the trial leaves: of everything it trains, and of the buffers of normalisation, without the file's header.
    CheckpointBytes,
    /// The accuracy in the group of validation examples that has the highest less that in the one that has the lowest.
    GroupGap,
}

/// A second objective: trials that no other beats in both make up the Pareto front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    pub measure: Measure,
    pub direction: Direction,
}

/// The most that a trial may have of something, itself included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Constraint {
    TrainableParameters(u64),
    SecondsPerEpoch(f64),
    CheckpointBytes(u64),
    GroupGap(f64),
}

impl Measure {
    /// The name in tables and reports.
    pub fn name(&self) -> &str {
        match self {
            Measure::TrainableParameters => "trainable_parameters",
            Measure::SecondsPerEpoch => "seconds_per_epoch",
            Measure::CheckpointBytes => "checkpoint_bytes",
            Measure::GroupGap => "group_gap",
            Measure::Accuracy => Metric::Accuracy.name(),
            Measure::MacroF1 => Metric::MacroF1.name(),
            Measure::Matthews => Metric::Matthews.name(),
            Measure::Loss => Metric::Loss.name(),
            Measure::Custom(name) => name.as_str(),
        }
    }

    /// `None` where it is no metric of the predictions on the whole validation split.
    pub fn metric(self) -> Option<Metric> {
        match self {
            Measure::Accuracy => Some(Metric::Accuracy),
            Measure::MacroF1 => Some(Metric::MacroF1),
            Measure::Matthews => Some(Metric::Matthews),
            Measure::Loss => Some(Metric::Loss),
            Measure::Custom(name) => Some(Metric::Custom(name)),
            Measure::TrainableParameters | Measure::SecondsPerEpoch | Measure::CheckpointBytes | Measure::GroupGap => None,
        }
    }

    /// The direction in which it is better; `None` where the user has to say.
    pub fn better(self) -> Option<Direction> {
        match self {
            Measure::Accuracy | Measure::MacroF1 | Measure::Matthews => Some(Direction::Maximize),
            Measure::Custom(_) => None,
            Measure::Loss | Measure::TrainableParameters | Measure::SecondsPerEpoch | Measure::CheckpointBytes | Measure::GroupGap => {
                Some(Direction::Minimize)
            }
        }
    }
}

impl Second {
    /// `value` turned so that lower is better; whatever is not finite is worst.
    pub fn cost(self, value: f64) -> f64 {
        self.direction.cost(value)
    }
}

impl Constraint {
    pub fn measure(self) -> Measure {
        match self {
            Constraint::TrainableParameters(_) => Measure::TrainableParameters,
            Constraint::SecondsPerEpoch(_) => Measure::SecondsPerEpoch,
            Constraint::CheckpointBytes(_) => Measure::CheckpointBytes,
            Constraint::GroupGap(_) => Measure::GroupGap,
        }
    }

    pub fn limit(self) -> f64 {
        match self {
            Constraint::TrainableParameters(limit) | Constraint::CheckpointBytes(limit) => limit as f64,
            Constraint::SecondsPerEpoch(limit) | Constraint::GroupGap(limit) => limit,
        }
    }

    /// By what share of the limit `value` exceeds it; 0 when it does not, infinite for what is not finite.
    pub fn excess(self, value: f64) -> f64 {
        if !value.is_finite() {
            return f64::INFINITY;
        }
        // The difference of two accuracies, like the sum of seconds, may lie above what it is by a rounding: 0.9 - 0.85 above 0.05.
        let rounding = match self {
            Constraint::TrainableParameters(_) | Constraint::CheckpointBytes(_) => 0.0,
            Constraint::SecondsPerEpoch(_) | Constraint::GroupGap(_) => 1e-9,
        };
        let over = value / self.limit() - 1.0;
        if over > rounding { over } else { 0.0 }
    }
}

impl fmt::Display for Constraint {
    /// `trainable_parameters <= 2000000`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <= {}", self.measure().name(), self.limit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_included_however_its_measure_was_rounded() {
        let gap = 0.9 - 0.85;
        assert!(gap > 0.05, "by rounding");
        assert_eq!(Constraint::GroupGap(0.05).excess(gap), 0.0);
        assert!(Constraint::GroupGap(0.05).excess(0.0501) > 0.0);
        assert_eq!(Constraint::SecondsPerEpoch(0.3).excess(0.1 + 0.2), 0.0);
        // What is counted is not rounded.
        assert!(Constraint::CheckpointBytes(2_000_000_000).excess(2_000_000_001.0) > 0.0);
    }

    #[test]
    fn an_excess_is_a_share_of_the_limit() {
        let constraint = Constraint::TrainableParameters(200);
        assert_eq!([100.0, 200.0, 300.0, f64::NAN].map(|value| constraint.excess(value)), [0.0, 0.0, 0.5, f64::INFINITY]);
        assert_eq!(constraint.to_string(), "trainable_parameters <= 200");
        assert_eq!(Constraint::GroupGap(0.05).to_string(), "group_gap <= 0.05");
    }
}
