//! Which trials are best, when some have been trained for longer than others.

use std::cmp::Reverse;

use crate::state::{Cost, Phase, SearchState, TrialState};

impl SearchState {
    /// All trials of the search, best first: by the highest rung at which they count, then by their value there, then by number. Full-length
    /// trials come first, because only what they promise is what training their config again gives. Trials that failed, or whose value is
    /// not finite, come last, and before them those that exceed a constraint at the highest rung they were trained to: whatever they promise cannot be
    /// used. A second objective breaks ties.
    ///
    /// A trial counts at the rungs it was trained to. One that stopped itself early counts as if trained to a higher rung, too, where its
    /// value is no worse than that of some trial trained there, which like it keeps the constraints or exceeds one: better than a full-length trial it ranks among those; worse than
    /// all that went on it stays below them. Complete trials stand among themselves by value, so none of them overtakes another later.
    pub fn leaderboard(&self) -> Vec<u32> {
        self.best_first(|_| true)
    }

    /// Those of the leaderboard that are `wanted`.
    pub(crate) fn best_first(&self, wanted: impl Fn(&TrialState) -> bool) -> Vec<u32> {
        let worst = self.worst();
        let mut numbers: Vec<u32> = self.searched().filter(|trial| wanted(trial)).map(|trial| trial.number).collect();
        numbers.sort_by_cached_key(|number| self.rank(*number, &worst));
        numbers
    }

    /// The first of the leaderboard that has not failed and has a finite value; `None` before any has.
    pub fn incumbent(&self) -> Option<u32> {
        let worst = self.worst();
        let fit = |trial: &&TrialState| {
            !matches!(trial.phase, Phase::Failed { .. }) && trial.values.last().is_some_and(|value| value.is_finite())
        };
        self.searched().filter(fit).map(|trial| trial.number).min_by_key(|number| self.rank(*number, &worst))
    }

    /// At each rung, of those that keep the constraints and of those that exceed one.
    fn worst(&self) -> [Vec<Option<Cost>>; 2] {
        [false, true].map(|exceeds| (0..self.ladder.rungs.len()).map(|rung| self.worst_trained_to(rung, exceeds)).collect())
    }

    /// The greatest finite cost at `rung` among trials trained to it that exceed a constraint there, or among those that do not; `None` when there is none.
    fn worst_trained_to(&self, rung: usize, exceeds: bool) -> Option<Cost> {
        let trained = self.searched().filter(|trial| trial.trained() > rung);
        trained.map(|trial| self.cost(trial, rung)).filter(|cost| cost.is_finite() && (cost.exceeded > 0.0) == exceeds).max()
    }

    /// Whether it failed, whether it exceeds a constraint, how far it counts, what it is worth there, and its number. `worst`: see
    /// [`SearchState::worst`].
    fn rank(&self, number: u32, worst: &[Vec<Option<Cost>>; 2]) -> (bool, bool, Reverse<usize>, Option<Cost>, u32) {
        let trial = &self.trials[number as usize];
        let mut counts = trial.trained();
        let cost = counts.checked_sub(1).map(|last| self.cost(trial, last));
        let exceeds = cost.is_some_and(|cost| cost.exceeded > 0.0);
        if trial.stopped_at.is_some() {
            // What exceeds a constraint is worse than all that do not, so it would lift every one of them.
            let worst = &worst[usize::from(exceeds)];
            // One without a value counts as worse than any.
            let as_good = (counts..worst.len()).rev().find(|rung| cost.is_some() && cost <= worst[*rung]);
            counts = as_good.map_or(counts, |rung| rung + 1);
        }
        let last = matches!(trial.phase, Phase::Failed { .. }) || cost.is_some_and(|cost| !cost.is_finite());
        (last, exceeds, Reverse(counts), cost, number)
    }
}

