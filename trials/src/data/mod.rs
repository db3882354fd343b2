//! Data sets ready for training.

pub mod batch;
mod delimited;
pub mod error;
mod footer;
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
    pub groups: Groups,
}

/// Which group each example belongs to; all empty where there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// By index, in the order of their bytes.
    pub names: Vec<String>,
    pub train: Vec<u32>,
    pub validation: Vec<u32>,
    pub test: Vec<u32>,
}

impl TextTask {
    /// As what a model is trained on.
    pub fn task(self) -> Task {
        let TextTask { train, validation, test, labels, padding, groups } = self;
        let texts = |examples, groups| Arc::new(Texts { examples, padding, groups }) as Arc<dyn Examples>;
        let Groups { names, train: of_train, validation: of_validation, test: of_test } = groups;
        let (train, validation, test) = (texts(train, of_train), texts(validation, of_validation), texts(test, of_test));
        Task { train, validation, test, labels, groups: names }
    }
}
