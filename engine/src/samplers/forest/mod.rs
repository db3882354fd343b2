//! A random forest that says which configs are worth a trial.

use rand::{Rng, RngExt, rngs::ChaCha8Rng};
use search_spaces::domain::{Assignment, Domain, Parameter, Value};

use crate::{
    samplers::{
        Sampler, fresh,
        observations::{Observations, latest_and_best},
        sobol::Sobol,
    },
    state::View,
};

/// How [`Forest`] searches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForestSettings {
    /// Trials with a value before the forest is asked.
    pub startup: usize,
    /// The share of proposals that look around; the others go near what did well.
    pub exploring: f64,
    /// Candidates of a proposal that looks around. Few on purpose: of many, the best lie side by side, and they may be best at the first rung only.
    pub scouts: usize,
    /// Draws for each of them, of which the one farthest from all trials is taken: so many, and one more for each so many trials, since of more
    /// trials more draws lie beside one; so many at most.
    pub spread: usize,
    pub spread_every: usize,
    pub spread_most: usize,
    /// Candidates of the others.
    pub candidates: usize,
    pub trees: usize,
    /// Observations that every leaf has at least.
    pub leaf: usize,
    /// Random cuts tried on each feature that a node looks at.
    pub cuts: usize,
    /// Share of the features that a node looks at.
    pub features: f64,
    /// Variance of a prediction besides that between trees, in squared deviations of the scores: of any when looking around, else at a
    /// candidate whose nearest trial is as far as that of the median candidate (it grows with the distance).
    pub variance: f64,
    pub variance_afar: f64,
    /// Observations learned from at most: half of them the best, the others drawn.
    pub most: usize,
}

impl Default for ForestSettings {
    fn default() -> ForestSettings {
        ForestSettings {
            startup: 8,
            exploring: 0.9,
            scouts: 60,
            spread: 12,
            spread_every: 16,
            spread_most: 50,
            candidates: 200,
            trees: 10,
            leaf: 1,
            cuts: 3,
            features: 0.7,
            variance: 0.01,
            variance_afar: 0.3,
            most: 300,
        }
    }
}

/// Proposes the config of greatest expected improvement by a random forest that has learned where trials stand (in the manner of SMAC: Hutter et
/// al. 2011).
///
/// A trial is one observation: its place among all, by the highest rungs they reached (see `observations.rs`), as a logistic score of about unit
/// deviation; failed ones share the last places. What is worse than one deviation above the middle is cut off there: how bad a config is
/// does not matter. Places and not values, because they need no scale and stand noise and outliers.
///
/// Values at low rungs mislead, and a model that trusts them searches in a corner. So most proposals look around: their candidates keep away from
/// all trials, and the forest only says which of them to take. The others are picked from many draws wherever they lie; what is near a trial is
/// known, so the expected improvement there is small unless it promises to be better. The first trials are points of a Sobol sequence.
///
/// On recorded curves, where a config is answered by the nearest recorded one, looking around alone does best; on smooth functions
/// picking from all draws does. The mixture is in front of random search on both, but not on a table of a few dozen runs
/// (`benches/tables/digits.jsonl`).
#[derive(Debug, Clone, Copy)]
pub struct Forest {
    pub settings: ForestSettings,
    /// Of the first trials.
    pub starts: Sobol,
}

/// Logistic scores times this have the slope of normal ones.
const SCALE: f64 = 0.5513;
/// The worst score there is.
const WORST: f64 = 1.0;

impl Forest {
    /// With the default settings.
    pub fn new(starts: Sobol) -> Forest {
        Forest { settings: ForestSettings::default(), starts }
    }
}

