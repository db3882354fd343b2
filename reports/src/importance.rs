//! How much each parameter has to do with being among the best: PED-ANOVA (Watanabe et al., IJCAI 2023, arXiv 2304.10255).
//!
//! It asks how far the values of the best trials are spread otherwise than those of all: the Pearson divergence of two densities of one parameter.
//! It needs to know which trials are the best, and not their values, so that a trial that was ended early counts by its place on the leaderboard, and one
//! that failed is just none of the best.
//!
//! **Conditional parameters.** The divergence of a choice *and* what hangs on it is a sum: with `a` the share of the best that take an option and `b` that of all,
//! `1 + D(choice and child) = sum over options of a^2 / b (1 + D(child | option))`, hence `D(choice) + sum of a^2 / b D(child | option)`. So a parameter is looked
//! at among the trials that have it alone and counts `a^2 / b` times, and whether a trial has it at all is told by the choice it hangs on, and is not told twice.
//! (The same as conditional PED-ANOVA, arXiv 2601.20800.)
//!
//! **Chance.** Of few trials some values always crowd together. So the same is computed for so many trials drawn blindly, again and again: what 95 % of these
//! draws stay below is what chance alone may come to.

use engine::{
    record::StudyRecord,
    state::{Phase, TrialKind, TrialState},
    streams::{Purpose, stream},
};
use rand::RngExt;
use search_spaces::domain::{Domain, Parameter};
use statrs::function::erf::erfc;

use crate::parameters::{Cell, ParameterColumn};

/// The best tenth, as in the paper's experiments, and never fewer than [`LEAST_BEST`].
const BEST: f64 = 0.1;
/// With fewer the densities are those of single trials.
const LEAST_BEST: usize = 5;
/// With fewer trials in all `LEAST_BEST` of them are hardly the best.
const LEAST_TRIALS: usize = 20;
/// Cells that a range is divided into at most.
const CELLS: usize = 50;
/// Draws that tell what chance comes to: the 190th of them stands for 95 %.
const DRAWS: u32 = 199;
/// Keeps densities apart from 0.
const TINY: f64 = 1e-12;

/// What one parameter has to do with being among the best.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// `optimizer.AdamW.learning_rate`.
    pub path: String,
    /// Whose option it hangs on: path and label.
    pub condition: Option<(String, String)>,
    /// Of the sum over all parameters; `None` where too few trials are there to tell.
    pub share: Option<f64>,
    /// What 95 % of blind draws stay below, in the same unit.
    pub chance: Option<f64>,
    /// Trials that have the parameter, of those that count, and of the best.
    pub trials: usize,
    pub best: usize,
}

impl Importance {
    /// Whether it is more than what chance alone may come to.
    pub fn is_beyond_chance(&self) -> bool {
        self.share.zip(self.chance).is_some_and(|(share, chance)| share > chance)
    }
}

/// Trials that count, and which of them are the best.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Split {
    all: Vec<u32>,
    /// The first so many of `all`.
    best: usize,
}

/// Of each parameter of the space, in its order. `columns` are those of the space, too.
///
/// What counts are trials that a scheduler has judged: neither those that are under way, whose place is not known, nor the default recipe, which is trained in full
/// whatever it is worth, nor finalists' further trainings.
pub(crate) fn importance(record: &StudyRecord, columns: &[ParameterColumn]) -> Vec<Importance> {
    let split = split(record);
    let parameters = &record.space.parameters;
    let places: Vec<Places> =
        parameters.iter().zip(columns).map(|(parameter, column)| Places::of(&parameter.domain, &column.cells)).collect();
    let found = weigh(&places, &split, record.space.settings.seed);
    parameters
        .iter()
        .zip(&places)
        .zip(found)
        .map(|((parameter, places), shares)| {
            let has = |trials: &[u32]| trials.iter().filter(|trial| places.has(**trial)).count();
            let (trials, best) = (has(&split.all), has(&split.all[..split.best]));
            let told = shares.filter(|_| trials >= LEAST_TRIALS / 2);
            Importance {
                path: parameter.path.clone(),
                condition: condition(parameter, parameters),
                share: told.map(|(share, _)| share),
                chance: told.map(|(_, chance)| chance),
                trials,
                best,
            }
        })
        .collect()
}

