//! Training one trial.

mod clip;
mod cost;
mod course;
mod evaluate;
mod fault;
mod finish;
mod plan;
mod progress;
mod restore;
mod segment;
mod step;
#[cfg(test)]
mod tests;

use std::io;

use engine::runner::TrialError;
use search_spaces::{config::Config, ladder::Ladder, settings::Objective};

use crate::{checkpoint::CheckpointError, data::Task, metrics::Measures, models::BaseModel};

pub use self::{
    course::{dropout, rate},
    evaluate::evaluate,
    finish::{Finished, final_model},
    plan::Plan,
    segment::{Places, run},
    step::Trainer,
};
pub(crate) use self::{
    fault::fault,
    step::{instantiate, measured},
};

/// Everything that says how a trial trains, whichever of its segments is run.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub task: &'a Task,
    pub base: &'a dyn BaseModel,
    pub measures: &'a Measures,
    /// Of one of `measures`.
    pub objective: Objective,
    pub config: &'a Config,
    /// So many examples at a time at most, whatever the config says.
    pub micro_batch: Option<u32>,
    /// Each rung is evaluated, whether the trial pauses there or not.
    pub ladder: &'a Ladder,
    /// Evaluations this share of a pass apart.
    pub eval_every: f64,
    /// With `trial` the name of the random streams.
    pub seed: u64,
    pub trial: u32,
    /// Called while an evaluation goes on.
    pub alive: &'a (dyn Fn() + Sync),
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("trial", &self.trial).field("seed", &self.seed).field("config", self.config).finish_non_exhaustive()
    }
}

/// A file that cannot be written or read is the machine's fault, and one that holds the wrong thing the trial's; one that is gone, or not as
/// it was written, is nobody's.
pub fn stored(error: CheckpointError) -> TrialError {
    match &error {
        CheckpointError::Write { source, .. } if is_full(source) => TrialError::Machine(format!("{error}: {FULL}")),
        CheckpointError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => TrialError::CheckpointLost(error.to_string()),
        CheckpointError::Length { .. } | CheckpointError::Damaged { .. } => TrialError::CheckpointLost(error.to_string()),
        CheckpointError::Write { .. } | CheckpointError::Read { .. } => TrialError::Machine(format!("{error}: {BROKEN}")),
        _ => fault(error),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

const FULL: &str = "make room, then run the same command again";
const BROKEN: &str = "see that the disk is in order, then run the same command again";
