//! Data sets ready for training.

pub mod batch;
mod delimited;
pub mod error;
pub mod image;
mod jsonl;
pub mod labels;
mod load;
pub mod order;
mod parquet;
mod parts;
pub mod pixels;
pub mod report;
mod rows;
pub mod split;
pub mod table;
pub mod task;
#[cfg(test)]
mod tests;
mod text;
pub mod tokenize;

use std::sync::Arc;

pub use error::DataError;
pub use load::load;
pub use report::DataReport;
pub use rows::Rows;
pub use task::{Examples, Task};
pub use text::{Example, Texts};
pub use tokenize::Tokenizer;

/// A text classification task in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTask {
    pub train: Vec<Example>,
    pub validation: Vec<Example>,
    pub test: Vec<Example>,
    /// Label names by index: numbers in numeric order, else in the order of their bytes.
    pub labels: Vec<String>,
    /// Id that pads a batch.
    pub padding: u32,
}

impl TextTask {
    /// As what a model is trained on.
    pub fn task(self) -> Task {
        let TextTask { train, validation, test, labels, padding } = self;
        let texts = |examples| Arc::new(Texts { examples, padding }) as Arc<dyn Examples>;
        Task { train: texts(train), validation: texts(validation), test: texts(test), labels }
    }
}
