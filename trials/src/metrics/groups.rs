//! How predictions differ between groups of examples.

use super::Logits;

/// The accuracy in each group that has an example, by index; `None` for the others. `labels` and `groups` have one entry for each row of `logits`.
pub fn accuracy_by_group(logits: &Logits, labels: &[u32], groups: &[u32]) -> Vec<Option<f64>> {
    let mut counts = vec![(0_u64, 0_u64); groups.iter().max().map_or(0, |highest| *highest as usize + 1)];
    for ((predicted, label), group) in logits.predictions().zip(labels).zip(groups) {
        let (right, all) = &mut counts[*group as usize];
        *right += u64::from(predicted == *label as usize);
        *all += 1;
    }
    counts.into_iter().map(|(right, all)| (all > 0).then(|| right as f64 / all as f64)).collect()
}

/// The highest of these accuracies less the lowest; 0 where there is one group only. (The difference between groups of accuracy, as
/// `fairlearn.metrics.MetricFrame(...).difference()` gives it.)
pub fn group_gap(logits: &Logits, labels: &[u32], groups: &[u32]) -> f64 {
    let accuracies = || accuracy_by_group(logits, labels, groups).into_iter().flatten();
    let gap = accuracies().fold(f64::NEG_INFINITY, f64::max) - accuracies().fold(f64::INFINITY, f64::min);
    gap.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_is_between_the_best_and_the_worst_group() {
        // Class 1 is predicted in the first four rows, class 0 in the others.
        let logits = Logits::new(2, [[0.0, 1.0]; 4].into_iter().chain([[1.0, 0.0]; 3]).flatten().collect());
        let labels = [1, 1, 0, 1, 1, 0, 0];
        let groups = [0, 0, 0, 0, 3, 3, 1];
        assert_eq!(accuracy_by_group(&logits, &labels, &groups), [Some(0.75), Some(1.0), None, Some(0.5)]);
        assert_eq!(group_gap(&logits, &labels, &groups), 0.5);
        assert_eq!(group_gap(&logits, &labels, &[2; 7]), 0.0);
    }
}
