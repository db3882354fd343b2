//! Which checkpoints a study keeps, and which go when they take too much of the disk.

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::{Refused, StudyState, TrialProgress, refused::out_of_order};
use crate::{
    events::Event,
    folds,
    runner::Checkpoint,
    state::{Phase, TrialState},
    store::StudyFolder,
};

/// What the limit on the disk has cost a study.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Checkpoints that went, those behind a trial's newest included.
    pub checkpoints: u64,
    /// Steps of trials that went on without the checkpoint they had waited with: those behind it are trained again.
    pub steps: u64,
}

/// More than the limit, and all of it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLittleSpace {
    /// Of the checkpoints that are kept.
    pub bytes: u64,
    pub limit: u64,
}

impl StudyState {
    /// Checkpoints that may be needed again: of trials that can go on the newest and the one before it, and the final weights of those that are or may become
    /// finalists, and of the Pareto front, from which the user may take any. What is no longer part of the front never is again.
    pub fn kept_checkpoints(&self) -> Vec<PathBuf> {
        self.kept().map(|checkpoint| checkpoint.path.clone()).collect()
    }

    /// Takes out of `files`, which lie in the study's `folder`, those that are kept. There are fewer of them than of trials that have none any more.
    pub(crate) fn leave_out_kept(&self, folder: &StudyFolder, files: &mut Vec<PathBuf>) {
        let there: BTreeSet<OsString> = files.iter().map(|path| folder.relative(path).into_os_string()).collect();
        let kept: BTreeSet<&OsStr> =
            self.kept().map(|checkpoint| checkpoint.path.as_os_str()).filter(|path| there.contains(*path)).collect();
        files.retain(|path| !kept.contains(folder.relative(path).as_os_str()));
    }

    /// Those of them that `trials` have.
    pub(crate) fn kept_checkpoints_of(&self, trials: &BTreeSet<u32>) -> BTreeSet<PathBuf> {
        let there = trials.iter().filter_map(|trial| self.search.trials().get(*trial as usize));
        self.kept_of(there).map(|checkpoint| checkpoint.path.clone()).collect()
    }

    /// Trials whose kept checkpoints may be others after `events`: where a limit is given all of them.
    pub(crate) fn checkpoints_may_change(&self, events: &[Event]) -> BTreeSet<u32> {
        if self.settings().checkpoint_space_bytes.is_some() {
            return (0..self.trials.len() as u32).collect();
        }
        let mut trials = self.final_weights();
        trials.extend(events.iter().flat_map(|event| self.touched(event)));
        trials
    }

    fn kept(&self) -> impl Iterator<Item = &Checkpoint> {
        self.kept_of(self.search.trials().iter())
    }

    fn kept_of<'a>(&'a self, trials: impl Iterator<Item = &'a TrialState>) -> impl Iterator<Item = &'a Checkpoint> {
        let final_weights = self.final_weights();
        trials.flat_map(move |trial| {
            let progress = &self.trials[trial.number as usize];
            let (newest, before) = match trial.phase {
                Phase::Active { .. } | Phase::Paused { .. } => (progress.checkpoint.as_ref(), progress.before.as_ref()),
                Phase::Complete if final_weights.contains(&trial.number) => (progress.checkpoint.as_ref(), None),
                Phase::Complete | Phase::Failed { .. } => (None, None),
            };
            newest.into_iter().chain(before)
        })
    }

    /// Complete trials whose weights someone may ask for.
    fn final_weights(&self) -> BTreeSet<u32> {
        let best: Vec<u32> = self.best_complete().take(folds::best(self.settings()) as usize).collect();
        let repeats = best.iter().flat_map(|trial| self.finalists.all_repeats(*trial));
        repeats.chain(self.search.front()).chain(best.iter().copied()).collect()
    }

