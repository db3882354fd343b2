//! Models as lists of named blocks.

pub mod bert;
pub mod convnet;
mod lora;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor, bail};
use rand::rngs::ChaCha8Rng;
use search_spaces::config::FrozenNorm;

pub use self::lora::Lora;
use crate::{
    data::{batch::Batch, pixels::PixelFormat},
    hub::Classifier,
    parameters::Parameters,
};

/// A classifier whose blocks can be frozen from below.
///
/// # Blocks
/// `blocks()` names them lowest first; the last is always the head. Running all of them in order is the forward pass. Every parameter
/// belongs to one block, and a block uses no parameter of another.
///
/// # Freezing
/// Blocks below `pass.lowest_thawed` run in evaluation mode (no dropout, and running statistics unless the pass says otherwise) and their
/// output carries no graph, so backward ends at the lowest thawed block.
///
/// # Buffers
/// The forward pass of a thawed block in training writes its buffers; nothing else does.
///
/// # Determinism
/// The output is a function of parameters, batch and pass alone, bit for bit, for one thread count on one machine.
pub trait Model: Send {
    fn blocks(&self) -> &[String];

    fn parameters(&self) -> &Parameters;

    fn parameters_mut(&mut self) -> &mut Parameters;

    /// Makes `lora` all that trains in the blocks below the head, whatever is thawed there. The output is the same as before until a step
    /// has trained it. New weights are drawn from `stream`.
    ///
    /// # Errors
    /// When the model has no attention projections ([`BaseModel::widest_lora`] says so).
    fn adapt(&mut self, lora: Lora, stream: &mut ChaCha8Rng) -> Result<()> {
        let _ = stream;
        bail!("the model has no attention projections for {lora:?}")
    }

    /// Runs one block. `input` is the output of the block below, `None` for block 0, which reads the batch. Hidden states are
    /// `[batch, tokens, hidden]` or `[batch, height, width, channels]`; the head gives logits `[batch, classes]`.
    fn run_block(&self, block: usize, input: Option<&Tensor>, batch: &Batch, pass: &Pass) -> Result<Tensor>;

    /// Logits `[batch, classes]` from the input of `block` (what [`Model::run_block`] of the block below gave).
    fn forward_from(&self, block: usize, input: Option<&Tensor>, batch: &Batch, pass: &Pass) -> Result<Tensor> {
        let mut hidden = self.run_block(block, input, batch, pass)?;
        for next in block + 1..self.blocks().len() {
            hidden = self.run_block(next, Some(&hidden), batch, pass)?;
        }
        Ok(hidden)
    }

    /// Logits `[batch, classes]`.
    fn forward(&self, batch: &Batch, pass: &Pass) -> Result<Tensor> {
        self.forward_from(0, None, batch, pass)
    }
}

/// Pre-trained weights on a device, shared by all trials of a worker.
pub trait BaseModel: Send + Sync {
    /// Names of the blocks an instance will have, lowest first, the head last.
    fn blocks(&self) -> Vec<String>;

    fn takes(&self) -> Takes;

    fn device(&self) -> &Device;

    /// The highest rank that [`Model::adapt`] takes; `None` where a model has no attention projections.
    fn widest_lora(&self) -> Option<usize> {
        None
    }

    /// Multiply-adds of one example's forward pass in each block, the head for so many `classes`. `size` is its tokens, or the side of the image.
    fn multiply_adds(&self, size: usize, classes: usize) -> Vec<u64>;

    /// Numbers that a training step keeps of one example's forward pass for the way back, in each block, where it and all above train: no more than what is kept for certain. `size`
    /// as in [`BaseModel::multiply_adds`]; what grows with the tokens grows in proportion.
    fn kept(&self, size: usize) -> Vec<u64>;

    /// A model whose blocks are frozen and share these weights, with a new head drawn from `head`.
    fn instantiate(&self, classes: usize, head: &mut ChaCha8Rng) -> Result<Box<dyn Model>>;

    /// All tensors, by name.
    fn tensors(&self) -> &BTreeMap<String, Tensor>;

    /// Everything but the tensors that it computes with.
    fn identity(&self) -> String;

    /// What [`crate::hub::export`] needs besides the parameters; `side` is that of the images it was trained on, where it is not the model's.
    fn classifier(&self, labels: &[String], side: Option<usize>) -> Classifier;

    /// The blake3, in hex, of everything that a trial's outcome depends on.
    fn hash(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new_derive_key("thawline 2026-11 base weights");
        hasher.update(self.identity().as_bytes());
        for (name, tensor) in self.tensors() {
            hasher.update(format!(" {name} {:?} ", tensor.dims()).as_bytes());
            let values = tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
            hasher.update(bytemuck::cast_slice(&values));
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}

/// What a model reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Takes {
    Tokens {
        /// The most an input may have.
        most: usize,
        /// Ids it has an embedding for.
        vocabulary: usize,
        types: usize,
    },
    Pixels(PixelFormat),
}

/// How one forward pass runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pass {
    /// `false`: no dropout anywhere.
    pub training: bool,
    /// Blocks below this one run in evaluation mode.
    pub lowest_thawed: usize,
    pub dropout: DropoutRates,
    /// Drawn for this step from the trial's dropout stream; every mask of the step derives from it and the mask's site.
    pub key: u64,
    pub frozen_norm: FrozenNorm,
}

/// Probabilities in `[0, 1)`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DropoutRates {
    pub hidden: f64,
    pub attention: f64,
    pub classifier: f64,
}

impl Pass {
    /// No dropout.
    pub fn evaluation() -> Pass {
        Pass { training: false, lowest_thawed: 0, dropout: DropoutRates::default(), key: 0, frozen_norm: FrozenNorm::Running }
    }

    /// Whether batch normalisation in `block` uses the statistics of the batch.
    pub fn normalises_by_batch(&self, block: usize) -> bool {
        self.trains(block) || (self.training && self.frozen_norm == FrozenNorm::Batch)
    }

    /// Whether `block` runs as in training.
    pub fn trains(&self, block: usize) -> bool {
        self.training && block >= self.lowest_thawed
    }

    /// The rates that hold in `block`: none in evaluation and none in a frozen block.
    pub fn rates(&self, block: usize) -> DropoutRates {
        if self.trains(block) { self.dropout } else { DropoutRates::default() }
    }
}
