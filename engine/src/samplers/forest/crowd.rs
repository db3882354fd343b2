//! Where trials lie, and draws that keep away from them.

use rand::{Rng, RngExt};
use search_spaces::domain::{Assignment, Domain, Parameter, Value};

use super::trees::Place;
use crate::state::View;

/// The place on the axis of a parameter that has no value. All others lie from 0 to 1, but for options, which are 0, 1, 2 and so on.
const INACTIVE: Place = -1.0;

/// Where an assignment lies, a number for each parameter; below all others where it has no value.
pub(super) fn features(parameters: &[Parameter], assignment: &Assignment) -> Vec<Place> {
    parameters.iter().map(|parameter| assignment.0.get(&parameter.path).map_or(INACTIVE, |value| feature(parameter, *value))).collect()
}

fn feature(parameter: &Parameter, value: Value) -> Place {
    match value {
        Value::Option(option) => option as Place,
        value => parameter.domain.to_unit(value) as Place,
    }
}

/// A draw from the space.
#[derive(Default)]
pub(super) struct Point {
    /// By parameter, of the domain's cumulative distribution.
    units: Vec<f64>,
    /// As [`features`] has it.
    pub place: Vec<Place>,
}

impl Point {
    pub(super) fn draw(parameters: &[Parameter], rng: &mut impl Rng) -> Point {
        let mut point = Point::default();
        point.draw_again(parameters, rng);
        point
    }

    /// Thousands are drawn for a proposal: no memory is asked for, nor a logarithm that a continuum does without.
    fn draw_again(&mut self, parameters: &[Parameter], rng: &mut impl Rng) {
        self.units.clear();
        self.place.clear();
        for parameter in parameters {
            let active = parameter.condition.is_none_or(|condition| self.place[condition.parent] == condition.option as Place);
            let unit = if active { rng.random() } else { 0.0 };
            let place = match &parameter.domain {
                _ if !active => INACTIVE,
                Domain::Uniform { .. } | Domain::LogUniform { .. } => unit as Place,
                domain => feature(parameter, domain.from_unit(unit)),
            };
            self.units.push(unit);
            self.place.push(place);
        }
    }

    pub(super) fn assignment(&self, parameters: &[Parameter]) -> Assignment {
        let active = parameters.iter().zip(self.units.iter().zip(&self.place)).filter(|(_, (_, place))| **place > INACTIVE);
        Assignment(active.map(|(parameter, (unit, _))| (parameter.path.clone(), parameter.domain.from_unit(*unit))).collect())
    }
}

/// Trials whose distances are worked out at once.
const LANES: usize = 8;

/// Where the latest trials lie that new configs keep away from.
pub(super) struct Crowd<'a> {
    parameters: &'a [Parameter],
    /// By so many trials, then by parameter. The last ones are filled up with what is as far as can be from everything.
    taken: Vec<[Place; LANES]>,
}

impl Crowd<'_> {
    /// Of the latest `most` trials.
    pub(super) fn of<'a>(parameters: &'a [Parameter], view: View<'_>, most: usize) -> Crowd<'a> {
        let taken: Vec<Vec<Place>> = view.trials().rev().take(most).map(|trial| features(parameters, trial.assignment)).collect();
        let block = |trials: &[Vec<Place>], feature: usize| -> [Place; LANES] {
            std::array::from_fn(|lane| trials.get(lane).map_or(Place::INFINITY, |trial| trial[feature]))
        };
        let blocks = taken.chunks(LANES).flat_map(|trials| (0..parameters.len()).map(move |feature| block(trials, feature)));
        Crowd { parameters, taken: blocks.collect() }
    }

    /// Of so many draws the one farthest from its nearest trial.
    pub(super) fn farthest(&self, draws: usize, rng: &mut impl Rng) -> Point {
        let mut farthest = Point::draw(self.parameters, rng);
        let mut most = if draws > 1 { self.nearest(&farthest, 0.0) } else { 0.0 };
        let mut drawn = Point::default();
        for _ in 1..draws {
            drawn.draw_again(self.parameters, rng);
            let nearest = self.nearest(&drawn, most);
            if nearest > most {
                std::mem::swap(&mut farthest, &mut drawn);
                most = nearest;
            }
        }
        farthest
    }

    /// The squared distance of the nearest trial, or of one that is no farther than `enough`.
    pub(super) fn nearest(&self, point: &Point, enough: Place) -> Place {
        let mut nearest = [Place::INFINITY; LANES];
        for trials in self.taken.chunks_exact(self.parameters.len().max(1)) {
            let mut distances = [0.0; LANES];
            for (others, here) in trials.iter().zip(&point.place) {
                for lane in 0..LANES {
                    distances[lane] += apart(others[lane], *here);
                }
            }
            let mut found = false;
            for lane in 0..LANES {
                nearest[lane] = if distances[lane] < nearest[lane] { distances[lane] } else { nearest[lane] };
                found |= distances[lane] <= enough;
            }
            if found {
                break;
            }
        }
        nearest.into_iter().fold(Place::INFINITY, Place::min)
    }
}

