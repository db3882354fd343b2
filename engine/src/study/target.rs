//! A value that is good enough, and what it ends.

use super::StudyState;
use crate::state::{Phase, TrialKind, TrialState};

impl StudyState {
    /// Whether a segment of `trial` is still to be run, if one is due: a search that has reached its target goes on with its finalists alone.
    pub(crate) fn is_wanted(&self, trial: u32) -> bool {
        self.target_reached.is_none() || self.search.trials()[trial as usize].kind == TrialKind::Finalist
    }

    /// Whether `trial`, of the search and trained in full, keeps all constraints and is as good as `target`.
    fn is_as_good_as(&self, target: f64, trial: &TrialState) -> bool {
        let Some(top) = trial.values.len().checked_sub(1) else { return false };
        let cost = self.search.cost(trial, top);
        trial.phase == Phase::Complete
            && trial.kind != TrialKind::Finalist
            && cost.is_feasible()
            && cost.value <= self.search.objective.cost(target)
    }

    /// After `trial` has come to a rung.
    pub(super) fn compare_with_target(&mut self, trial: u32) {
        let good = self.settings().target.is_some_and(|target| self.is_as_good_as(target, &self.search.trials()[trial as usize]));
        if good && self.target_reached.is_none() {
            self.target_reached = Some(trial);
        }
    }

    /// Among all trials, for a target that is new.
    pub(super) fn look_for_target(&mut self) {
        let reached = self.settings().target.and_then(|target| self.search.searched().find(|trial| self.is_as_good_as(target, trial)));
        let reached = reached.map(|trial| trial.number);
        if std::mem::replace(&mut self.target_reached, reached).is_some() && reached.is_none() {
            self.reopen_finalists();
        }
    }
}
