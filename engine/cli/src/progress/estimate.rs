//! How much work a study is. For displays: nothing is decided by it.

use search_spaces::{config::Config, ladder::Ladder, settings::SchedulerKind};

/// Optimizer steps of a config's full length.
pub(crate) fn total_steps(config: &Config, examples_per_epoch: u64) -> u64 {
    examples_per_epoch.div_ceil(u64::from(config.batch_size.max(1))) * u64::from(config.epochs)
}

/// How many of `trials` are expected to train to each rung.
pub(crate) fn expected_at_rungs(trials: u32, ladder: &Ladder, scheduler: SchedulerKind) -> Vec<u64> {
    let mut here = u64::from(trials);
    (0..ladder.rungs.len())
        .map(|rung| {
            if rung > 0 && scheduler != SchedulerKind::None {
                here = (here / u64::from(ladder.eta.max(2))).max(1);
            }
            here
        })
        .collect()
}

/// Training examples that `at_rungs` trials at each rung take together.
pub(crate) fn examples(at_rungs: &[u64], ladder: &Ladder) -> u64 {
    let from_last = |rung: usize| ladder.rungs[rung] - rung.checked_sub(1).map_or(0, |below| ladder.rungs[below]);
    at_rungs.iter().enumerate().map(|(rung, trials)| trials * from_last(rung)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_expects_fewer_at_each_rung() {
        let ladder = Ladder { eta: 3, rungs: vec![100, 300, 900] };
        assert_eq!(expected_at_rungs(16, &ladder, SchedulerKind::Asha), [16, 5, 1]);
        assert_eq!(expected_at_rungs(16, &ladder, SchedulerKind::None), [16, 16, 16]);
        assert_eq!(examples(&[16, 5, 1], &ladder), 16 * 100 + 5 * 200 + 600);
    }
}
