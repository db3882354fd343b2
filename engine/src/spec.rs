//! What a study is, fixed when it starts.

use std::path::{Path, PathBuf};

use search_spaces::{
    data::{Data, Files, Location},
    ladder::Ladder,
    space::Space,
};
use serde::{Deserialize, Serialize};

use crate::store::StoreError;

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
    pub data: Data,
    pub ladder: Ladder,
    /// Training examples in one pass.
    pub examples_per_epoch: u64,
    /// Of the tokenised data: other data has another hash. Empty when not known, as in studies of before it was kept.
    #[serde(default)]
    pub data_hash: String,
    /// The same of the base weights.
    #[serde(default)]
    pub model_hash: String,
}

impl StudySpec {
    /// Refuses data or base weights other than those the study in `folder` was started with: values of before and after could not be compared.
    pub fn check_inputs(&self, folder: &Path, data_hash: &str, model_hash: &str) -> Result<(), StoreError> {
        let other = |known: &str, now: &str| !known.is_empty() && known != now;
        let mut changed = Vec::new();
        if other(&self.data_hash, data_hash) {
            changed.push(match &self.data {
                Data::Text(_) => format!(
                    "the data: {}, with the tokenizer of {}, no longer gives the same tokens, labels and splits",
                    files(&self.data),
                    self.model.display()
                ),
                Data::Images(_) => format!("the data: {} no longer gives the same images, labels and splits", files(&self.data)),
            });
        }
        if other(&self.model_hash, model_hash) {
            changed.push(format!("the model: {} no longer has the same weights", self.model.display()));
        }
        if changed.is_empty() { Ok(()) } else { Err(StoreError::InputsChanged { path: folder.to_owned(), changed }) }
    }
}

fn files(data: &Data) -> String {
    match data.files() {
        Files::One(one) => one.to_string(),
        Files::Splits { train, validation, test } => {
            let all: Vec<String> =
                [Some(train), validation.as_ref(), test.as_ref()].into_iter().flatten().map(Location::to_string).collect();
            all.join(", ")
        }
    }
}
