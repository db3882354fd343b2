//! Data sets ready for training.

pub mod batch;
pub mod order;

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
