//! How near a value must come where not every bit is promised.

use serde::{Deserialize, Serialize};

/// What this program writes, and the most that it takes from a manifest.
const EVALUATED: f64 = 0.002;
const TRAINED: f64 = 0.02;

/// How far from what was measured a value may be where bit identity is not promised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Of the same weights, evaluated again: this much, or two examples of the split where that is more.
    pub evaluated: f64,
    /// Of weights that are trained again: this much, or two standard errors of a share, `1 / sqrt(examples)`, where that is more.
    pub trained: f64,
    pub why: String,
}

impl Default for Tolerance {
    fn default() -> Tolerance {
        let why = "bit for bit with the same program, CPU, device and threads (`made`); elsewhere sums are rounded otherwise. Logits of the same weights \
                   then differ by about 1e-5, which changes the label of an example only where two classes are as near. Training feeds such differences \
                   back at every step: it ends elsewhere, as with another seed.";
        Tolerance { evaluated: EVALUATED, trained: TRAINED, why: why.to_owned() }
    }
}

/// A manifest may come from a stranger, who would hold anything with a wide tolerance: it can be narrower than this program's own, but not wider. `examples`
/// are to be counted in the data for the same reason, not read in the manifest.
impl Tolerance {
    /// For weights evaluated again on a split of so many examples.
    pub fn of_evaluation(&self, examples: u64) -> f64 {
        self.evaluated.min(EVALUATED).max(2.0 / examples.max(1) as f64)
    }

    /// For weights trained again.
    pub fn of_training(&self, examples: u64) -> f64 {
        self.trained.min(TRAINED).max(1.0 / (examples.max(1) as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerances_grow_where_examples_are_few() {
        let tolerance = Tolerance::default();
        assert_eq!([40, 100_000].map(|examples| tolerance.of_evaluation(examples)), [0.05, 0.002]);
        assert_eq!([100, 100_000].map(|examples| tolerance.of_training(examples)), [0.1, 0.02]);
    }

    #[test]
    fn a_manifest_can_narrow_them_but_not_widen_them() {
        let of = |evaluated, trained| {
            let tolerance = Tolerance { evaluated, trained, why: String::new() };
            [tolerance.of_evaluation(100_000), tolerance.of_training(100_000)]
        };
        assert_eq!(of(0.5, 1.0), [0.002, 0.02]);
        assert_eq!(of(0.001, 0.01), [0.001, 0.01]);
    }
}
