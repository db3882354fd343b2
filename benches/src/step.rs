//! Training steps through the trainer that a sweep uses: batch, forward, backward, optimizer.

use std::{error::Error, fs, path::Path, sync::Arc};

use candle_core::Device;
use search_spaces::{
    config::{Config, Dropout, Optimizer, Rate, Unfreeze},
    ladder::Ladder,
    settings::{Direction, Metric, Objective},
};
use trials::{
    data::{Example, Examples, Task, Texts, image::Images},
    metrics::Measures,
    models::{BaseModel, Takes},
    prepare::load_base,
    testing::trial_config,
    trainer::{Job, Trainer},
};

use crate::networks;

pub type Failure = Box<dyn Error + Send + Sync>;

/// A model, made-up examples and how to train on them: texts with AdamW and dropout 0.1, images with SGD with momentum.
pub struct Work {
    task: Task,
    base: Arc<dyn BaseModel>,
    config: Config,
    measures: Measures,
    ladder: Ladder,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Work {
    /// With the model in `model`. `size` is the tokens of a text or the side of an image, `lowest` the lowest block that trains (0: all).
    pub fn with(model: &Path, batch: usize, size: usize, lowest: usize, device: &Device) -> Result<Work, Failure> {
        let base = load_base(model, device)?;
        let (examples, optimizer) = match base.takes() {
            Takes::Tokens { vocabulary, .. } => {
                let optimizer = Optimizer::AdamW { learning_rate: 1e-5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };
                (texts(4 * batch, size, vocabulary as u32), optimizer)
            }
            Takes::Pixels(format) => {
                let count = 4 * batch;
                let pixels = (0..count * size * size * format.channels()).map(|i| (i * 7919 % 251) as u8).collect();
                let labels = (0..count as u32).map(|row| row % 10).collect();
                let images = Images { pixels, labels, rows: (0..count as u64).collect(), side: size, format };
                let optimizer = Optimizer::Sgd { learning_rate: 1e-4, momentum: 0.9, nesterov: false, l2: 1e-4 };
                (Arc::new(images) as Arc<dyn Examples>, optimizer)
            }
        };
        let task = Task {
            validation: examples.subset(&[0]),
            test: examples.subset(&[]),
            train: examples,
            labels: (0..10).map(|label| label.to_string()).collect(),
            groups: Vec::new(),
        };
        let config = config(batch, optimizer, base.as_ref(), lowest);
        Ok(Work {
            task,
            base,
            config,
            measures: Measures::default(),
            ladder: Ladder { eta: 3, rungs: vec![1_000_000], ..Ladder::default() },
        })
    }

    /// With one of the networks of [`networks`].
    pub fn untrained(name: &str, batch: usize, size: usize, device: &Device) -> Result<Work, Failure> {
        let folder = std::env::temp_dir().join(format!("thawline-bench-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let work = networks::write(name, &folder).map_err(Failure::from).and_then(|()| Work::with(&folder, batch, size, 0, device));
        fs::remove_dir_all(&folder)?;
        work
    }

    /// The same with gradients clipped to this norm.
    #[must_use]
    pub fn clipped(mut self, norm: f64) -> Work {
        self.config.clip_norm = Some(norm);
        self
    }

    /// What it trains on.
    pub fn examples(&self) -> Arc<dyn Examples> {
        Arc::clone(&self.task.train)
    }

    /// At its first step.
    pub fn trainer(&self) -> Result<Trainer<'_>, Failure> {
        Ok(Trainer::new(Job {
            task: &self.task,
            base: self.base.as_ref(),
            measures: &self.measures,
            objective: Objective { metric: Metric::Accuracy, direction: Direction::Maximize },
            micro_batch: None,
            config: &self.config,
            ladder: &self.ladder,
            eval_every: 1.0,
            seed: 0,
            trial: 0,
            alive: &|| (),
        })?)
    }
}

fn texts(count: usize, tokens: usize, vocabulary: u32) -> Arc<dyn Examples> {
    let example = |row: usize| Example {
        ids: (0..tokens).map(|i| (row as u32 * 6_007 + i as u32 * 101) % vocabulary).collect(),
        types: vec![0; tokens],
        label: row as u32 % 2,
        row: row as u64,
    };
    Arc::new(Texts { examples: (0..count).map(example).collect(), padding: 0, groups: Vec::new() })
}

fn config(batch: usize, optimizer: Optimizer, base: &dyn BaseModel, lowest: usize) -> Config {
    let rate = if matches!(base.takes(), Takes::Tokens { .. }) { 0.1 } else { 0.0 };
    let below = base.blocks().len() - 1;
    Config {
        epochs: 1000,
        batch_size: batch as u32,
        optimizer,
        unfreeze: if lowest == 0 { Unfreeze::Everything } else { Unfreeze::LastBlocks { k: (below - lowest) as u32 } },
        dropout: Dropout { hidden: Rate::Constant(rate), attention: Rate::Constant(rate), classifier: Rate::Constant(rate) },
        ..trial_config()
    }
}
