//! How the search is run: everything beside the space that the command line may override.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Configs to try, recipes included; at least 1. May grow when a study is extended.
    pub trials: u32,
    /// Active time to spend; `None`: until `trials` are done. May grow when a study is extended.
    pub budget_seconds: Option<u64>,
    /// Of the trials at a rung one in `eta` goes on; at least 2.
    pub eta: u32,
    /// The first rung.
    pub r_min: Resource,
    pub seed: u64,
    pub sampler: SamplerKind,
    pub scheduler: SchedulerKind,
    /// `None`: whatever the machine has. Otherwise as on the command line: `cpu:2,cuda:0`.
    pub devices: Option<String>,
    /// Evaluations this share of a pass apart (and always at rungs).
    pub eval_every: f64,
    /// A checkpoint at least this often within a segment.
    pub checkpoint_every_seconds: u64,
}

/// An amount of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Resource {
    /// Passes over the training data.
    Epochs(f64),
    /// Training examples seen.
    Examples(u64),
    /// A share of the horizon.
    Share(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SamplerKind {
    Random,
    Tpe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchedulerKind {
    /// Asynchronous successive halving that promotes paused trials (Li et al. 2020).
    Asha,
    /// Synchronous successive halving (Jamieson & Talwalkar 2016).
    SuccessiveHalving,
    /// Every trial runs its full length.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Metric {
    Accuracy,
    MacroF1,
    Matthews,
    Loss,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    Maximize,
    Minimize,
}

/// What is searched for, measured on the validation split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    pub metric: Metric,
    pub direction: Direction,
}

impl Metric {
    /// The name in tables and reports.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::MacroF1 => "macro_f1",
            Metric::Matthews => "matthews",
            Metric::Loss => "loss",
        }
    }
}

impl Objective {
    /// `value` turned so that lower is better; whatever is not finite is worst.
    pub fn cost(self, value: f64) -> f64 {
        match (value.is_finite(), self.direction) {
            (false, _) => f64::INFINITY,
            (true, Direction::Maximize) => -value,
            (true, Direction::Minimize) => value,
        }
    }
}
