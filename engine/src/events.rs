//! The events of a study: its only truth, from which everything else is folded.

use std::sync::Arc;

use search_spaces::{config::Config, domain::Assignment, settings::Settings};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Base,
    devices::Device,
    enqueued::Enqueued,
    finalists::FinalistsChosen,
    folds::{Fold, Folded},
    runner::{Checkpoint, Completed, Evaluation},
    schedulers::Action,
    spec::StudySpec,
    state::TrialKind,
    tested::Tested,
};

/// An event as committed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Logged {
    /// 1, 2, 3, ... without gaps.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at: i64,
    pub event: Event,
}

/// Something that happened. Paths in events are relative to the study folder, so that it can be moved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    /// Always the first event, and only the first.
    Created(Box<StudySpec>),
    /// This run's settings take the place of the earlier ones: more trials or budget, other devices.
    SettingsChanged(Box<Settings>),
    /// A worker joined. Time counts as active while at least one worker is there.
    WorkerStarted(WorkerInfo),
    /// It left in order; it had no claims left.
    WorkerEnded {
        worker: String,
    },
    /// Found dead. Their claims are released by the events that follow in the same commit.
    WorkersLost {
        workers: Vec<String>,
        cause: String,
    },
    /// The workers were stopped for so long and went on, which the study's time leaves out.
    Stopped {
        millis: i64,
    },
    /// The scheduler's answer, before it is carried out. A `Promote` makes its segment available; a `Start` is carried out by the `TrialAdded`
    /// that follows.
    Decided {
        /// The event number the scheduler saw.
        upto_seq: u64,
        action: Action,
        worker: String,
    },
    /// Queued for rung 0.
    TrialAdded(Box<TrialAdded>),
    /// The user wants this config tried, beside those that are planned.
    Enqueued(Box<Enqueued>),
    /// The sampler had nothing new to propose: these are all the trials there can be.
    SpaceExhausted {
        trials: u32,
    },
    /// The rest of the budget is kept for taking the best trials to the top: these are all the trials there will be, unless the study is
    /// extended. Decided from what the segments have taken so far, in place of a `Start`.
    StartsClosed {
        trials: u32,
        /// Active time left of the budget.
        seconds_left: f64,
        /// For one more trial and the best ones to end, by estimate.
        seconds_needed: f64,
    },
    /// No trial but the baseline has had a value, and many have failed: these are all the trials there will be, unless the study is extended.
    GivenUp {
        trials: u32,
    },
    /// The search has ended: these configs are trained again. The trainings added are queued for the top rung.
    FinalistsChosen(Box<FinalistsChosen>),
    /// A slot starts to train. `fence` is one more than that of the trial's last claim.
    SegmentClaimed {
        trial: u32,
        rung: usize,
        fence: u64,
        worker: String,
        slot: String,
    },
    Evaluated {
        trial: u32,
        fence: u64,
        evaluation: Box<Evaluation>,
    },
    Checkpointed {
        trial: u32,
        fence: u64,
        checkpoint: Checkpoint,
    },
    /// The file that the segment was to go on from is gone or damaged: the trial goes on from the one before, or from its start when there is none. The
    /// segment's `SegmentLost` follows in the same commit.
    CheckpointLost {
        trial: u32,
        fence: u64,
        cause: String,
        /// The one before it is kept. In studies of before that was so it is not, and the trial starts anew.
        #[serde(default)]
        only_newest: bool,
    },
    /// The device's memory was too little for the segment: from now on the trial computes the gradients of so many examples at a time, for batches of the same size. The
    /// segment's `SegmentLost` follows in the same commit.
    OutOfMemory {
        trial: u32,
        fence: u64,
        micro_batch: u32,
        cause: String,
    },
    /// The disk's limit was reached: these checkpoints go. Which ones follows from the state and the settings.
    CheckpointsDropped {
        /// Trials whose one before the newest goes.
        before: Vec<u32>,
        /// Trials that wait and whose only one goes: each starts anew when it goes on.
        newest: Vec<u32>,
    },
    SegmentCompleted {
        trial: u32,
        rung: usize,
        fence: u64,
        completed: Box<Completed>,
    },
    /// The trial's fault: it has ended.
    SegmentFailed {
        trial: u32,
        rung: usize,
        fence: u64,
        cause: String,
    },
    /// Not the trial's fault: the segment runs again from the trial's newest checkpoint, or from its start when there is none.
    SegmentLost {
        trial: u32,
        rung: usize,
        fence: u64,
        cause: String,
        /// Its worker died while running it.
        crashed: bool,
    },
    /// A slot starts to train a finalist's config on another split.
    FoldClaimed {
        fold: Fold,
        worker: String,
        slot: String,
    },
    FoldCompleted {
        fold: Fold,
        worker: String,
        folded: Folded,
    },
    /// The config's fault.
    FoldFailed {
        fold: Fold,
        worker: String,
        cause: String,
    },
    /// Not its fault: it runs again, from the start.
    FoldLost {
        fold: Fold,
        worker: String,
        cause: String,
        crashed: bool,
    },
    /// The best training has been evaluated on the test split.
    Tested(Box<Tested>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Unique in the study: `cpu#1`, `cpu#2`, `cuda:0#3`.
    pub worker: String,
    pub device: Device,
    pub slots: usize,
    /// Threads each slot computes with.
    pub threads: usize,
    pub pid: u32,
    /// When this machine was started, in seconds since 1970.
    pub boot: u64,
    /// The study's time follows from this from now on; `None`: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Base>,
    /// The file in the study's `locks/` that it holds as long as it lives; `None`: in studies of before there were any, and where nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrialAdded {
    pub number: u32,
    pub kind: TrialKind,
    pub config: Arc<Config>,
    pub assignment: Option<Assignment>,
    /// Name of the recipe, for trials that are one.
    pub recipe: Option<String>,
    /// The sampler saw the values of trials numbered below this only.
    pub learn_from: u32,
    /// The event number whose values the sampler saw.
    pub snapshot_seq: u64,
}

impl Event {
    /// The name in the store's `kind` column.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Created(_) => "created",
            Event::SettingsChanged(_) => "settings_changed",
            Event::WorkerStarted(_) => "worker_started",
            Event::WorkerEnded { .. } => "worker_ended",
            Event::WorkersLost { .. } => "workers_lost",
            Event::Stopped { .. } => "stopped",
            Event::Decided { .. } => "decided",
            Event::TrialAdded(_) => "trial_added",
            Event::Enqueued(_) => "enqueued",
            Event::SpaceExhausted { .. } => "space_exhausted",
            Event::StartsClosed { .. } => "starts_closed",
            Event::GivenUp { .. } => "given_up",
            Event::FinalistsChosen(_) => "finalists_chosen",
            Event::SegmentClaimed { .. } => "segment_claimed",
            Event::Evaluated { .. } => "evaluated",
            Event::Checkpointed { .. } => "checkpointed",
            Event::CheckpointLost { .. } => "checkpoint_lost",
            Event::OutOfMemory { .. } => "out_of_memory",
            Event::CheckpointsDropped { .. } => "checkpoints_dropped",
            Event::SegmentCompleted { .. } => "segment_completed",
            Event::SegmentFailed { .. } => "segment_failed",
            Event::SegmentLost { .. } => "segment_lost",
            Event::FoldClaimed { .. } => "fold_claimed",
            Event::FoldCompleted { .. } => "fold_completed",
            Event::FoldFailed { .. } => "fold_failed",
            Event::FoldLost { .. } => "fold_lost",
            Event::Tested(_) => "tested",
        }
    }
}
