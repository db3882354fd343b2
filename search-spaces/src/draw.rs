//! Drawing points of a space, and the numeric view of a domain that samplers work in.

use rand::{Rng, RngExt};

use crate::domain::{Assignment, Domain, Parameter, Value};

/// Relative slack when a stepped value is matched to its grid.
const GRID_SLACK: f64 = 1e-9;

/// Why an assignment is not a point of the space.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AssignmentError {
    #[error("`{path}` has no value, although it is active")]
    Missing { path: String },
    #[error("`{path}` has the value {value:?}, which is not in {domain}")]
    Outside { path: String, value: Value, domain: Domain },
    #[error("`{path}` has a value, but is not an active parameter of this space")]
    Inactive { path: String },
}

impl Domain {
    /// Draws a value as the domain says. Takes exactly one draw from `rng`.
    pub fn sample(&self, rng: &mut impl Rng) -> Value {
        self.from_unit(rng.random::<f64>())
    }

    /// Whether `value` is of the domain's kind and within its bounds.
    pub fn contains(&self, value: Value) -> bool {
        match (self, value) {
            (Domain::Uniform { low, high } | Domain::LogUniform { low, high }, Value::Float(x)) => *low <= x && x <= *high,
            (Domain::Stepped { low, high, step }, Value::Float(x)) => {
                let position = (x - low) / step;
                *low <= x && x <= *high && (position - position.round()).abs() <= GRID_SLACK * position.abs().max(1.0)
            }
            (Domain::Int { low, high } | Domain::LogInt { low, high }, Value::Int(x)) => (*low..=*high).contains(&x),
            (Domain::Choice { labels, .. }, Value::Option(option)) => option < labels.len(),
            _ => false,
        }
    }

    /// How many values there are; `None` for a continuum.
    pub fn size(&self) -> Option<u64> {
        match self {
            Domain::Uniform { .. } | Domain::LogUniform { .. } => None,
            Domain::Stepped { low, high, step } => Some(steps(*low, *high, *step) + 1),
            Domain::Int { low, high } | Domain::LogInt { low, high } => Some(high.abs_diff(*low).saturating_add(1)),
            Domain::Choice { labels, .. } => Some(labels.len() as u64),
        }
    }

    /// The place of `value` in `[0, 1]` by the domain's cumulative distribution: logarithmic for `LogUniform` and `LogInt`, and the
    /// middle of its share for a value of a finite domain. A value outside gives the nearest end; one of another kind 0.
    pub fn to_unit(&self, value: Value) -> f64 {
        let unit = match (self, value) {
            (Domain::Uniform { low, high }, Value::Float(x)) => (x - low) / (high - low),
            (Domain::LogUniform { low, high }, Value::Float(x)) => (x / low).ln() / (high / low).ln(),
            (Domain::Stepped { low, high, step }, Value::Float(x)) => {
                (((x - low) / step).round() + 0.5) / (steps(*low, *high, *step) as f64 + 1.0)
            }
            (Domain::Int { low, high }, Value::Int(x)) => (x as f64 - *low as f64 + 0.5) / (*high as f64 - *low as f64 + 1.0),
            (Domain::LogInt { low, high }, Value::Int(x)) => {
                let (floor, ceiling) = log_int_edges(*low, *high);
                ((x as f64).ln() - floor) / (ceiling - floor)
            }
            (Domain::Choice { weights, .. }, Value::Option(option)) => {
                let below: f64 = weights.iter().take(option).sum();
                below + weights.get(option).copied().unwrap_or(0.0) / 2.0
            }
            _ => 0.0,
        };
        if unit.is_nan() { 0.0 } else { unit.clamp(0.0, 1.0) }
    }

    /// The value at `unit` of the domain's cumulative distribution: uniform numbers in `[0, 1)` give draws as the domain says.
    pub fn from_unit(&self, unit: f64) -> Value {
        let unit = if unit.is_nan() { 0.0 } else { unit.clamp(0.0, 1.0) };
        match self {
            Domain::Uniform { low, high } => Value::Float((low + unit * (high - low)).clamp(*low, *high)),
            Domain::LogUniform { low, high } => Value::Float((low.ln() + unit * (high / low).ln()).exp().clamp(*low, *high)),
            Domain::Stepped { low, high, step } => {
                let steps = steps(*low, *high, *step) as f64;
                Value::Float(on_grid(*low, *high, *step, (unit * (steps + 1.0)).floor().min(steps)))
            }
            Domain::Int { low, high } => {
                let count = *high as f64 - *low as f64 + 1.0;
                Value::Int(low.saturating_add((unit * count).floor() as i64).clamp(*low, *high))
            }
            Domain::LogInt { low, high } => {
                let (floor, ceiling) = log_int_edges(*low, *high);
                Value::Int(((floor + unit * (ceiling - floor)).exp().round() as i64).clamp(*low, *high))
            }
            Domain::Choice { weights, .. } => {
                let mut above = 0.0;
                let option = weights.iter().position(|weight| {
                    above += weight;
                    unit < above
                });
                Value::Option(option.unwrap_or(weights.len() - 1))
            }
        }
    }

