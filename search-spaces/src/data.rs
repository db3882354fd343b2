//! Which model is fine-tuned on which data.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Something on disk (relative to the RON file; made absolute when read), or something `thawline fetch` knows by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Location {
    Path(PathBuf),
    Asset(String),
}

/// The data of a classification task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Data {
    Text(TextData),
    Images(ImageData),
}

/// The data of a text classification task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextData {
    pub files: Files,
    /// Names of the columns where the file has no header line (CSV and TSV); `None`: the first line is the header.
    pub columns: Option<Vec<String>>,
    pub text: TextColumns,
    pub label: String,
    /// The column that says which group a row belongs to, such as its source, for comparing groups; nothing is trained on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// For the splits that are not given as files.
    pub split: Split,
    pub missing: Missing,
    /// Longer inputs are truncated to this many tokens, the special ones included.
    pub max_tokens: usize,
    /// Take at most this many training examples (a seeded, stratified sample); `None`: all.
    pub max_train: Option<usize>,
    /// The same for the validation split.
    pub max_validation: Option<usize>,
}

/// The data of an image classification task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageData {
    pub files: Files,
    /// Side that images are resized to; `None`: that of the images the model was trained on.
    pub side: Option<usize>,
    /// For the splits that are not given as files.
    pub split: Split,
    pub unreadable: Unreadable,
    /// Take at most this many training examples (a seeded, stratified sample); `None`: all.
    pub max_train: Option<usize>,
    /// The same for the validation split.
    pub max_validation: Option<usize>,
}

/// What to do with an image that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unreadable {
    /// List all of them and stop.
    Reject,
    /// Leave them out, and report them.
    Drop,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Files {
    /// One file (or folder, or asset) that is split here.
    One(Location),
    /// Given splits; those missing are split off the training file.
    Splits { train: Location, validation: Option<Location>, test: Option<Location> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextColumns {
    One(String),
    /// Two texts in one input, with token types 0 and 1.
    Pair(String, String),
}

/// Shares of the rows, each class in proportion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Split {
    pub validation: f64,
    pub test: f64,
    pub seed: u64,
}

/// What to do with a row whose text or label is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    Reject,
    Drop,
    /// Put this text in place of a missing text; a missing label is still rejected.
    Fill(String),
}

impl fmt::Display for Location {
    /// For messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Path(path) => path.display().fmt(f),
            Location::Asset(name) => write!(f, "the asset {name:?}"),
        }
    }
}

impl Data {
    pub fn files(&self) -> &Files {
        match self {
            Data::Text(data) => &data.files,
            Data::Images(data) => &data.files,
        }
    }

    pub fn files_mut(&mut self) -> &mut Files {
        match self {
            Data::Text(data) => &mut data.files,
            Data::Images(data) => &mut data.files,
        }
    }

    /// The column of groups.
    pub fn group(&self) -> Option<&str> {
        match self {
            Data::Text(data) => data.group.as_deref(),
            Data::Images(_) => None,
        }
    }

    pub fn split(&self) -> &Split {
        match self {
            Data::Text(data) => &data.split,
            Data::Images(data) => &data.split,
        }
    }
}
