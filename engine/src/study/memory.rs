//! Trials that train with fewer examples at a time, because a device has too little memory.

use search_spaces::config::Config;

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

/// Why a config cannot be trained in a slot that has `room` bytes; `needs` is what training takes at least.
pub(crate) fn too_large(config: &Config, room: u64, needs: impl Fn(&Config) -> Option<u64>) -> Option<String> {
    let least = needs(config).filter(|least| *least > room)?;
    let at_a_time = config.micro_batch.unwrap_or(config.batch_size).min(config.batch_size);
    let halves = std::iter::successors(Some(at_a_time / 2), |half| Some(half / 2)).take_while(|half| *half > 0);
    let fits = |half: &u32| needs(&Config { micro_batch: Some(*half), ..config.clone() }).is_some_and(|least| least <= room);
    let smaller = halves.into_iter().find(fits).map_or_else(String::new, |half| format!("`micro_batch: Some({half})`, "));
    let gb = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    Some(format!(
        "training it takes at least {} of memory, with {at_a_time} examples at a time, but a slot has {}: {smaller}fewer slots, or fewer blocks that train need less",
        gb(least),
        gb(room)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    #[test]
    fn what_cannot_fit_is_refused_with_a_way_out() {
        let config = Config { batch_size: 256, micro_batch: None, ..config(1e-3) };
        // Weights of 1 GB, and 0.1 GB for each example.
        let needs = |config: &Config| Some(1_000_000_000 + 100_000_000 * u64::from(config.micro_batch.unwrap_or(config.batch_size)));
        let told = |room: u64| too_large(&config, room, needs);
        insta::assert_snapshot!(told(11_000_000_000).unwrap(), @"training it takes at least 26.6 GB of memory, with 256 examples at a time, but a slot has 11.0 GB: `micro_batch: Some(64)`, fewer slots, or fewer blocks that train need less");
        insta::assert_snapshot!(told(500_000_000).unwrap(), @"training it takes at least 26.6 GB of memory, with 256 examples at a time, but a slot has 0.5 GB: fewer slots, or fewer blocks that train need less");
        assert_eq!(told(26_600_000_000), None);
        assert_eq!(too_large(&config, 0, |_| None), None, "nothing is known");
    }
}