fn condition(parameter: &Parameter, parameters: &[Parameter]) -> Option<(String, String)> {
    let condition = parameter.condition?;
    let parent = parameters.get(condition.parent)?;
    let Domain::Choice { labels, .. } = &parent.domain else { return None };
    Some((parent.path.clone(), labels.get(condition.option)?.clone()))
}

fn split(record: &StudyRecord) -> Split {
    let trials = record.state.trials();
    let counts = |trial: &TrialState| match trial.phase {
        Phase::Active { .. } => false,
        _ => trial.number != 0 || trial.kind != TrialKind::Recipe,
    };
    let all: Vec<u32> = record.state.leaderboard().into_iter().filter(|number| counts(&trials[*number as usize])).collect();
    if all.len() < LEAST_TRIALS {
        return Split { all, best: 0 };
    }
    let good = |number: &u32| !matches!(trials[*number as usize].phase, Phase::Failed { .. });
    let wanted = ((BEST * all.len() as f64).ceil() as usize).max(LEAST_BEST);
    let mut best = all.iter().take(wanted).take_while(|number| good(number)).count();
    if best == wanted {
        // Those that stand no worse than the last of them are as good.
        let same = |a: &TrialState, b: &TrialState| (&a.values, &a.exceeded) == (&b.values, &b.exceeded);
        let as_good = |number: &&u32| good(number) && same(&trials[all[wanted - 1] as usize], &trials[**number as usize]);
        best += all[wanted..].iter().take_while(as_good).count();
    }
    // As many as all of them are no choice, and too few are none either.
    let told = (LEAST_BEST..=all.len() / 2).contains(&best);
    Split { best: if told { best } else { 0 }, all }
}

/// The cells that trials' values lie in.
#[derive(Debug)]
struct Places {
    cells: usize,
    ordered: bool,
    /// By trial.
    of: Vec<Option<usize>>,
}

impl Places {
    fn of(domain: &Domain, values: &[Cell]) -> Places {
        let grid = Grid::of(domain);
        let place = |cell: &Cell| match (cell, &grid, domain) {
            (Cell::Number(value), Some(grid), _) => Some(grid.place(*value)),
            // A recipe may take an option that the space does not have.
            (Cell::Category(label), _, Domain::Choice { labels, .. }) => labels.iter().position(|known| known == label),
            _ => None,
        };
        let cells = match (&grid, domain) {
            (Some(grid), _) => grid.cells,
            (None, Domain::Choice { labels, .. }) => labels.len(),
            (None, _) => 1,
        };
        Places { cells, ordered: grid.is_some(), of: values.iter().map(place).collect() }
    }

    fn get(&self, trial: u32) -> Option<usize> {
        self.of.get(trial as usize).copied().flatten()
    }

    fn has(&self, trial: u32) -> bool {
        self.get(trial).is_some()
    }

    /// How many of `trials` lie in each cell.
    fn counts(&self, trials: &[u32]) -> Vec<u32> {
        let mut counts = vec![0; self.cells];
        for place in trials.iter().filter_map(|trial| self.get(*trial)) {
            counts[place] += 1;
        }
        counts
    }

    fn density(&self, counts: &[u32]) -> Vec<f64> {
        if self.ordered { ordered_density(counts) } else { option_density(counts) }
    }
}

/// A range in cells of equal width.
#[derive(Debug, Clone, Copy)]
struct Grid {
    low: f64,
    high: f64,
    log: bool,
    cells: usize,
}

impl Grid {
    /// `None` of choices.
    fn of(domain: &Domain) -> Option<Grid> {
        let steps = |count: f64| (count.round() as usize).saturating_add(1).min(CELLS);
        let (low, high, log, cells) = match *domain {
            Domain::Uniform { low, high } => (low, high, false, CELLS),
            Domain::LogUniform { low, high } => (low.ln(), high.ln(), true, CELLS),
            Domain::Stepped { low, high, step } => {
                // The last step may end below `high`.
                let count = ((high - low) / step + 1e-9).floor();
                (low, low + count * step, false, steps(count))
            }
            Domain::Int { low, high } => (low as f64, high as f64, false, steps(high as f64 - low as f64)),
            Domain::LogInt { low, high } => {
                let doublings = (high as f64 - low as f64 + 1.0).log2().ceil();
                ((low as f64).ln(), (high as f64).ln(), true, steps(doublings))
            }
            Domain::Choice { .. } => return None,
        };
        Some(Grid { low, high, log, cells: if low < high { cells } else { 1 } })
    }