impl TrialState {
    /// How many rungs it was trained to: without the NaN of the rung it failed before, and without what an early stop carried upwards.
    fn trained(&self) -> usize {
        match (self.phase, self.stopped_at) {
            (Phase::Failed { .. }, _) => self.values.len().saturating_sub(1),
            (_, Some(rung)) => self.values.len().min(rung + 1),
            _ => self.values.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        samplers::fixtures::{activate, fail, reach, start, stop_early, study},
        state::TrialKind,
    };

    /// Three rungs, lower is better; a last `NaN` is a failure.
    fn values(values: &[&[f64]]) -> SearchState {
        let mut state = study(20, 3, 3);
        for (number, values) in values.iter().enumerate() {
            start(&mut state, TrialKind::Search, None);
            for (rung, value) in values.iter().enumerate() {
                activate(&mut state, number, rung);
                if value.is_nan() { fail(&mut state, number) } else { reach(&mut state, number, *value) }
            }
        }
        state
    }

    fn stops(state: &mut SearchState, rung: usize, value: f64) {
        start(state, TrialKind::Search, None);
        let number = state.trials().len() - 1;
        state.change(number as u32, |trial| (trial.values, trial.phase) = (vec![value; rung], Phase::Active { rung }));
        stop_early(state, number, value);
    }

    #[test]
    fn full_length_comes_first_then_the_highest_rung() {
        let state = values(&[&[0.5, 0.4, 0.3], &[0.1], &[0.9, 0.8, 0.2], &[0.3, 0.3], &[0.2, f64::NAN], &[], &[0.05]]);
        assert_eq!(state.leaderboard(), [2, 0, 3, 6, 1, 5, 4]);
        assert_eq!(state.incumbent(), Some(2));
    }

    #[test]
    fn a_trial_that_stopped_itself_counts_where_it_is_no_worse_than_those_trained_there() {
        // It has stopped before rung 0, and nobody there is as bad.
        let mut state = values(&[&[0.5, 0.4], &[0.3]]);
        stops(&mut state, 0, 0.9);
        assert_eq!(state.leaderboard(), [0, 1, 2]);
        assert_eq!(state.incumbent(), Some(0));
        // As good as one in rung 1, with no full-length trial yet to compare with.
        stops(&mut state, 0, 0.35);
        assert_eq!(state.leaderboard(), [3, 0, 1, 2]);
        // Better than a full-length trial: it counts as one.
        let mut state = values(&[&[0.5, 0.4, 0.3], &[0.3, 0.1], &[0.5, 0.4, 0.15]]);
        stops(&mut state, 1, 0.2);
        stops(&mut state, 1, 0.4);
        assert_eq!(state.leaderboard(), [2, 3, 0, 1, 4]);
    }

    #[test]
    fn what_stopped_itself_is_compared_only_with_trials_that_keep_the_constraints_like_it() {
        // The full-length trial exceeds the constraint: it does not lift the last one, which is worse than all others that keep it.
        let mut state = values(&[&[0.5, 0.4, 0.3], &[0.3, 0.2]]);
        state.constraints = vec![search_spaces::goals::Constraint::GroupGap(0.1)];
        stops(&mut state, 0, 0.9);
        for (number, exceeded) in [(0, 1.0), (1, 0.0), (2, 0.0)] {
            state.change(number, |trial| trial.exceeded = vec![exceeded; trial.values.len()]);
        }
        assert_eq!(state.leaderboard(), [1, 2, 0]);
        // Nor does one that keeps it lift what exceeds it.
        for (number, exceeded) in [(0, 0.0), (1, 0.2), (2, 0.3)] {
            state.change(number, |trial| trial.exceeded = vec![exceeded; trial.values.len()]);
        }
        assert_eq!(state.leaderboard(), [0, 1, 2]);
    }

    #[test]
    fn the_incumbent_has_a_finite_value() {
        let mut state = values(&[&[0.5, 0.4, f64::INFINITY], &[0.3], &[0.2, f64::NAN]]);
        assert_eq!(state.incumbent(), Some(1));
        stops(&mut state, 0, f64::NAN);
        assert_eq!(state.incumbent(), Some(1));
        assert_eq!(values(&[&[], &[f64::NAN]]).incumbent(), None);
    }

    proptest::proptest! {
        /// Checkpoints are kept for the best of them, so none may overtake another later.
        #[test]
        fn complete_trials_stand_among_themselves_by_value(full in proptest::collection::vec(0..50_u8, 0..6), early in proptest::collection::vec((0..3_usize, 0..50_u8), 0..8), waiting in proptest::collection::vec(0..50_u8, 0..6)) {
            let full: Vec<[f64; 3]> = full.iter().map(|value| [f64::from(*value); 3]).collect();
            let waiting: Vec<[f64; 1]> = waiting.iter().map(|value| [f64::from(*value)]).collect();
            let mut state = values(&full.iter().map(|v| &v[..]).chain(waiting.iter().map(|v| &v[..])).collect::<Vec<_>>());
            for (rung, value) in &early {
                stops(&mut state, *rung, f64::from(*value));
            }
            let complete = state.leaderboard().into_iter().map(|n| &state.trials[n as usize]).filter(|t| t.phase == Phase::Complete);
            let values: Vec<f64> = complete.map(|t| t.values[2]).collect();
            proptest::prop_assert!(values.is_sorted(), "{values:?}");
        }
    }
}