    /// The value of the domain nearest to `x`, on the domain's own scale; `None` for a `Choice`.
    pub fn nearest(&self, x: f64) -> Option<Value> {
        match self {
            Domain::Uniform { low, high } | Domain::LogUniform { low, high } => Some(Value::Float(x.clamp(*low, *high))),
            Domain::Stepped { low, high, step } => {
                let steps = steps(*low, *high, *step) as f64;
                Some(Value::Float(on_grid(*low, *high, *step, ((x - low) / step).round().clamp(0.0, steps))))
            }
            Domain::Int { low, high } | Domain::LogInt { low, high } => Some(Value::Int((x.round() as i64).clamp(*low, *high))),
            Domain::Choice { .. } => None,
        }
    }
}

/// How many whole steps fit between the bounds.
fn steps(low: f64, high: f64, step: f64) -> u64 {
    ((high - low) / step * (1.0 + GRID_SLACK)).floor() as u64
}

/// The value after `count` steps, as a person writes it: 0.3, where the sum is 0.30000000000000004 and lies above a bound of 0.3.
fn on_grid(low: f64, high: f64, step: f64, count: f64) -> f64 {
    let sum = low + count * step;
    let written: f64 = format!("{sum:.12e}").parse().unwrap_or(sum);
    let same = (written - sum).abs() <= GRID_SLACK * step;
    (if same { written } else { sum }).clamp(low, high)
}

/// Logarithms of the ends that round to the bounds.
fn log_int_edges(low: i64, high: i64) -> (f64, f64) {
    ((low as f64 - 0.5).ln(), (high as f64 + 0.5).ln())
}

/// Which parameters exist under the choices that `assignment` has taken so far.
pub fn active(parameters: &[Parameter], assignment: &Assignment) -> Vec<bool> {
    let mut active: Vec<bool> = Vec::with_capacity(parameters.len());
    for parameter in parameters {
        let here = parameter.condition.is_none_or(|condition| {
            active[condition.parent] && assignment.0.get(&parameters[condition.parent].path) == Some(&Value::Option(condition.option))
        });
        active.push(here);
    }
    active
}

/// Draws a value for each parameter that the choices drawn before it make active, in the order of the list.
pub fn draw(parameters: &[Parameter], rng: &mut impl Rng) -> Assignment {
    draw_by(parameters, |_| rng.random())
}

/// The same, with the number in `[0, 1)` that `unit` gives for each active parameter, by its place in the list.
pub fn draw_by(parameters: &[Parameter], mut unit: impl FnMut(usize) -> f64) -> Assignment {
    let mut assignment = Assignment::default();
    for (index, parameter) in parameters.iter().enumerate() {
        let active = parameter
            .condition
            .is_none_or(|condition| assignment.0.get(&parameters[condition.parent].path) == Some(&Value::Option(condition.option)));
        if active {
            assignment.0.insert(parameter.path.clone(), parameter.domain.from_unit(unit(index)));
        }
    }
    assignment
}