    fn place(self, value: f64) -> usize {
        if self.cells == 1 {
            return 0;
        }
        let value = if self.log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let width = (self.high - self.low) / (self.cells - 1) as f64;
        // A recipe may lie outside. The middle between two counts as the lower.
        ((value - self.low) / width - 0.5).ceil().clamp(0.0, (self.cells - 1) as f64) as usize
    }
}

/// Share and chance of each; `None` where there are no best trials, and where nothing sets them apart.
fn weigh(places: &[Places], split: &Split, seed: u64) -> Vec<Option<(f64, f64)>> {
    if split.best == 0 {
        return vec![None; places.len()];
    }
    let all: Vec<Local> = places.iter().map(|places| Local::of(places, &split.all)).collect();
    let found: Vec<f64> = all.iter().map(|local| local.divergence(&split.all[..split.best])).collect();
    let sum: f64 = found.iter().sum();
    if sum <= 0.0 {
        return vec![None; places.len()];
    }
    let mut by_chance = vec![Vec::with_capacity(DRAWS as usize); places.len()];
    let mut shuffled = split.all.clone();
    for draw in 0..DRAWS {
        let mut rng = stream(seed, draw, Purpose::Importance);
        for index in 0..split.best {
            shuffled.swap(index, rng.random_range(index..split.all.len()));
        }
        for (found, local) in by_chance.iter_mut().zip(&all) {
            found.push(local.divergence(&shuffled[..split.best]));
        }
    }
    let chance = |mut drawn: Vec<f64>| {
        drawn.sort_by(f64::total_cmp);
        drawn[(DRAWS as usize + 1) * 19 / 20 - 1]
    };
    found.into_iter().zip(by_chance).map(|(found, drawn)| Some((found / sum, chance(drawn) / sum))).collect()
}

/// A parameter among all trials.
struct Local<'a> {
    places: &'a Places,
    density: Vec<f64>,
    /// Of all trials, those that have it.
    share: f64,
}

impl<'a> Local<'a> {
    fn of(places: &'a Places, all: &[u32]) -> Local<'a> {
        let counts = places.counts(all);
        let share = f64::from(counts.iter().sum::<u32>()) / all.len() as f64;
        Local { places, density: places.density(&counts), share }
    }

    /// Of the values of `best` from those of all, times the square of the share of `best` that have the parameter and divided by that of all that do.
    fn divergence(&self, best: &[u32]) -> f64 {
        let counts = self.places.counts(best);
        let having = counts.iter().sum::<u32>();
        if having == 0 || self.places.cells < 2 {
            return 0.0;
        }
        let share = f64::from(having) / best.len() as f64;
        let pearson = |(best, all): (f64, &f64)| all * (best / all - 1.0).powi(2);
        let divergence: f64 = self.places.density(&counts).into_iter().zip(&self.density).map(pearson).sum();
        share * share / self.share * divergence
    }
}

/// A Parzen estimate over the cells of a range: around each a normal kernel, cut off at the ends, whose width follows Scott's rule (Scott 1992); and one kernel as wide
/// as the range.
fn ordered_density(counts: &[u32]) -> Vec<f64> {
    let cells = counts.len();
    let sum = counts.iter().sum::<u32>();
    let kernel = Kernel::new(scott(counts, sum), cells);
    let wide = Kernel::new(cells as f64, cells);
    let mut density = wide.around((cells - 1) as f64 / 2.0);
    for (cell, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        for (sum, value) in density.iter_mut().zip(kernel.around(cell as f64)) {
            *sum += f64::from(*count) * value;
        }
    }
    density.iter().map(|value| value / f64::from(sum + 1) + TINY).collect()
}

/// Standard deviation of the kernels, in cells.
fn scott(counts: &[u32], sum: u32) -> f64 {
    /// Of a cell's width, 90 % of a kernel lies in its cell.
    const NARROWEST: f64 = 0.5 / 1.64;
    let there = || counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(cell, count)| (cell as f64, *count));
    let mean = there().map(|(cell, count)| cell * f64::from(count)).sum::<f64>() / f64::from(sum);
    let squares: f64 = there().map(|(cell, count)| (cell - mean).powi(2) * f64::from(count)).sum();
    let deviation = (squares / f64::from(sum.saturating_sub(1).max(1))).sqrt();
    // The first cell that so many trials lie in or below, or below which more than so many lie.
    let quartile = |enough: &dyn Fn(u32) -> bool| {
        let mut below = 0;
        let found = there().find(|(_, count)| {
            below += count;
            enough(below)
        });
        found.or_else(|| there().next_back()).map_or(0.0, |(cell, _)| cell)
    };
    let range = quartile(&|below| below > sum * 3 / 4) - quartile(&|below| below >= sum / 4);
    (1.059 * deviation.min(range / 1.34) * f64::from(sum).powf(-0.2)).max(NARROWEST)
}

