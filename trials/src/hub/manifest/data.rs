//! What a model was trained on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which examples a model was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrainedOn {
    #[serde(rename = "train")]
    Train,
    #[serde(rename = "train+validation")]
    TrainAndValidation,
}

/// The data by their content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataHashes {
    /// Of all examples as this folder's tokenizer or image size has them, with labels, groups and splits.
    pub content_blake3: String,
    /// Files that the config names, as they lie there. A folder of images has no such hash: `content_blake3` is of what is in it.
    pub files: Vec<DataFile>,
    /// Examples of each split.
    pub splits: Splits,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    pub split: SplitName,
    pub path: PathBuf,
    pub bytes: u64,
    /// In hex.
    pub blake3: String,
}

/// What a file of data is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitName {
    /// All splits are taken from it.
    All,
    Train,
    Validation,
    Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splits {
    pub train: u64,
    pub validation: u64,
    pub test: u64,
}
