//! A task that a bag of embeddings can learn.

use engine::streams::{Purpose, stream};
use rand::RngExt;

use super::tiny::VOCABULARY;
use crate::data::{Example, Groups, TextTask};

/// Three classes; each has token ids of its own, mixed with ids that say nothing. The same at every call.
pub fn task(train: usize, validation: usize, test: usize) -> TextTask {
    let mut rng = stream(17, 0, Purpose::DataOrder);
    let classes = 3u32;
    let mut examples = |count: usize| {
        (0..count as u64)
            .map(|row| {
                let label = rng.random_range(0..classes);
                let tokens = rng.random_range(3..9usize);
                let ids: Vec<u32> =
                    (0..tokens).map(|_| if rng.random_bool(0.5) { 1 + label } else { rng.random_range(1..VOCABULARY as u32) }).collect();
                Example { types: vec![0; ids.len()], ids, label, row }
            })
            .collect::<Vec<_>>()
    };
    TextTask {
        train: examples(train),
        validation: examples(validation),
        test: examples(test),
        labels: ["bad", "fair", "good"].map(str::to_owned).to_vec(),
        padding: 0,
        groups: Groups::default(),
    }
}
