//! Optimizers: the update rules of `torch.optim`, in place, with state that can be saved.

mod adam;
mod adamw;
mod apply;
mod rmsprop;
mod sgd;
mod state;

use std::{collections::BTreeMap, fmt::Debug};

use candle_core::{Result, Tensor, Var};
use search_spaces::config;

use self::state::Slot;
pub use self::{
    adam::Adam,
    adamw::AdamW,
    rmsprop::RmsProp,
    sgd::Sgd,
    state::{Saved, StateError},
};

/// How one step changes one parameter.
///
/// # Elementwise
/// The new value of an element depends on that element's value, gradient and buffers alone. So work may be cut into chunks
/// anywhere, and the result does not depend on the number of threads.
///
/// # Fidelity
/// The operations and their order are those of `torch.optim` (`foreach=False`), with scalars rounded to `f32` where torch
/// rounds them.
pub trait UpdateRule: Debug + Send + Sync {
    /// Names of the running averages kept for each parameter, each of its shape and zero at first.
    fn buffers(&self) -> &'static [&'static str];

    /// Updates a chunk. All slices are equally long; `buffers` are in the order of [`UpdateRule::buffers`].
    fn update(&self, update: &Update, parameter: &mut [f32], gradient: &[f32], buffers: &mut [&mut [f32]]);

    /// The same composed of tensor operations, for devices and types without code of our own: the new parameter, and `buffers` replaced.
    fn update_tensor(&self, update: &Update, parameter: &Tensor, gradient: &Tensor, buffers: &mut [Tensor]) -> Result<Tensor>;
}

/// One step of one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Which update of this parameter it is, from 1: a parameter thawed later starts at 1, as one in a group added later to an
    /// optimizer of torch does.
    pub count: u64,
    pub learning_rate: f64,
    /// Whether weight decay or L2 applies.
    pub decays: bool,
    /// The gradient is multiplied by this first: what clipping asks for.
    pub gradient_scale: f64,
}

/// A rule with its state, by parameter name.
///
/// State exists only for parameters that have been updated: frozen ones cost nothing.
#[derive(Debug)]
pub struct Optimizer {
    rule: Box<dyn UpdateRule>,
    slots: BTreeMap<String, Slot>,
}

impl Optimizer {
    pub fn new(config: &config::Optimizer) -> Optimizer {
        let rule: Box<dyn UpdateRule> = match *config {
            config::Optimizer::Sgd { momentum, nesterov, l2, .. } => Box::new(Sgd { momentum, nesterov, l2 }),
            config::Optimizer::Adam { beta1, beta2, epsilon, l2, .. } => Box::new(Adam { beta1, beta2, epsilon, l2 }),
            config::Optimizer::AdamW { beta1, beta2, epsilon, weight_decay, .. } => Box::new(AdamW { beta1, beta2, epsilon, weight_decay }),
            config::Optimizer::RmsProp { alpha, epsilon, momentum, centered, l2, .. } => {
                Box::new(RmsProp { alpha, epsilon, momentum, centered, l2 })
            }
        };
        Optimizer { rule, slots: BTreeMap::new() }
    }

    /// Numbers that are kept for each one of a parameter.
    pub fn kept(&self) -> usize {
        self.rule.buffers().len()
    }

    /// Takes one step with the parameter called `name`. `gradient` has its shape; `update.count` is filled in here.
    pub fn step(&mut self, name: &str, parameter: &Var, gradient: &Tensor, update: Update) -> Result<()> {
        if !self.slots.contains_key(name) {
            let slot = Slot::new(parameter.as_tensor(), self.rule.buffers().len())?;
            self.slots.insert(name.to_owned(), slot);
        }
        let slot = self.slots.get_mut(name).expect("inserted above");
        slot.updates += 1;
        apply::apply(self.rule.as_ref(), &Update { count: slot.updates, ..update }, parameter, gradient, &mut slot.buffers)
    }
}

/// The learning rate that schedules multiply.
pub fn learning_rate(optimizer: &config::Optimizer) -> f64 {
    match *optimizer {
        config::Optimizer::Sgd { learning_rate, .. }
        | config::Optimizer::Adam { learning_rate, .. }
        | config::Optimizer::AdamW { learning_rate, .. }
        | config::Optimizer::RmsProp { learning_rate, .. } => learning_rate,
    }
}

/// `torch.lerp`, which picks the form that is exact at the nearer end.
fn lerp(from: f32, to: f32, weight: f32) -> f32 {
    if weight < 0.5 { from + weight * (to - from) } else { to - (to - from) * (1.0 - weight) }
}

/// [`lerp`] on tensors.
fn lerp_tensor(from: &Tensor, to: &Tensor, weight: f64) -> Result<Tensor> {
    let difference = (to - from)?;
    if weight < 0.5 { from + (difference * weight)? } else { to - (difference * (1.0 - weight))? }
}

/// The scaled gradient with L2 added: `gradient * scale + l2 * parameter`.
fn regularised(update: &Update, l2: f64, parameter: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let gradient = (gradient * update.gradient_scale)?;
    if update.decays && l2 != 0.0 { gradient + (parameter * l2)? } else { Ok(gradient) }
}

#[cfg(test)]
mod tests;
