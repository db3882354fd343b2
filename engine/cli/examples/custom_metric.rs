//! The `thawline` program with one more metric: quadratically weighted kappa, for labels that have an order, such as one to five stars. A
//! prediction two stars off costs four times as much as one that is one star off.
//!
//! Its spaces may say `objective: Maximize(Custom("weighted_kappa"))`, and its tables and reports show the metric whatever the objective:
//!
//! ```text
//! cargo run --release -p thawline --example custom_metric -- sweep reviews.ron --study studies/reviews
//! ```

use std::process::ExitCode;

use thawline::program::Program;
use trials::metrics::{Logits, Measure, Measures};

/// Cohen's kappa with quadratic weights (Cohen 1968): `cohen_kappa_score(weights="quadratic")` of scikit-learn. 1 is perfect, 0 what guessing
/// in the same proportions would give; 0, too, where labels and predictions are all of one class.
#[derive(Debug)]
struct WeightedKappa;

impl Measure for WeightedKappa {
    fn name(&self) -> &'static str {
        "weighted_kappa"
    }

    fn measure(&self, logits: &Logits, labels: &[u32]) -> f64 {
        let pairs: Vec<(f64, f64)> = logits.predictions().zip(labels).map(|(found, label)| (found as f64, f64::from(*label))).collect();
        let all = pairs.len() as f64;
        let observed: f64 = pairs.iter().map(|(found, label)| (found - label).powi(2)).sum::<f64>() / all;
        // Of every prediction with every label: from sums alone, which are exact for whole numbers.
        let sum = |value: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(value).sum::<f64>() / all;
        let expected = sum(&|p| p.0 * p.0) + sum(&|p| p.1 * p.1) - 2.0 * sum(&|p| p.0) * sum(&|p| p.1);
        if expected == 0.0 { 0.0 } else { 1.0 - observed / expected }
    }
}

#[expect(clippy::print_stderr, reason = "nothing else could tell")]
fn main() -> ExitCode {
    match Measures::default().with(WeightedKappa) {
        Ok(measures) => thawline::program::run(Program { measures, ..Program::default() }),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_scikit_learn_and_keeps_the_contract() {
        trials::testing::check_measure(&WeightedKappa);
        // cohen_kappa_score([0, 1, 2, 3, 4, 2], [0, 2, 2, 3, 1, 4], weights="quadratic") of scikit-learn 1.9.1
        let (labels, predictions) = ([0, 1, 2, 3, 4, 2], [0usize, 2, 2, 3, 1, 4]);
        let logits = predictions.iter().flat_map(|found| (0..5).map(move |class| if class == *found { 1.0 } else { 0.0 })).collect();
        let value = WeightedKappa.measure(&Logits::new(5, logits), &labels);
        assert!((value - 0.3).abs() < 1e-12, "{value}");
    }
}
