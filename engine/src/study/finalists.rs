//! How the choice of finalists, and its being open again, changes the state.

use std::sync::Arc;

use super::{Refused, StudyState, TrialProgress, refused::out_of_order};
use crate::{
    finalists::FinalistsChosen,
    state::{Phase, TrialKind, TrialState},
};

impl StudyState {
    pub(super) fn choose_finalists(&mut self, chosen: &FinalistsChosen) -> Result<(), Refused> {
        let complete = |trial: u32| self.search.trials().get(trial as usize).is_some_and(|t| t.phase == Phase::Complete);
        if let Some(trial) = chosen.trials.iter().find(|trial| !complete(**trial)) {
            return out_of_order(format!("trial {trial} cannot be a finalist: it has not been trained in full"));
        }
        let top = self.search.ladder.top();
        for repeat in &chosen.added {
            let number = self.search.trials().len() as u32;
            if repeat.number != number || !chosen.trials.contains(&repeat.parent) {
                return out_of_order(format!("trial {} cannot be added as the next training of trial {}", repeat.number, repeat.parent));
            }
            let config = Arc::clone(&self.search.trials()[repeat.parent as usize].config);
            self.search_mut().add(TrialState {
                number,
                kind: TrialKind::Finalist,
                parent: Some(repeat.parent),
                config,
                assignment: None,
                inside: false,
                values: Vec::new(),
                exceeded: Vec::new(),
                second: Vec::new(),
                phase: Phase::Active { rung: top },
                stopped_at: None,
            });
            self.trials.push(TrialProgress::default());
        }
        self.finalists.choose(chosen);
        for trial in self.finalists.repeats().collect::<Vec<_>>() {
            if self.is_open(trial) && self.trials[trial as usize].claim.is_none() {
                self.queue.insert(trial);
                if self.trials[trial as usize].crashes > 0 {
                    self.suspects.insert(trial);
                }
            }
        }
        Ok(())
    }

    /// What waits for a slot is taken back: it is queued again if it is chosen again.
    pub(super) fn reopen_finalists(&mut self) {
        for trial in self.finalists.repeats().collect::<Vec<_>>() {
            // What runs goes on, alone in its worker if it must.
            if self.trials[trial as usize].claim.is_none() {
                self.queue.remove(&trial);
                self.suspects.remove(&trial);
            }
        }
        self.finalists.reopen();
    }
}
