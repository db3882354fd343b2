//! Quasi-random search.

use rand::rngs::ChaCha8Rng;
use search_spaces::{
    domain::{Assignment, Parameter},
    draw,
};

use crate::{
    samplers::{Sampler, fresh},
    state::View,
};

/// Points of a Sobol sequence with Owen's scrambling (Burley 2020): they fill the space more evenly than random ones, each is still as likely as
/// the domains say, and another seed gives other points.
///
/// A parameter's dimension is its place in the list, also under a condition. The point of a trial is that of its number, or a random draw where
/// that repeats a trial (in a finite space), and beyond the ends of the sequence: 65,536 points, 256 parameters.
#[derive(Debug, Clone, Copy)]
pub struct Sobol {
    /// Of the scrambling.
    pub seed: u32,
}

const POINTS: usize = 1 << 16;
const DIMENSIONS: usize = 256;

impl Sampler for Sobol {
    fn propose(&self, parameters: &[Parameter], view: View<'_>, rng: &mut ChaCha8Rng) -> Option<Assignment> {
        let index = view.len();
        if index >= POINTS || parameters.len() > DIMENSIONS {
            return fresh::draw(parameters, view, rng);
        }
        let unit = |dimension: usize| f64::from(sobol_burley::sample(index as u32, dimension as u32, self.seed));
        let point = draw::draw_by(parameters, unit);
        if view.is_taken(&point) { fresh::draw(parameters, view, rng) } else { Some(point) }
    }
}
