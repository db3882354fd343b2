//! What the weights of a folder gave.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What weights give on the splits that they were not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// `None` where the model was trained on these examples too: there is no honest value.
    pub validation: Option<Evaluated>,
    /// `None` where there is no test split, or nobody has looked at it.
    pub test: Option<Evaluated>,
}

/// One split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    pub examples: u64,
    /// By name: `accuracy`, `macro_f1`, `matthews`, `loss`, and what the program measures besides.
    #[serde(with = "engine::numbers")]
    pub metrics: BTreeMap<String, f64>,
    /// The ends of the 95 % interval of the objective's metric over other splits of that size (percentile bootstrap); only of a test split, and only where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Of all logits, example by example, little-endian `f32`: equal where every bit is.
    pub logits_blake3: String,
}
