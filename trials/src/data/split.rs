//! Seeded, stratified splits and samples.

use rand::{Rng, seq::SliceRandom};

/// Row numbers, each list ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    pub train: Vec<usize>,
    pub validation: Vec<usize>,
    pub test: Vec<usize>,
}

/// Splits rows of the given `classes` (indices below `count`).
///
/// Every class is in proportion to within a row, and stands in each split whose share is above 0 if it has as many rows as there are such splits;
/// rarer classes stay in training. So a split may get a few rows more than its share where classes are many.
pub fn split(classes: &[u32], count: usize, validation: f64, test: f64, rng: &mut impl Rng) -> Parts {
    let mut rows = shuffled_by_class(classes, count, rng);
    let parts = 1 + usize::from(validation > 0.0) + usize::from(test > 0.0);
    // Rarer classes stay in training, and have no share of the other splits that others would have to make up for.
    let sizes: Vec<usize> = rows.iter().map(|rows| if rows.len() >= parts { rows.len() } else { 0 }).collect();
    let all: usize = sizes.iter().sum();
    let take = |share: f64, later: usize, rows: &mut Vec<Vec<usize>>| -> Vec<usize> {
        if share <= 0.0 {
            return Vec::new();
        }
        let least: Vec<usize> = sizes.iter().map(|&size| usize::from(size > 0)).collect();
        // Leave a row for every split that is still to come.
        let most: Vec<usize> = sizes.iter().zip(rows.iter()).map(|(&size, rows)| if size > 0 { rows.len() - later } else { 0 }).collect();
        let total = (share * all as f64).round() as usize;
        let quotas = quotas(&sizes, total, &least, &most);
        let mut taken: Vec<usize> = rows.iter_mut().zip(quotas).flat_map(|(rows, quota)| rows.split_off(rows.len() - quota)).collect();
        taken.sort_unstable();
        taken
    };
    let test_rows = take(test, parts - 1, &mut rows);
    let validation_rows = take(validation, 1, &mut rows);
    let mut train: Vec<usize> = rows.into_iter().flatten().collect();
    train.sort_unstable();
    Parts { train, validation: validation_rows, test: test_rows }
}

/// `total` of the rows (all, if there are fewer), ascending; each class in proportion, and every class in it if `total` is at least their number.
pub fn sample(classes: &[u32], count: usize, total: usize, rng: &mut impl Rng) -> Vec<usize> {
    if total >= classes.len() {
        return (0..classes.len()).collect();
    }
    let mut rows = shuffled_by_class(classes, count, rng);
    let sizes: Vec<usize> = rows.iter().map(Vec::len).collect();
    let present = sizes.iter().filter(|&&size| size > 0).count();
    let least: Vec<usize> = sizes.iter().map(|&size| usize::from(size > 0 && present <= total)).collect();
    let quotas = quotas(&sizes, total, &least, &sizes);
    let mut taken: Vec<usize> = rows.iter_mut().zip(quotas).flat_map(|(rows, quota)| rows.split_off(rows.len() - quota)).collect();
    taken.sort_unstable();
    taken
}

