//! The rungs of successive halving, in integers.

use serde::{Deserialize, Serialize};

use crate::settings::{Resource, Rungs, SchedulerKind, Settings};

/// The share of the horizon at which `Auto` judges trials first, if it can.
const EARLIEST: f64 = 0.02;

/// Rungs at `r_min * eta^k` training examples of a reference horizon, the last exactly that horizon.
///
/// When `epochs` is searched, configs have horizons of their own, and a rung is the same *share* of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    pub eta: u32,
    /// Training examples at each rung, strictly growing; the last is the horizon. Never empty.
    pub rungs: Vec<u64>,
    /// With `EqualCost` a rung's examples are those of a trial that trains every block from the start; others have seen more of them there.
    #[serde(default, skip_serializing_if = "Rungs::is_usual")]
    pub kind: Rungs,
}

/// One rung, of one example.
impl Default for Ladder {
    fn default() -> Ladder {
        Ladder::new(1, 3, 1)
    }
}

impl Ladder {
    /// `r_min`, `r_min * eta`, ... below `horizon`, then `horizon`. `r_min` is taken as at least 1; one not below the
    /// horizon gives a single rung.
    pub fn new(r_min: u64, eta: u32, horizon: u64) -> Ladder {
        let mut rungs = Vec::new();
        let mut rung = r_min.max(1);
        while rung < horizon {
            rungs.push(rung);
            rung = rung.saturating_mul(u64::from(eta.max(2)));
        }
        rungs.push(horizon.max(1));
        Ladder { eta, rungs, kind: Rungs::EqualData }
    }

    /// The rungs that `settings` ask for when a config trains for `epochs` passes of `examples_per_epoch` examples, over the first share `rise` of
    /// which the default recipe warms up; one rung when the scheduler stops nothing. The error is what is wrong with `r_min`, and the way out.
    ///
    /// `Auto` is the evaluation nearest to a fiftieth of the horizon, but the first one at the earliest, and none before the default recipe has
    /// warmed up: on recorded learning curves earlier first rungs were the better ones, down to a fiftieth.
    pub(crate) fn of(settings: &Settings, epochs: u32, examples_per_epoch: u64, rise: f64) -> Result<Ladder, (String, String)> {
        let horizon = u64::from(epochs).saturating_mul(examples_per_epoch);
        let r_min = match settings.r_min {
            Resource::Epochs(epochs) => (epochs * examples_per_epoch as f64).ceil() as u64,
            Resource::Examples(examples) => examples,
            Resource::Share(share) => (share * horizon as f64).ceil() as u64,
            Resource::Auto => {
                let evaluation = settings.eval_every * examples_per_epoch as f64;
                let count =
                    (EARLIEST * horizon as f64 / evaluation).round().max((rise * horizon as f64 / evaluation - 1e-9).ceil()).max(1.0);
                ((count * evaluation).ceil() as u64).min(horizon)
            }
        };
        if settings.scheduler == SchedulerKind::None {
            return Ok(Ladder::new(horizon, settings.eta, horizon));
        }
        if r_min > horizon {
            let message = format!(
                "the first rung, {r_min} examples, lies beyond the horizon: {epochs} epochs of {examples_per_epoch} examples are {horizon}"
            );
            return Err((message, "give a smaller r_min, such as Share(0.12), or more epochs".to_string()));
        }
        Ok(Ladder { kind: settings.rungs, ..Ladder::new(r_min, settings.eta, horizon) })
    }

    pub fn horizon(&self) -> u64 {
        *self.rungs.last().expect("a ladder is never empty")
    }

    /// The index of the last rung.
    pub fn top(&self) -> usize {
        self.rungs.len() - 1
    }

    /// The optimizer step of `rung` for a config of `total_steps` in all: the nearest to its share of them, at least 1. At the top it is exactly
    /// `total_steps`. (Evaluations are rounded the same way, so that a rung at the end of a pass is one with the evaluation there.)
    pub fn step(&self, rung: usize, total_steps: u64) -> u64 {
        let share = u128::from(self.rungs[rung]) * u128::from(total_steps);
        let horizon = u128::from(self.horizon());
        let step = (share + horizon / 2) / horizon;
        u64::try_from(step).expect("at most total_steps").max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rung_at_the_end_of_a_pass_is_the_step_there() {
        // A ninth of three passes over 6,920 examples is no whole number; three times that is still the end of the first pass.
        let ladder = Ladder::new(2307, 3, 20_760);
        assert_eq!((0..3).map(|rung| ladder.step(rung, 3 * 433)).collect::<Vec<_>>(), [144, 433, 1299]);
        assert_eq!(ladder.step(0, 1), 1);
    }

    #[test]
    fn the_first_rung_is_an_evaluation_after_the_warm_up() {
        let text = r#"Sweep(model: Path("m"), data: Text(files: One(Path("d"))), space: (epochs: 3, batch_size: Choice([8, 16])))"#;
        let mut space = crate::space::Space::parse(std::path::Path::new("s.ron"), text).unwrap();
        let mut rungs = |epochs, eval_every, rise| {
            space.settings.eval_every = eval_every;
            Ladder::of(&space.settings, epochs, 1000, rise).unwrap().rungs
        };
        assert_eq!(rungs(3, 0.25, 0.1), [500, 1500, 3000], "0.3 of a pass are warm-up");
        assert_eq!(rungs(3, 0.25, 0.0), [250, 750, 2250, 3000]);
        assert_eq!(rungs(100, 0.25, 0.0), [2000, 6000, 18_000, 54_000, 100_000], "a fiftieth");
        assert_eq!(rungs(10, 0.1, 0.05), [500, 1500, 4500, 10_000]);
        assert_eq!(rungs(1, 2.0, 0.0), [1000], "an evaluation that never comes");
    }

    proptest! {
        #[test]
        fn rungs_grow_and_end_at_the_last_step(r_min in 1..1000_u64, eta in 2..5_u32, horizon in 1..u64::MAX / 2, steps in 1..1_000_000_u64) {
            let ladder = Ladder::new(r_min, eta, horizon);
            let at: Vec<u64> = (0..ladder.rungs.len()).map(|rung| ladder.step(rung, steps)).collect();
            prop_assert!(at.is_sorted() && at[0] >= 1);
            prop_assert_eq!(at[ladder.top()], steps);
        }
    }
}
