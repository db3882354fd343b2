//! Samplers propose the next config.

#[cfg(test)]
pub(crate) mod fixtures;
pub mod forest;
mod fresh;
pub mod grid;
mod mixture;
mod observations;
#[cfg(test)]
mod quality;
pub mod random;
pub mod recipes;
pub mod sobol;
#[cfg(test)]
mod tests;
pub mod tpe;

use rand::{Rng, rngs::ChaCha8Rng};
use search_spaces::{
    domain::{Assignment, Parameter},
    settings::SamplerKind,
};

use crate::{
    state::View,
    streams::{Purpose, stream},
};

/// Proposes where to try next.
///
/// # Purity
/// The proposal is a function of the arguments alone. A sampler keeps no state of its own, so that a resumed or replayed
/// study proposes the same.
///
/// # What it may learn from
/// `view` is what the scheduler allows it to see: values of trials that are too young to be learned from are hidden (their configs stay, as
/// places that are taken), and so are phases. A recipe is learned from where it lies in the space.
///
/// # Duplicates
/// Never proposes the assignment of a trial of `view` that lies inside the space. `None` says that the space is exhausted (which only a finite space can be).
pub trait Sampler: Send + Sync {
    fn propose(&self, parameters: &[Parameter], view: View<'_>, rng: &mut ChaCha8Rng) -> Option<Assignment>;
}

/// The sampler that a space's settings name, for the study with this seed.
pub fn build(kind: SamplerKind, seed: u64) -> Box<dyn Sampler> {
    let sobol = sobol::Sobol { seed: stream(seed, 0, Purpose::Scrambling).next_u32() };
    match kind {
        SamplerKind::Grid => Box::new(grid::Grid),
        SamplerKind::Sobol => Box::new(sobol),
        SamplerKind::Random => Box::new(random::Random),
        SamplerKind::Forest => Box::new(recipes::WithRecipes { model: Box::new(forest::Forest::new(sobol)) }),
        SamplerKind::Tpe => Box::new(recipes::WithRecipes { model: Box::new(tpe::Tpe::default()) }),
    }
}
