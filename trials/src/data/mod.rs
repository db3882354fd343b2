//! Data sets ready for training.

pub mod batch;
mod delimited;
pub mod error;
mod jsonl;
pub mod labels;
mod load;
pub mod order;
mod parquet;
pub mod report;
mod rows;
pub mod split;
pub mod table;
#[cfg(test)]
mod tests;
pub mod tokenize;

pub use error::DataError;
pub use load::load;
pub use report::DataReport;
pub use rows::Rows;
pub use tokenize::Tokenizer;

/// A tokenised example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Token ids with the special ones, not padded; at least one.
    pub ids: Vec<u32>,
    /// Token types (0, or 1 for the second text of a pair), as long as `ids`.
    pub types: Vec<u32>,
    /// Index into [`TextTask::labels`].
    pub label: u32,
    /// Row of the file it came from, from 0, the header not counted.
    pub row: u64,
}

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
