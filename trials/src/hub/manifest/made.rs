//! Who wrote a folder, and on what.

use serde::{Deserialize, Serialize};

/// Who wrote the folder, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// `export` or `train`.
    pub command: String,
    pub version: String,
    /// Of the executable, in hex.
    pub program_blake3: String,
    /// Of the CPU; empty where the system does not say.
    pub cpu: String,
    /// `cpu`, `cuda:0`, `metal`.
    pub device: String,
    /// That `measured` was computed with.
    pub threads: usize,
    /// That the model was trained with: the config's, where it names a number.
    pub trained_with_threads: Option<usize>,
    /// Of every random stream of its training.
    pub seed: u64,
}

impl Made {
    /// Whether the same numbers are promised, bit for bit.
    pub fn is_here(&self, here: &Made) -> bool {
        !self.cpu.is_empty() && (&self.program_blake3, &self.cpu, &self.device) == (&here.program_blake3, &here.cpu, &here.device)
    }
}
