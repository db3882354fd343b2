//! Draws that repeat no trial, and when there are none left.

use rand::{RngExt, rngs::ChaCha8Rng};
use search_spaces::{
    domain::{Assignment, Parameter, Value},
    draw, grid,
};

use crate::state::View;

/// Draws tried before the points that are left are looked at one by one.
const FEW_TRIES: usize = 100;
/// Draws tried in a finite space of too many points for that.
const MANY_TRIES: usize = 10_000;
/// Points that are still looked at one by one.
const ENUMERABLE: u64 = 20_000;

/// A draw from the space that no trial has; `None` when every point has been tried.
///
/// Finite spaces of up to 20,000 points are searched exactly: once draws keep hitting trials, the points that are left are equally likely. In
/// a larger one 10,000 draws in a row that hit trials count as exhaustion.
pub(super) fn draw(parameters: &[Parameter], view: View<'_>, rng: &mut ChaCha8Rng) -> Option<Assignment> {
    let mut try_times = |tries: usize| (0..tries).map(|_| draw::draw(parameters, rng)).find(|drawn| !view.is_taken(drawn));
    if let Some(drawn) = try_times(FEW_TRIES) {
        return Some(drawn);
    }
    let Some(size) = grid::size(parameters).filter(|size| *size <= ENUMERABLE) else { return try_times(MANY_TRIES) };
    let mut left: Vec<Assignment> = (0..size).map(|index| grid::point(parameters, index)).filter(|point| !view.is_taken(point)).collect();
    if left.is_empty() { None } else { Some(left.swap_remove(rng.random_range(0..left.len()))) }
}

/// Whether the choices taken so far make the parameter exist.
pub(super) fn is_active(parameters: &[Parameter], index: usize, so_far: &Assignment) -> bool {
    parameters[index]
        .condition
        .is_none_or(|condition| so_far.0.get(&parameters[condition.parent].path) == Some(&Value::Option(condition.option)))
}