/// Squared; different options, and one place where the parameter has no value, are 1 apart, as the ends of a range are.
fn apart(a: Place, b: Place) -> Place {
    let squared = (a - b) * (a - b);
    if squared < 1.0 { squared } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use search_spaces::{domain::Condition, draw::draw};

    use super::*;
    use crate::{
        samplers::fixtures::{all, start, study},
        state::TrialKind,
        streams::{Purpose, stream},
    };

    /// A rate, a choice, and what only its first option has.
    fn parameters() -> Vec<Parameter> {
        let free = |path: &str, domain| Parameter { path: path.to_owned(), domain, condition: None };
        vec![
            free("rate", Domain::LogUniform { low: 1e-5, high: 1e-1 }),
            free("kind", Domain::Choice { labels: ["a", "b", "c"].map(String::from).into(), weights: vec![0.4, 0.3, 0.3] }),
            Parameter {
                path: "momentum".to_owned(),
                domain: Domain::Uniform { low: 0.0, high: 1.0 },
                condition: Some(Condition { parent: 1, option: 0 }),
            },
        ]
    }

    #[test]
    fn the_nearest_of_the_latest_trials_is_found() {
        let (parameters, mut rng) = (parameters(), stream(3, 0, Purpose::Sampler));
        let mut state = study(99, 3, 2);
        for _ in 0..30 {
            start(&mut state, TrialKind::Search, Some(draw(&parameters, &mut rng)));
        }
        // Options that differ are as far apart as the ends of a range, and so is one that has a value from one that has none.
        let distance = |a: &[Place], b: &[Place]| -> Place {
            let numbers = (a[0] - b[0]).powi(2);
            let momentum = if a[1] == 0.0 && b[1] == 0.0 { (a[2] - b[2]).powi(2) } else { Place::from(u8::from(a[2] != b[2])) };
            numbers + Place::from(u8::from(a[1] != b[1])) + momentum
        };
        for most in [1, 8, 20] {
            let crowd = Crowd::of(&parameters, all(&state), most);
            let latest: Vec<_> = all(&state).trials().rev().take(most).map(|trial| features(&parameters, trial.assignment)).collect();
            for _ in 0..50 {
                let point = Point::draw(&parameters, &mut rng);
                let expected = latest.iter().map(|other| distance(other, &point.place)).fold(Place::INFINITY, Place::min);
                assert!((crowd.nearest(&point, 0.0) - expected).abs() < 1e-5);
                let enough = expected + 0.1;
                assert!((expected - 1e-5..=enough).contains(&crowd.nearest(&point, enough)), "near enough");
            }
        }
    }

    #[test]
    fn a_point_lies_where_its_assignment_does() {
        let (parameters, mut rng) = (parameters(), stream(4, 0, Purpose::Sampler));
        for _ in 0..50 {
            let point = Point::draw(&parameters, &mut rng);
            let again = features(&parameters, &point.assignment(&parameters));
            assert!(point.place.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-5), "{:?} and {again:?}", point.place);
        }
    }
}
