//! Why there are no predictions.

use std::{io, path::PathBuf};

use engine::runner::TrialError;

use super::NAMED;
use crate::data::{DataError, error::Place};

#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("{}: {total} {} no text ({}{}): put one there, or take the {} out", file.display(), if *total == 1 { "row has" } else { "rows have" },
            first.iter().map(Place::to_string).collect::<Vec<_>>().join(", "), if *total > NAMED { ", ..." } else { "" },
            if *total == 1 { "row" } else { "rows" })]
    NoText { file: PathBuf, first: Vec<Place>, total: usize },
    #[error("{}: {total} of the images cannot be read{}:\n{}\nRemove them", file.display(),
            if *total > first.len() { ", the first of them" } else { "" },
            first.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))]
    Unreadable { file: PathBuf, first: Vec<String>, total: usize },
    #[error("{}: a line of text is one text, but the model reads pairs: give them in two columns of a CSV, TSV, JSON lines or Parquet file", file.display())]
    LinesOfPairs { file: PathBuf },
    #[error("{}: the ending `{ending}` says nothing known about the format; known are .csv, .tsv, .txt (a text a line), .jsonl, .ndjson, .json \
             (a JSON object a line) and .parquet", file.display())]
    UnknownFormat { file: PathBuf, ending: String },
    #[error("the model cannot compute them: {0}")]
    Model(TrialError),
    #[error("cannot write the predictions: {0}")]
    Write(#[from] io::Error),
}

impl PredictError {
    /// Whether the file has not the column that was looked for.
    pub fn is_of_columns(&self) -> bool {
        matches!(self, PredictError::Data(error) if error.field() == Some("--text"))
    }
}
