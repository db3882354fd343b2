//! RMSprop (Tieleman & Hinton 2012).

use candle_core::{Result, Tensor};

use super::{Update, UpdateRule, lerp, lerp_tensor, regularised};

/// `torch.optim.RMSprop`; `l2` is its `weight_decay`.
///
/// A variance that rounding made negative counts as zero, where torch's centred rule gives NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    pub alpha: f64,
    pub epsilon: f64,
    pub momentum: f64,
    /// Divide by an estimate of the gradient's standard deviation rather than its root mean square.
    pub centered: bool,
    pub l2: f64,
}

impl UpdateRule for RmsProp {
    fn buffers(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum > 0.0) {
            (false, false) => &["square_avg"],
            (false, true) => &["square_avg", "momentum"],
            (true, false) => &["square_avg", "grad_avg"],
            (true, true) => &["square_avg", "grad_avg", "momentum"],
        }
    }

    fn update(&self, update: &Update, parameter: &mut [f32], gradient: &[f32], buffers: &mut [&mut [f32]]) {
        let rate = -update.learning_rate as f32;
        let scale = update.gradient_scale as f32;
        let l2 = if update.decays { self.l2 as f32 } else { 0.0 };
        let (alpha, weight) = (self.alpha as f32, (1.0 - self.alpha) as f32);
        let (epsilon, momentum) = (self.epsilon as f32, self.momentum as f32);
        let mut buffers = buffers.iter_mut();
        let square = buffers.next().expect("always kept");
        let mut mean = if self.centered { buffers.next() } else { None };
        let mut velocity = buffers.next();
        for i in 0..parameter.len() {
            let g = gradient[i] * scale + l2 * parameter[i];
            square[i] = square[i] * alpha + weight * g * g;
            let mut spread = square[i];
            if let Some(mean) = &mut mean {
                mean[i] = lerp(mean[i], g, weight);
                spread -= mean[i] * mean[i];
            }
            let spread = spread.max(0.0).sqrt() + epsilon;
            parameter[i] += match &mut velocity {
                Some(velocity) => {
                    velocity[i] = velocity[i] * momentum + g / spread;
                    rate * velocity[i]
                }
                None => rate * g / spread,
            };
        }
    }

    fn update_tensor(&self, update: &Update, parameter: &Tensor, gradient: &Tensor, buffers: &mut [Tensor]) -> Result<Tensor> {
        let gradient = regularised(update, self.l2, parameter, gradient)?;
        let mut buffers = buffers.iter_mut();
        let square = buffers.next().expect("always kept");
        *square = ((&*square * self.alpha)? + (gradient.sqr()? * (1.0 - self.alpha))?)?;
        let mut spread = square.clone();
        if self.centered {
            let mean = buffers.next().expect("kept when centred");
            *mean = lerp_tensor(mean, &gradient, 1.0 - self.alpha)?;
            spread = (spread - mean.sqr()?)?;
        }
        let mut direction = (gradient / (spread.relu()?.sqrt()? + self.epsilon)?)?;
        if let Some(velocity) = buffers.next() {
            *velocity = ((&*velocity * self.momentum)? + direction)?;
            direction = velocity.clone();
        }
        parameter - (direction * update.learning_rate)?
    }
}
