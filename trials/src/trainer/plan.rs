//! When a trial evaluates, pauses and ends.

use search_spaces::{config::Config, ladder::Ladder, settings::Rungs};

/// The steps of a config's full horizon. The same whether the trial pauses or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    examples: u64,
    batch_size: u64,
    pub steps_per_epoch: u64,
    pub total_steps: u64,
    /// The step of each rung; where rungs are of equal cost only that of the last is to be gone by.
    rungs: Vec<u64>,
    /// Steps from one evaluation to the next; the times of this, rounded, are never written down: a space may ask for more than there is memory for.
    every: f64,
    /// The first of `rungs` that is evaluated whatever `every` says.
    known: usize,
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
        // Where the others stand is known when they are reached.
        let known = if ladder.kind == Rungs::EqualCost { ladder.top() } else { 0 };
        Plan { examples, batch_size, steps_per_epoch, total_steps, rungs, every, known }
    }

    /// How many rungs stand at `step` or before.
    pub fn rungs_reached(&self, step: u64) -> usize {
        self.rungs.partition_point(|rung| *rung <= step)
    }

    pub fn is_evaluation(&self, step: u64) -> bool {
        let nearest = (step as f64 / self.every).round();
        let regular =
            || [nearest - 1.0, nearest, nearest + 1.0].iter().any(|count| *count >= 1.0 && (self.every * count).round() as u64 == step);
        self.rungs[self.known..].binary_search(&step).is_ok() || (step < self.total_steps && regular())
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
        Plan::new(examples, &config, &Ladder { eta: 3, rungs: rungs.to_vec(), ..Ladder::default() }, eval_every)
    }

    #[test]
    fn evaluations_are_shares_of_a_pass_rungs_and_the_end() {
        let plan = plan(30, &[7, 20, 60], 0.5);
        assert_eq!((plan.steps_per_epoch, plan.total_steps), (8, 16));
        assert_eq!((0..20).filter(|step| plan.is_evaluation(*step)).collect::<Vec<_>>(), [2, 4, 5, 8, 12, 16]);
        assert_eq!([1, 2, 4, 5, 15, 16].map(|step| plan.rungs_reached(step)), [0, 1, 1, 2, 2, 3]);
    }

    /// With as many as fit into no memory, too.
    #[test]
    fn evaluations_come_at_the_rounded_times_of_their_distance() {
        for eval_every in [0.07, 0.1, 0.25, 0.3, 1.0 / 3.0, 1.7] {
            let plan = plan(97, &[97], eval_every);
            let every = (eval_every * plan.steps_per_epoch as f64).max(1.0);
            let mut expected: Vec<u64> =
                (1..=1_000_000).map(|count| (every * f64::from(count)).round() as u64).take_while(|at| *at < 50).collect();
            expected.push(50);
            assert_eq!((0..60).filter(|step| plan.is_evaluation(*step)).collect::<Vec<_>>(), expected, "{eval_every}");
        }
        let config = Config { epochs: 1_000_000, batch_size: 1, ..testing::trial_config() };
        let plan = Plan::new(1_000_000, &config, &Ladder::new(1_000_000_000_000, 3, 1_000_000_000_000), 1e-6);
        assert!(plan.is_evaluation(1) && plan.is_evaluation(999_999_999_999) && plan.is_evaluation(plan.total_steps));
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
        assert_eq!([0, 1, 2].map(|step| plan.rungs_reached(step)), [0, 2, 3]);
    }
}
