//! A trial that takes milliseconds.

use search_spaces::{
    claim::ConfigFile,
    config::{Adapter, Augment, ClassWeights, Config, DecayOn, Dropout, FrozenNorm, Keep, Optimizer, Rate, Schedule, Unfreeze},
    data::{Data, Files, Location, Missing, Split, TextColumns, TextData},
    ladder::Ladder,
    settings::{Direction, Metric, Objective},
};

/// AdamW at a constant rate with everything trainable, for two passes of batches of 4.
pub fn trial_config() -> Config {
    Config {
        epochs: 2,
        batch_size: 4,
        optimizer: Optimizer::AdamW { learning_rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 },
        decay_on: DecayOn::Matrices,
        schedule: Schedule::Constant,
        warmup: 0.0,
        unfreeze: Unfreeze::Everything,
        adapter: Adapter::Off,
        dropout: Dropout { hidden: Rate::Constant(0.1), attention: Rate::Constant(0.0), classifier: Rate::Constant(0.1) },
        label_smoothing: 0.0,
        clip_norm: None,
        layer_decay: 1.0,
        early_stopping: None,
        keep: Keep::Last,
        class_weights: ClassWeights::Off,
        micro_batch: None,
        augment: Augment::NONE,
        frozen_norm: FrozenNorm::Running,
    }
}

/// A config file of [`trial_config`], which names no data that exists.
pub fn trial_config_file() -> ConfigFile {
    let nowhere = Location::Path("nowhere".into());
    ConfigFile {
        model: nowhere.clone(),
        data: Data::Text(text_data(nowhere)),
        objective: Objective { metric: Metric::Accuracy, direction: Direction::Maximize },
        config: trial_config(),
        ladder: Ladder { eta: 3, rungs: vec![1], ..Ladder::default() },
        eval_every: 0.25,
        seed: 0,
        trial: 0,
        threads: Some(1),
        claim: None,
    }
}

/// The column `text` of `all`, split here.
pub fn text_data(all: Location) -> TextData {
    TextData {
        files: Files::One(all),
        columns: None,
        text: TextColumns::One("text".to_owned()),
        label: "label".to_owned(),
        group: None,
        split: Split { validation: 0.1, test: 0.1, seed: 0 },
        missing: Missing::Reject,
        max_tokens: 16,
        max_train: None,
        max_validation: None,
    }
}
