//! Where a trial stands.

use search_spaces::config::Config;
use serde::{Deserialize, Serialize};

use crate::{freezing::UnfreezingState, monitor::Monitor, schedules::ScheduleState};

/// What changes from step to step beside weights and the optimizer's averages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Optimizer steps done. The epoch, the place in it and the dropout masks follow from it.
    pub(crate) step: u64,
    /// What they have cost, where rungs are of equal cost.
    #[serde(default)]
    pub(crate) cost: u64,
    /// Training loss since the last evaluation, each step weighted by its examples.
    pub(crate) loss_sum: f64,
    pub(crate) loss_examples: u64,
    /// The latest evaluation.
    pub(crate) last: Option<Score>,
    /// The best evaluation, the first of equals.
    pub(crate) best: Option<Score>,
    /// Of early stopping.
    pub(crate) patience: Monitor,
    pub(crate) stopped_early: bool,
}

/// An evaluation by its objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Score {
    pub(crate) step: u64,
    pub(crate) value: f64,
    /// The lowest block that had trained.
    pub(crate) lowest: usize,
}

/// Everything of a checkpoint that is not a tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) identity: Identity,
    /// `true`: training is over, and the weights are those that count.
    pub(crate) finished: bool,
    pub(crate) progress: Progress,
    /// Names of the blocks, to tell one model from another.
    pub(crate) blocks: Vec<String>,
    /// The lowest block whose weights are in the file; `None` before the first step.
    pub(crate) lowest: Option<usize>,
    /// Parameters that had trained when training ended.
    pub(crate) trained: u64,
    pub(crate) schedule: Option<ScheduleState>,
    pub(crate) unfreezing: Option<UnfreezingState>,
    /// Updates of the optimizer, by parameter.
    pub(crate) updates: std::collections::BTreeMap<String, u64>,
}

impl State {
    /// Whether a trial of so many steps can come to it: files may come from strangers. The error is what it cannot.
    pub(super) fn check(&self, total_steps: u64) -> Result<(), String> {
        let Progress { step, loss_examples, cost, last, best, .. } = &self.progress;
        let scores = || last.iter().chain(best);
        if let Some(wrong) = scores().map(|score| score.step).chain([*step]).find(|step| *step > total_steps) {
            return Err(format!("it speaks of step {wrong} of {total_steps}"));
        }
        let blocks = self.blocks.len();
        if let Some(wrong) = scores().map(|score| score.lowest).chain(self.lowest).find(|lowest| *lowest >= blocks) {
            return Err(format!("it speaks of block {wrong} of {blocks}"));
        }
        if let Some((name, updates)) = self.updates.iter().find(|(_, updates)| **updates > *step) {
            return Err(format!("after {step} steps {name} cannot have been updated {updates} times"));
        }
        // What is added to them later must not wrap around.
        if (*cost).max(*loss_examples) > u64::MAX / 2 { Err("it counts what nobody counts to".to_owned()) } else { Ok(()) }
    }
}

/// Which trial on which data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) trial: u32,
    pub(crate) seed: u64,
    pub(crate) config: Config,
    /// Training examples.
    pub(crate) examples: u64,
    pub(crate) classes: usize,
}
