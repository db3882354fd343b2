//! Grid search.

use rand::{RngExt, rngs::ChaCha8Rng};
use search_spaces::{
    domain::{Assignment, Parameter},
    grid,
};

use crate::{
    samplers::{Sampler, fresh},
    state::View,
};

/// Proposes every point of a finite space once, in a random order, so that a study that ends early has seen an even part of it.
///
/// Weights of choices play no part. In a space with a continuum, which has no grid (`check` refuses it), it draws at random.
#[derive(Debug, Clone, Copy, Default)]
pub struct Grid;

/// Draws before the grid is walked through.
const TRIES: usize = 50;

impl Sampler for Grid {
    fn propose(&self, parameters: &[Parameter], view: View<'_>, rng: &mut ChaCha8Rng) -> Option<Assignment> {
        let Some(size) = grid::size(parameters).filter(|size| *size < u64::MAX) else { return fresh::draw(parameters, view, rng) };
        let point = |index| Some(grid::point(parameters, index)).filter(|point| !view.is_taken(point));
        if let Some(point) = (0..TRIES).find_map(|_| point(rng.random_range(0..size))) {
            return Some(point);
        }
        let start = rng.random_range(0..size);
        (start..size).chain(0..start).find_map(point)
    }
}
