//! One config: everything a trial needs to know, with every value fixed.
//!
//! The same names are the fields and variants of the RON file, where any value may be a domain instead.

use serde::{Deserialize, Serialize};

/// How to fine-tune, with every value fixed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Passes over the training data of the full horizon; at least 1.
    pub epochs: u32,
    /// Examples a step; at least 1.
    pub batch_size: u32,
    pub optimizer: Optimizer,
    /// Which parameters decoupled weight decay and L2 apply to.
    pub decay_on: DecayOn,
    pub schedule: Schedule,
    /// Share of all steps over which the learning rate rises linearly from 0 to where `schedule` begins, which has the steps that are left; in
    /// `[0, 1)`.
    pub warmup: f64,
    pub unfreeze: Unfreeze,
    pub adapter: Adapter,
    pub dropout: Dropout,
    /// In `[0, 1)`, as `torch.nn.CrossEntropyLoss(label_smoothing)`.
    pub label_smoothing: f64,
    /// Gradients are scaled down to this global 2-norm when above it; `None`: never.
    pub clip_norm: Option<f64>,
    /// Each block below the head has its learning rate multiplied by this once more than the block above it; `1`: all the same.
    /// (ULMFiT's discriminative rates, Howard & Ruder 2018.)
    pub layer_decay: f64,
    pub early_stopping: Option<EarlyStopping>,
    /// Which weights a full-length trial is ranked by, and exported with.
    pub keep: Keep,
    pub class_weights: ClassWeights,
    /// Examples that go through the model at a time, their gradients summed to those of the batch; `None`: all of the batch. For memory.
    pub micro_batch: Option<u32>,
    /// How training images are changed; texts are left as they are.
    pub augment: Augment,
    pub frozen_norm: FrozenNorm,
}

impl Augment {
    /// Whether it changes nothing.
    pub fn is_none(&self) -> bool {
        *self == Augment::NONE
    }

    pub const NONE: Augment = Augment { flip: 0.0, crop: 0, jitter: 0.0, erase: 0.0, mix: Mix::Off };
}

impl Config {
    /// Optimizer steps of its full length, for a training split of `examples`: the last batch of a pass may be smaller.
    pub fn total_steps(&self, examples: u64) -> u64 {
        examples.div_ceil(u64::from(self.batch_size.max(1))).max(1).saturating_mul(u64::from(self.epochs.max(1)))
    }
}

/// Update rules and their defaults are those of `torch.optim`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    Sgd { learning_rate: f64, momentum: f64, nesterov: bool, l2: f64 },
    Adam { learning_rate: f64, beta1: f64, beta2: f64, epsilon: f64, l2: f64 },
    AdamW { learning_rate: f64, beta1: f64, beta2: f64, epsilon: f64, weight_decay: f64 },
    RmsProp { learning_rate: f64, alpha: f64, epsilon: f64, momentum: f64, centered: bool, l2: f64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecayOn {
    /// Weight matrices only: neither biases nor normalisation parameters (what Hugging Face's Trainer does; the default).
    Matrices,
    /// Every parameter (what `torch.optim` does when handed `model.parameters()`).
    Everything,
}

/// The learning rate's course over the whole horizon, as a multiple of the optimizer's `learning_rate`.
/// `end` and `floor` are multiples of it too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Schedule {
    Constant,
    /// Falls in a straight line to `end`.
    Linear {
        end: f64,
    },
    /// Falls along half a cosine to `end`.
    Cosine {
        end: f64,
    },
    /// `torch.optim.lr_scheduler.OneCycleLR` with cosine annealing: up from `1 / start_divisor` to 1 over the first
    /// `peak_at` of the steps, then down to `1 / start_divisor / end_divisor`.
    OneCycle {
        peak_at: f64,
        start_divisor: f64,
        end_divisor: f64,
    },
    /// Howard & Ruder 2018: up over the first `cut` of the steps, then down, from and to `1 / ratio`.
    SlantedTriangular {
        cut: f64,
        ratio: f64,
    },
    /// Multiplied by `factor` after every `every` passes.
    Step {
        every: f64,
        factor: f64,
    },
    /// Multiplied by `factor` once a pass, smoothly (at every step).
    Exponential {
        factor: f64,
    },
    /// Multiplied by `factor` when the monitored metric has not improved by `min_delta` for more than `patience` evaluations,
    /// down to `floor`.
    Plateau {
        factor: f64,
        patience: u32,
        min_delta: f64,
        floor: f64,
    },
}

