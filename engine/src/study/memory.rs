//! Trials that train with fewer examples at a time, because a device has too little memory.

use super::StudyState;

impl StudyState {
    /// So many examples at a time in place of what the config of `trial` says; a finalist has what the trial of the search has come to.
    pub fn micro_batch(&self, trial: u32) -> Option<u32> {
        let parent = self.search.trials()[trial as usize].parent;
        self.trials[trial as usize].micro_batch.or_else(|| parent.and_then(|parent| self.trials[parent as usize].micro_batch))
    }

    /// Examples whose gradients a segment of `trial` computes at a time.
    pub(crate) fn at_a_time(&self, trial: u32) -> u32 {
        let config = &self.search.trials()[trial as usize].config;
        [config.micro_batch, self.micro_batch(trial)].into_iter().flatten().fold(config.batch_size, u32::min)
    }
}
