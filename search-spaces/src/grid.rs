//! The points of a space that has finitely many of them.

use crate::domain::{Assignment, Condition, Domain, Parameter, Value};

/// How many points the space has, saturating; `None` when a parameter is a continuum.
pub fn size(parameters: &[Parameter]) -> Option<u64> {
    size_under(parameters, None)
}

/// Point number `index` of the space, below its [`size`]. Every point has one number. Panics where a parameter is a continuum.
pub fn point(parameters: &[Parameter], index: u64) -> Assignment {
    let mut assignment = Assignment::default();
    fill(parameters, None, index, &mut assignment);
    assignment
}

/// Points of the part of the space that lies under `condition`.
fn size_under(parameters: &[Parameter], condition: Option<Condition>) -> Option<u64> {
    let sizes = parameters.iter().enumerate().filter(|(_, parameter)| parameter.condition == condition);
    sizes.map(|(index, parameter)| own_size(parameters, index, parameter)).try_fold(1_u64, |all, own| Some(all.saturating_mul(own?)))
}

/// Of a parameter with all that hangs on it.
fn own_size(parameters: &[Parameter], index: usize, parameter: &Parameter) -> Option<u64> {
    match &parameter.domain {
        Domain::Choice { labels, .. } => (0..labels.len())
            .try_fold(0_u64, |sum, option| Some(sum.saturating_add(size_under(parameters, Some(Condition { parent: index, option }))?))),
        domain => domain.size(),
    }
}

/// Takes the digits of `place` apart, of which each parameter under `condition` has one.
fn fill(parameters: &[Parameter], condition: Option<Condition>, mut place: u64, assignment: &mut Assignment) {
    for (index, parameter) in parameters.iter().enumerate().filter(|(_, parameter)| parameter.condition == condition) {
        let size = own_size(parameters, index, parameter).expect("a finite domain");
        let mut digit = place % size;
        place /= size;
        let value = if let Domain::Choice { labels, .. } = &parameter.domain {
            let below = |option| Condition { parent: index, option };
            let under = |option| size_under(parameters, Some(below(option))).expect("finite domains");
            let option = (0..labels.len() - 1).find(|option| {
                let here = digit < under(*option);
                if !here {
                    digit -= under(*option);
                }
                here
            });
            let option = option.unwrap_or(labels.len() - 1);
            fill(parameters, Some(below(option)), digit, assignment);
            Value::Option(option)
        } else {
            value_at(&parameter.domain, digit)
        };
        assignment.0.insert(parameter.path.clone(), value);
    }
}

/// The value at a position in the order of a finite domain.
fn value_at(domain: &Domain, position: u64) -> Value {
    match domain {
        Domain::Int { low, .. } | Domain::LogInt { low, .. } => Value::Int(low.saturating_add_unsigned(position)),
        Domain::Choice { .. } => Value::Option(position as usize),
        Domain::Uniform { .. } | Domain::LogUniform { .. } | Domain::Stepped { .. } => {
            domain.from_unit((position as f64 + 0.5) / domain.size().expect("a finite domain") as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::validate;

    fn parameter(path: &str, domain: Domain, condition: Option<(usize, usize)>) -> Parameter {
        let condition = condition.map(|(parent, option)| Condition { parent, option });
        Parameter { path: path.to_string(), domain, condition }
    }

    #[test]
    fn every_number_is_another_point() {
        let choice = |options: usize| Domain::Choice {
            labels: (0..options).map(|option| option.to_string()).collect(),
            weights: vec![1.0 / options as f64; options],
        };
        let parameters = [
            parameter("kind", choice(3), None),
            parameter("int", Domain::Int { low: 0, high: 2 }, Some((0, 0))),
            parameter("step", Domain::Stepped { low: 0.1, high: 0.4, step: 0.1 }, Some((0, 0))),
            parameter("inner", choice(2), Some((0, 2))),
            parameter("log", Domain::LogInt { low: 7, high: 8 }, Some((3, 1))),
            parameter("batch", choice(2), None),
        ];
        assert_eq!(size(&parameters), Some(2 * (3 * 4 + 1 + (1 + 2))));
        let mut points: Vec<String> = (0..32).map(|index| format!("{:?}", point(&parameters, index))).collect();
        (0..32).for_each(|index| assert_eq!(validate(&parameters, &point(&parameters, index)), Ok(())));
        points.sort();
        points.dedup();
        assert_eq!(points.len(), 32);
    }

    #[test]
    fn a_continuum_has_no_points_and_many_are_counted_up_to_the_end() {
        let uniform = parameter("x", Domain::Uniform { low: 0.0, high: 1.0 }, None);
        assert_eq!(size(&[uniform]), None);
        let many = || parameter("n", Domain::Int { low: 0, high: i64::MAX }, None);
        assert_eq!(size(&[many(), many()]), Some(u64::MAX));
        assert_eq!(size(&[]), Some(1));
    }
}
