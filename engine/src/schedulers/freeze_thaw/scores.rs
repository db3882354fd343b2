//! How good trials are at each rung, in normal scores that can be compared between rungs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use search_spaces::ladder::Ladder;

use crate::state::{Cost, SearchState, Standing, in_order};

/// Of the trials at a rung so many of the latest say what a score is: later ones are what new ones will be like, and deciding costs the
/// same at any number of trials.
pub(super) const LATEST: usize = 200;
/// The correlation of the scores at a rung with those at one that is three times as far before anything is known, and as how many trials that counts.
const ASSUMED: f64 = 0.8;
const ASSUMED_TRIALS: f64 = 20.0;

/// Scores at each rung: higher is better, 0 and 1 are mean and deviation of what all trials would have there.
///
/// At rung 0 that is a trial's place among the latest there, as a normal score. At rung *k* + 1 there are only trials that were promoted, so that their
/// places say nothing of all. Of them the scores at *k* are known, with mean *m* and variance *v*; a place among them, as a normal
/// score *w*, counts as *r m* + *w* sqrt(1 - *r*² + *r*² *v*), *r* the correlation of the scores at *k* with those at *k* + 1. Their
/// own correlation is too low for *r*, because they were selected: it is corrected for the range (Thorndike 1949, case 2) and held to an assumed one
/// while there are few.
#[derive(Debug)]
pub(super) struct Scores<'a> {
    state: &'a SearchState,
    levels: Vec<Level>,
    /// From each rung below the top to the next.
    pub(super) correlations: Vec<f64>,
}

#[derive(Debug)]
struct Level {
    /// What a trial in the middle of its rung has, and how much a deviation of the places there is.
    mean: f64,
    deviation: f64,
    places: Places,
}

/// Who is better than whom at a rung.
#[derive(Debug)]
enum Places {
    /// The different costs of the latest, best first, how many are better than each, and its normal score. Scores are asked for hundreds of times in
    /// each decision.
    Costs { costs: Vec<Cost>, better: Vec<usize>, scores: Vec<f64> },
    /// With two objectives there is no order of costs: the share of the latest and of those that wait that is better, by trial.
    Fronts { shares: BTreeMap<u32, f64>, waiting: Vec<u32> },
}

/// The normal score below which the share `share` lies, within 0.05 for shares of 0.001 to 0.999 (Tukey's lambda distribution).
pub(super) fn quantile(share: f64) -> f64 {
    4.91 * (share.powf(0.14) - (1.0 - share).powf(0.14))
}

/// The normal score of a place among `count`: how many are better, in halves of a trial, itself counting as one.
fn score_of_place(halves: usize, count: usize) -> f64 {
    // Powers are slow, and once there are many trials these are the counts.
    static OF_MANY: [LazyLock<Vec<f64>>; 2] = [LazyLock::new(|| scores_of_places(LATEST)), LazyLock::new(|| scores_of_places(LATEST + 1))];
    match count.checked_sub(LATEST).and_then(|more| OF_MANY.get(more)) {
        Some(scores) => scores[halves],
        None => quantile(1.0 - halves as f64 / (2 * count) as f64),
    }
}

fn scores_of_places(count: usize) -> Vec<f64> {
    (0..=2 * count).map(|halves| quantile(1.0 - halves as f64 / (2 * count) as f64)).collect()
}

impl<'a> Scores<'a> {
    pub(super) fn of(state: &'a SearchState) -> Scores<'a> {
        let mut scores = Scores { state, levels: Vec::new(), correlations: Vec::new() };
        for rung in 0..=state.ladder.top() {
            let latest: Vec<u32> = state.index().latest(rung).take(LATEST).collect();
            let (places, there) = Places::of(state, rung, &latest);
            let mut level = Level { mean: 0.0, deviation: 1.0, places };
            if let Some(below) = rung.checked_sub(1) {
                let before: Vec<f64> = latest.iter().map(|trial| scores.at(*trial, below)).collect();
                let (mean, variance) = moments(&before);
                let correlation = correlation(&before, &there, assumed(&state.ladder, below));
                let explained = correlation * correlation;
                (level.mean, level.deviation) = (correlation * mean, (1.0 - explained + explained * variance).sqrt());
                scores.correlations.push(correlation);
            }
            scores.levels.push(level);
        }
        scores
    }

    /// Of a trial that has reached `rung`.
    pub(super) fn at(&self, trial: u32, rung: usize) -> f64 {
        self.levels[rung].at(self.cost(trial, rung), trial)
    }

    /// Who waits at `rung` with a finite value.
    pub(super) fn best_first(&self, rung: usize) -> Box<dyn Iterator<Item = u32> + '_> {
        match &self.levels[rung].places {
            Places::Costs { .. } => Box::new(self.state.index().waiting_at(rung).map(|standing| standing.number)),
            Places::Fronts { waiting, .. } => Box::new(waiting.iter().copied()),
        }
    }

