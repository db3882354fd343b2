//! When a trial evaluates, pauses and ends.

use std::collections::BTreeMap;

use search_spaces::{config::Config, ladder::Ladder};

/// The steps of a config's full horizon. The same whether the trial pauses or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    examples: u64,
    batch_size: u64,
    pub steps_per_epoch: u64,
    pub total_steps: u64,
    /// The step of each rung.
    rungs: Vec<u64>,
    /// Steps after which to evaluate, and the lowest rung that stands there.
    evaluations: BTreeMap<u64, Option<usize>>,
}

impl Plan {
    /// For a training split of `examples`, with evaluations `eval_every` of a pass apart, at every rung, and at the end.
    pub fn new(examples: usize, config: &Config, ladder: &Ladder, eval_every: f64) -> Plan {
        let examples = examples as u64;
        let batch_size = u64::from(config.batch_size.max(1));
        let steps_per_epoch = examples.div_ceil(batch_size).max(1);
        let total_steps = config.total_steps(examples);
        let rungs: Vec<u64> = (0..ladder.rungs.len()).map(|rung| ladder.step(rung, total_steps)).collect();

        let every = (eval_every * steps_per_epoch as f64).max(1.0);
        let mut evaluations = BTreeMap::new();
        let mut at = every;
        while (at.round() as u64) < total_steps {
            evaluations.insert(at.round() as u64, None);
            at = every * (evaluations.len() + 1) as f64;
        }
        for (rung, &step) in rungs.iter().enumerate().rev() {
            evaluations.insert(step, Some(rung));
        }
        Plan { examples, batch_size, steps_per_epoch, total_steps, rungs, evaluations }
    }

    /// The step at which a trial stops for `rung`.
    pub fn rung(&self, rung: usize) -> u64 {
        self.rungs[rung]
    }

    pub fn is_evaluation(&self, step: u64) -> bool {
        self.evaluations.contains_key(&step)
    }

    /// The lowest rung that stands at `step`.
    pub fn rung_at(&self, step: u64) -> Option<usize> {
        self.evaluations.get(&step).copied().flatten()
    }

    /// Training examples seen after `step` steps: the last batch of a pass may be smaller.
    pub fn examples_after(&self, step: u64) -> u64 {
        let (epochs, batches) = (step / self.steps_per_epoch, step % self.steps_per_epoch);
        epochs * self.examples + (batches * self.batch_size).min(self.examples)
    }

    /// Passes over the training data after `step` steps.
    pub fn epochs_after(&self, step: u64) -> f64 {
        self.examples_after(step) as f64 / self.examples.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn plan(examples: usize, rungs: &[u64], eval_every: f64) -> Plan {
        let config = Config { epochs: 2, batch_size: 4, ..testing::trial_config() };
        Plan::new(examples, &config, &Ladder { eta: 3, rungs: rungs.to_vec() }, eval_every)
    }

    #[test]
    fn evaluations_are_shares_of_a_pass_rungs_and_the_end() {
        let plan = plan(30, &[7, 20, 60], 0.5);
        assert_eq!((plan.steps_per_epoch, plan.total_steps), (8, 16));
        let expected = [(2, Some(0)), (4, None), (5, Some(1)), (8, None), (12, None), (16, Some(2))];
        assert_eq!(plan.evaluations.clone().into_iter().collect::<Vec<_>>(), expected);
        assert_eq!([0, 1, 2].map(|rung| plan.rung(rung)), [2, 5, 16]);
    }

    #[test]
    fn the_last_batch_of_a_pass_is_smaller() {
        let plan = plan(30, &[60], 1.0);
        assert_eq!([0, 1, 7, 8, 9, 16].map(|step| plan.examples_after(step)), [0, 4, 28, 30, 34, 60]);
        assert_eq!(plan.epochs_after(16), 2.0);
    }

    #[test]
    fn rungs_closer_than_a_step_share_one() {
        let plan = plan(4, &[1, 3, 9], 0.01);
        assert_eq!([0, 1, 2].map(|rung| plan.rung(rung)), [1, 1, 2]);
        assert_eq!(plan.rung_at(1), Some(0));
        assert_eq!(plan.rung_at(2), Some(2));
    }
}
