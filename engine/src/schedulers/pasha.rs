//! PASHA: successive halving whose highest rung grows while the ranking still changes.

use search_spaces::ladder::Ladder;

use crate::{
    schedulers::{
        Action, Scheduler,
        asha::Asha,
        rungs::{asynchronous, competitors},
    },
    state::{SearchState, TrialState},
};

/// Progressive ASHA: Bohdal et al. 2023, "PASHA: Efficient HPO and NAS with Progressive Resource Allocation".
///
/// [`Asha`], but at first nobody goes beyond rung 1. While the trials in the two highest allowed rungs rank differently in the one and in the other
/// more is needed to tell them apart, and one more rung is allowed. At the end the best is trained in full as under `Asha`.
///
/// Rankings are compared softly: trials whose values at the lower rung differ by no more than *epsilon* may stand in either order. *Epsilon* is
/// what trials are known to differ by without meaning: the 90th percentile of the differences at the higher rung among pairs that
/// have overtaken each other and back on their way there. The paper looks at every evaluation for that; here values at rungs
/// count, so that for the first two rungs *epsilon* is 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pasha;

impl Scheduler for Pasha {
    fn decide(&self, state: &SearchState, free: usize) -> Vec<Action> {
        let ceiling = ceiling(state);
        let promotions =
            (0..ceiling).rev().flat_map(|rung| state.promotable(rung).map(move |trial| Action::Promote { trial, rung: rung + 1 }));
        asynchronous(state, free, promotions)
    }

    /// No more than under `Asha`; how many fewer depends on how clear the ranking is.
    fn expected(&self, ladder: &Ladder, trials: usize) -> Vec<usize> {
        Asha.expected(ladder, trials)
    }
}

/// The highest rung allowed: once reached it stays allowed.
fn ceiling(state: &SearchState) -> usize {
    let reached = competitors(state).filter(|trial| trial.stopped_at.is_none()).map(|trial| trial.values.len()).max().unwrap_or(0);
    let mut ceiling = reached.saturating_sub(1).max(1).min(state.ladder.top());
    while ceiling < state.ladder.top() && !agree(state, ceiling) {
        ceiling += 1;
    }
    ceiling
}

/// Whether those at `rung` rank there as they did one rung before, softly. Too few to tell agree.
fn agree(state: &SearchState, rung: usize) -> bool {
    let costs = |trial: &TrialState| (0..=rung).map(|rung| state.cost(trial, rung).value).collect::<Vec<f64>>();
    let ranks = |trial: &&TrialState| trial.values.len() > rung && (0..=rung).all(|rung| state.cost(trial, rung).is_feasible());
    let mut there: Vec<Vec<f64>> = competitors(state).filter(ranks).map(costs).collect();
    // Stable, hence ties by number.
    there.sort_by(|a, b| a[rung].total_cmp(&b[rung]));
    let mut before: Vec<f64> = there.iter().map(|costs| costs[rung - 1]).collect();
    let epsilon = epsilon(&there, rung);
    let now = before.clone();
    before.sort_by(f64::total_cmp);
    now.iter().zip(&before).all(|(now, before)| (now - before).abs() <= epsilon)
}

/// How far apart pairs are at `rung` that have overtaken each other and back: the 90th percentile.
fn epsilon(costs: &[Vec<f64>], rung: usize) -> f64 {
    let mut apart = Vec::new();
    for (position, a) in costs.iter().enumerate() {
        for b in &costs[position + 1..] {
            let signs = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).filter(|order| order.is_ne());
            let signs: Vec<_> = signs.collect();
            if signs.windows(2).filter(|pair| pair[0] != pair[1]).count() >= 2 {
                apart.push((a[rung] - b[rung]).abs());
            }
        }
    }
    apart.sort_by(f64::total_cmp);
    let place = (apart.len() * 9).div_ceil(10);
    place.checked_sub(1).map_or(0.0, |place| apart[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epsilon_is_what_pairs_differ_by_that_overtake_each_other_and_back() {
        let crossing = vec![vec![1.0, 2.0, 1.0], vec![2.0, 1.0, 1.5], vec![9.0, 9.0, 9.0]];
        assert_eq!(epsilon(&crossing, 2), 0.5);
        let steady = vec![vec![1.0, 1.0, 1.0], vec![2.0, 2.0, 0.5]];
        assert_eq!(epsilon(&steady, 2), 0.0);
    }
}
