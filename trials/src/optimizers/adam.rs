//! Adam (Kingma & Ba 2015) with L2 in the gradient.

use candle_core::{Result, Tensor};

use super::{Update, UpdateRule, lerp, lerp_tensor, regularised};

/// `torch.optim.Adam`; `l2` is its `weight_decay`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub l2: f64,
}

impl UpdateRule for Adam {
    fn buffers(&self) -> &'static [&'static str] {
        Moments::NAMES
    }

    fn update(&self, update: &Update, parameter: &mut [f32], gradient: &[f32], buffers: &mut [&mut [f32]]) {
        let moments = Moments::new(self.beta1, self.beta2, self.epsilon, update);
        let scale = update.gradient_scale as f32;
        let l2 = if update.decays { self.l2 as f32 } else { 0.0 };
        moments.update(parameter, gradient, buffers, |p, g| (p, g * scale + l2 * p));
    }

    fn update_tensor(&self, update: &Update, parameter: &Tensor, gradient: &Tensor, buffers: &mut [Tensor]) -> Result<Tensor> {
        let gradient = regularised(update, self.l2, parameter, gradient)?;
        Moments::new(self.beta1, self.beta2, self.epsilon, update).update_tensor(parameter, &gradient, buffers)
    }
}

/// What Adam and AdamW share: running averages of the gradient and its square, corrected for their start at zero.
pub(super) struct Moments {
    /// `1 - beta1` and `1 - beta2`.
    weight1: f64,
    weight2: f64,
    beta2: f64,
    epsilon: f64,
    /// The learning rate over the first moment's correction.
    step_size: f64,
    /// The square root of the second moment's correction.
    correction2: f64,
}

impl Moments {
    pub(super) const NAMES: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    pub(super) fn new(beta1: f64, beta2: f64, epsilon: f64, update: &Update) -> Moments {
        let count = update.count as f64;
        Moments {
            weight1: 1.0 - beta1,
            weight2: 1.0 - beta2,
            beta2,
            epsilon,
            step_size: update.learning_rate / (1.0 - beta1.powf(count)),
            correction2: (1.0 - beta2.powf(count)).sqrt(),
        }
    }

    /// `prepare(parameter, gradient)` gives both as they enter the rule.
    pub(super) fn update(
        &self,
        parameter: &mut [f32],
        gradient: &[f32],
        buffers: &mut [&mut [f32]],
        prepare: impl Fn(f32, f32) -> (f32, f32),
    ) {
        let [first, second] = buffers else { unreachable!("as many buffers as named") };
        let (weight1, weight2, beta2) = (self.weight1 as f32, self.weight2 as f32, self.beta2 as f32);
        let (epsilon, correction2, rate) = (self.epsilon as f32, self.correction2 as f32, -self.step_size as f32);
        for (((p, &g), m), v) in parameter.iter_mut().zip(gradient).zip(first.iter_mut()).zip(second.iter_mut()) {
            let (value, g) = prepare(*p, g);
            *m = lerp(*m, g, weight1);
            *v = *v * beta2 + weight2 * g * g;
            *p = value + rate * *m / (v.sqrt() / correction2 + epsilon);
        }
    }

    pub(super) fn update_tensor(&self, parameter: &Tensor, gradient: &Tensor, buffers: &mut [Tensor]) -> Result<Tensor> {
        let [first, second] = buffers else { unreachable!("as many buffers as named") };
        *first = lerp_tensor(first, gradient, self.weight1)?;
        *second = ((&*second * self.beta2)? + (gradient.sqr()? * self.weight2)?)?;
        let denominator = ((second.sqrt()? / self.correction2)? + self.epsilon)?;
        parameter - ((&*first * self.step_size)? / denominator)?
    }
}
