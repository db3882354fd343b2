//! Models as lists of named blocks.

pub mod bert;

use candle_core::{Device, Result, Tensor};
use rand::rngs::ChaCha8Rng;

use crate::{data::batch::Batch, parameters::Parameters};

/// A classifier whose blocks can be frozen from below.
///
/// # Blocks
/// `blocks()` names them lowest first; the last is always the head. Running all of them in order is the forward pass. Every parameter
/// belongs to one block, and a block uses no parameter of another.
///
/// # Freezing
/// Blocks below `pass.lowest_thawed` run in evaluation mode (no dropout) and their output carries no graph, so backward
/// ends at the lowest thawed block.
///
/// # Determinism
/// The output is a function of parameters, batch and pass alone, bit for bit, for one thread count on one machine.
pub trait Model: Send {
    fn blocks(&self) -> &[String];

    fn parameters(&self) -> &Parameters;

    fn parameters_mut(&mut self) -> &mut Parameters;

    /// Runs one block. `input` is the output of the block below, `None` for block 0, which reads the batch. Hidden states are
    /// `[batch, tokens, hidden]`; the head gives logits `[batch, classes]`.
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

    /// The most tokens an input may have.
    fn max_tokens(&self) -> usize;

    fn device(&self) -> &Device;

    /// A model whose blocks are frozen and share these weights, with a new head drawn from `head`.
    fn instantiate(&self, classes: usize, head: &mut ChaCha8Rng) -> Result<Box<dyn Model>>;
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
        Pass { training: false, lowest_thawed: 0, dropout: DropoutRates::default(), key: 0 }
    }

    /// The rates that hold in `block`: none in evaluation and none in a frozen block.
    pub fn rates(&self, block: usize) -> DropoutRates {
        if self.training && block >= self.lowest_thawed { self.dropout } else { DropoutRates::default() }
    }
}
