//! What the engine asks of whatever trains a trial.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossbeam_channel::Sender;
use search_spaces::{config::Config, domain::Assignment, ladder::Ladder};
use serde::{Deserialize, Serialize};

use crate::{devices::Device, folds::Fold};

/// Trains segments. One runner serves all slots of a worker; what trials share (data, base weights) lives in it.
///
/// # Thread safety
/// `run` is called from several slot threads at once. The engine makes no thread pool: the runner itself computes with `slot.threads` threads
/// (a rayon pool of that size, kept for the slot by its name), on `slot.device`.
///
/// # Determinism
/// The same segment from the same checkpoint gives the same evaluations and outcome, bit for bit; a segment run from the start
/// to rung 2 gives what rung 0, then 1, then 2 from each other's checkpoints give.
///
/// # Failure
/// An `Err` is the trial's own fault (non-finite loss, a shape the model cannot take) and ends that trial only, unless it is
/// [`TrialError::Machine`], [`TrialError::CheckpointLost`], [`TrialError::OutOfMemory`] or [`TrialError::Device`]. The engine also catches
/// panics. Nothing is left behind but files in `segment.checkpoints` that no event has named, and where it was killed files that it had not finished, whose names
/// begin with [`UNFINISHED`].
///
/// # Events
/// Every evaluation and checkpoint is sent in order before `run` returns. A closed channel means the worker is going down: return
/// [`Outcome::Cancelled`].
pub trait TrialRunner: Send + Sync {
    fn run(
        &self,
        segment: &Segment,
        slot: &SlotInfo,
        from: Option<&Checkpoint>,
        events: &Sender<TrialEvent>,
        cancel: &Cancel,
    ) -> Result<Outcome, TrialError>;

    /// Bytes of memory that training `config` needs in a slot at the least, beyond what the trials of a worker share; `None` where that is not known. A trial that cannot have as much is not
    /// trained at all: say too little rather than too much.
    fn memory(&self, config: &Config) -> Option<u64> {
        let _ = config;
        None
    }

    /// Training examples in one pass: with `epochs` it gives the horizon of a config.
    fn examples_per_epoch(&self) -> u64;
}

/// How the name of a file begins that is still being written, and is then renamed.
pub const UNFINISHED: &str = ".";

/// Where a segment runs. The same segment may continue in another slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotInfo {
    /// `cpu/0`, `cuda:1/0`: device and slot on it.
    pub name: String,
    pub device: Device,
    /// At least 1.
    pub threads: usize,
}

/// The unit of work: train `trial` until `rung`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    pub trial: u32,
    /// Index into `ladder.rungs` to stop at.
    pub rung: usize,
    /// Train on this split in place of the task's own, from the start to the top.
    pub fold: Option<Fold>,
    pub ladder: Ladder,
    pub config: Config,
    /// So many examples of a batch at a time at most, whatever the config says: the device's memory was too little for as many. The batch counts whole all the
    /// same, and checkpoints know nothing of it.
    #[serde(default)]
    pub micro_batch: Option<u32>,
    /// Where the config lies in the space; `None` for one outside it.
    pub assignment: Option<Assignment>,
    /// The study's seed: random streams are [`crate::streams::stream`]`(seed, trial, purpose)`.
    pub seed: u64,
    /// Folder for this study's checkpoints, which exists; the runner writes `trial-N-step-S.ckpt` files there, and `trial-N-step-S-final.ckpt` for the weights
    /// that count when the trial is over, and never deletes one.
    pub checkpoints: PathBuf,
    /// Folder for this study's predictions; written whenever a segment completes, those of a rung over those of the one before.
    pub artefacts: PathBuf,
}

/// A checkpoint file that an event has named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub path: PathBuf,
    pub step: u64,
    /// Hex.
    pub blake3: String,
    pub bytes: u64,
}

/// What a running segment tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TrialEvent {
    /// For progress displays; not stored.
    Step {
        step: u64,
        total_steps: u64,
    },
    /// Something that takes long, such as an evaluation, goes on. A slot that tells nothing for too long is taken for wedged.
    Alive,
    Evaluated(Evaluation),
    Checkpointed(Checkpoint),
}

/// One look at the validation split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Optimizer steps done.
    pub step: u64,
    /// Training examples seen.
    pub examples: u64,
    /// Passes over the training data.
    pub epoch: f64,
    /// Mean training loss since the last evaluation.
    #[serde(with = "crate::numbers")]
    pub train_loss: f64,
    /// On the validation split: `accuracy`, `macro_f1`, `matthews`, `loss`, and what the program measures besides.
    #[serde(with = "crate::numbers")]
    pub metrics: BTreeMap<String, f64>,
    /// Learning rate of each thawed block at this step, lowest block first.
    #[serde(with = "crate::numbers")]
    pub learning_rates: Vec<(String, f64)>,
    /// The rung this evaluation stands at, if it does.
    pub rung: Option<usize>,
}

/// How a segment ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    Completed(Completed),
    /// Asked to stop before the rung. A checkpoint of the last step was sent just before, so nothing is trained twice.
    Cancelled,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Completed {
    /// The objective's metric at the rung. At the top, and where early stopping ended the trial, that of the evaluation that `keep` asks for:
    /// the best or the last.
    #[serde(with = "crate::numbers")]
    pub value: f64,
    /// The step whose weights have `value`.
    pub step: u64,
    /// Early stopping ended the trial: it is complete, and `value` stands for the higher rungs too.
    pub stopped_early: bool,
    /// All its steps are trained, though `rung` may not be the last, as where rungs are of equal cost: it is complete, and `value` stands for the higher
    /// rungs too.
    #[serde(default)]
    pub full_length: bool,
    /// Steps trained in this segment, and only in it.
    pub steps_trained: u64,
    /// Wall seconds of this segment.
    pub seconds: f64,
    /// Passes over the training data in this segment.
    #[serde(default)]
    pub passes: f64,
    /// Parameters that had trained by the end.
    pub trainable_parameters: u64,
    /// What training the config in full leaves, as far as is known by now.
    #[serde(default)]
    pub weights: Weights,
    /// To go on from (below the top), or the final weights (at the top, and of a trial that stopped itself).
    pub checkpoint: Option<Checkpoint>,
    /// Validation predictions with the weights that have `value`.
    pub predictions: Option<PathBuf>,
}

/// Of a config: what training it in full trains. What thaws only when a metric asks for it counts from then on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    pub parameters: u64,
    /// Of the final checkpoint without its header: of the parameters, and of buffers that training writes.
    pub bytes: u64,
}

/// Why a segment came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum TrialError {
    #[error("the training loss became {loss} at step {step}: a lower learning rate, warm-up or clip_norm usually helps")]
    NonFiniteLoss { step: u64, loss: String },
    #[error("{0}")]
    Other(String),
    /// Not the trial's fault but the machine's, such as a full disk: the segment is lost, not failed, and the worker ends, since the next
    /// segment would meet the same.
    #[error("{0}")]
    Machine(String),
    /// The checkpoint to go on from is gone or damaged, whoever's doing that was: the trial is trained again from its start, which gives the
    /// same values.
    #[error("{0}")]
    CheckpointLost(String),
    /// The device has too little memory for it: the segment runs once more with half as many examples at a time.
    #[error("{0}")]
    OutOfMemory(String),
    /// The device itself is at fault, or gone: nothing in this process may use it any more. The worker ends as if it had died by this segment.
    #[error("{0}")]
    Device(String),
}

/// Tells a running segment to stop at the next step.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
