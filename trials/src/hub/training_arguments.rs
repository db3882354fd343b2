//! A config in the names of Hugging Face's `TrainingArguments` (transformers 5), and in its own words what those have no name for.

use search_spaces::{
    claim::ConfigFile,
    config::{Adapter, Augment, ClassWeights, Config, DecayOn, FrozenNorm, Keep, Optimizer, Schedule, Unfreeze},
    data::Data,
    settings::{Direction, Metric},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A config as other programs may read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Foreign {
    /// What `TrainingArguments(**it)` takes.
    pub training_arguments: Map<String, Value>,
    /// What a `Trainer` with those would do otherwise, in the words of a space.
    pub not_in_training_arguments: Map<String, Value>,
}

/// Examples at a time in evaluation, as here.
const EVALUATION_BATCH: u32 = 64;

impl Foreign {
    pub fn of(file: &ConfigFile) -> Foreign {
        let mut foreign = Foreign { training_arguments: Map::new(), not_in_training_arguments: Map::new() };
        foreign.steps(file);
        foreign.optimizer(&file.config);
        foreign.schedule(&file.config, file.objective.direction);
        foreign.evaluations(file);
        foreign.rest(file);
        foreign
    }

    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.training_arguments.insert(name.to_owned(), value.into());
    }

    fn beside(&mut self, name: &str, value: &impl Serialize) {
        self.not_in_training_arguments.insert(name.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
    }

    fn steps(&mut self, file: &ConfigFile) {
        let config = &file.config;
        self.set("num_train_epochs", config.epochs);
        // Only parts of one size sum to the mean over the batch.
        match config.micro_batch.filter(|micro| *micro > 0 && *micro < config.batch_size && config.batch_size.is_multiple_of(*micro)) {
            Some(micro) => {
                self.set("per_device_train_batch_size", micro);
                self.set("gradient_accumulation_steps", config.batch_size / micro);
            }
            None => self.set("per_device_train_batch_size", config.batch_size),
        }
        self.set("per_device_eval_batch_size", EVALUATION_BATCH);
        self.set("seed", file.seed % (1 << 32));
    }

    fn optimizer(&mut self, config: &Config) {
        match &config.optimizer {
            Optimizer::AdamW { learning_rate, beta1, beta2, epsilon, weight_decay } => {
                self.adam(*learning_rate, [*beta1, *beta2, *epsilon]);
                self.set("weight_decay", *weight_decay);
            }
            // Without decay the two are one.
            Optimizer::Adam { learning_rate, beta1, beta2, epsilon, l2 } => {
                self.adam(*learning_rate, [*beta1, *beta2, *epsilon]);
                self.set("weight_decay", 0.0);
                if *l2 > 0.0 {
                    self.beside("optimizer", &config.optimizer);
                }
            }
            Optimizer::Sgd { learning_rate, momentum, nesterov, l2 } => {
                self.set("optim", "sgd");
                self.set("learning_rate", *learning_rate);
                self.set("weight_decay", *l2);
                self.set("optim_args", format!("momentum={momentum},nesterov={nesterov}"));
            }
            Optimizer::RmsProp { learning_rate, alpha, epsilon, momentum, centered, l2 } => {
                self.set("optim", "rmsprop");
                self.set("learning_rate", *learning_rate);
                self.set("weight_decay", *l2);
                self.set("optim_args", format!("alpha={alpha},eps={epsilon},momentum={momentum},centered={centered}"));
            }
        }
        self.set("max_grad_norm", config.clip_norm.unwrap_or(0.0));
        self.set("label_smoothing_factor", config.label_smoothing);
        if config.decay_on == DecayOn::Everything {
            self.beside("decay_on", &config.decay_on);
        }
        if config.layer_decay < 1.0 {
            self.beside("layer_decay", &config.layer_decay);
        }
    }

    fn adam(&mut self, learning_rate: f64, [beta1, beta2, epsilon]: [f64; 3]) {
        self.set("optim", "adamw_torch");
        self.set("learning_rate", learning_rate);
        self.set("adam_beta1", beta1);
        self.set("adam_beta2", beta2);
        self.set("adam_epsilon", epsilon);
    }

    fn schedule(&mut self, config: &Config, direction: Direction) {
        let rate = crate::optimizers::learning_rate(&config.optimizer);
        let warm = config.warmup > 0.0;
        let (kind, settings) = match config.schedule {
            Schedule::Constant => (if warm { "constant_with_warmup" } else { "constant" }, None),
            Schedule::Linear { end: 0.0 } => ("linear", None),
            Schedule::Linear { end } => ("polynomial", Some(json!({ "power": 1.0, "lr_end": end * rate }))),
            Schedule::Cosine { end: 0.0 } => ("cosine", None),
            Schedule::Cosine { end } => ("cosine_with_min_lr", Some(json!({ "min_lr_rate": end }))),
            // It knows no warm-up.
            Schedule::Plateau { factor, patience, min_delta, floor } if !warm => {
                let mode = if direction == Direction::Maximize { "max" } else { "min" };
                let settings = json!({
                    "mode": mode, "factor": factor, "patience": patience, "threshold": min_delta, "threshold_mode": "abs", "min_lr": floor * rate
                });
                ("reduce_lr_on_plateau", Some(settings))
            }
            _ => {
                self.beside("schedule", &config.schedule);
                self.beside("warmup", &config.warmup);
                return;
            }
        };
        self.set("lr_scheduler_type", kind);
        if let Some(settings) = settings {
            self.set("lr_scheduler_kwargs", settings);
        }
        // Below 1 it is a share of all steps.
        self.set("warmup_steps", config.warmup);
    }

    fn evaluations(&mut self, file: &ConfigFile) {
        let config = &file.config;
        // Below 1 it is a share of all steps.
        let every = file.eval_every / f64::from(config.epochs.max(1));
        if every < 1.0 {
            for (strategy, steps) in [("eval_strategy", "eval_steps"), ("save_strategy", "save_steps")] {
                self.set(strategy, "steps");
                self.set(steps, every);
            }
        }
        let best = config.keep == Keep::Best && every < 1.0;
        self.set("load_best_model_at_end", best);
        let metric = match file.objective.metric {
            Metric::Loss => "loss".to_owned(),
            metric => metric.name().to_owned(),
        };
        self.set("metric_for_best_model", metric);
        self.set("greater_is_better", file.objective.direction == Direction::Maximize);
        if let Some(stopping) = &config.early_stopping {
            self.beside("early_stopping", stopping);
        }
    }

    /// What the model, the data or a callback have to do.
    fn rest(&mut self, file: &ConfigFile) {
        let config = &file.config;
        if config.unfreeze != Unfreeze::Everything {
            self.beside("unfreeze", &config.unfreeze);
        }
        if config.adapter != Adapter::Off {
            self.beside("adapter", &config.adapter);
        }
        match &file.data {
            Data::Text(data) => {
                self.beside("max_tokens", &data.max_tokens);
                self.beside("dropout", &config.dropout);
            }
            Data::Images(data) => {
                self.beside("side", &data.side);
                self.beside("dropout", &json!({ "classifier": config.dropout.classifier }));
                if config.frozen_norm != FrozenNorm::Batch {
                    self.beside("frozen_norm", &config.frozen_norm);
                }
                if config.augment != Augment::NONE {
                    self.beside("augment", &config.augment);
                }
            }
        }
        if config.class_weights != ClassWeights::Off {
            self.beside("class_weights", &config.class_weights);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use search_spaces::{domain::Assignment, ladder::Ladder, space::Space};

    use super::*;

    fn foreign(data: &str, config: &str) -> String {
        let text = format!("Sweep(model: Path(\"m\"), data: {data}, space: ({config}))");
        let space = Space::parse(Path::new("/s.ron"), &text).unwrap_or_else(|problems| panic!("{problems}"));
        let file = ConfigFile {
            model: space.model.clone(),
            data: space.data.clone(),
            objective: space.objective,
            config: space.config(&Assignment::default()).unwrap(),
            ladder: Ladder::default(),
            eval_every: 0.25,
            seed: 3,
            trial: 7,
            threads: None,
            claim: None,
        };
        serde_json::to_string_pretty(&Foreign::of(&file)).unwrap()
    }

    const TEXT: &str = "(files: One(Path(\"d\")))";

    #[test]
    fn the_usual_recipe_has_names_for_all_but_the_model() {
        insta::assert_snapshot!(foreign(TEXT, "epochs: 3"), @r#"
        {
          "training_arguments": {
            "adam_beta1": 0.9,
            "adam_beta2": 0.999,
            "adam_epsilon": 1e-8,
            "eval_steps": 0.08333333333333333,
            "eval_strategy": "steps",
            "greater_is_better": true,
            "label_smoothing_factor": 0.0,
            "learning_rate": 0.00005,
            "load_best_model_at_end": true,
            "lr_scheduler_type": "linear",
            "max_grad_norm": 1.0,
            "metric_for_best_model": "accuracy",
            "num_train_epochs": 3,
            "optim": "adamw_torch",
            "per_device_eval_batch_size": 64,
            "per_device_train_batch_size": 16,
            "save_steps": 0.08333333333333333,
            "save_strategy": "steps",
            "seed": 3,
            "warmup_steps": 0.1,
            "weight_decay": 0.01
          },
          "not_in_training_arguments": {
            "dropout": {
              "attention": {
                "Constant": 0.1
              },
              "classifier": {
                "Constant": 0.1
              },
              "hidden": {
                "Constant": 0.1
              }
            },
            "max_tokens": 128
          }
        }
        "#);
    }

    #[test]
    fn what_has_no_name_stands_beside_it_in_the_words_of_a_space() {
        let config = "epochs: 1, batch_size: 16, micro_batch: Some(4), optimizer: Sgd(learning_rate: 0.01, momentum: 0.9), \
                      schedule: OneCycle(), unfreeze: Gradual(), layer_decay: 0.9, keep: Last, class_weights: Balanced, \
                      early_stopping: Some((patience: 3)), clip_norm: None";
        insta::assert_snapshot!(foreign("Images(files: One(Path(\"d\")), side: Some(32))", config), @r#"
        {
          "training_arguments": {
            "eval_steps": 0.25,
            "eval_strategy": "steps",
            "gradient_accumulation_steps": 4,
            "greater_is_better": true,
            "label_smoothing_factor": 0.0,
            "learning_rate": 0.01,
            "load_best_model_at_end": false,
            "max_grad_norm": 0.0,
            "metric_for_best_model": "accuracy",
            "num_train_epochs": 1,
            "optim": "sgd",
            "optim_args": "momentum=0.9,nesterov=false",
            "per_device_eval_batch_size": 64,
            "per_device_train_batch_size": 4,
            "save_steps": 0.25,
            "save_strategy": "steps",
            "seed": 3,
            "weight_decay": 0.0
          },
          "not_in_training_arguments": {
            "class_weights": "Balanced",
            "dropout": {
              "classifier": {
                "Constant": 0.1
              }
            },
            "early_stopping": {
              "min_delta": 0.0,
              "patience": 3
            },
            "frozen_norm": "Running",
            "layer_decay": 0.9,
            "schedule": {
              "OneCycle": {
                "end_divisor": 10000.0,
                "peak_at": 0.3,
                "start_divisor": 25.0
              }
            },
            "side": 32,
            "unfreeze": {
              "Gradual": {
                "blocks": 1,
                "min_delta": 0.0,
                "patience": 2,
                "rewarm": 0.2,
                "start": 1
              }
            },
            "warmup": 0.1
          }
        }
        "#);
    }

    #[test]
    fn ends_and_plateaus_have_settings_of_their_own() {
        let kind = |config: &str| {
            let json: Value = serde_json::from_str(&foreign(TEXT, config)).unwrap();
            let all = &json["training_arguments"];
            format!("{} {} {}", all["lr_scheduler_type"], all["lr_scheduler_kwargs"], json["not_in_training_arguments"]["schedule"])
        };
        insta::assert_snapshot!(kind("schedule: Linear(end: 0.1), optimizer: AdamW(learning_rate: 1e-3)"), @r#""polynomial" {"lr_end":0.0001,"power":1.0} null"#);
        insta::assert_snapshot!(kind("schedule: Cosine(end: 0.1)"), @r#""cosine_with_min_lr" {"min_lr_rate":0.1} null"#);
        insta::assert_snapshot!(kind("schedule: Plateau(), warmup: 0.0"), @r#""reduce_lr_on_plateau" {"factor":0.1,"min_lr":0.0,"mode":"max","patience":2,"threshold":0.0,"threshold_mode":"abs"} null"#);
        insta::assert_snapshot!(kind("schedule: Plateau()"), @r#"null null {"Plateau":{"factor":0.1,"floor":0.0,"min_delta":0.0,"patience":2}}"#);
        insta::assert_snapshot!(kind("schedule: Constant"), @r#""constant_with_warmup" null null"#);
    }
}
