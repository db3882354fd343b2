//! How far a figure would be off on other examples of the same kind.

use engine::streams::{Purpose, stream};
use rand::RngExt;
use rayon::prelude::*;

use super::{Logits, Measure};

/// So many that the 25th and the 975th of the sorted figures stand for 2.5 % and 97.5 % (Davison & Hinkley 1997, section 2.1.1).
const RESAMPLES: u32 = 999;

/// The ends of a 95 % interval of `measure`: the percentile bootstrap over examples (Efron & Tibshirani 1993, chapter 13). `None` where the measure is not
/// finite on some resample. `labels` has one class for each row of `logits`, and at least one.
pub fn interval(measure: &dyn Measure, logits: &Logits, labels: &[u32], seed: u64) -> Option<(f64, f64)> {
    let figure = |resample: u32| {
        // A stream each, so that threads need not wait for one another.
        let mut rng = stream(seed, resample, Purpose::Bootstrap);
        let drawn: Vec<usize> = (0..labels.len()).map(|_| rng.random_range(0..labels.len())).collect();
        let values = drawn.iter().flat_map(|row| logits.row(*row)).copied().collect();
        let labels: Vec<u32> = drawn.iter().map(|row| labels[*row]).collect();
        measure.measure(&Logits::new(logits.classes, values), &labels)
    };
    let mut figures: Vec<f64> = (0..RESAMPLES).into_par_iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    let tail = (RESAMPLES as usize + 1) / 40;
    let (low, high) = (figures[tail - 1], figures[RESAMPLES as usize - tail]);
    figures.iter().all(|figure| figure.is_finite()).then_some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Accuracy, Loss, MacroF1};

    /// 400 examples of two classes, 40 of them predicted wrongly, with some spread in how surely.
    fn predictions() -> (Logits, Vec<u32>) {
        let labels: Vec<u32> = (0..400).map(|row| row % 2).collect();
        let logits = labels.iter().enumerate().flat_map(|(row, label)| {
            let right = if row % 10 == 3 { -1.0 } else { 1.0 } * (0.5 + (row % 7) as f32 * 0.3);
            if *label == 0 { [right, 0.0] } else { [0.0, right] }
        });
        (Logits::new(2, logits.collect()), labels)
    }

    #[test]
    fn intervals_are_those_of_scipy() {
        let (logits, labels) = predictions();
        let near = |measure: &dyn Measure, expected: [f64; 2], tolerance: f64| {
            let (low, high) = interval(measure, &logits, &labels, 7).unwrap();
            assert!((low - expected[0]).abs() < tolerance && (high - expected[1]).abs() < tolerance, "{low} to {high}, not {expected:?}");
        };
        // scipy 1.17.1, means of 20 runs (their deviation is .002) of bootstrap((rows,), statistic, n_resamples=999, method="percentile"), with the metrics of scikit-learn,
        // over the same predictions:
        //
        // r = np.arange(400); y = r % 2; s = np.where(r % 10 == 3, -1, 1) * (0.5 + (r % 7) * 0.3)
        // z = np.zeros((400, 2)); z[r, y] = s
        near(&Accuracy, [0.8699, 0.9285], 0.004);
        near(&MacroF1, [0.8680, 0.9277], 0.004);
        near(&Loss, [0.3470, 0.4376], 0.008);
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let (logits, labels) = predictions();
        let of = |seed| interval(&Accuracy, &logits, &labels, seed);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        // All alike: nothing to be unsure of.
        assert_eq!(interval(&Accuracy, &Logits::new(2, vec![1.0, 0.0]), &[0], 1), Some((1.0, 1.0)));
    }
}