    /// The event that makes room, where a limit is given and the kept checkpoints take more. First those behind a trial's newest go, then those of trials
    /// that wait, of which the worst at the lowest rungs go first: they are the least likely to go on. What is trained now, the incumbent and the weights of complete trials stay.
    pub(crate) fn making_room(&self) -> Option<Event> {
        let limit = self.settings().checkpoint_space_bytes?;
        let mut excess = self.kept().map(|checkpoint| checkpoint.bytes).sum::<u64>().saturating_sub(limit);
        if excess == 0 {
            return None;
        }
        let (mut before, mut newest) = (Vec::new(), Vec::new());
        let mut free = |trials: &mut Vec<u32>, trial: u32, checkpoint: Option<&Checkpoint>| {
            if let (Some(checkpoint), true) = (checkpoint, excess > 0) {
                excess = excess.saturating_sub(checkpoint.bytes);
                trials.push(trial);
            }
        };
        let order = self.least_likely_first();
        for trial in &order {
            free(&mut before, *trial, self.trials[*trial as usize].before.as_ref());
        }
        let incumbent = self.search.incumbent();
        let waits = |trial: &u32| matches!(self.search.trials()[*trial as usize].phase, Phase::Paused { .. }) && Some(*trial) != incumbent;
        for trial in order.into_iter().filter(waits) {
            free(&mut newest, trial, self.trials[trial as usize].checkpoint.as_ref());
        }
        (!before.is_empty() || !newest.is_empty()).then_some(Event::CheckpointsDropped { before, newest })
    }

    /// Trials that can go on: those that wait at the lowest rung first, of those the worst first; those that are trained now last.
    fn least_likely_first(&self) -> Vec<u32> {
        let cost = |trial: &TrialState, rung: usize| (rung < trial.values.len()).then(|| self.search.cost(trial, rung));
        let place = |trial: &TrialState| match trial.phase {
            Phase::Paused { rung } => Some((false, rung, Reverse(cost(trial, rung)), Reverse(trial.number))),
            Phase::Active { rung } => Some((true, rung, Reverse(None), Reverse(trial.number))),
            Phase::Complete | Phase::Failed { .. } => None,
        };
        let mut places: Vec<_> = self.search.trials().iter().filter_map(place).collect();
        places.sort();
        places.into_iter().map(|(.., Reverse(number))| number).collect()
    }

    /// Whether what cannot go takes more than the limit.
    pub(crate) fn too_little_space(&self) -> Option<TooLittleSpace> {
        let limit = self.settings().checkpoint_space_bytes?;
        let bytes = self.kept().map(|checkpoint| checkpoint.bytes).sum();
        (bytes > limit && self.making_room().is_none()).then_some(TooLittleSpace { bytes, limit })
    }

    pub(super) fn drop_checkpoints(&mut self, before: &[u32], newest: &[u32]) -> Result<(), Refused> {
        for trial in before {
            if self.trials.get_mut(*trial as usize).and_then(|progress| progress.before.take()).is_none() {
                return out_of_order(format!("trial {trial} has one checkpoint at most: there is none behind it to be dropped"));
            }
            self.dropped.checkpoints += 1;
        }
        for trial in newest {
            let waits = self.search.trials().get(*trial as usize).is_some_and(|trial| matches!(trial.phase, Phase::Paused { .. }));
            let progress = self.trials.get_mut(*trial as usize).filter(|_| waits);
            let Some(checkpoint) = progress.as_ref().and_then(|progress| progress.checkpoint.clone()) else {
                return out_of_order(format!("trial {trial} does not wait with a checkpoint that could be dropped"));
            };
            if let Some(progress) = progress {
                (progress.checkpoint, progress.before, progress.dropped_step) = (None, None, checkpoint.step);
            }
            self.dropped.checkpoints += 1;
        }
        Ok(())
    }
}

impl TrialProgress {
    /// `checkpoint` is official now.
    pub(super) fn saved(&mut self, checkpoint: &Checkpoint) {
        let newest = self.checkpoint.replace(checkpoint.clone());
        // A segment's last is named twice: when it is there, and when the segment has completed.
        if let Some(newest) = newest.filter(|newest| newest.path != checkpoint.path) {
            self.before = Some(newest);
        }
        if self.before.as_ref().is_some_and(|before| before.path == checkpoint.path) {
            self.before = None;
        }
    }

    /// The newest is gone or damaged; `all`: so is the one before, or there was none in the program that wrote this.
    pub(super) fn lose_checkpoint(&mut self, all: bool) {
        self.checkpoint = self.before.take().filter(|_| !all);
    }
}

impl std::fmt::Display for TooLittleSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mb = |bytes: u64| bytes.div_ceil(1_000_000);
        write!(
            f,
            "the checkpoints that must stay take {} MB, more than the {} MB of checkpoint_space: none of them goes; write more in the space's settings to have no trial start anew",
            mb(self.bytes),
            mb(self.limit)
        )
    }
}