impl Sampler for Forest {
    fn propose(&self, parameters: &[Parameter], view: View<'_>, rng: &mut ChaCha8Rng) -> Option<Assignment> {
        let settings = &self.settings;
        let Some((xs, ys)) = self.data(parameters, &latest_and_best(view), rng) else { return self.starts.propose(parameters, view, rng) };
        let columns: Vec<Vec<f64>> = (0..parameters.len()).map(|feature| xs.iter().map(|x| x[feature]).collect()).collect();
        let mut soil = Soil { settings, columns: &columns, scores: &ys, targets: Vec::new(), places: Vec::new() };
        let trees: Vec<Tree> = (0..settings.trees.max(1)).map(|_| Tree::grow(&mut soil, rng)).collect();
        let best = xs.iter().map(|x| predict(&trees, x).0).fold(f64::INFINITY, f64::min);
        let crowd = Crowd::of(parameters, view, settings.most);
        let candidates = if rng.random_bool(settings.exploring.clamp(0.0, 1.0)) {
            let spread = (settings.spread + view.len() / settings.spread_every.max(1)).min(settings.spread_most);
            let scouts: Vec<Point> = (0..settings.scouts).map(|_| crowd.farthest(spread, rng)).collect();
            scouts.into_iter().map(|point| (settings.variance, point)).collect()
        } else {
            let points = (0..settings.candidates).map(|_| Point::draw(parameters, rng));
            let points: Vec<(f64, Point)> = points.map(|point| (crowd.nearest(&point, 0.0), point)).collect();
            let mut distances: Vec<f64> = points.iter().map(|(distance, _)| *distance).collect();
            distances.sort_by(f64::total_cmp);
            let median = distances.get(distances.len() / 2).copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
            // Distances are squared, as variances are. Nobody knows anything beyond twice the median.
            points.into_iter().map(|(distance, point)| (settings.variance_afar * (distance / median).min(4.0), point)).collect::<Vec<_>>()
        };
        let expected = |(variance, point): (f64, Point)| {
            let (mean, between) = predict(&trees, &point.place);
            (expected_improvement(best, mean, (between + variance).max(1e-9).sqrt()), point)
        };
        let mut candidates: Vec<(f64, Point)> = candidates.into_iter().map(expected).collect();
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut chosen = candidates.iter().map(|(_, candidate)| candidate.assignment(parameters));
        chosen.find(|candidate| !view.is_taken(candidate)).or_else(|| fresh::draw(parameters, view, rng))
    }
}

impl Forest {
    /// Where trials lie, and their scores, lower is better; `None` before there are enough.
    fn data(&self, parameters: &[Parameter], observations: &Observations<'_>, rng: &mut ChaCha8Rng) -> Option<(Vec<Vec<f64>>, Vec<f64>)> {
        let Observations { ranked, rest } = observations;
        let failed = || rest.iter().filter(|trial| !trial.values.is_empty());
        let all = ranked.len() + failed().count();
        if all < self.settings.startup.max(1) {
            return None;
        }
        let score = |place: f64| {
            let share = (place + 0.5) / all as f64;
            ((share / (1.0 - share)).ln() * SCALE).min(WORST)
        };
        // Failed ones share the mean of the last places.
        let last = (ranked.len() + all - 1) as f64 / 2.0;
        let placed = ranked.iter().enumerate().map(|(place, trial)| (trial, place as f64));
        let mut known: Vec<_> = placed.chain(failed().map(|trial| (trial, last))).collect();
        let most = self.settings.most;
        if known.len() > most {
            for kept in most / 2..most {
                known.swap(kept, rng.random_range(kept..all));
            }
            known.truncate(most);
        }
        Some(known.into_iter().map(|(trial, place)| (features(parameters, trial.assignment), score(place))).unzip())
    }
}

/// Mean and variance between the trees.
fn predict(trees: &[Tree], x: &[f64]) -> (f64, f64) {
    let (mut sum, mut squares) = (0.0, 0.0);
    for tree in trees {
        let value = tree.predict(x);
        sum += value;
        squares += value * value;
    }
    let count = trees.len() as f64;
    let mean = sum / count;
    (mean, (squares / count - mean * mean).max(0.0))
}

/// A draw from the space.
#[derive(Default)]
struct Point {
    /// By parameter, of the domain's cumulative distribution.
    units: Vec<f64>,
    /// As [`features`] has it.
    place: Vec<f64>,
}

impl Point {
    fn draw(parameters: &[Parameter], rng: &mut ChaCha8Rng) -> Point {
        let mut point = Point::default();
        point.draw_again(parameters, rng);
        point
    }

