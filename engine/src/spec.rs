//! What a study is, fixed when it starts.

use std::path::PathBuf;

use search_spaces::{data::TextData, ladder::Ladder, space::Space};
use serde::{Deserialize, Serialize};

/// Everything a worker process needs to know about its study; the study's first event holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StudySpec {
    /// As written. Its settings are those of the newest run.
    pub space: Space,
    /// Two spaces with the same hash may share a study.
    pub space_hash: String,
    /// `space.model` found on this machine: a Hugging Face folder, absolute.
    pub model: PathBuf,
    /// `space.data` with every location an absolute path.
    pub data: TextData,
    pub ladder: Ladder,
    /// Training examples in one pass.
    pub examples_per_epoch: u64,
}