/// Row numbers of `of` parts, each ascending: each row is in one, sizes differ by at most one, and so do those of each class.
pub fn folds(classes: &[u32], count: usize, of: usize, rng: &mut impl Rng) -> Vec<Vec<usize>> {
    let mut parts = vec![Vec::new(); of];
    // Dealt out, one class after the other without a break.
    for (place, row) in shuffled_by_class(classes, count, rng).into_iter().flatten().enumerate() {
        parts[place % of].push(row);
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

fn shuffled_by_class(classes: &[u32], count: usize, rng: &mut impl Rng) -> Vec<Vec<usize>> {
    let mut rows = vec![Vec::new(); count];
    for (row, &class) in classes.iter().enumerate() {
        rows[class as usize].push(row);
    }
    for rows in &mut rows {
        rows.shuffle(rng);
    }
    rows
}

/// How many rows each class gives so that they sum to `total`, or as near as the bounds `least` and `most` of each class allow: largest
/// remainders.
fn quotas(sizes: &[usize], total: usize, least: &[usize], most: &[usize]) -> Vec<usize> {
    let all: usize = sizes.iter().sum();
    let exact: Vec<f64> = sizes.iter().map(|&size| size as f64 * total as f64 / all.max(1) as f64).collect();
    let mut quotas: Vec<usize> = (0..sizes.len()).map(|c| (exact[c].floor() as usize).max(least[c]).min(most[c])).collect();
    // What each class still misses; the class farthest from its exact share moves first, the lower index on ties.
    let mut sum: usize = quotas.iter().sum();
    while sum < total {
        let candidates = (0..sizes.len()).filter(|&c| quotas[c] < most[c]);
        let Some(class) =
            candidates.max_by(|&a, &b| (exact[a] - quotas[a] as f64).total_cmp(&(exact[b] - quotas[b] as f64)).then(b.cmp(&a)))
        else {
            break;
        };
        quotas[class] += 1;
        sum += 1;
    }
    while sum > total {
        let candidates = (0..sizes.len()).filter(|&c| quotas[c] > least[c]);
        let Some(class) =
            candidates.max_by(|&a, &b| (quotas[a] as f64 - exact[a]).total_cmp(&(quotas[b] as f64 - exact[b])).then(b.cmp(&a)))
        else {
            break;
        };
        quotas[class] -= 1;
        sum -= 1;
    }
    quotas
}

#[cfg(test)]
mod tests {
    use engine::streams::{Purpose, stream};
    use proptest::prelude::*;

    use super::*;

    fn rows_by_class(classes: &[u32], rows: &[usize], count: usize) -> Vec<usize> {
        let mut by_class = vec![0; count];
        for &row in rows {
            by_class[classes[row] as usize] += 1;
        }
        by_class
    }

    #[test]
    fn every_class_is_in_proportion() {
        let classes: Vec<u32> = (0..1000).map(|row| u32::from(row % 10 == 0)).collect();
        let parts = split(&classes, 2, 0.1, 0.2, &mut stream(7, 0, Purpose::DataSplit));
        assert_eq!(rows_by_class(&classes, &parts.train, 2), [630, 70]);
        assert_eq!(rows_by_class(&classes, &parts.validation, 2), [90, 10]);
        assert_eq!(rows_by_class(&classes, &parts.test, 2), [180, 20]);
    }

    #[test]
    fn the_seed_decides() {
        let classes: Vec<u32> = (0..100).map(|row| row % 3).collect();
        let parts = |seed| split(&classes, 3, 0.2, 0.2, &mut stream(seed, 0, Purpose::DataSplit));
        assert_eq!(parts(1), parts(1));
        assert_ne!(parts(1), parts(2));
        // Fixed for ever: a study that goes on with a newer version must see the same split.
        assert_eq!(parts(1).validation[..8], [0, 7, 9, 14, 22, 27, 32, 37]);
    }

    proptest! {
        #[test]
        fn splits_are_a_partition_and_hold_every_class_that_can_be_there(
            classes in prop::collection::vec(0u32..6, 1..200),
            validation in prop_oneof![Just(0.0), 0.01f64..0.4],
            test in prop_oneof![Just(0.0), 0.01f64..0.4],
            seed: u64,
        ) {
            let parts = split(&classes, 6, validation, test, &mut stream(seed, 0, Purpose::DataSplit));
            let mut all = [parts.train.clone(), parts.validation.clone(), parts.test.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..classes.len()).collect::<Vec<_>>());
            let everything: Vec<usize> = (0..classes.len()).collect();
            let sizes = rows_by_class(&classes, &everything, 6);
            let splits = 1 + usize::from(validation > 0.0) + usize::from(test > 0.0);
            for (rows, share) in [(&parts.validation, validation), (&parts.test, test)] {
                prop_assert!(rows.is_sorted());
                let by_class = rows_by_class(&classes, rows, 6);
                for class in 0..6 {
                    let ideal = sizes[class] as f64 * share;
                    if share == 0.0 || sizes[class] < splits {
                        prop_assert_eq!(by_class[class], 0);
                    } else {
                        prop_assert!(by_class[class] >= 1);
                    }
                    prop_assert!((by_class[class] as f64) <= ideal + 2.0, "{} of {}", by_class[class], ideal);
                }
            }
            for (class, &size) in sizes.iter().enumerate() {
                prop_assert!(size == 0 || rows_by_class(&classes, &parts.train, 6)[class] > 0);
            }
        }

        #[test]
        fn folds_are_a_stratified_partition(classes in prop::collection::vec(0u32..6, 1..200), of in 2usize..8, seed: u64) {
            let parts = folds(&classes, 6, of, &mut stream(seed, 0, Purpose::Folds));
            prop_assert_eq!(parts.len(), of);
            let mut all = parts.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..classes.len()).collect::<Vec<_>>());
            let even = |sizes: Vec<usize>| sizes.iter().max().zip(sizes.iter().min()).is_some_and(|(most, least)| most - least <= 1);
            prop_assert!(even(parts.iter().map(Vec::len).collect()));
            for class in 0..6 {
                prop_assert!(even(parts.iter().map(|part| rows_by_class(&classes, part, 6)[class]).collect()));
            }
        }

        #[test]
        fn samples_have_the_size_asked_for(classes in prop::collection::vec(0u32..6, 1..200), total in 0usize..220, seed: u64) {
            let rows = sample(&classes, 6, total, &mut stream(seed, 0, Purpose::TrainSample));
            prop_assert_eq!(rows.len(), total.min(classes.len()));
            prop_assert!(rows.is_sorted_by(|a, b| a < b));
            let everything: Vec<usize> = (0..classes.len()).collect();
            let sizes = rows_by_class(&classes, &everything, 6);
            let present = sizes.iter().filter(|&&size| size > 0).count();
            for (class, &quota) in rows_by_class(&classes, &rows, 6).iter().enumerate() {
                prop_assert!(quota > 0 || sizes[class] == 0 || total < present);
            }
        }
    }
}
