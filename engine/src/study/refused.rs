//! Why an event may not follow.

/// Why an event may not follow. The store stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("trial {trial} has been claimed anew or released since: this write carries fence {fence}, the newest claim's is {newest}")]
    Stale { trial: u32, fence: u64, newest: u64 },
    #[error("rung {rung} of trial {trial} is already complete with another result")]
    OtherResult { trial: u32, rung: usize },
    #[error("rung {rung} of trial {trial} is already running in slot {slot} of worker {worker}")]
    Claimed { trial: u32, rung: usize, slot: String, worker: String },
    #[error("worker {worker} is no longer part of the study: it was taken for dead and its work was released")]
    WorkerGone { worker: String },
    #[error("{0}")]
    OutOfOrder(String),
}

pub(super) fn out_of_order<T>(what: String) -> Result<T, Refused> {
    Err(Refused::OutOfOrder(what))
}
