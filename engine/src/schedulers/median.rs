//! The median rule.

use search_spaces::ladder::Ladder;

use crate::{
    schedulers::{
        Action, Scheduler,
        rungs::{asynchronous, competitors, may_go_on, promote},
    },
    state::{Cost, SearchState, TrialState},
};

/// The median stopping rule of Google Vizier (Golovin et al. 2017), for trials that can wait.
///
/// A trial goes on from a rung unless the best value it has had so far is worse than the median, over the other trials that have reached that rung,
/// of the mean of their values up to it. While fewer than 5 others are there it goes on. A trial that waits is asked about again as
/// others arrive, so one that once was below the median may go on later. A free slot is served as under [`Asha`](super::asha::Asha), and the
/// baseline runs its full length.
///
/// Values are compared among trials that keep the constraints: the others are worse than all of those. A second objective plays no part.
///
/// It spends more on each trial than halving does, and suits metrics that are not comparable before long.
#[derive(Debug, Clone, Copy, Default)]
pub struct MedianRule;

/// Others at a rung from which on there is a median.
const FEWEST: usize = 5;

impl Scheduler for MedianRule {
    fn decide(&self, state: &SearchState, free: usize) -> Vec<Action> {
        let promotions = (0..state.ladder.top()).rev().flat_map(|rung| {
            let means: Vec<(u32, Cost)> = competitors(state)
                .filter(|trial| trial.values.len() > rung)
                .map(|trial| (trial.number, mean(state, trial, rung)))
                .collect();
            let waiting = competitors(state).filter(move |trial| may_go_on(state, trial, rung));
            let passes = move |trial: &&TrialState| {
                let best = (0..=rung).map(|rung| state.cost(trial, rung).value).fold(f64::INFINITY, f64::min);
                let best = Cost { value: best, second: 0.0, ..state.cost(trial, rung) };
                median(means.iter().filter(|(number, _)| *number != trial.number).map(|(_, mean)| *mean))
                    .is_none_or(|median| best <= median)
            };
            waiting.filter(passes).map(move |trial| promote(trial, rung))
        });
        asynchronous(state, free, promotions)
    }

    /// About half of those at a rung go on.
    fn expected(&self, ladder: &Ladder, trials: usize) -> Vec<usize> {
        (0..ladder.rungs.len()).map(|rung| (trials >> rung.min(63)).max(trials.min(1))).collect()
    }
}

/// Of the trial's values up to `rung`, without the second objective, which would break ties; infinite when one is.
fn mean(state: &SearchState, trial: &TrialState, rung: usize) -> Cost {
    let value = (0..=rung).map(|rung| state.cost(trial, rung).value).sum::<f64>() / (rung + 1) as f64;
    Cost { value, second: 0.0, ..state.cost(trial, rung) }
}

/// The lower of the two in the middle of an even number; `None` when there are too few.
fn median(costs: impl Iterator<Item = Cost>) -> Option<Cost> {
    let mut costs: Vec<Cost> = costs.collect();
    costs.sort();
    (costs.len() >= FEWEST).then(|| costs[(costs.len() - 1) / 2])
}
