//! What a searched value may be, and what it is in one config.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The set a searched value is drawn from. Bounds are inclusive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Domain {
    /// Every value between the bounds is equally likely.
    Uniform { low: f64, high: f64 },
    /// The logarithm is uniform; `low > 0`.
    LogUniform { low: f64, high: f64 },
    /// `low`, `low + step`, ... up to at most `high`.
    Stepped { low: f64, high: f64, step: f64 },
    /// Every integer between the bounds is equally likely.
    Int { low: i64, high: i64 },
    /// An integer whose logarithm is about uniform; `low >= 1`.
    LogInt { low: i64, high: i64 },
    /// One of some options. `labels` are how the options read in tables (`AdamW`, `0.1`, `true`), all distinct;
    /// `weights` are positive and sum to 1.
    Choice { labels: Vec<String>, weights: Vec<f64> },
}

/// What a parameter takes in one config.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// From `Uniform`, `LogUniform` and `Stepped`.
    Float(f64),
    /// From `Int` and `LogInt`.
    Int(i64),
    /// The index of the option taken of a `Choice`.
    Option(usize),
}

/// A value that the search is free to set. Values fixed by the file are not parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Where in the config: `batch_size`, `optimizer`, `optimizer.AdamW.learning_rate`. The name of an option stands for its
    /// variant, so that two options of one variant keep apart: `optimizer.AdamW#2.learning_rate`.
    pub path: String,
    pub domain: Domain,
    /// `None`: always there. Otherwise there only when an earlier choice took a certain option.
    pub condition: Option<Condition>,
}

/// A parameter exists only when `parameters[parent]` (always a `Choice`, itself active, and earlier in the list)
/// took its option number `option`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    pub parent: usize,
    pub option: usize,
}

/// One point of the space: a value for each *active* parameter, by path, and for no other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Assignment(pub BTreeMap<String, Value>);

impl fmt::Display for Domain {
    /// As it is written in RON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Uniform { low, high } => write!(f, "Uniform({low:?}, {high:?})"),
            Domain::LogUniform { low, high } => write!(f, "LogUniform({low:?}, {high:?})"),
            Domain::Stepped { low, high, step } => write!(f, "Stepped({low:?}, {high:?}, {step:?})"),
            Domain::Int { low, high } => write!(f, "Int({low}, {high})"),
            Domain::LogInt { low, high } => write!(f, "LogInt({low}, {high})"),
            Domain::Choice { labels, weights } if even(weights) => write!(f, "Choice([{}])", labels.join(", ")),
            Domain::Choice { labels, weights } => {
                let options: Vec<String> = labels.iter().zip(weights).map(|(label, weight)| format!("({weight:.3}, {label})")).collect();
                write!(f, "Weighted([{}])", options.join(", "))
            }
        }
    }
}

/// Whether all options are equally likely.
pub(crate) fn even(weights: &[f64]) -> bool {
    weights.windows(2).all(|pair| pair[0] == pair[1])
}
