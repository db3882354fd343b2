//! Low-rank adaptation of attention projections (LoRA, Hu et al. 2021).

use candle_core::{Result, Tensor};
use rand::{RngExt as _, rngs::ChaCha8Rng};
use search_spaces::config::Projections;

use super::Pass;
use crate::{
    ops::{self, Clamp, Dropout, dropout, linear},
    parameters::{LowRank, ParameterId, Parameters, Role},
};

/// What is added to a model's attention projections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lora {
    /// At most the projections' width.
    pub rank: usize,
    pub alpha: f64,
    pub dropout: f64,
    pub projections: Projections,
}

impl Lora {
    /// Adds new parameters for `weight` `[out, in]`, named `prefix.lora_A.weight` and `prefix.lora_B.weight` as peft does: the one that
    /// reads is uniform within `1 / sqrt(in)`, the other zero.
    pub(super) fn add(self, parameters: &mut Parameters, weight: ParameterId, prefix: &str, stream: &mut ChaCha8Rng) -> Result<()> {
        let Lora { rank, alpha, dropout, .. } = self;
        let (tensor, block) = (parameters.get(weight).clone(), parameters.block(weight));
        let ((out, features), device) = (tensor.dims2()?, tensor.device());
        let bound = 1.0 / (features as f64).sqrt();
        let values: Vec<f32> = (0..rank * features).map(|_| stream.random_range(-bound..bound) as f32).collect();
        let down = Tensor::from_vec(values, (rank, features), device)?;
        let up = Tensor::from_vec(vec![0f32; out * rank], (out, rank), device)?;
        let down = parameters.add(format!("{prefix}.lora_A.weight"), block, Role::Matrix, down);
        let up = parameters.add(format!("{prefix}.lora_B.weight"), block, Role::Matrix, up);
        parameters.adapt(weight, LowRank { down, up, scale: alpha / rank as f64, dropout });
        Ok(())
    }
}

/// `y`, which a weight made of `x`, with the share of `addition`; `[.., out]` and `[.., in]`. `site` names the dropout mask.
pub(super) fn add(addition: &LowRank, y: &Tensor, x: &Tensor, parameters: &Parameters, pass: &Pass, site: u64) -> Result<Tensor> {
    let (down, up, block) = (parameters.get(addition.down), parameters.get(addition.up), parameters.block(addition.up));
    let rate = if pass.trains(block) { addition.dropout } else { 0.0 };
    let x = dropout(x, Dropout::at(rate, pass.key, block, site))?;
    let narrow = (linear(&x, down, &no_bias(down)?)? * addition.scale)?;
    ops::add(y, &linear(&narrow, up, &no_bias(up)?)?, Clamp::NONE)
}

fn no_bias(weight: &Tensor) -> Result<Tensor> {
    Tensor::zeros(weight.dim(0)?, weight.dtype(), weight.device())
}
