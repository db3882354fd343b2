//! What training a config needs at least, by count and not by trial.

use candle_core::Result;
use engine::{
    runner::Weights,
    streams::{Purpose, stream},
};
use search_spaces::config::Config;

use crate::{data::Task, freezing::unfreezing, models::BaseModel, optimizers::Optimizer, trainer};

/// Of training in full. What thaws only when a metric asks for it is left out, since it may never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// What trains, and buffers that training writes.
    pub weights: Weights,
    /// Numbers that the optimizer keeps for each parameter.
    pub kept: u64,
}

impl Needs {
    pub fn of(config: &Config, base: &dyn BaseModel, task: &Task) -> Result<Needs> {
        let (examples, classes) = (task.train.len() as u64, task.labels.len());
        // The sizes do not depend on what the head is drawn from.
        let model = trainer::instantiate(base, classes, config, &mut stream(0, 0, Purpose::HeadWeights))?;
        let steps_per_epoch = examples.div_ceil(u64::from(config.batch_size.max(1))).max(1);
        let unfreezing = unfreezing(&config.unfreeze, model.blocks().len(), steps_per_epoch);
        let lowest = unfreezing.lowest(config.total_steps(examples).saturating_sub(1));
        Ok(Needs { weights: model.parameters().weights_from(lowest), kept: Optimizer::new(&config.optimizer).kept() as u64 })
    }

    /// Of a checkpoint on the way, without its header and the best weights, which are in it where they are not the last.
    pub fn checkpoint_bytes(&self) -> u64 {
        self.weights.bytes + size_of::<f32>() as u64 * self.kept * self.weights.parameters
    }
}
