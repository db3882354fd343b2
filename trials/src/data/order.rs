//! Which examples make up which batch.

use engine::streams::{Purpose, stream};
use rand::seq::SliceRandom;

/// Batches that are sorted by length together.
const BUCKET: usize = 50;

/// The batches of one epoch of training: every index of `lengths` (tokens of each example) once.
///
/// The examples are shuffled, cut into buckets of fifty batches, sorted by length within each, cut into batches, and the batches shuffled: a batch
/// then needs little padding, and is still near a random draw. Where the batch size does not divide the
/// examples, the rest, drawn at random, is the last batch.
///
/// Depends on nothing but the arguments: to go on within an epoch it is enough to know `epoch` and the batch's index.
pub fn batches(lengths: &[usize], batch_size: usize, seed: u64, trial: u32, epoch: u64) -> Vec<Vec<usize>> {
    let batch_size = batch_size.max(1);
    let mut rng = stream(seed, trial, Purpose::DataOrder);
    rng.set_stream(epoch);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(&mut rng);
    let rest = order.split_off(order.len() - order.len() % batch_size);
    let mut batches: Vec<Vec<usize>> = Vec::with_capacity(order.len() / batch_size + 1);
    for bucket in order.chunks_mut(BUCKET * batch_size) {
        bucket.sort_by_key(|&example| lengths[example]);
        batches.extend(bucket.chunks(batch_size).map(<[usize]>::to_vec));
    }
    batches.shuffle(&mut rng);
    if !rest.is_empty() {
        batches.push(rest);
    }
    batches
}

/// Batches for evaluation, the same each time: longest examples first, so that what does not fit into memory fails at once.
pub fn evaluation_batches(lengths: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&example| (std::cmp::Reverse(lengths[example]), example));
    order.chunks(batch_size.max(1)).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Token positions that the batches take, padding included.
    fn positions(lengths: &[usize], batches: &[Vec<usize>]) -> usize {
        batches.iter().map(|batch| batch.len() * batch.iter().map(|&e| lengths[e]).max().unwrap_or(0)).sum()
    }

    #[test]
    fn bucketing_saves_most_of_the_padding() {
        // Lengths as of short texts: 5 to 64, small ones common.
        let lengths: Vec<usize> = (0..5000usize).map(|i| 5 + (i * 7919 % 60) * (i * 104_729 % 60) / 59).collect();
        let tokens: usize = lengths.iter().sum();
        let unsorted: Vec<Vec<usize>> = (0..5000).collect::<Vec<_>>().chunks(16).map(<[usize]>::to_vec).collect();
        let padding = |batches: &[Vec<usize>]| positions(&lengths, batches) - tokens;
        assert!(padding(&batches(&lengths, 16, 1, 0, 0)) * 10 < padding(&unsorted));
    }

    #[test]
    fn a_batch_is_not_a_matter_of_the_files_order() {
        let lengths = vec![10; 640];
        let batches = batches(&lengths, 16, 1, 0, 0);
        let neighbours = batches.iter().flat_map(|b| b.windows(2)).filter(|pair| pair[0] + 1 == pair[1]).count();
        assert!(neighbours < 10, "{neighbours} pairs of neighbours in the file are neighbours in a batch");
    }

    #[test]
    fn epochs_trials_and_seeds_differ() {
        let lengths: Vec<usize> = (0..100).map(|i| 5 + i % 13).collect();
        let first = batches(&lengths, 8, 1, 0, 0);
        assert_eq!(first, batches(&lengths, 8, 1, 0, 0));
        assert_ne!(first, batches(&lengths, 8, 1, 0, 1));
        assert_ne!(first, batches(&lengths, 8, 1, 1, 0));
        assert_ne!(first, batches(&lengths, 8, 2, 0, 0));
        assert_eq!(first.last().map(Vec::len), Some(4));
    }

    proptest! {
        #[test]
        fn every_example_exactly_once(lengths in prop::collection::vec(1usize..100, 0..500), batch_size in 1usize..40, seed: u64, epoch: u64) {
            for batches in [batches(&lengths, batch_size, seed, 3, epoch), evaluation_batches(&lengths, batch_size)] {
                let (last, full) = batches.split_last().map_or((0, &[][..]), |(last, full)| (last.len(), full));
                prop_assert!(full.iter().all(|batch| batch.len() == batch_size));
                prop_assert!(last <= batch_size && (last > 0 || lengths.is_empty()));
                let mut all: Vec<usize> = batches.concat();
                all.sort_unstable();
                prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
            }
        }

        #[test]
        fn evaluation_goes_from_long_to_short(lengths in prop::collection::vec(1usize..100, 0..300), batch_size in 1usize..40) {
            let order = evaluation_batches(&lengths, batch_size).concat();
            prop_assert!(order.is_sorted_by_key(|&example| std::cmp::Reverse(lengths[example])));
        }
    }
}
