//! A whole study as reports read it.

use search_spaces::space::Space;

use crate::{runner::Evaluation, state::SearchState};

/// Everything a report may draw, read from the store in one go.
#[derive(Debug, Clone)]
pub struct StudyRecord {
    /// The study folder's name.
    pub name: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    pub space: Space,
    pub space_hash: String,
    pub state: SearchState,
    /// By trial number, beside `state.trials`.
    pub trials: Vec<TrialRecord>,
    /// In the order they were claimed.
    pub segments: Vec<SegmentRecord>,
    /// In the order they were committed.
    pub evaluations: Vec<EvaluationRecord>,
    /// Training examples in one pass.
    pub examples_per_epoch: u64,
}

#[derive(Debug, Clone, Default)]
pub struct TrialRecord {
    /// Name of the recipe, for trials that are one.
    pub recipe: Option<String>,
    /// Why it failed.
    pub cause: Option<String>,
    /// The step whose weights have the trial's last value.
    pub best_step: Option<u64>,
    /// Validation predictions in the study's `artefacts/`.
    pub predictions: Option<std::path::PathBuf>,
    pub stopped_early: bool,
}

#[derive(Debug, Clone)]
pub struct SegmentRecord {
    pub trial: u32,
    pub rung: usize,
    /// `cpu/0`, `cuda:1/0`: device and slot on it.
    pub slot: String,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// `None` while running.
    pub ended_at: Option<i64>,
    pub end: Option<SegmentEnd>,
    /// Optimizer steps trained in it, as far as known.
    pub steps_trained: u64,
    pub trainable_parameters: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SegmentEnd {
    Completed {
        value: f64,
    },
    /// By the trial's own fault.
    Failed {
        cause: String,
    },
    /// The worker's fault, or asked to stop: it runs again.
    Lost {
        cause: String,
    },
}

#[derive(Debug, Clone)]
pub struct EvaluationRecord {
    pub trial: u32,
    /// Milliseconds since 1970.
    pub at: i64,
    pub evaluation: Evaluation,
}
