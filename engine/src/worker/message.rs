//! What a worker tells, and how it ends.

use search_spaces::space::ConfigError;
use serde::{Deserialize, Serialize};

use crate::{folds::Fold, store::StoreError};

/// How a worker, or a whole sweep, came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ended {
    /// Nothing is left to do.
    Finished,
    /// A trial is as good as was asked for, and its finalists are trained.
    TargetReached,
    /// The budget is spent, or what is left of it is too little for another trial. What was running has been checkpointed.
    BudgetSpent,
    /// Asked to stop. What was running has been checkpointed.
    Interrupted,
}

/// What a worker tells while it works; nothing of it is needed to continue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkerMessage {
    Started {
        worker: String,
        slots: Vec<String>,
    },
    Claimed {
        slot: String,
        trial: u32,
        rung: usize,
    },
    ClaimedFold {
        slot: String,
        fold: Fold,
    },
    Step {
        slot: String,
        trial: u32,
        step: u64,
        total_steps: u64,
    },
    /// What its slot does goes on, though no step is done yet.
    Alive {
        slot: String,
    },
    Idle {
        slot: String,
    },
    /// Something went wrong and was mended, or goes on otherwise than was asked for: a line for the user.
    Mended {
        line: String,
    },
    Ended(Ended),
    /// The device fails, or is gone. What ran on it goes on when the device is back.
    DeviceLost {
        message: String,
    },
    /// It cannot go on, and another start would not help. `code` is the process's exit code.
    Failed {
        message: String,
        code: u8,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Of a space without recipes only, which none read from a file is.
    #[error("trial {trial}: what the sampler proposed is no config of this space: {source}")]
    Config { trial: u32, source: ConfigError },
    #[error("failed to start a thread for slot {slot}: {source}")]
    Thread { slot: String, source: std::io::Error },
    /// A segment met something that every other would meet too.
    #[error("{0}")]
    Machine(String),
    /// The device is at fault, or gone: this process is as good as dead.
    #[error("the device can no longer be used: {0}")]
    Device(String),
}
