//! What predictions are worth: by class, and whether their probabilities can be trusted.

use std::collections::BTreeMap;

use crate::{intervals::Share, predictions::Predictions};

/// Bins of confidence, as many as Guo et al. 2017 take.
pub const BINS: usize = 15;

/// How well one class is told from the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassQuality {
    pub class: String,
    /// Examples of the class.
    pub support: u64,
    /// Examples that the class was predicted for.
    pub predicted: u64,
    /// Of those that it was predicted for, those that have it.
    pub precision: Share,
    /// Of those that have it, those that it was predicted for.
    pub recall: Share,
    /// Of those that do not have it, those that it was predicted for.
    pub false_positives: Share,
    /// Of those that have it, those that another was predicted for.
    pub false_negatives: Share,
}

impl ClassQuality {
    /// Harmonic mean of precision and recall; `None` where the class neither is there nor was predicted.
    pub fn f1(&self) -> Option<f64> {
        let seen = self.support + self.predicted;
        (seen > 0).then(|| 2.0 * self.recall.count as f64 / seen as f64)
    }
}

/// So many examples of a class were predicted to be of that class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confused {
    pub label: String,
    pub predicted: String,
    pub count: u64,
}

/// Examples whose prediction was about as sure.
#[derive(Debug, Clone, PartialEq)]
pub struct Bin {
    /// Confidence above this (the first bin: from 0), and up to that.
    pub above: f64,
    pub up_to: f64,
    /// Those that are right, of all in the bin.
    pub right: Share,
    /// Mean; `None` of no examples.
    pub confidence: Option<f64>,
}

/// Counts by class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Examples of each class; those it was predicted for; those that are both.
    pub there: Vec<u64>,
    pub predicted: Vec<u64>,
    pub right: Vec<u64>,
}

impl Counts {
    pub(crate) fn new(classes: usize) -> Counts {
        Counts { there: vec![0; classes], predicted: vec![0; classes], right: vec![0; classes] }
    }

    pub(crate) fn of(predictions: &Predictions) -> Counts {
        let mut counts = Counts::new(predictions.labels.len());
        for example in &predictions.examples {
            counts.add(example.label, example.predicted);
        }
        counts
    }

    pub(crate) fn add(&mut self, label: u32, predicted: u32) {
        self.there[label as usize] += 1;
        self.predicted[predicted as usize] += 1;
        self.right[label as usize] += u64::from(label == predicted);
    }

    fn all(&self) -> u64 {
        self.there.iter().sum()
    }

    pub(crate) fn accuracy(&self) -> Share {
        Share::new(self.right.iter().sum(), self.all())
    }

    /// Mean over the classes that are there or were predicted, as trials measure it.
    pub(crate) fn macro_f1(&self) -> f64 {
        let (mut sum, mut classes) = (0.0, 0.0);
        for ((there, predicted), right) in self.there.iter().zip(&self.predicted).zip(&self.right) {
            if there + predicted > 0 {
                sum += 2.0 * *right as f64 / (there + predicted) as f64;
                classes += 1.0;
            }
        }
        sum / classes
    }

    /// Gorodkin's correlation, as trials measure it; 0 where only one class is there or was predicted.
    pub(crate) fn matthews(&self) -> f64 {
        let all = self.all() as f64;
        let dot = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(a, b)| *a as f64 * *b as f64).sum::<f64>();
        let right = self.right.iter().sum::<u64>() as f64;
        let agreement = right * all - dot(&self.there, &self.predicted);
        let spread = (all * all - dot(&self.predicted, &self.predicted)) * (all * all - dot(&self.there, &self.there));
        if spread == 0.0 { 0.0 } else { agreement / spread.sqrt() }
    }
}

/// In the order of the data.
pub fn classes(predictions: &Predictions) -> Vec<ClassQuality> {
    let counts = Counts::of(predictions);
    let all = counts.all();
    let of = |(class, label): (usize, &String)| {
        let (support, predicted, right) = (counts.there[class], counts.predicted[class], counts.right[class]);
        ClassQuality {
            class: label.clone(),
            support,
            predicted,
            precision: Share::new(right, predicted),
            recall: Share::new(right, support),
            false_positives: Share::new(predicted - right, all - support),
            false_negatives: Share::new(support - right, support),
        }
    };
    predictions.labels.iter().enumerate().map(of).collect()
}

/// By label, then by prediction, in the order of the data; what never happened is left out.
pub fn confusion(predictions: &Predictions) -> Vec<Confused> {
    let mut counts: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for example in &predictions.examples {
        *counts.entry((example.label, example.predicted)).or_default() += 1;
    }
    let name = |class: u32| predictions.labels[class as usize].clone();
    counts.into_iter().map(|((label, predicted), count)| Confused { label: name(label), predicted: name(predicted), count }).collect()
}

/// [`BINS`] of equal width.
pub fn calibration(predictions: &Predictions) -> Vec<Bin> {
    let mut sums = vec![(0_u64, 0_u64, 0.0); BINS];
    for example in &predictions.examples {
        // A bin takes its upper end and not its lower one.
        let bin = (example.confidence * BINS as f64).ceil().clamp(1.0, BINS as f64) as usize - 1;
        let (right, all, confidence) = &mut sums[bin];
        *right += u64::from(example.is_right());
        *all += 1;
        *confidence += example.confidence;
    }
    let end = |bin: usize| bin as f64 / BINS as f64;
    let bin = |(bin, (right, all, confidence)): (usize, (u64, u64, f64))| Bin {
        above: end(bin),
        up_to: end(bin + 1),
        right: Share::new(right, all),
        confidence: (all > 0).then(|| confidence / all as f64),
    };
    sums.into_iter().enumerate().map(bin).collect()
}

