//! Adam with decoupled weight decay (Loshchilov & Hutter 2019).

use candle_core::{Result, Tensor};

use super::{Update, UpdateRule, adam::Moments};

/// `torch.optim.AdamW`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
}

impl AdamW {
    /// What the parameter is multiplied by before the step.
    fn keep(&self, update: &Update) -> f64 {
        if update.decays { 1.0 - update.learning_rate * self.weight_decay } else { 1.0 }
    }
}

impl UpdateRule for AdamW {
    fn buffers(&self) -> &'static [&'static str] {
        Moments::NAMES
    }

    fn update(&self, update: &Update, parameter: &mut [f32], gradient: &[f32], buffers: &mut [&mut [f32]]) {
        let keep = self.keep(update) as f32;
        let scale = update.gradient_scale as f32;
        let moments = Moments::new(self.beta1, self.beta2, self.epsilon, update);
        moments.update(parameter, gradient, buffers, |p, g| (p * keep, g * scale));
    }

    fn update_tensor(&self, update: &Update, parameter: &Tensor, gradient: &Tensor, buffers: &mut [Tensor]) -> Result<Tensor> {
        let parameter = (parameter * self.keep(update))?;
        let gradient = (gradient * update.gradient_scale)?;
        Moments::new(self.beta1, self.beta2, self.epsilon, update).update_tensor(&parameter, &gradient, buffers)
    }
}