    /// The highest score at `rung` of those that wait there or go on from there, and at the top of the latest that have come to it; none if none has a finite
    /// value.
    pub(super) fn highest(&self, rung: usize) -> Option<f64> {
        let index = self.state.index();
        let latest = index.latest(rung).take(if rung == self.state.ladder.top() { LATEST } else { 0 });
        // A thousand may be on their way: where costs have an order the first is enough.
        let most = if matches!(self.levels[rung].places, Places::Costs { .. }) { 1 } else { usize::MAX };
        let climbing = index.climbing_from(rung).map(|standing| standing.number).take(most);
        let all = self.best_first(rung).take(1).chain(climbing).chain(latest);
        all.filter(|number| self.cost(*number, rung).is_finite()).map(|number| self.at(number, rung)).reduce(f64::max)
    }

    fn cost(&self, trial: u32, rung: usize) -> Cost {
        self.state.cost(&self.state.trials()[trial as usize], rung)
    }
}

impl Level {
    fn at(&self, cost: Cost, trial: u32) -> f64 {
        self.mean + self.deviation * self.places.score(cost, trial)
    }
}

impl Places {
    /// With the scores of the latest, in their order.
    fn of(state: &SearchState, rung: usize, latest: &[u32]) -> (Places, Vec<f64>) {
        let cost = |trial: &u32| state.cost(&state.trials()[*trial as usize], rung);
        if state.second.is_none() {
            let mut ordered: Vec<(Cost, usize)> = latest.iter().map(cost).zip(0..).collect();
            ordered.sort_unstable();
            let (mut costs, mut better, mut scores, mut of_latest) = (Vec::new(), Vec::new(), Vec::new(), vec![0.0; ordered.len()]);
            let mut before = 0;
            for equal in ordered.chunk_by(|a, b| a.0 == b.0) {
                let score = score_of_place(2 * before + equal.len(), ordered.len());
                costs.push(equal[0].0);
                better.push(before);
                scores.push(score);
                for (_, position) in equal {
                    of_latest[*position] = score;
                }
                before += equal.len();
            }
            better.push(before);
            return (Places::Costs { costs, better, scores }, of_latest);
        }
        let waiting = || state.index().waiting_at(rung).map(|standing| standing.number);
        let mut all: Vec<u32> = latest.iter().copied().chain(waiting()).collect();
        all.sort_unstable();
        all.dedup();
        let standings = all.iter().map(|number| (Standing { cost: cost(number), number: *number }, *number)).collect();
        let ordered: Vec<u32> = in_order(true, standings).collect();
        let waits: BTreeSet<u32> = waiting().collect();
        let waiting = ordered.iter().copied().filter(|number| waits.contains(number)).collect();
        let count = ordered.len() as f64;
        let shares = ordered.into_iter().enumerate().map(|(place, number)| (number, (place as f64 + 0.5) / count)).collect();
        let places = Places::Fronts { shares, waiting };
        let of_latest = latest.iter().map(|trial| places.score(cost(trial), *trial)).collect();
        (places, of_latest)
    }

    /// The normal score of the share that is better; those that are as good count half.
    fn score(&self, cost: Cost, trial: u32) -> f64 {
        match self {
            Places::Costs { costs, better, scores } => {
                let place = costs.partition_point(|other| *other < cost);
                if costs.get(place) == Some(&cost) {
                    scores[place]
                } else {
                    // One that is not among the latest is added.
                    score_of_place(2 * better[place] + 1, better[costs.len()] + 1)
                }
            }
            // Who runs is not among them, if it is older.
            Places::Fronts { shares, .. } => quantile(1.0 - shares.get(&trial).copied().unwrap_or(0.5)),
        }
    }
}

/// Mean and variance; 0 and 1 of nothing.
fn moments(values: &[f64]) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 1.0);
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count)
}

/// The correlation between the scores at `rung` and at the next before anything is known: the farther, the lower.
fn assumed(ladder: &Ladder, rung: usize) -> f64 {
    let times = ladder.rungs[rung + 1] as f64 / ladder.rungs[rung] as f64;
    ASSUMED.powf(times.ln() / 3.0_f64.ln())
}

