//! Random streams: one ChaCha8 stream for each (study seed, trial, purpose), the same on every machine.

use rand::{SeedableRng, rngs::ChaCha8Rng};

/// What a stream is for. The name, not the position in this list, goes into the stream's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Drawing the trial's config.
    Sampler,
    /// Scrambling a quasi-random sequence (the trial 0: all have the same).
    Scrambling,
    /// The new head's initial weights.
    HeadWeights,
    /// The order of the training examples.
    DataOrder,
    /// Dropout masks.
    Dropout,
    /// Changes of training images.
    Augment,
    /// Which rows go to which split (the seed is the space's `split.seed`, the trial 0).
    DataSplit,
    /// The rows that `max_train` keeps (seeded like [`Purpose::DataSplit`]).
    TrainSample,
    /// The rows that `max_validation` keeps (seeded like [`Purpose::DataSplit`]).
    ValidationSample,
    /// Which examples go to which part in cross-validation (the seed is the study's, the trial 0: all trials have the same parts).
    Folds,
    /// Which examples a resample of the bootstrap draws (the trial is the resample's number).
    Bootstrap,
    /// Which trials stand for the best where the importance of parameters is compared with chance (the trial is the draw's number).
    Importance,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Sampler => "sampler",
            Purpose::Scrambling => "scrambling",
            Purpose::HeadWeights => "head-weights",
            Purpose::DataOrder => "data-order",
            Purpose::Dropout => "dropout",
            Purpose::Augment => "augment",
            Purpose::DataSplit => "data-split",
            Purpose::TrainSample => "train-sample",
            Purpose::ValidationSample => "validation-sample",
            Purpose::Folds => "folds",
            Purpose::Bootstrap => "bootstrap",
            Purpose::Importance => "importance",
        }
    }
}

/// The stream of `purpose` for `trial` in the study seeded with `seed`.
pub fn stream(seed: u64, trial: u32, purpose: Purpose) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("thawline 2026-11 random stream");
    hasher.update(&seed.to_le_bytes()).update(&trial.to_le_bytes()).update(purpose.name().as_bytes());
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}
