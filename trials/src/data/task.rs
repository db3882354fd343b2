//! What a model is trained and judged on, whatever it is made of.

use std::{any::Any, fmt::Debug, sync::Arc};

use candle_core::{Device, Result};
use engine::streams::{Purpose, stream};
use rand::rngs::ChaCha8Rng;
use search_spaces::config::Augment;

use super::{batch::Batch, split::folds};

/// A classification task in memory. Clones share its examples.
#[derive(Debug, Clone)]
pub struct Task {
    pub train: Arc<dyn Examples>,
    pub validation: Arc<dyn Examples>,
    /// May be empty.
    pub test: Arc<dyn Examples>,
    /// Label names by index: numbers in numeric order, else in the order of their bytes.
    pub labels: Vec<String>,
    /// Names of the groups by index, in the order of their bytes; empty when the examples have none.
    pub groups: Vec<String>,
}

/// The examples of one split.
///
/// # Determinism
/// A batch is a function of the examples, the indices and, in training, of the stream it is given: nothing else is drawn.
pub trait Examples: Debug + Send + Sync {
    fn len(&self) -> usize;

    /// Index into [`Task::labels`].
    fn label(&self, index: usize) -> u32;

    /// Index into [`Task::groups`], where there are groups.
    fn group(&self, index: usize) -> Option<u32> {
        let _ = index;
        None
    }

    /// Row of the file it came from, from 0.
    fn row(&self, index: usize) -> u64;

    /// What an example costs, for batches of like ones: its tokens, or 1 where all are alike.
    fn length(&self, index: usize) -> usize;

    /// What the cost of a forward pass depends on: the mean number of tokens, or the side of the images; at least 1.
    fn size(&self) -> usize;

    /// The examples `indices`, of which there is at least one, as they are.
    fn batch(&self, indices: &[usize], device: &Device) -> Result<Batch>;

    /// The same for training: changed at random as `augment` says, where the kind of data can be.
    fn training_batch(&self, indices: &[usize], augment: &Augment, stream: ChaCha8Rng, device: &Device) -> Result<Batch>;

    /// Only those at `indices`.
    fn subset(&self, indices: &[usize]) -> Arc<dyn Examples>;

    /// These, and after them those of `other`, which must be of the same kind and form.
    fn and(&self, other: &dyn Examples) -> Arc<dyn Examples>;

    fn as_any(&self) -> &dyn Any;

    /// Adds everything that a trial's outcome depends on.
    fn hash(&self, hasher: &mut blake3::Hasher);

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn labels(&self) -> Vec<u32> {
        (0..self.len()).map(|index| self.label(index)).collect()
    }

    /// Empty when the examples have no groups.
    fn groups(&self) -> Vec<u32> {
        (0..self.len()).filter_map(|index| self.group(index)).collect()
    }

    fn lengths(&self) -> Vec<usize> {
        (0..self.len()).map(|index| self.length(index)).collect()
    }
}

impl Task {
    /// Another split of the training and validation examples, for cross-validation: stratified part `index` of `of` parts is the validation
    /// split, the others are for training. The parts depend on `seed` alone.
    ///
    /// # Panics
    /// When `index` is not below `of`.
    pub fn fold(&self, index: u32, of: u32, seed: u64) -> Task {
        let pool = self.train.and(self.validation.as_ref());
        let parts = folds(&pool.labels(), self.labels.len(), of as usize, &mut stream(seed, 0, Purpose::Folds));
        let validation = &parts[index as usize];
        let mut train: Vec<usize> = parts.iter().filter(|part| !std::ptr::eq(*part, validation)).flatten().copied().collect();
        train.sort_unstable();
        let (labels, groups) = (self.labels.clone(), self.groups.clone());
        Task { train: pool.subset(&train), validation: pool.subset(validation), test: Arc::clone(&self.test), labels, groups }
    }

    /// The blake3, in hex, of everything in the task that a trial's outcome depends on.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("thawline 2026-11 task");
        hasher.update(&(self.labels.len() as u64).to_le_bytes());
        for label in &self.labels {
            hasher.update(&(label.len() as u64).to_le_bytes()).update(label.as_bytes());
        }
        // Groups have come later: data without any have the hash they had before.
        for group in &self.groups {
            hasher.update(b"group").update(&(group.len() as u64).to_le_bytes()).update(group.as_bytes());
        }
        for split in [&self.train, &self.validation, &self.test] {
            hasher.update(&(split.len() as u64).to_le_bytes());
            for index in 0..split.len() {
                hasher.update(&split.row(index).to_le_bytes()).update(&split.label(index).to_le_bytes());
            }
            split.hash(&mut hasher);
            hasher.update(bytemuck::cast_slice(&split.groups()));
        }
        hasher.finalize().to_hex().to_string()
    }
}