/// The correlation that all trials would have, from those that went on.
fn correlation(before: &[f64], there: &[f64], assumed: f64) -> f64 {
    let ((mean, variance), (mean_there, variance_there)) = (moments(before), moments(there));
    let (mut known, mut corrected) = (0.0, 0.0);
    if before.len() > 1 && variance > 1e-9 && variance_there > 1e-9 {
        known = before.len() as f64;
        let together = before.iter().zip(there).map(|(a, b)| (a - mean) * (b - mean_there)).sum::<f64>() / known;
        let own = together / (variance * variance_there).sqrt();
        // By how much narrower their range is; of a few trials it could be anything.
        let range = variance.sqrt().clamp(0.2, 1.0);
        corrected = own / range / (1.0 + own * own * (1.0 / (range * range) - 1.0)).sqrt();
    }
    ((known * corrected + ASSUMED_TRIALS * assumed) / (known + ASSUMED_TRIALS)).clamp(0.05, 0.985)
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::{
        samplers::fixtures::{activate, fail, reach, start, study},
        state::TrialKind,
        streams::{Purpose, stream},
    };

    #[test]
    fn quantiles_are_those_of_the_normal_distribution() {
        for (share, expected) in [(0.5, 0.0), (0.8413, 1.0), (0.0228, -2.0), (0.9987, 3.0), (0.999, 3.0902)] {
            assert!((quantile(share) - expected).abs() < 0.05, "{share}: {}", quantile(share));
        }
    }

    /// Values of two rungs with this correlation; the best `promoted` go on.
    fn two_rungs(correlation: f64, trials: u32, promoted: usize, seed: u64) -> SearchState {
        let mut state = study(trials, 3, 3);
        let mut rng = stream(seed, 0, Purpose::DataOrder);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let first: Vec<f64> = (0..trials).map(|_| normal()).collect();
        for (number, value) in first.iter().enumerate() {
            start(&mut state, TrialKind::Search, None);
            // Any scale will do.
            reach(&mut state, number, value.exp());
        }
        let mut order: Vec<usize> = (0..first.len()).collect();
        order.sort_by(|a, b| first[*a].total_cmp(&first[*b]));
        for number in order.into_iter().take(promoted) {
            activate(&mut state, number, 1);
            reach(&mut state, number, correlation * first[number] + (1.0 - correlation * correlation).sqrt() * normal());
        }
        state
    }

    #[test]
    fn the_correlation_of_all_is_found_from_those_that_went_on() {
        for truth in [0.1, 0.5, 0.9] {
            // A hundred of two hundred: the assumed one still counts for a sixth.
            let found = (0..10).map(|seed| Scores::of(&two_rungs(truth, 200, 100, seed)).correlations[0]).sum::<f64>() / 10.0;
            let expected = (100.0 * truth + ASSUMED_TRIALS * ASSUMED) / (100.0 + ASSUMED_TRIALS);
            assert!((found - expected).abs() < 0.06, "{truth}: {found}, not {expected}");
        }
        assert_eq!(Scores::of(&two_rungs(0.5, 20, 0, 0)).correlations, [ASSUMED, ASSUMED]);
        let ladder = Ladder { eta: 2, rungs: vec![1, 2, 4, 9], ..Ladder::default() };
        assert!((assumed(&ladder, 0) * assumed(&ladder, 1) * assumed(&ladder, 2) - ASSUMED * ASSUMED).abs() < 1e-12, "nine times as far");
    }

    #[test]
    fn scores_of_those_that_went_on_are_on_the_scale_of_all() {
        // Where early values say nothing, the middle of those that went on is the middle of all.
        let state = two_rungs(0.0, 200, 60, 0);
        let (scores, middle) = (Scores::of(&state), |scores: &Scores<'_>| scores.levels[1].mean);
        assert!(middle(&scores) < 0.4, "{scores:?}");
        // Where they say all, it is as far up as they were.
        let state = two_rungs(1.0, 200, 60, 0);
        let scores = Scores::of(&state);
        assert!(middle(&scores) > 0.8 && scores.levels[1].deviation < 0.7, "{}", middle(&scores));
    }

    #[test]
    fn failed_trials_are_the_worst_and_ties_share_their_places() {
        let mut state = study(9, 3, 2);
        for (number, value) in [0.1, 0.2, 0.2, f64::NAN].into_iter().enumerate() {
            start(&mut state, TrialKind::Search, None);
            if value.is_nan() { fail(&mut state, number) } else { reach(&mut state, number, value) }
        }
        let scores = Scores::of(&state);
        let of = |trial| scores.at(trial, 0);
        assert!(of(0) > of(1) && of(1) == of(2) && of(2) > of(3));
        assert_eq!(of(0), -of(3));
        assert_eq!(of(1), 0.0);
    }
}
