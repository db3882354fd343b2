//! Asynchronous successive halving that promotes.

use search_spaces::ladder::Ladder;

use crate::{
    schedulers::{Action, Scheduler, rungs::asynchronous},
    state::{SearchState, eta, places},
};

/// Promotion ASHA: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2, with paused trials that continue
/// from their checkpoints.
///
/// A free slot takes the first of these that there is:
///
/// 1. From the highest rung down: the best trial that waits among the best `floor(n / (eta + 1))` of the `n` that have reached the rung, or the
///    best alone once `n` is `eta`. The paper has `floor(n / eta)`: rungs `eta` times as long each then cost as much each, and here the lower cost more.
/// 2. The next step of the baseline (trial 0, the default recipe), which runs its full length beside the competition. It comes before new
///    trials: an early full-length result stands by when the budget ends the sweep, and the longest trial does not run alone at the end.
/// 3. A new trial, while fewer than planned have started. It may learn from everything known by then.
/// 4. When nothing of the competition runs any more: the best at its rung, where the floor rule let nobody go on (fewer than `eta` have
///    reached it), and the next best where those promoted have failed. So the sweep ends with a searched config trained in full.
///
/// Values that come in later can push out of the best places a trial that has been promoted; it keeps what it got. So over time
/// more than that many can have left a rung, as in the paper: each was among the best when it left.
///
/// # Example
/// `eta` 3, higher is better, values in the order in which they arrive at rung 0; trial 0 is left out.
///
/// | arrives | value | n | places | best of them | the free slot then |
/// | --- | --- | --- | --- | --- | --- |
/// | trial 1 | 0.70 | 1 | 0 | | starts another |
/// | trial 2 | 0.60 | 2 | 0 | | starts another |
/// | trial 3 | 0.80 | 3 | 1 | 3 | promotes 3 |
/// | trial 4 | 0.75 | 4 | 1 | 3 | starts another |
/// | trial 5 | 0.85 | 5 | 1 | 5 | promotes 5 |
/// | trial 6 | failed | 6 | 1 | 5 | starts another |
/// | trial 7 | 0.65 | 7 | 1 | 5 | starts another |
/// | trial 8 | 0.65 | 8 | 2 | 5, 3 | starts another |
#[derive(Debug, Clone, Copy, Default)]
pub struct Asha;

impl Scheduler for Asha {
    fn decide(&self, state: &SearchState, free: usize) -> Vec<Action> {
        let promotions = (0..state.ladder.top())
            .rev()
            .flat_map(|rung| state.promotable(rung).map(move |trial| Action::Promote { trial, rung: rung + 1 }));
        asynchronous(state, free, promotions)
    }

    fn expected(&self, ladder: &Ladder, trials: usize) -> Vec<usize> {
        let eta = eta(ladder);
        let next = |left: &usize| Some(places(*left, eta).max((*left).min(1)));
        std::iter::successors(Some(trials), next).take(ladder.rungs.len()).collect()
    }
}