/// A normal distribution over cells.
struct Kernel {
    deviation: f64,
    cells: usize,
    /// Of a kernel around a cell: what lies below the cell's lower end and below each end `k` cells further, for `k` from `-cells` to `cells`.
    below: Vec<f64>,
}

impl Kernel {
    fn new(deviation: f64, cells: usize) -> Kernel {
        let ends = -(cells as i64)..=cells as i64;
        Kernel { deviation, cells, below: ends.map(|end| normal((end as f64 - 0.5) / deviation)).collect() }
    }

    /// The share in each cell of what lies in any.
    fn around(&self, mean: f64) -> Vec<f64> {
        let below = |end: usize| {
            let whole = mean.fract() == 0.0;
            if whole { self.below[self.cells + end - mean as usize] } else { normal((end as f64 - 0.5 - mean) / self.deviation) }
        };
        let ends: Vec<f64> = (0..=self.cells).map(below).collect();
        let all = ends[self.cells] - ends[0];
        ends.windows(2).map(|pair| (pair[1] - pair[0]) / all).collect()
    }
}

fn normal(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

/// The same of options, among which none is near another.
fn option_density(counts: &[u32]) -> Vec<f64> {
    let sum = f64::from(counts.iter().sum::<u32>() + 1);
    let options = counts.len() as f64;
    // Each option that was taken has a kernel, which leaves a little to the others: one option's share of one more.
    let kernels = 1.0 + counts.iter().filter(|count| **count > 0).count() as f64;
    let (rest, whole) = (1.0 / kernels, 1.0 + options / kernels);
    let taken = sum - 1.0;
    let density = |count: &u32| (f64::from(*count) + taken * rest) / whole / sum + 1.0 / options / sum + TINY;
    counts.iter().map(density).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::Value as Json;

    use super::*;
    use crate::{parameters, testing::sample_record};

    #[derive(Deserialize)]
    struct Study {
        trials: Vec<Made>,
        shares: BTreeMap<String, f64>,
    }

    #[derive(Deserialize)]
    struct Made {
        value: f64,
        drawn: BTreeMap<String, Json>,
    }

    fn domain(name: &str) -> Domain {
        let choice =
            |labels: &[&str]| Domain::Choice { labels: labels.iter().map(|l| (*l).to_owned()).collect(), weights: vec![0.5; labels.len()] };
        match name {
            "rate" => Domain::LogUniform { low: 1e-5, high: 1e-1 },
            "decay" => Domain::Uniform { low: 0.0, high: 0.1 },
            "depth" => Domain::Int { low: 1, high: 6 },
            "dropout" => Domain::Stepped { low: 0.0, high: 0.3, step: 0.1 },
            "width" => Domain::LogInt { low: 16, high: 1024 },
            "batch" => choice(&["8", "16", "32"]),
            "optimizer" => choice(&["AdamW", "Sgd"]),
            "momentum" => Domain::Uniform { low: 0.0, high: 0.99 },
            other => panic!("{other}"),
        }
    }

    #[test]
    fn importances_are_those_of_optuna() {
        let studies: BTreeMap<String, Study> = serde_json::from_str(include_str!("fixtures/importance.json")).unwrap();
        assert_eq!(studies.len(), 2);
        for (name, study) in studies {
            let cell = |made: &Made, name: &str| match made.drawn.get(name) {
                None => Cell::Inactive,
                Some(Json::String(label)) => Cell::Category(label.clone()),
                Some(value) => Cell::Number(value.as_f64().unwrap()),
            };
            let places = study.shares.keys().map(|name| {
                let cells: Vec<Cell> = study.trials.iter().map(|made| cell(made, name)).collect();
                Places::of(&domain(name), &cells)
            });
            let places: Vec<Places> = places.collect();
            let mut all: Vec<u32> = (0..study.trials.len() as u32).collect();
            all.sort_by(|a, b| study.trials[*a as usize].value.total_cmp(&study.trials[*b as usize].value));
            let best = all.len() / 10;
            let found = weigh(&places, &Split { all, best }, 0);
            for ((parameter, expected), found) in study.shares.iter().zip(found) {
                let (share, _) = found.unwrap();
                assert!((share - expected).abs() < 1e-9, "{name}: {parameter} is {share}, not {expected}");
            }
        }
    }

    fn of(record: &StudyRecord) -> Vec<Importance> {
        importance(record, &parameters::columns(&record.space, record.state.trials()))
    }

    #[test]
    fn what_decides_is_beyond_chance_and_what_does_nothing_is_not() {
        // Which learning rate, and which blocks train, makes the sample's quality; weight decay, warm-up and dropout do nothing.
        let record = sample_record(400, 3, 1);
        let found = of(&record);
        let sum: f64 = found.iter().filter_map(|one| one.share).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        let beyond: Vec<&str> = found.iter().filter(|one| one.is_beyond_chance()).map(|one| one.path.as_str()).collect();
        assert!(beyond.contains(&"optimizer.AdamW.learning_rate"), "{found:?}");
        for nothing in ["dropout.hidden", "warmup"] {
            assert!(!beyond.contains(&nothing), "{nothing}: {found:?}");
        }
        let momentum = found.iter().find(|one| one.path == "optimizer.Sgd.momentum").unwrap();
        assert_eq!(momentum.condition, Some(("optimizer".to_owned(), "Sgd".to_owned())));
        let with = record.state.trials().iter().filter(|trial| trial.assignment.as_ref().unwrap().0.contains_key("optimizer.Sgd.momentum"));
        assert_eq!(momentum.trials, with.count());
        assert_eq!(of(&record), found, "drawn from seeded streams");
    }

    #[test]
    fn of_too_few_trials_nothing_is_told() {
        for trials in [0, 1, 12, 20] {
            let found = of(&sample_record(trials, 3, 1));
            assert!(!found.is_empty() && found.iter().all(|one| one.share.is_none() && one.chance.is_none()), "{found:?}");
        }
        assert!(of(&sample_record(21, 3, 1)).iter().any(|one| one.share.is_some()), "the default recipe is none of the twenty");
    }

    #[test]
    fn where_too_few_have_a_value_nothing_is_told() {
        let mut record = sample_record(60, 3, 1);
        for trial in 5..60 {
            record.state.change(trial, |trial| (trial.values, trial.phase) = (vec![f64::NAN], Phase::Failed { rung: 0 }));
        }
        assert!(of(&record).iter().all(|one| one.share.is_none()));
    }

    #[test]
    fn those_as_good_as_the_last_of_the_best_are_among_them() {
        let mut record = sample_record(41, 1, 1);
        for trial in 1..41 {
            let value = if trial < 5 {
                0.9
            } else if trial < 9 {
                0.8
            } else {
                0.7
            };
            record.state.change(trial, |trial| (trial.values, trial.phase, trial.stopped_at) = (vec![value], Phase::Complete, None));
        }
        assert_eq!((split(&record).all.len(), split(&record).best), (40, 8));
        // All alike: there is no best.
        for trial in 1..41 {
            record.state.change(trial, |trial| trial.values = vec![0.7]);
        }
        assert_eq!(split(&record).best, 0);
    }
}
