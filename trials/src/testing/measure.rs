//! The contract of metrics.

use search_spaces::metric_name::MetricName;

use crate::metrics::{Logits, Measure};

/// Tries whether `measure` keeps to the contract of [`Measure`].
///
/// # Panics
/// When it does not, with what it did.
pub fn check_measure(measure: &dyn Measure) {
    let name = measure.name();
    assert!(MetricName::new(name).is_ok(), "{name:?} is not a metric's name");
    for classes in 1..5_usize {
        for rows in [1, 2, 7, 40] {
            let logit = |row: usize, class: usize| ((row * 7 + class * 5 + row * row % 11) % 17) as f32 * 0.5 - 4.0;
            // The second kind of labels leaves classes out.
            for of in [classes, classes.div_ceil(2)] {
                let logits: Vec<Vec<f32>> = (0..rows).map(|row| (0..classes).map(|class| logit(row, class)).collect()).collect();
                let labels: Vec<u32> = (0..rows).map(|row| (row * 3 % of) as u32).collect();
                let value = measure.measure(&Logits::new(classes, logits.concat()), &labels);
                let what = format!("{name} of {rows} rows of {classes} classes");
                assert!(value.is_finite(), "{what} is {value}");
                let again = measure.measure(&Logits::new(classes, logits.concat()), &labels);
                assert_eq!(value.to_bits(), again.to_bits(), "{what} differs from call to call");
                let backwards: Vec<Vec<f32>> = logits.iter().rev().cloned().collect();
                let labels: Vec<u32> = labels.into_iter().rev().collect();
                let other = measure.measure(&Logits::new(classes, backwards.concat()), &labels);
                assert!((value - other).abs() <= 1e-9 * value.abs().max(1.0), "{what} depends on their order: {value} and {other}");
            }
        }
    }
}
