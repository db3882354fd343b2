//! Segments in slots: who runs which, what a claim that is lost leaves behind, and which writes are too late.

use serde::{Deserialize, Serialize};

use super::{CRASHES, Refused, StudyState, refused::out_of_order};
use crate::{events::Event, state::Phase};

/// A segment in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub worker: String,
    pub slot: String,
    pub rung: usize,
    pub at: i64,
    /// Steps behind it when it was claimed.
    pub from_step: u64,
    /// The newest step known of.
    pub last_step: u64,
    /// The step of its newest checkpoint, and when that was there.
    pub saved: Option<(u64, i64)>,
}

impl StudyState {
    /// Trials whose segment `worker` runs.
    pub fn claims_of<'a>(&'a self, worker: &'a str) -> impl Iterator<Item = (u32, &'a Claim)> + 'a {
        let claims = self.trials.iter().enumerate().filter_map(|(n, t)| Some((n as u32, t.claim.as_ref()?)));
        claims.filter(move |(_, claim)| claim.worker == worker)
    }

    /// The events that release everything dead workers held. A segment that was running when its worker `crashed`, for the second time,
    /// has failed: it ran alone then.
    pub fn release(&self, workers: &[String], cause: &str, crashed: bool) -> Vec<Event> {
        self.release_blaming(workers, cause, &|_| crashed)
    }

    /// The same, where only what ran in slots that are `to_blame` is taken for the reason.
    pub(crate) fn release_blaming(&self, workers: &[String], cause: &str, to_blame: &dyn Fn(&str) -> bool) -> Vec<Event> {
        if workers.is_empty() {
            return Vec::new();
        }
        let mut events = vec![Event::WorkersLost { workers: workers.to_vec(), cause: cause.to_owned() }];
        for (trial, claim) in workers.iter().flat_map(|worker| self.claims_of(worker)) {
            let progress = &self.trials[trial as usize];
            let (rung, fence, crashed) = (claim.rung, progress.fence, to_blame(&claim.slot));
            events.push(if crashed && progress.crashes + 1 >= CRASHES {
                let cause = format!("took its worker down {CRASHES} times, the last time thus: {cause}");
                Event::SegmentFailed { trial, rung, fence, cause }
            } else {
                Event::SegmentLost { trial, rung, fence, cause: cause.to_owned(), crashed }
            });
        }
        events.extend(workers.iter().flat_map(|worker| self.folds.release(worker, cause, to_blame)));
        events
    }

    pub(super) fn claim(&mut self, trial: u32, rung: usize, fence: u64, worker: &str, slot: &str, at: i64) -> Result<(), Refused> {
        if !self.workers.contains_key(worker) {
            return Err(Refused::WorkerGone { worker: worker.to_owned() });
        }
        if self.search.trials().get(trial as usize).map(|t| t.phase) != Some(Phase::Active { rung }) {
            return out_of_order(format!("trial {trial} has no segment to rung {rung}"));
        }
        let progress = &mut self.trials[trial as usize];
        if let Some(Claim { worker, slot, .. }) = progress.claim.clone() {
            return Err(Refused::Claimed { trial, rung, slot, worker });
        }
        if fence != progress.fence + 1 {
            return Err(Refused::Stale { trial, fence, newest: progress.fence });
        }
        let from_step = progress.checkpoint.as_ref().map_or(0, |c| c.step);
        self.queue.remove(&trial);
        self.dropped.steps += std::mem::take(&mut progress.dropped_step);
        progress.fence = fence;
        progress.claim =
            Some(Claim { worker: worker.to_owned(), slot: slot.to_owned(), rung, at, from_step, last_step: from_step, saved: None });
        Ok(())
    }

    /// The claim that a write with this fence speaks for.
    pub(super) fn held(&mut self, trial: u32, fence: u64) -> Result<&mut Claim, Refused> {
        let Some(progress) = self.trials.get_mut(trial as usize) else { return out_of_order(format!("there is no trial {trial}")) };
        let newest = progress.fence;
        progress.claim.as_mut().filter(|_| newest == fence).ok_or(Refused::Stale { trial, fence, newest })
    }

    /// Counts what a claim that is lost has left a checkpoint of.
    pub(super) fn salvage(&mut self, trial: u32, fence: u64) -> Result<(), Refused> {
        let Claim { at, from_step, saved, .. } = self.held(trial, fence)?.clone();
        let Some((step, saved_at)) = saved else { return Ok(()) };
        let config = &self.search.trials()[trial as usize].config;
        let steps_per_pass = config.total_steps(self.spec.examples_per_epoch) as f64 / f64::from(config.epochs.max(1));
        let (seconds, passes) = &mut self.trials[trial as usize].salvaged;
        *seconds += (saved_at - at).max(0) as f64 / 1000.0;
        *passes += step.saturating_sub(from_step) as f64 / steps_per_pass;
        Ok(())
    }

    pub(super) fn end_claim(&mut self, trial: u32, rung: usize, fence: u64, steps_trained: Option<u64>) -> Result<(), Refused> {
        let claim = self.held(trial, fence)?;
        if claim.rung != rung {
            return out_of_order(format!("trial {trial} is on its way to rung {}, not {rung}", claim.rung));
        }
        let steps = steps_trained.unwrap_or(claim.last_step - claim.from_step);
        let reached = claim.from_step + steps;
        let progress = &mut self.trials[trial as usize];
        progress.furthest_step = progress.furthest_step.max(reached);
        progress.steps_trained = progress.steps_trained.saturating_add(steps);
        progress.claim = None;
        Ok(())
    }
}
