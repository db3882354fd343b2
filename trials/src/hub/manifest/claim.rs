//! What a study had measured.

use serde::{Deserialize, Serialize};

/// What a study says of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub study: String,
    pub trial: u32,
    /// How it came to be the best, in words; `None` for another trial.
    pub rule: Option<String>,
    /// The objective's metric.
    pub metric: String,
    /// On the validation split.
    #[serde(with = "engine::numbers")]
    pub value: f64,
    /// The step whose weights have `value`.
    pub step: u64,
    /// On the test split, if the study has looked at it with these weights.
    pub test: Option<Test>,
}

/// The objective's metric on the test split, with its 95 % interval where there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Test {
    #[serde(with = "engine::numbers")]
    pub value: f64,
    #[serde(with = "engine::numbers")]
    pub low: f64,
    #[serde(with = "engine::numbers")]
    pub high: f64,
    pub examples: u64,
}
