//! What training a config needs at least, by count and not by trial.

use candle_core::Result;
use engine::{
    runner::Weights,
    streams::{Purpose, stream},
};
use search_spaces::config::{Adapter, Config, Keep};

use crate::{
    data::Task,
    freezing::unfreezing,
    models::{BaseModel, Takes},
    optimizers::Optimizer,
    trainer,
};

const NUMBER: u64 = size_of::<f32>() as u64;

/// Of training in full. What thaws only when a metric asks for it is left out, since it may never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// What trains, and buffers that training writes.
    pub weights: Weights,
    /// Numbers that the optimizer keeps for each parameter.
    pub state: u64,
    /// Numbers that a step keeps of its forward pass for the way back.
    pub activations: u64,
    /// Whether a step adds gradients up, of parts of its batch.
    pub in_parts: bool,
    /// Whether a copy of the best weights is kept.
    pub best: bool,
}

impl Needs {
    pub fn of(config: &Config, base: &dyn BaseModel, task: &Task) -> Result<Needs> {
        let (examples, classes) = (task.train.len() as u64, task.labels.len());
        // The sizes do not depend on what the head is drawn from.
        let model = trainer::instantiate(base, classes, config, &mut stream(0, 0, Purpose::HeadWeights))?;
        let batch = u64::from(config.batch_size.max(1));
        let unfreezing = unfreezing(&config.unfreeze, model.blocks().len(), examples.div_ceil(batch).max(1));
        let lowest = unfreezing.lowest(config.total_steps(examples).saturating_sub(1));
        let at_a_time = config.micro_batch.map_or(batch, u64::from).clamp(1, batch);
        // Low-rank additions come after what their block reads: it is certain of the blocks above alone.
        let kept = if config.adapter == Adapter::Off { lowest } else { lowest + 1 };
        Ok(Needs {
            weights: model.parameters().weights_from(lowest),
            state: Optimizer::new(&config.optimizer).kept() as u64,
            activations: activations(base, task, parts(examples, batch, at_a_time), kept),
            in_parts: at_a_time < batch.min(examples),
            best: config.keep == Keep::Best,
        })
    }

    /// Of a checkpoint on the way, without its header and the best weights, which are in it where they are not the last.
    pub fn checkpoint_bytes(&self) -> u64 {
        self.weights.bytes + NUMBER * self.state * self.weights.parameters
    }

    /// Of memory, beyond what is shared with other trials: for a step late in training, when everything trains that will.
    ///
    /// It takes more: temporary copies come on top, evaluations, and of the longest texts more than of the mean. Peaks of `check --probe`, in MB:
    ///
    /// | model, all of it | batch | by count | measured |
    /// | --- | --- | --- | --- |
    /// | MiniLM-L6, 128 tokens, AdamW | 8 | 517 | 800 |
    /// | the same | 32 | 979 | 1,200 |
    /// | the same | 32, in parts of 8 | 608 | 779 |
    /// | its upper two layers | 32 | 185 | 736 (the evaluation) |
    /// | ResNet-56, 32 x 32 pixels, SGD | 128 | 650 | 874 |
    pub fn memory_bytes(&self) -> u64 {
        let Weights { parameters, bytes } = self.weights;
        let gradients = NUMBER * parameters;
        let copies = if self.best { 2 } else { 1 };
        let sums = if self.in_parts { gradients } else { 0 };
        copies * bytes + self.state * gradients + gradients.max(sums + NUMBER * self.activations)
    }
}

/// So many parts the batches of a pass have.
fn parts(examples: u64, batch: u64, at_a_time: u64) -> u64 {
    (examples / batch * batch.div_ceil(at_a_time) + (examples % batch).div_ceil(at_a_time)).max(1)
}

/// Of the mean part: the largest has no less.
fn activations(base: &dyn BaseModel, task: &Task, parts: u64, lowest: usize) -> u64 {
    let of = |size: usize| base.kept(size).into_iter().skip(lowest).sum::<u64>();
    match base.takes() {
        // In proportion to the tokens of all its texts.
        Takes::Tokens { .. } => of((task.train.lengths().iter().sum::<usize>() as u64 / parts) as usize),
        Takes::Pixels(_) => of(task.train.size()) * (task.train.len() as u64 / parts),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use search_spaces::config::{Optimizer as Rule, Unfreeze};

    use super::*;
    use crate::{
        models::bert::BertBase,
        testing::{self, TinyBert, tiny_bert},
    };

    fn tiny() -> (BertBase, Task) {
        let folder = tempfile::tempdir().unwrap();
        tiny_bert(folder.path(), &TinyBert::default()).unwrap();
        (BertBase::load(folder.path(), &Device::Cpu).unwrap(), testing::task(30, 20, 10).task())
    }

    #[test]
    fn parts_of_the_batches_of_a_pass() {
        assert_eq!([parts(30, 4, 4), parts(30, 4, 3), parts(30, 4, 1), parts(3, 16, 16), parts(0, 4, 4)], [8, 15, 30, 1, 1]);
    }

    #[test]
    fn a_config_needs_more_with_larger_batches_and_more_that_trains() {
        let (base, task) = tiny();
        let needs = |config: &Config| Needs::of(config, &base, &task).unwrap();
        let config =
            Config { batch_size: 8, micro_batch: None, unfreeze: Unfreeze::Everything, keep: Keep::Best, ..testing::trial_config() };
        let all = needs(&config);
        assert!(matches!(config.optimizer, Rule::AdamW { .. }) && all.state == 2);
        assert_eq!(all.checkpoint_bytes(), 3 * all.weights.bytes, "weights and two moments");
        let head = needs(&Config { unfreeze: Unfreeze::HeadOnly, ..config.clone() });
        assert_eq!((head.activations, head.memory_bytes()), (0, head.weights.bytes * 5), "weights, the best, two moments, gradients");
        let parts = needs(&Config { micro_batch: Some(2), ..config.clone() });
        assert!(parts.in_parts && parts.activations < all.activations / 3, "{parts:?}, {all:?}");
        let last = needs(&Config { unfreeze: Unfreeze::LastBlocks { k: 1 }, ..config.clone() });
        // Of 30 texts in batches of 8 the mean part has a quarter of the tokens, and the last layer keeps two numbers for each.
        let tokens = task.train.lengths().iter().sum::<usize>() as u64 / 4;
        assert_eq!(last.activations, tokens * 2 * 16);
        // One more layer of ten as wide and two of its own width, and the embeddings.
        assert_eq!(all.activations, last.activations + tokens * (6 * 16 + 10 * 16 + 2 * base.config().intermediate as u64));
    }
}
