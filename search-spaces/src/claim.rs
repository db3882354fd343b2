//! A config that leaves the search: `best.ron`.

use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    data::{Location, TextData},
    ladder::Ladder,
    settings::Objective,
};

/// Everything that `thawline train` needs to repeat a trial, and what it claims to reach. Written as RON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigFile {
    pub model: Location,
    pub data: TextData,
    pub objective: Objective,
    pub config: Config,
    /// Rungs are evaluated even when nothing pauses there, because monitors see those evaluations.
    pub ladder: Ladder,
    pub eval_every: f64,
    /// The study's seed and the trial's number: together they name the random streams.
    pub seed: u64,
    pub trial: u32,
    /// Threads a step was computed with.
    pub threads: usize,
    pub claim: Option<Claim>,
}

/// What the search measured for this config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub study: String,
    /// Of the objective's metric on the validation split.
    pub value: f64,
    /// The step whose weights reached it.
    pub step: u64,
}
