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
        let l2 = if update.decays { self.l2 as f32 } else { 0.0 };
        let scalars = Scalars {
            rate: -update.learning_rate as f32,
            scale: update.gradient_scale as f32,
            l2,
            alpha: self.alpha as f32,
            weight: (1.0 - self.alpha) as f32,
            epsilon: self.epsilon as f32,
            momentum: self.momentum as f32,
        };
        // A loop for each set of buffers: one that asks at every element which there are takes ten times as long.
        let elements = parameter.iter_mut().zip(gradient);
        match (self.centered, buffers) {
            (false, [square]) => {
                for ((p, &g), square) in elements.zip(square.iter_mut()) {
                    scalars.update(p, g, square, None, None);
                }
            }
            (false, [square, velocity]) => {
                for (((p, &g), square), velocity) in elements.zip(square.iter_mut()).zip(velocity.iter_mut()) {
                    scalars.update(p, g, square, None, Some(velocity));
                }
            }
            (true, [square, mean]) => {
                for (((p, &g), square), mean) in elements.zip(square.iter_mut()).zip(mean.iter_mut()) {
                    scalars.update(p, g, square, Some(mean), None);
                }
            }
            (true, [square, mean, velocity]) => {
                let elements = elements.zip(square.iter_mut()).zip(mean.iter_mut()).zip(velocity.iter_mut());
                for ((((p, &g), square), mean), velocity) in elements {
                    scalars.update(p, g, square, Some(mean), Some(velocity));
                }
            }
            _ => unreachable!("as many buffers as named"),
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

/// The rule's numbers, rounded as they enter it.
#[derive(Clone, Copy)]
struct Scalars {
    rate: f32,
    scale: f32,
    l2: f32,
    alpha: f32,
    weight: f32,
    epsilon: f32,
    momentum: f32,
}

impl Scalars {
    #[expect(clippy::inline_always, reason = "the loops around it are vectors only with it inside")]
    #[inline(always)]
    fn update(self, parameter: &mut f32, gradient: f32, square: &mut f32, mean: Option<&mut f32>, velocity: Option<&mut f32>) {
        let g = gradient * self.scale + self.l2 * *parameter;
        *square = *square * self.alpha + self.weight * g * g;
        let mut spread = *square;
        if let Some(mean) = mean {
            *mean = lerp(*mean, g, self.weight);
            spread -= *mean * *mean;
        }
        let spread = spread.max(0.0).sqrt() + self.epsilon;
        *parameter += match velocity {
            Some(velocity) => {
                *velocity = *velocity * self.momentum + g / spread;
                self.rate * *velocity
            }
            None => self.rate * g / spread,
        };
    }
}
