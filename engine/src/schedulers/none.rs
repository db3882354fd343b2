//! No early termination.

use search_spaces::ladder::Ladder;

use crate::{
    schedulers::{Action, Scheduler, rungs::starts},
    state::SearchState,
};

/// Every trial runs its full length, as random search has it. Rungs only say where a trial is saved on its way.
///
/// Trials on their way come before new ones, lower numbers first. A new trial may learn from everything known by then.
///
/// # Example
/// `eta` plays no part: with 3 rungs and 2 slots, in order of the free slot that asks
///
/// | a slot is free because | it takes |
/// | --- | --- |
/// | the sweep begins, twice | trial 0 to rung 0; trial 1 to rung 0 |
/// | 0 has reached rung 0 | trial 0 to rung 1 |
/// | 1 has failed | trial 2 to rung 0 |
/// | 0 has reached rung 1 | trial 0 to rung 2 |
/// | 0 has reached rung 2, the top | trial 3 to rung 0 |
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHalving;

impl Scheduler for NoHalving {
    fn decide(&self, state: &SearchState, free: usize) -> Vec<Action> {
        let promotions = state.index().waiting().map(|trial| Action::Promote { trial, rung: state.trials()[trial as usize].values.len() });
        promotions.chain(starts(state)).take(free).collect()
    }

    fn expected(&self, ladder: &Ladder, trials: usize) -> Vec<usize> {
        vec![trials; ladder.rungs.len()]
    }
}
