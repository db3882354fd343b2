//! Hugging Face model folders: reading weights, writing fine-tuned classifiers.
//!
//! Files may come from strangers: nothing is allocated by what a file claims, only by its length.

mod error;
mod export;
mod hidden;
pub mod manifest;
mod trained;
pub mod training_arguments;
mod weights;

pub use error::HubError;
pub use export::{Classifier, Draft, check_destination, export};
pub use trained::Trained;
pub use weights::Weights;

use std::path::Path;

/// The JSON of a model folder: lists of the tensors of the largest models take a few million bytes.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// The text of a JSON file as an object.
pub(crate) fn read_json(path: &Path) -> Result<serde_json::Map<String, serde_json::Value>, HubError> {
    let text = crate::files::read(path, MAX_JSON_BYTES).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => HubError::Missing { path: path.to_owned() },
        _ => HubError::Read { path: path.to_owned(), source },
    })?;
    serde_json::from_slice(&text).map_err(|source| HubError::Json { path: path.to_owned(), source })
}
