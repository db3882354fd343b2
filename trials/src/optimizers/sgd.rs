//! Stochastic gradient descent.

use candle_core::{Result, Tensor};

use super::{Update, UpdateRule, regularised};

/// `torch.optim.SGD` with `dampening=0`; `l2` is its `weight_decay`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    pub momentum: f64,
    pub nesterov: bool,
    pub l2: f64,
}

impl UpdateRule for Sgd {
    fn buffers(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum"] }
    }

    fn update(&self, update: &Update, parameter: &mut [f32], gradient: &[f32], buffers: &mut [&mut [f32]]) {
        let rate = -update.learning_rate as f32;
        let scale = update.gradient_scale as f32;
        let l2 = if update.decays { self.l2 as f32 } else { 0.0 };
        let Some(velocity) = buffers.first_mut() else {
            for (p, &g) in parameter.iter_mut().zip(gradient) {
                *p += rate * (g * scale + l2 * *p);
            }
            return;
        };
        let momentum = self.momentum as f32;
        for ((p, &g), v) in parameter.iter_mut().zip(gradient).zip(velocity.iter_mut()) {
            let g = g * scale + l2 * *p;
            *v = *v * momentum + g;
            *p += rate * if self.nesterov { g + momentum * *v } else { *v };
        }
    }

    fn update_tensor(&self, update: &Update, parameter: &Tensor, gradient: &Tensor, buffers: &mut [Tensor]) -> Result<Tensor> {
        let mut direction = regularised(update, self.l2, parameter, gradient)?;
        if let Some(velocity) = buffers.first_mut() {
            *velocity = ((&*velocity * self.momentum)? + &direction)?;
            direction = if self.nesterov { (direction + (&*velocity * self.momentum)?)? } else { velocity.clone() };
        }
        parameter - (direction * update.learning_rate)?
    }
}