/// Checks that `assignment` has a value within bounds for each active parameter, and nothing else.
pub fn validate(parameters: &[Parameter], assignment: &Assignment) -> Result<(), AssignmentError> {
    let active = active(parameters, assignment);
    let mut expected = 0;
    for (parameter, _) in parameters.iter().zip(active).filter(|(_, active)| *active) {
        expected += 1;
        let path = parameter.path.clone();
        match assignment.0.get(&path) {
            None => return Err(AssignmentError::Missing { path }),
            Some(value) if !parameter.domain.contains(*value) => {
                return Err(AssignmentError::Outside { path, value: *value, domain: parameter.domain.clone() });
            }
            Some(_) => {}
        }
    }
    if assignment.0.len() == expected {
        return Ok(());
    }
    let active = self::active(parameters, assignment);
    let is_active = |path: &String| parameters.iter().zip(&active).any(|(parameter, active)| *active && parameter.path == *path);
    match assignment.0.keys().find(|path| !is_active(path)) {
        Some(path) => Err(AssignmentError::Inactive { path: path.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;
    use crate::domain::Condition;

    fn domains() -> impl Strategy<Value = Domain> {
        prop_oneof![
            (-1e6..1e6, 1e-6..1e6).prop_map(|(low, width): (f64, f64)| Domain::Uniform { low, high: low + width }),
            (1e-9..1e3, 1.001..1e6).prop_map(|(low, ratio): (f64, f64)| Domain::LogUniform { low, high: low * ratio }),
            // As they are written: whole hundredths, whose sums are seldom exact.
            (-1000..1000_i32, 1..200_i32, 1..500_i32, 0..200_i32).prop_map(|(low, step, count, more)| Domain::Stepped {
                low: f64::from(low) / 100.0,
                high: f64::from(low + step * count + more % step) / 100.0,
                step: f64::from(step) / 100.0
            }),
            (-1000..1000_i64, 1..1000_i64).prop_map(|(low, width)| Domain::Int { low, high: low + width }),
            (1..1000_i64, 1..100_000_i64).prop_map(|(low, width)| Domain::LogInt { low, high: low + width }),
            prop::collection::vec(0.01..1.0, 1..6).prop_map(|weights: Vec<f64>| {
                let sum: f64 = weights.iter().sum();
                Domain::Choice {
                    labels: (0..weights.len()).map(|i| i.to_string()).collect(),
                    weights: weights.iter().map(|weight| weight / sum).collect(),
                }
            }),
        ]
    }

    proptest! {
        #[test]
        fn draws_are_contained(domain in domains(), seed: u64) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            for _ in 0..20 {
                let value = domain.sample(&mut rng);
                prop_assert!(domain.contains(value), "{value:?} of {domain}");
            }
        }

        #[test]
        fn the_nearest_value_is_contained(domain in domains(), x in -2e6..2e6) {
            if let Some(value) = domain.nearest(x) {
                prop_assert!(domain.contains(value), "{value:?} of {domain}");
            }
        }

        #[test]
        fn unit_view_round_trips(domain in domains(), unit in 0.0..1.0) {
            let value = domain.from_unit(unit);
            let again = domain.from_unit(domain.to_unit(value));
            if let (Value::Float(a), Value::Float(b)) = (value, again) {
                prop_assert!((a - b).abs() <= 1e-6 * a.abs().max(1e-6), "{a} {b} {domain}");
            } else {
                prop_assert_eq!(value, again);
            }
        }
    }

    #[test]
    fn values_of_a_grid_are_as_they_are_written() {
        let domain = Domain::Stepped { low: 0.0, high: 0.3, step: 0.1 };
        for x in [0.0, 0.1, 0.2, 0.3] {
            assert_eq!(domain.nearest(x), Some(Value::Float(x)));
            assert_eq!(domain.from_unit(domain.to_unit(Value::Float(x))), Value::Float(x));
        }
    }

    #[test]
    fn weights_are_respected() {
        let domain = Domain::Choice { labels: vec!["a".into(), "b".into()], weights: vec![0.9, 0.1] };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let first = (0..1000).filter(|_| domain.sample(&mut rng) == Value::Option(0)).count();
        assert!((870..930).contains(&first), "{first}");
    }

    #[test]
    fn conditions_hold_and_are_validated() {
        let parameters = [
            Parameter {
                path: "optimizer".into(),
                domain: Domain::Choice { labels: vec!["Sgd".into(), "AdamW".into()], weights: vec![0.5, 0.5] },
                condition: None,
            },
            Parameter {
                path: "optimizer.Sgd.momentum".into(),
                domain: Domain::Uniform { low: 0.5, high: 0.9 },
                condition: Some(Condition { parent: 0, option: 0 }),
            },
        ];
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut seen = [false; 2];
        for _ in 0..50 {
            let assignment = draw(&parameters, &mut rng);
            let sgd = assignment.0["optimizer"] == Value::Option(0);
            seen[usize::from(sgd)] = true;
            assert_eq!(assignment.0.contains_key("optimizer.Sgd.momentum"), sgd);
            assert_eq!(validate(&parameters, &assignment), Ok(()));
        }
        assert_eq!(seen, [true, true]);

        let mut assignment = Assignment([("optimizer".to_string(), Value::Option(1))].into());
        assignment.0.insert("optimizer.Sgd.momentum".into(), Value::Float(0.6));
        let error = validate(&parameters, &assignment).unwrap_err();
        insta::assert_snapshot!(error, @"`optimizer.Sgd.momentum` has a value, but is not an active parameter of this space");
        assignment.0.insert("optimizer".into(), Value::Option(0));
        assignment.0.insert("optimizer.Sgd.momentum".into(), Value::Float(0.99));
        let error = validate(&parameters, &assignment).unwrap_err();
        insta::assert_snapshot!(error, @"`optimizer.Sgd.momentum` has the value Float(0.99), which is not in Uniform(0.5, 0.9)");
    }
}
