//! How far a value would be off on other examples of the same kind.

use std::collections::BTreeMap;

use engine::streams::{Purpose, stream};
use rand::RngExt;
use rayon::prelude::*;
use search_spaces::settings::Metric;

use crate::{predictions::Predictions, quality::Counts};

/// So many that the 25th and the 975th of the sorted figures stand for 2.5 % and 97.5 %.
const RESAMPLES: u32 = 999;

/// Of larger splits there is no interval: it would take long, and be of little width.
pub(crate) const MAX_EXAMPLES: usize = 200_000;

/// The ends of a 95 % interval of `metric` for each of these predictions: the percentile bootstrap over examples (Efron & Tibshirani 1993, chapter 13), with the draws
/// that a look at the test split takes, so that of the same predictions both say the same. `None` where the predictions do not tell the metric, which a program
/// brings itself, or it is not finite on some resample.
pub(crate) fn intervals(metric: Metric, predictions: &[&Predictions], seed: u64) -> Vec<Option<(f64, f64)>> {
    if matches!(metric, Metric::Custom(_)) {
        return vec![None; predictions.len()];
    }
    // Predictions of one split share their draws.
    let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, one) in predictions.iter().enumerate().filter(|(_, one)| one.examples.len() <= MAX_EXAMPLES) {
        by_length.entry(one.examples.len()).or_default().push(index);
    }
    let mut found = vec![None; predictions.len()];
    for (length, here) in by_length {
        let resample = |resample: u32| -> Vec<f64> {
            let mut rng = stream(seed, resample, Purpose::Bootstrap);
            let drawn: Vec<usize> = (0..length).map(|_| rng.random_range(0..length)).collect();
            here.iter().map(|index| figure(metric, predictions[*index], &drawn)).collect()
        };
        let figures: Vec<Vec<f64>> = (0..RESAMPLES).into_par_iter().map(resample).collect();
        for (place, index) in here.iter().enumerate() {
            found[*index] = percentiles(figures.iter().map(|figures| figures[place]).collect());
        }
    }
    found
}

fn percentiles(mut figures: Vec<f64>) -> Option<(f64, f64)> {
    figures.sort_by(f64::total_cmp);
    let tail = (RESAMPLES as usize + 1) / 40;
    let ends = (figures[tail - 1], figures[RESAMPLES as usize - tail]);
    figures.iter().all(|figure| figure.is_finite()).then_some(ends)
}

fn figure(metric: Metric, predictions: &Predictions, drawn: &[usize]) -> f64 {
    let examples = || drawn.iter().map(|index| &predictions.examples[*index]);
    let counts = || {
        let mut counts = Counts::new(predictions.labels.len());
        for example in examples() {
            counts.add(example.label, example.predicted);
        }
        counts
    };
    match metric {
        Metric::Accuracy => examples().filter(|example| example.is_right()).count() as f64 / drawn.len() as f64,
        Metric::MacroF1 => counts().macro_f1(),
        Metric::Matthews => counts().matthews(),
        Metric::Loss => examples().map(|example| -example.of_label.ln()).sum::<f64>() / drawn.len() as f64,
        Metric::Custom(_) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// Those of the test of `trials::metrics::interval`.
    fn predictions() -> Predictions {
        let row = |row: u32| {
            let right = if row % 10 == 3 { -1.0 } else { 1.0 } * (0.5 + f64::from(row % 7) * 0.3);
            let (label, right) = (row % 2, f64::exp(right));
            (label, if label == 0 { vec![right, 1.0] } else { vec![1.0, right] }, None)
        };
        testing::predictions(&["a", "b"], (0..400).map(row))
    }

    #[test]
    fn intervals_are_those_of_scipy() {
        let all = predictions();
        let mut few = all.clone();
        few.examples.truncate(40);
        let near = |metric, expected: [f64; 2], tolerance: f64| {
            let found = intervals(metric, &[&few, &all, &all], 7);
            let (low, high) = found[1].unwrap();
            assert!((low - expected[0]).abs() < tolerance && (high - expected[1]).abs() < tolerance, "{low} to {high}, not {expected:?}");
            assert_eq!(found[1], found[2]);
            let (few_low, few_high) = found[0].unwrap();
            assert!(few_high - few_low > 2.0 * (high - low), "of fewer examples it is wider");
        };
        // As in trials/src/metrics/bootstrap.rs, that of `matthews_corrcoef` made in the same way.
        near(Metric::Accuracy, [0.8699, 0.9285], 0.004);
        near(Metric::MacroF1, [0.8680, 0.9277], 0.004);
        near(Metric::Matthews, [0.7667, 0.8652], 0.006);
        near(Metric::Loss, [0.3470, 0.4376], 0.008);
        assert_ne!(intervals(Metric::Accuracy, &[&all], 7), intervals(Metric::Accuracy, &[&all], 8));
    }

    #[test]
    fn what_a_program_measures_itself_has_none() {
        let name = search_spaces::metric_name::MetricName::new("kappa").unwrap();
        assert_eq!(intervals(Metric::Custom(name), &[&predictions()], 7), [None]);
        assert_eq!(intervals(Metric::Accuracy, &[], 7), []);
    }
}
