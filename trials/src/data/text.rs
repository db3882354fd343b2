//! Tokenised texts.

use std::{any::Any, sync::Arc};

use candle_core::{Device, Result, Tensor};
use rand::rngs::ChaCha8Rng;
use search_spaces::config::Augment;

use super::{
    batch::{Batch, Inputs},
    task::Examples,
};

/// A tokenised example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Token ids with the special ones, not padded; at least one.
    pub ids: Vec<u32>,
    /// Token types (0, or 1 for the second text of a pair), as long as `ids`.
    pub types: Vec<u32>,
    /// Index into the task's labels.
    pub label: u32,
    /// Row of the file it came from, from 0, the header not counted.
    pub row: u64,
}

/// The texts of one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    pub examples: Vec<Example>,
    /// Id that pads a batch to its longest example.
    pub padding: u32,
    /// Beside `examples`: indices into the task's groups; empty when it has none.
    pub groups: Vec<u32>,
}

impl Examples for Texts {
    fn len(&self) -> usize {
        self.examples.len()
    }

    fn label(&self, index: usize) -> u32 {
        self.examples[index].label
    }

    fn group(&self, index: usize) -> Option<u32> {
        self.groups.get(index).copied()
    }

    fn row(&self, index: usize) -> u64 {
        self.examples[index].row
    }

    fn length(&self, index: usize) -> usize {
        self.examples[index].ids.len()
    }

    fn size(&self) -> usize {
        let tokens: usize = self.examples.iter().map(|example| example.ids.len()).sum();
        ((tokens as f64 / self.examples.len().max(1) as f64).round() as usize).max(1)
    }

    fn batch(&self, indices: &[usize], device: &Device) -> Result<Batch> {
        let examples: Vec<&Example> = indices.iter().map(|&index| &self.examples[index]).collect();
        let rows = examples.len();
        let tokens = examples.iter().map(|e| e.ids.len()).max().unwrap_or(0);
        let mut ids = vec![self.padding; rows * tokens];
        let mut types = vec![0u32; rows * tokens];
        let mut mask = vec![0f32; rows * tokens];
        for (row, example) in examples.iter().enumerate() {
            let start = row * tokens;
            let end = start + example.ids.len();
            ids[start..end].copy_from_slice(&example.ids);
            types[start..end].copy_from_slice(&example.types);
            mask[start..end].fill(1.0);
        }
        let labels = examples.iter().map(|e| e.label).collect();
        let inputs = Inputs::Tokens {
            ids: Tensor::from_vec(ids, (rows, tokens), device)?,
            types: Tensor::from_vec(types, (rows, tokens), device)?,
            mask: Tensor::from_vec(mask, (rows, tokens), device)?,
        };
        Batch::new(inputs, labels, device)
    }

    fn training_batch(&self, indices: &[usize], _augment: &Augment, _stream: ChaCha8Rng, device: &Device) -> Result<Batch> {
        self.batch(indices, device)
    }

    fn subset(&self, indices: &[usize]) -> Arc<dyn Examples> {
        let examples = indices.iter().map(|&index| self.examples[index].clone()).collect();
        let groups = indices.iter().filter_map(|&index| self.group(index)).collect();
        Arc::new(Texts { examples, padding: self.padding, groups })
    }

    fn and(&self, other: &dyn Examples) -> Arc<dyn Examples> {
        let other = other.as_any().downcast_ref::<Texts>().expect("splits of a task are of one kind");
        let examples = self.examples.iter().chain(&other.examples).cloned().collect();
        let groups = self.groups.iter().chain(&other.groups).copied().collect();
        Arc::new(Texts { examples, padding: self.padding, groups })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn hash(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.padding.to_le_bytes());
        for example in &self.examples {
            hasher.update(&(example.ids.len() as u64).to_le_bytes());
            hasher.update(bytemuck::cast_slice(&example.ids)).update(bytemuck::cast_slice(&example.types));
        }
    }
}
