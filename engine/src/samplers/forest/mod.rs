//! A random forest that says which configs are worth a trial.

mod crowd;
mod trees;

use rand::{
    RngExt, SeedableRng,
    rngs::{ChaCha8Rng, Xoshiro256PlusPlus},
};
use search_spaces::domain::{Assignment, Parameter};

use self::{
    crowd::{Crowd, Point, features},
    trees::{Place, Trees},
};
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
    /// Share of the features that a node looks at.
    pub features: f32,
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
            spread_most: 25,
            candidates: 200,
            trees: 10,
            features: 0.5,
            variance: 0.01,
            variance_afar: 0.3,
            most: 200,
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
/// On recorded curves, where a config is answered by the nearest recorded one, looking around alone does as well; on smooth functions
/// picking from all draws is better. The mixture is in front of random search on both, but not on a table of a few dozen runs
/// (`benches/tables/digits.jsonl`).
#[derive(Debug, Clone, Copy)]
pub struct Forest {
    pub settings: ForestSettings,
    /// Of the first trials.
    pub starts: Sobol,
}

/// Logistic scores times this have the slope of normal ones.
const SCALE: f64 = 0.5513;
/// The best prediction is looked for at so many of the best trials.
const PROMISING: usize = 50;
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
        // Thousands of numbers are drawn for a proposal, by a generator that is faster than the study's.
        let fast = &mut Xoshiro256PlusPlus::from_rng(rng);
        let columns: Vec<Vec<Place>> = (0..parameters.len()).map(|feature| xs.iter().map(|x| x[feature]).collect()).collect();
        let trees = Trees::grow(settings.trees, &columns, &ys, settings.features, fast);
        let best = xs.iter().take(PROMISING).map(|x| trees.predict(x).0).fold(f64::INFINITY, f64::min);
        let crowd = Crowd::of(parameters, view, settings.most);
        let candidates = if fast.random_bool(settings.exploring.clamp(0.0, 1.0)) {
            let spread = (settings.spread + view.len() / settings.spread_every.max(1)).min(settings.spread_most);
            let scouts: Vec<Point> = (0..settings.scouts).map(|_| crowd.farthest(spread, fast)).collect();
            scouts.into_iter().map(|point| (settings.variance, point)).collect()
        } else {
            let points = (0..settings.candidates).map(|_| Point::draw(parameters, fast));
            let points: Vec<(f64, Point)> = points.map(|point| (f64::from(crowd.nearest(&point, 0.0)), point)).collect();
            let mut distances: Vec<f64> = points.iter().map(|(distance, _)| *distance).collect();
            distances.sort_by(f64::total_cmp);
            let median = distances.get(distances.len() / 2).copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
            // Distances are squared, as variances are. Nobody knows anything beyond twice the median.
            points.into_iter().map(|(distance, point)| (settings.variance_afar * (distance / median).min(4.0), point)).collect::<Vec<_>>()
        };
        let expected = |(variance, point): (f64, Point)| {
            let (mean, between) = trees.predict(&point.place);
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
    fn data(&self, parameters: &[Parameter], observations: &Observations<'_>, rng: &mut ChaCha8Rng) -> Option<(Vec<Vec<Place>>, Vec<f32>)> {
        let Observations { ranked, rest } = observations;
        let failed = || rest.iter().filter(|trial| !trial.values.is_empty());
        let all = ranked.len() + failed().count();
        if all < self.settings.startup.max(1) {
            return None;
        }
        let score = |place: f64| {
            let share = (place + 0.5) / all as f64;
            ((share / (1.0 - share)).ln() * SCALE).min(WORST) as f32
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

/// Of a normal variable, below `best`.
fn expected_improvement(best: f64, mean: f64, deviation: f64) -> f64 {
    let z = (best - mean) / deviation;
    let below = 0.5 * (1.0 + libm::erf(z * std::f64::consts::FRAC_1_SQRT_2));
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    (best - mean) * below + deviation * density
}