    /// Thousands are drawn for a proposal: no memory is asked for, nor a logarithm that a continuum does without.
    fn draw_again(&mut self, parameters: &[Parameter], rng: &mut ChaCha8Rng) {
        self.units.clear();
        self.place.clear();
        for parameter in parameters {
            let active = parameter.condition.is_none_or(|condition| self.place[condition.parent] == condition.option as f64);
            let unit = if active { rng.random() } else { 0.0 };
            let place = match &parameter.domain {
                _ if !active => INACTIVE,
                Domain::Uniform { .. } | Domain::LogUniform { .. } => unit,
                domain => feature(parameter, Some(&domain.from_unit(unit))),
            };
            self.units.push(unit);
            self.place.push(place);
        }
    }

    fn assignment(&self, parameters: &[Parameter]) -> Assignment {
        let active = parameters.iter().zip(self.units.iter().zip(&self.place)).filter(|(_, (_, place))| **place > INACTIVE);
        Assignment(active.map(|(parameter, (unit, _))| (parameter.path.clone(), parameter.domain.from_unit(*unit))).collect())
    }
}

/// Where the latest trials lie that new configs keep away from.
struct Crowd<'a> {
    parameters: &'a [Parameter],
    /// Which of them are choices.
    choices: Vec<bool>,
    taken: Vec<Vec<f64>>,
}

impl Crowd<'_> {
    fn of<'a>(parameters: &'a [Parameter], view: View<'_>, most: usize) -> Crowd<'a> {
        let choices = parameters.iter().map(|parameter| matches!(parameter.domain, Domain::Choice { .. })).collect();
        Crowd { parameters, choices, taken: view.trials().rev().take(most).map(|trial| features(parameters, trial.assignment)).collect() }
    }

    /// Of so many draws the one farthest from its nearest trial.
    fn farthest(&self, draws: usize, rng: &mut ChaCha8Rng) -> Point {
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
    fn nearest(&self, point: &Point, enough: f64) -> f64 {
        let mut nearest = f64::INFINITY;
        for other in &self.taken {
            nearest = nearest.min(self.distance(other, &point.place));
            if nearest <= enough {
                break;
            }
        }
        nearest
    }

    /// Squared; different options, and one place where the parameter has no value, are 1 apart.
    fn distance(&self, a: &[f64], b: &[f64]) -> f64 {
        let apart = |((choice, a), b): ((&bool, &f64), &f64)| {
            if *choice || *a == INACTIVE || *b == INACTIVE { f64::from(u8::from(a != b)) } else { (a - b) * (a - b) }
        };
        self.choices.iter().zip(a).zip(b).map(apart).sum()
    }
}

/// Where an assignment lies, a number for each parameter; below all others where it has no value.
fn features(parameters: &[Parameter], assignment: &Assignment) -> Vec<f64> {
    parameters.iter().map(|parameter| feature(parameter, assignment.0.get(&parameter.path))).collect()
}

/// The place on the axis of a parameter that has no value.
const INACTIVE: f64 = -1.0;

fn feature(parameter: &Parameter, value: Option<&Value>) -> f64 {
    match value {
        None => INACTIVE,
        Some(Value::Option(option)) => *option as f64,
        Some(value) => parameter.domain.to_unit(*value),
    }
}

/// Of a normal variable, below `best`.
fn expected_improvement(best: f64, mean: f64, deviation: f64) -> f64 {
    let z = (best - mean) / deviation;
    let below = 0.5 * (1.0 + libm::erf(z * std::f64::consts::FRAC_1_SQRT_2));
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    (best - mean) * below + deviation * density
}

enum Node {
    Leaf(f64),
    Split { feature: usize, at: f64, low: usize, high: usize },
}

