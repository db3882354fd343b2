//! Low-rank additions to weights.

use candle_core::{Result, Tensor};

use super::{ParameterId, Parameters};

/// What is added to one weight `[out, in]`: `scale` times `up` `[out, rank]` times `down` `[rank, in]`.
#[derive(Debug, Clone, Copy)]
pub struct LowRank {
    pub down: ParameterId,
    pub up: ParameterId,
    pub scale: f64,
    /// On what `down` reads.
    pub dropout: f64,
}

impl LowRank {
    /// `weight` with the addition in it.
    pub fn merged(&self, weight: &Tensor, parameters: &Parameters) -> Result<Tensor> {
        let (down, up) = (parameters.get(self.down).detach(), parameters.get(self.up).detach());
        weight.detach() + (up.matmul(&down)? * self.scale)?
    }
}
