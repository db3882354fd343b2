//! Schedulers decide which trial trains next, and how far.

pub mod asha;
#[cfg(test)]
mod contract;
pub mod freeze_thaw;
pub mod hyperband;
pub mod median;
pub mod none;
pub mod pasha;
pub(crate) mod rungs;
pub mod successive_halving;
#[cfg(test)]
mod tests;

use search_spaces::{ladder::Ladder, settings::SchedulerKind};
use serde::{Deserialize, Serialize};

use crate::state::SearchState;

/// What to do with a free slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Start the next trial (number `state.trials().len()`, one more for each further `Start` of the same answer) towards rung 0. Its
    /// sampler may learn from the values of trials numbered below `learn_from` only.
    Start { learn_from: u32 },
    /// Let a paused trial go on to `rung`, the one above where it waits.
    Promote { trial: u32, rung: usize },
}

/// Decides what free slots do.
///
/// # Purity
/// A function of the arguments alone: the same state gives the same answer, on any machine, and whoever asks.
///
/// # Answer
/// At most `free` actions, in the order they are to be taken. Empty: nothing can be done until a running segment ends. Empty while no
/// trial is active: the scheduler has nothing left to say, and the best are taken to the top whatever its rule, as is what keeps the constraints if none of them does (`next`).
///
/// # Failed trials
/// Count as worst at the rung they failed before, as does any value that is not finite; they are never promoted. A trial that stopped itself early carries its value upwards and needs no slot.
pub trait Scheduler: Send + Sync {
    fn decide(&self, state: &SearchState, free: usize) -> Vec<Action>;

    /// About how many of `trials` competitors will train up to each rung, for estimates; as many as there are rungs.
    fn expected(&self, ladder: &Ladder, trials: usize) -> Vec<usize>;
}

/// What a free slot does now: what `scheduler` says, and at the end of the search what is left of taking to the top the best, and then one that keeps the
/// constraints.
pub(crate) fn next(scheduler: &dyn Scheduler, state: &SearchState) -> Option<Action> {
    let decided = scheduler.decide(state, 1).first().copied().or_else(|| rungs::drain(state));
    decided.or_else(|| rungs::keeping_resort(state).filter(|_| rungs::is_settled(state)))
}

/// The scheduler that a space's settings name.
pub fn build(kind: SchedulerKind) -> Box<dyn Scheduler> {
    match kind {
        SchedulerKind::FreezeThaw => Box::new(freeze_thaw::FreezeThaw),
        SchedulerKind::Asha => Box::new(asha::Asha),
        SchedulerKind::SuccessiveHalving => Box::new(successive_halving::SuccessiveHalving),
        SchedulerKind::Hyperband => Box::new(hyperband::Hyperband),
        SchedulerKind::Pasha => Box::new(pasha::Pasha),
        SchedulerKind::MedianRule => Box::new(median::MedianRule),
        SchedulerKind::None => Box::new(none::NoHalving),
    }
}
