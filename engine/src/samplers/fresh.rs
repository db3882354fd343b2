//! Draws that repeat no trial, and when there are none left.

use rand::{RngExt, rngs::ChaCha8Rng};
use search_spaces::{
    domain::{Assignment, Condition, Domain, Parameter, Value},
    draw,
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
    if size(parameters, None).is_none_or(|size| size > ENUMERABLE) {
        return try_times(MANY_TRIES);
    }
    let mut left = Vec::new();
    enumerate(parameters, 0, &mut Assignment::default(), &mut left);
    left.retain(|point| !view.is_taken(point));
    if left.is_empty() { None } else { Some(left.swap_remove(rng.random_range(0..left.len()))) }
}

/// Points in the part of the space that lies under `condition`, saturating; `None` for a continuum.
fn size(parameters: &[Parameter], condition: Option<Condition>) -> Option<u64> {
    let mut size = 1_u64;
    for (index, parameter) in parameters.iter().enumerate().filter(|(_, parameter)| parameter.condition == condition) {
        let own = match &parameter.domain {
            Domain::Choice { labels, .. } => (0..labels.len()).try_fold(0_u64, |sum, option| {
                Some(sum.saturating_add(self::size(parameters, Some(Condition { parent: index, option }))?))
            })?,
            domain => domain.size()?,
        };
        size = size.saturating_mul(own);
    }
    Some(size)
}

/// Every way to complete `so_far` with the parameters from `index` on; all domains are finite.
fn enumerate(parameters: &[Parameter], index: usize, so_far: &mut Assignment, points: &mut Vec<Assignment>) {
    let Some(parameter) = parameters.get(index) else {
        points.push(so_far.clone());
        return;
    };
    if !is_active(parameters, index, so_far) {
        return enumerate(parameters, index + 1, so_far, points);
    }
    for position in 0..parameter.domain.size().unwrap_or(0) {
        so_far.0.insert(parameter.path.clone(), value_at(&parameter.domain, position));
        enumerate(parameters, index + 1, so_far, points);
    }
    so_far.0.remove(&parameter.path);
}

/// Whether the choices taken so far make the parameter exist.
pub(super) fn is_active(parameters: &[Parameter], index: usize, so_far: &Assignment) -> bool {
    parameters[index]
        .condition
        .is_none_or(|condition| so_far.0.get(&parameters[condition.parent].path) == Some(&Value::Option(condition.option)))
}

/// The value at a position in the order of a finite domain.
fn value_at(domain: &Domain, position: u64) -> Value {
    match domain {
        Domain::Int { low, .. } | Domain::LogInt { low, .. } => Value::Int(low.saturating_add_unsigned(position)),
        Domain::Choice { .. } => Value::Option(position as usize),
        Domain::Uniform { .. } | Domain::LogUniform { .. } | Domain::Stepped { .. } => {
            domain.from_unit((position as f64 + 0.5) / domain.size().unwrap_or(1) as f64)
        }
    }
}
