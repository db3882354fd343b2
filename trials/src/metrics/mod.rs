//! How good predictions are.

mod bootstrap;
mod confusion;
mod groups;
mod measure;
mod standard;

use self::confusion::Confusion;
pub use self::{
    bootstrap::interval,
    groups::{accuracy_by_group, group_gap},
    measure::{Measure, MeasureError, Measures},
    standard::{Accuracy, Loss, MacroF1, Matthews},
};

/// Logits of a split, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    classes: usize,
    values: Vec<f32>,
}

impl Logits {
    /// `values` are rows of `classes` logits.
    pub fn new(classes: usize, values: Vec<f32>) -> Logits {
        assert!(classes > 0 && values.len().is_multiple_of(classes), "whole rows of logits");
        Logits { classes, values }
    }

    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks(self.classes)
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.classes..][..self.classes]
    }

    /// Whether training has diverged: some logit is infinite or not a number.
    pub fn first_non_finite(&self) -> Option<f32> {
        self.values.iter().copied().find(|value| !value.is_finite())
    }

    /// The class with the highest logit, the first of equals, for each row.
    pub fn predictions(&self) -> impl Iterator<Item = usize> {
        self.rows().map(argmax)
    }

    /// Softmax of each row.
    pub fn probabilities(&self) -> impl Iterator<Item = Vec<f64>> {
        self.rows().map(|row| {
            let normaliser = log_sum_exp(row);
            row.iter().map(|&value| (f64::from(value) - normaliser).exp()).collect()
        })
    }

    /// Rows are classes, columns predictions. `labels` has one class for each row, and at least one.
    pub(crate) fn confusion(&self, labels: &[u32]) -> Confusion {
        assert!(!labels.is_empty() && labels.len() * self.classes == self.values.len(), "a label for each row");
        let mut counts = vec![0u64; self.classes * self.classes];
        for (predicted, &label) in self.predictions().zip(labels) {
            counts[label as usize * self.classes + predicted] += 1;
        }
        Confusion::new(self.classes, counts)
    }

    /// Mean cross-entropy against `labels`, one for each row.
    pub(crate) fn cross_entropy(&self, labels: &[u32]) -> f64 {
        assert_eq!(labels.len() * self.classes, self.values.len(), "a label for each row");
        let losses = self.rows().zip(labels).map(|(row, &label)| log_sum_exp(row) - f64::from(row[label as usize]));
        losses.sum::<f64>() / labels.len() as f64
    }
}

fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (class, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = class;
        }
    }
    best
}

fn log_sum_exp(row: &[f32]) -> f64 {
    let highest = f64::from(row[argmax(row)]);
    highest + row.iter().map(|&value| (f64::from(value) - highest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_metrics(labels: &[u32], classes: usize, logits: Vec<f32>, expected: [f64; 4]) {
        let metrics = Measures::default().of(&Logits::new(classes, logits), labels);
        let found = ["accuracy", "macro_f1", "matthews", "loss"].map(|name| metrics[name]);
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-12, "{found:?}, expected {expected:?}");
        }
    }

    // Expected figures by scikit-learn 1.9.1 (accuracy_score, f1_score, matthews_corrcoef, log_loss):
    //
    // def show(y, logits):
    //     logits = np.array(logits, dtype=np.float64); p = logits.argmax(1)
    //     prob = np.exp(logits - logits.max(1, keepdims=True)); prob /= prob.sum(1, keepdims=True)
    //     print(accuracy_score(y, p), f1_score(y, p, average="macro", zero_division=0), matthews_corrcoef(y, p),
    //           log_loss(y, prob, labels=range(logits.shape[1])))

    #[test]
    fn metrics_are_those_of_scikit_learn() {
        // i = np.arange(60); y = (i * 7 % 11) % 4
        // show(y, [[((k * 5 + c * 3 + (k * k) % 7 + 4 * (y[k] == c)) % 13) * 0.25 for c in range(4)] for k in i])
        let labels: Vec<u32> = (0..60).map(|k| (k * 7 % 11) % 4).collect();
        let logit = |k: u32, c: u32| ((k * 5 + c * 3 + k * k % 7 + if labels[k as usize] == c { 4 } else { 0 }) % 13) as f32 * 0.25;
        let logits = (0..60).flat_map(|k| [0, 1, 2, 3].map(|c| logit(k, c))).collect();
        let expected = [0.083_333_333_333_333_33, 0.078_571_428_571_428_57, -0.220_728_386_756_393_8, 1.761_027_945_927_051_3];
        assert_metrics(&labels, 4, logits, expected);
    }

    #[test]
    fn divisions_by_zero_are_zero() {
        // show([0, 1, 0, 1, 1], [[1.0, 0.0]] * 5)
        let one_predicted = [0.4, 0.285_714_285_714_285_7, 0.0, 0.913_261_687_518_222_8];
        assert_metrics(&[0, 1, 0, 1, 1], 2, [1.0, 0.0].repeat(5), one_predicted);
        // show([1, 1, 1], [[0.0, 1.0]] * 3)
        assert_metrics(&[1, 1, 1], 2, [0.0, 1.0].repeat(3), [1.0, 1.0, 0.0, 0.313_261_687_518_222_8]);
    }

    #[test]
    fn a_class_counts_for_f1_when_it_is_there_or_predicted() {
        // show([0, 0, 2, 2], [[1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
        let absent = [0.75, 0.733_333_333_333_333_4, 0.577_350_269_189_625_8, 0.801_444_713_932_051_1];
        assert_metrics(&[0, 0, 2, 2], 3, vec![1., 0., 0., 0., 0., 1., 0., 0., 1., 0., 0., 1.], absent);
        // show([0, 0, 2, 2], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
        let predicted = [0.75, 0.555_555_555_555_555_5, 0.670_820_393_249_936_9, 0.801_444_713_932_051_1];
        assert_metrics(&[0, 0, 2, 2], 3, vec![1., 0., 0., 0., 1., 0., 0., 0., 1., 0., 0., 1.], predicted);
    }

    #[test]
    fn large_logits_overflow_nothing() {
        let logits = Logits::new(2, vec![3e38, -3e38]);
        assert_eq!(logits.cross_entropy(&[0]), 0.0);
        assert_eq!(logits.probabilities().next(), Some(vec![1.0, 0.0]));
        assert_eq!(logits.first_non_finite(), None);
        assert_eq!(Logits::new(1, vec![0.0, f32::INFINITY]).first_non_finite(), Some(f32::INFINITY));
    }
}