/// How many of `places` are at most `at`, and the sum of their targets. Most of the time of a proposal goes here: four sums side by side keep
/// the processor busy.
fn below(places: &[f64], targets: &[f64], at: f64) -> (f64, f64) {
    let (mut counts, mut sums) = ([0.0; 4], [0.0; 4]);
    let (places, rest) = places.as_chunks::<4>();
    let (targets, rest_targets) = targets.as_chunks::<4>();
    for (places, targets) in places.iter().zip(targets) {
        for lane in 0..4 {
            let here = f64::from(u8::from(places[lane] <= at));
            counts[lane] += here;
            sums[lane] += here * targets[lane];
        }
    }
    for (place, target) in rest.iter().zip(rest_targets) {
        let here = f64::from(u8::from(*place <= at));
        counts[0] += here;
        sums[0] += here * target;
    }
    (counts.iter().sum(), sums.iter().sum())
}

/// Node 0 is the root.
struct Tree(Vec<Node>);

/// What trees grow on, and memory that all of their nodes share.
struct Soil<'a> {
    settings: &'a ForestSettings,
    /// The features, one by one.
    columns: &'a [Vec<f64>],
    scores: &'a [f64],
    /// Of the members of the node that looks for its cut: their scores, and their places on one feature.
    targets: Vec<f64>,
    places: Vec<f64>,
}

impl Tree {
    /// On as many observations as there are, drawn with replacement.
    fn grow(soil: &mut Soil<'_>, rng: &mut impl Rng) -> Tree {
        let count = soil.scores.len();
        let mut members: Vec<usize> = (0..count).map(|_| rng.random_range(0..count)).collect();
        let mut tree = Tree(Vec::with_capacity(2 * count));
        tree.node(soil, &mut members, rng);
        tree
    }

    fn node(&mut self, soil: &mut Soil<'_>, members: &mut [usize], rng: &mut impl Rng) -> usize {
        let here = self.0.len();
        let (count, sum) = (members.len() as f64, members.iter().map(|member| soil.scores[*member]).sum::<f64>());
        self.0.push(Node::Leaf(sum / count));
        let Some((feature, at)) = soil.cut(members, sum, rng) else { return here };
        let mut middle = 0;
        for position in 0..members.len() {
            if soil.columns[feature][members[position]] <= at {
                members.swap(position, middle);
                middle += 1;
            }
        }
        let (below, above) = members.split_at_mut(middle);
        let low = self.node(soil, below, rng);
        let high = self.node(soil, above, rng);
        self.0[here] = Node::Split { feature, at, low, high };
        here
    }

    fn predict(&self, x: &[f64]) -> f64 {
        let mut node = 0;
        loop {
            match self.0[node] {
                Node::Leaf(mean) => return mean,
                Node::Split { feature, at, low, high } => node = if x[feature] <= at { low } else { high },
            }
        }
    }
}

impl Soil<'_> {
    /// The feature and the place that tell the members apart best, of those tried; `sum` is that of their scores.
    fn cut(&mut self, members: &[usize], sum: f64, rng: &mut impl Rng) -> Option<(usize, f64)> {
        let least = self.settings.leaf.max(1);
        if members.len() < 2 * least {
            return None;
        }
        let count = members.len() as f64;
        self.targets.clear();
        self.targets.extend(members.iter().map(|member| self.scores[*member]));
        // By how much a cut lowers the squared error, but for what all cuts share.
        let mut best: Option<(f64, usize, f64)> = None;
        for (feature, column) in self.columns.iter().enumerate() {
            if !rng.random_bool(self.settings.features) {
                continue;
            }
            self.places.clear();
            self.places.extend(members.iter().map(|member| column[*member]));
            let range = (f64::INFINITY, f64::NEG_INFINITY);
            let (low, high) = self.places.iter().fold(range, |(low, high), x| (low.min(*x), high.max(*x)));
            if low >= high {
                continue;
            }
            for _ in 0..self.settings.cuts {
                let at = low + (high - low) * rng.random::<f64>();
                let (below, below_sum) = below(&self.places, &self.targets, at);
                if below < least as f64 || count - below < least as f64 {
                    continue;
                }
                let gain = below_sum * below_sum / below + (sum - below_sum) * (sum - below_sum) / (count - below);
                if best.is_none_or(|(most, ..)| gain > most) {
                    best = Some((gain, feature, at));
                }
            }
        }
        best.map(|(_, feature, at)| (feature, at))
    }
}
