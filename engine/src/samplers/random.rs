//! Random search.

use rand::rngs::ChaCha8Rng;
use search_spaces::domain::{Assignment, Parameter};

use crate::{
    samplers::{Sampler, fresh},
    state::View,
};

/// Draws each config as the domains say, whatever the trials before it gave (Bergstra & Bengio 2012).
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

impl Sampler for Random {
    fn propose(&self, parameters: &[Parameter], view: View<'_>, rng: &mut ChaCha8Rng) -> Option<Assignment> {
        fresh::draw(parameters, view, rng)
    }
}
