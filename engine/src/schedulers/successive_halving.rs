//! Synchronous successive halving.

use search_spaces::ladder::Ladder;

use crate::{
    schedulers::{
        Action, Scheduler,
        rungs::{any_active, baseline, last_resort, may_go_on, planned, promote, promote_baseline, ranking, survivors},
    },
    state::{SearchState, TrialState, eta},
};

/// The least trials in a cohort, so that several slots have work on a short ladder too.
const SMALLEST_COHORT: usize = 8;

/// Successive halving in cohorts: Jamieson & Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization".
///
/// A cohort is `eta^(rungs - 1)` trials, so that one of them is left for the last rung, or the smallest multiple of that
/// which is at least 8. The last cohort is what remains. All of a cohort reach a rung before the best `floor(n / eta)` of the `n` there go
/// on, at least one. The next cohort starts when the former has finished, and its configs are drawn from what was known then. So the
/// decisions, and every trial's config, are the same on any number of slots; the price is that slots idle towards the end of each rung.
///
/// The baseline (trial 0, the default recipe) runs its full length beside the first cohort, which ends when both have. Where all who went on from a
/// rung have failed, the next best there goes on, one at a time, so that a cohort ends with a full-length value unless all failed.
///
/// # Example
/// `eta` 3 and 3 rungs, so cohorts of 9; higher is better. Trial 0 runs beside.
///
/// | | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | go on |
/// | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
/// | rung 0 | 0.60 | 0.72 | failed | 0.70 | 0.72 | 0.55 | 0.74 | 0.69 | 0.50 | 7, 2, 5 (2 and 5 tie: both are among the best 3) |
/// | rung 1 | | 0.80 | | | 0.78 | | 0.79 | | | 2 |
/// | rung 2 | | 0.84 | | | | | | | | |
#[derive(Debug, Clone, Copy, Default)]
pub struct SuccessiveHalving;

impl Scheduler for SuccessiveHalving {
    fn decide(&self, state: &SearchState, free: usize) -> Vec<Action> {
        let mut first = newest_cohort(state);
        while first < planned(state) {
            // Before trial 0 is there nobody knows whether it is a baseline; a call then starts no more than the cohort has either way.
            let beside = baseline(state).filter(|_| first == 0);
            let end = first.saturating_add(cohort_size(&state.ladder) + usize::from(beside.is_some())).min(planned(state));
            let mut actions = cohort(state, first, end, free);
            if !actions.is_empty() || any_active(started(state, first, end)) {
                actions.truncate(free);
                return actions;
            }
            first = end;
        }
        Vec::new()
    }

    fn expected(&self, ladder: &Ladder, trials: usize) -> Vec<usize> {
        let size = cohort_size(ladder);
        let at = |rung| trials / size * survivors(ladder, size, rung) + survivors(ladder, trials % size, rung);
        (0..ladder.rungs.len()).map(at).collect()
    }
}

/// The first trial of the cohort that started last: all before it have finished, or it would not have started.
fn newest_cohort(state: &SearchState) -> usize {
    let beside = usize::from(baseline(state).is_some());
    let size = cohort_size(&state.ladder);
    let competitor = state.searched().len().saturating_sub(1 + beside);
    if competitor < size { 0 } else { beside + competitor / size * size }
}

/// Trials in a full cohort, without the baseline.
fn cohort_size(ladder: &Ladder) -> usize {
    let bracket = eta(ladder).saturating_pow(ladder.top() as u32);
    bracket.saturating_mul(SMALLEST_COHORT.div_ceil(bracket))
}

/// Those of the search's trials `first` to `end` that have started.
fn started(state: &SearchState, first: usize, end: usize) -> impl Iterator<Item = &TrialState> + Clone {
    state.searched().skip(first).take(end.saturating_sub(first))
}

/// What the cohort of the trials from `first` up to `end` can do now, for so many `free` slots: with many rungs a cohort has no end of trials to start.
fn cohort(state: &SearchState, first: usize, end: usize, free: usize) -> Vec<Action> {
    let beside = baseline(state).filter(|_| first == 0);
    let members = started(state, first + usize::from(beside.is_some()), end);
    let mut actions = Vec::new();
    let searched = state.searched().len();
    if searched >= end {
        let mut entrants: Vec<&TrialState> = members.clone().collect();
        for rung in 0..state.ladder.top() {
            let mut ranked = ranking(state, entrants.iter().copied(), rung);
            if ranked.len() < entrants.len() {
                break;
            }
            ranked.truncate((ranked.len() / eta(&state.ladder)).max(1));
            ranked.retain(|trial| state.cost(trial, rung).is_finite());
            actions.extend(ranked.iter().filter(|trial| may_go_on(state, trial, rung)).map(|trial| promote(trial, rung)));
            entrants = ranked;
        }
    }
    // The cohort's first trial has the number that the next one gets, before it is there.
    let learn_from = state.searched().nth(first).map_or(state.trials().len() as u32, |trial| trial.number);
    actions.extend((searched.max(first)..end).take(free.max(1)).map(|_| Action::Start { learn_from }));
    if actions.is_empty() && !any_active(members.clone()) {
        actions.extend(last_resort(state, &members));
    }
    actions.extend(beside.and_then(|_| promote_baseline(state)));
    actions
}
