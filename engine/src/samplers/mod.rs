//! Samplers propose the next config.

use rand::rngs::ChaCha8Rng;
use search_spaces::domain::{Assignment, Parameter};

use crate::state::SearchState;

/// Proposes where to try next.
///
/// # Purity
/// The proposal is a function of the arguments alone. A sampler keeps no state of its own, so that a resumed or replayed
/// study proposes the same.
///
/// # What it may learn from
/// `state` is what the scheduler allows it to see: values of trials that are too young to be learned from are already taken out
/// (their configs stay, as places that are taken).
///
/// # Duplicates
/// Never proposes an assignment that a trial of `state` has. `None` says that the space is exhausted (which only a finite space can be).
pub trait Sampler: Send + Sync {
    fn propose(&self, parameters: &[Parameter], state: &SearchState, rng: &mut ChaCha8Rng) -> Option<Assignment>;
}