/// Expected calibration error (Guo et al. 2017): how far accuracy is from confidence, over the bins, weighted by their examples.
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let all: u64 = bins.iter().map(|bin| bin.right.of).sum();
    let off = |bin: &Bin| Some((bin.right.value()? - bin.confidence?).abs() * bin.right.of as f64);
    bins.iter().filter_map(off).sum::<f64>() / all as f64
}

/// Brier score of several classes (Brier 1950): from 0, all sure and right, to 2, all sure and wrong.
pub fn brier(predictions: &Predictions) -> f64 {
    predictions.examples.iter().map(|example| example.squares).sum::<f64>() / predictions.examples.len() as f64
}

/// Mean cross-entropy.
pub(crate) fn loss(predictions: &Predictions) -> f64 {
    predictions.examples.iter().map(|example| -example.of_label.ln()).sum::<f64>() / predictions.examples.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::predictions;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }

    // With scikit-learn 1.9.1 and numpy 2.4.6 over the same rows:
    //
    // i = np.arange(60); y = (i * 7 % 11) % 3
    // z = np.array([[((k * 5 + c * 3 + (k * k) % 7 + 4 * (y[k] == c)) % 13) * 0.25 for c in range(3)] for k in i])
    // p = np.exp(z - z.max(1, keepdims=True)); p /= p.sum(1, keepdims=True); s = p.argmax(1)
    fn rows() -> Predictions {
        let label = |k: u32| (k * 7 % 11) % 3;
        let logit = |k: u32, c: u32| f64::from((k * 5 + c * 3 + k * k % 7 + if label(k) == c { 4 } else { 0 }) % 13) * 0.25;
        predictions(&["a", "b", "c"], (0..60).map(|k| (label(k), [0, 1, 2].map(|c| logit(k, c).exp()).to_vec(), None)))
    }

    #[test]
    fn figures_by_class_are_those_of_scikit_learn() {
        let rows = rows();
        let found = classes(&rows);
        // precision_recall_fscore_support(y, s)
        let expected =
            [[3.0 / 17.0, 3.0 / 23.0, 0.15], [10.0 / 19.0, 10.0 / 22.0, 0.487_804_878_048_780_5], [0.125, 0.2, 0.153_846_153_846_153_85]];
        for (class, expected) in found.iter().zip(expected) {
            let figures = [class.precision.value().unwrap(), class.recall.value().unwrap(), class.f1().unwrap()];
            figures.into_iter().zip(expected).for_each(|(found, expected)| near(found, expected));
            near(class.false_negatives.value().unwrap(), 1.0 - class.recall.value().unwrap());
        }
        assert_eq!(found.iter().map(|class| class.support).collect::<Vec<_>>(), [23, 22, 15]);
        let counts = Counts::of(&rows);
        // accuracy_score, f1_score(average="macro"), matthews_corrcoef, log_loss, ((p - np.eye(3)[y]) ** 2).sum(1).mean()
        let figures = [counts.accuracy().value().unwrap(), counts.macro_f1(), counts.matthews(), loss(&rows), brier(&rows)];
        figures
            .into_iter()
            .zip([
                0.266_666_666_666_666_7,
                0.263_883_677_298_311_47,
                -0.088_260_418_454_192,
                1.400_220_272_246_396,
                0.858_623_164_081_161_3,
            ])
            .for_each(|(found, expected)| near(found, expected));
        let confused: Vec<u64> = confusion(&rows).iter().map(|cell| cell.count).collect();
        assert_eq!(confused, [3, 2, 18, 9, 10, 3, 5, 7, 3], "confusion_matrix(y, s)");
        for class in &found {
            assert_eq!((class.false_positives.of, class.recall.of), (60 - class.support, class.support));
        }
        let wrongly = |name: &str| {
            confusion(&rows).iter().filter(|cell| cell.predicted == name && cell.label != name).map(|cell| cell.count).sum::<u64>()
        };
        assert!(found.iter().all(|class| class.false_positives.count == wrongly(&class.class)));
    }

    #[test]
    fn calibration_is_that_of_numpy() {
        let bins = calibration(&rows());
        assert_eq!((bins.len(), bins.iter().map(|bin| bin.right.of).sum::<u64>()), (BINS, 60));
        // c = p[i, s]; b = np.ceil(c * 15) - 1
        // sum(abs((s == y)[b == k].mean() - c[b == k].mean()) * (b == k).mean() for k in range(15) if (b == k).any())
        near(calibration_error(&bins), 0.328_474_161_856_782_3);
        // Right at an end: the bin below.
        let bins = calibration(&predictions(&["a", "b"], [(0, vec![0.8, 0.2], None), (1, vec![1.0, 0.0], None)].into_iter()));
        assert_eq!(bins.iter().map(|bin| bin.right.of).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1]);
        near(calibration_error(&bins), f64::midpoint(0.2, 1.0));
    }

    #[test]
    fn a_class_that_is_neither_there_nor_predicted_has_no_figures() {
        let found = classes(&predictions(&["a", "b", "never"], (0..4).map(|k| (k % 2, vec![1.0, 2.0, 0.0], None))));
        let never = &found[2];
        assert_eq!((never.precision.value(), never.recall.value(), never.f1()), (None, None, None));
        assert_eq!(never.false_positives, Share::new(0, 4));
        assert_eq!((found[0].precision.value(), found[0].f1()), (None, Some(0.0)));
    }
}