/// Which blocks train, and when. Blocks are counted from the head downwards; the head always trains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Unfreeze {
    HeadOnly,
    Everything,
    /// The head and the last `k` blocks below it.
    LastBlocks {
        k: u32,
    },
    /// Starts with the last `start` blocks below the head and thaws the next `blocks` after every `every` passes.
    Progressive {
        start: u32,
        blocks: u32,
        every: f64,
    },
    /// Starts with the last `start` blocks below the head and thaws the next `blocks` when the monitored metric has not improved by
    /// `min_delta` for `patience` evaluations; what has just thawed has its learning rate rise linearly over
    /// `rewarm` of a pass.
    Gradual {
        start: u32,
        blocks: u32,
        patience: u32,
        min_delta: f64,
        rewarm: f64,
    },
}

/// What trains in the blocks below the head that `unfreeze` thaws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Adapter {
    /// All their parameters.
    Off,
    /// A low-rank addition to each attention projection, and nothing else (LoRA, Hu et al. 2021): `alpha / rank` times the product of two
    /// matrices, of which one is random and the other zero at first. Exported models have it added to their weights.
    Lora {
        rank: u32,
        alpha: f64,
        /// On what the addition reads.
        dropout: f64,
        projections: Projections,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Projections {
    /// Query and value (the paper's choice, and the default).
    QueryValue,
    /// Query, key, value and the projection of the output.
    All,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dropout {
    /// After the embeddings and after every block's two sublayers.
    pub hidden: Rate,
    /// On attention probabilities.
    pub attention: Rate,
    /// Before the classification head.
    pub classifier: Rate,
}

/// A dropout probability in `[0, 1)` over the course of training; shares are of all steps of the horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Rate {
    Constant(f64),
    /// In a straight line from `from` at the start to `to` at `until`, then `to`.
    Ramp {
        from: f64,
        to: f64,
        until: f64,
    },
    /// `rate` until `until`, then none (early dropout, Liu et al. 2023).
    Early {
        rate: f64,
        until: f64,
    },
}

/// Stops the trial when the monitored metric has not improved by `min_delta` for `patience` evaluations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    pub patience: u32,
    pub min_delta: f64,
}

/// What each class counts in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClassWeights {
    /// Each example the same.
    Off,
    /// Each class the same: an example of it `examples / (classes * examples of the class)`, as scikit-learn's `balanced`.
    Balanced,
}

/// Random changes of training images, drawn anew for every batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Augment {
    /// Probability of a flip from left to right.
    pub flip: f64,
    /// Moves the image by up to this many pixels each way; what comes in is black.
    pub crop: u32,
    /// Brightness, contrast and saturation are multiplied by factors from `1 - jitter` to `1 + jitter`.
    pub jitter: f64,
    /// Probability of erasing a rectangle. (Zhong et al. 2020.)
    pub erase: f64,
    pub mix: Mix,
}

/// Mixing the images of a batch, and their labels, in pairs. `alpha` is that of the shares' Beta(alpha, alpha) distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Mix {
    Off,
    /// Every pixel of both. (Zhang et al. 2018.)
    MixUp {
        alpha: f64,
    },
    /// A rectangle of one in the other. (Yun et al. 2019.)
    CutMix {
        alpha: f64,
    },
}

/// What batch normalisation does in frozen blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrozenNorm {
    /// Uses the running statistics and leaves them alone, as in evaluation.
    Running,
    /// Uses those of the batch and moves the running ones, as a plain PyTorch model in `train()` does.
    Batch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// The weights of the best evaluation.
    Best,
    /// The weights of the last step.
    Last,
}
