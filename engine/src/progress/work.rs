//! Who is at work on what, as far as the store knows.

use crate::{folds::Fold, study::StudyState};

/// A slot that has something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtWork {
    pub worker: String,
    /// `cpu/0`: unique among the slots of its worker.
    pub slot: String,
    pub doing: Doing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    Segment {
        trial: u32,
        /// Of a finalist's training: the trial of the search whose config it has.
        parent: Option<u32>,
        rung: usize,
        /// The study's time when it was claimed.
        since: i64,
        /// Steps behind it at its last evaluation or checkpoint.
        step: u64,
        /// Steps at the rung.
        to_step: u64,
    },
    Fold(Fold),
}

impl StudyState {
    /// Every slot that has something to do, by worker and slot. What a worker held that was killed is among it, until somebody releases it.
    pub fn at_work(&self) -> Vec<AtWork> {
        let claims = (0u32..).zip(&self.trials).filter_map(|(trial, progress)| Some((trial, progress.claim.as_ref()?)));
        let segments = claims.map(|(trial, claim)| {
            let state = &self.search.trials()[trial as usize];
            let total = state.config.total_steps(self.spec.examples_per_epoch);
            let ladder = &self.search.ladder;
            let to_step = if claim.rung < ladder.rungs.len() { ladder.step(claim.rung, total) } else { total };
            AtWork {
                worker: claim.worker.clone(),
                slot: claim.slot.clone(),
                doing: Doing::Segment { trial, parent: state.parent, rung: claim.rung, since: claim.at, step: claim.last_step, to_step },
            }
        });
        let folds = self.folds.iter().filter_map(|(fold, run)| {
            let (worker, slot) = run.claim()?;
            Some(AtWork { worker: worker.to_owned(), slot: slot.to_owned(), doing: Doing::Fold(fold) })
        });
        let mut all: Vec<AtWork> = segments.chain(folds).collect();
        all.sort_by(|a, b| (&a.worker, &a.slot).cmp(&(&b.worker, &b.slot)));
        all
    }
}
