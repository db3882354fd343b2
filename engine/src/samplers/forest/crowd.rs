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
