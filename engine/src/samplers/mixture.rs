//! A density over some parameters that always come together: a mixture of kernels around what was observed, and the prior.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use search_spaces::domain::{Domain, Value};

/// Kernels that are products over the parameters, all of equal weight, the last one the prior.
///
/// Numbers live in `[0, 1]` by their domain's distribution ([`Domain::to_unit`]), where a kernel is a normal density cut off at the
/// ends. The prior there has its mean in the middle and deviation 1. A choice's kernel puts most of its mass on the option observed and the
/// rest as the domain's weights say.
#[derive(Debug)]
pub(super) struct Mixture<'a> {
    kernels: usize,
    axes: Vec<Axis<'a>>,
}

#[derive(Debug)]
enum Axis<'a> {
    /// Normal densities cut off to `[0, 1]`, the last one the prior's.
    Number {
        domain: &'a Domain,
        /// Of every kernel but the prior.
        deviation: f64,
        means: Vec<f64>,
        /// By kernel: the logarithm of what the bell at the mean must be divided by.
        log_masses: Vec<f64>,
    },
    Choice {
        /// The option each kernel but the last lies at.
        observed: Vec<usize>,
        /// By option: its probability under a kernel that lies at it, under one that lies elsewhere, and under the prior.
        at: Vec<f64>,
        elsewhere: Vec<f64>,
        prior: Vec<f64>,
    },
}

/// Mean and deviation of the prior of numbers.
const PRIOR: (f64, f64) = (0.5, 1.0);

/// The logarithm of the mass in `[0, 1]` of the bell that is 1 at the mean.
fn log_mass(mean: f64, deviation: f64) -> f64 {
    let below = |x: f64| 0.5 * (1.0 + libm::erf((x - mean) / deviation * FRAC_1_SQRT_2));
    (deviation * TAU.sqrt() * (below(1.0) - below(0.0))).ln()
}

/// Draws from a normal distribution cut off to `[0, 1]`. The mean lies in it and the deviation is at most 1, so that a third of the draws or
/// more are kept.
fn sample_normal(mean: f64, deviation: f64, rng: &mut impl Rng) -> f64 {
    loop {
        let normal: f64 = StandardNormal.sample(rng);
        let unit = mean + deviation * normal;
        if (0.0..=1.0).contains(&unit) {
            return unit;
        }
    }
}

impl<'a> Mixture<'a> {
    /// `points[i][j]` is a value of `domains[j]`.
    pub(super) fn new(domains: &[&'a Domain], points: &[Vec<Value>]) -> Mixture<'a> {
        let kernels = points.len() + 1;
        let axes = domains
            .iter()
            .enumerate()
            .map(|(axis, &domain)| {
                if let Domain::Choice { weights, .. } = domain {
                    let spread = weights.len() as f64 / kernels as f64;
                    Axis::Choice {
                        observed: points.iter().map(|point| option(point[axis])).collect(),
                        at: weights.iter().map(|weight| ((spread * weight + 1.0) / (spread + 1.0)).ln()).collect(),
                        elsewhere: weights.iter().map(|weight| (spread * weight / (spread + 1.0)).ln()).collect(),
                        prior: weights.iter().map(|weight| weight.ln()).collect(),
                    }
                } else {
                    let deviation = deviation(domain, points.len(), domains.len());
                    let means: Vec<f64> = points.iter().map(|point| domain.to_unit(point[axis])).collect();
                    let prior = log_mass(PRIOR.0, PRIOR.1);
                    let log_masses = means.iter().map(|mean| log_mass(*mean, deviation)).chain([prior]).collect();
                    Axis::Number { domain, deviation, means, log_masses }
                }
            })
            .collect();
        Mixture { kernels, axes }
    }

    /// A point drawn from the mixture, in the order of the domains.
    pub(super) fn sample(&self, rng: &mut impl Rng) -> Vec<Value> {
        let kernel = rng.random_range(0..self.kernels);
        self.axes
            .iter()
            .map(|axis| match axis {
                Axis::Number { domain, deviation, means, .. } => {
                    let (mean, deviation) = means.get(kernel).map_or(PRIOR, |mean| (*mean, *deviation));
                    domain.from_unit(sample_normal(mean, deviation, rng))
                }
                Axis::Choice { observed, at, elsewhere, prior } => {
                    let mut left: f64 = rng.random();
                    let probability = |option: usize| match observed.get(kernel) {
                        Some(here) if *here == option => at[option].exp(),
                        Some(_) => elsewhere[option].exp(),
                        None => prior[option].exp(),
                    };
                    let drawn = (0..prior.len()).find(|option| {
                        left -= probability(*option);
                        left < 0.0
                    });
                    Value::Option(drawn.unwrap_or(prior.len() - 1))
                }
            })
            .collect()
    }

    /// The logarithm of the density at `point`.
    pub(super) fn log_density(&self, point: &[Value]) -> f64 {
        let mut logs = vec![0.0; self.kernels];
        for (axis, value) in self.axes.iter().zip(point) {
            match axis {
                Axis::Number { domain, deviation, means, log_masses } => {
                    let unit = domain.to_unit(*value);
                    let narrow = -0.5 / (deviation * deviation);
                    for ((log, mean), log_mass) in logs.iter_mut().zip(means).zip(log_masses) {
                        *log += narrow * (unit - mean) * (unit - mean) - log_mass;
                    }
                    logs[self.kernels - 1] += -0.5 * ((unit - PRIOR.0) / PRIOR.1).powi(2) - log_masses[self.kernels - 1];
                }
                Axis::Choice { observed, at, elsewhere, prior } => {
                    let option = option(*value);
                    let (at, elsewhere) = (at[option], elsewhere[option]);
                    logs.iter_mut().zip(observed).for_each(|(log, here)| *log += if *here == option { at } else { elsewhere });
                    logs[self.kernels - 1] += prior[option];
                }
            }
        }
        let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| (log - highest).exp()).sum();
        highest + sum.ln() - (self.kernels as f64).ln()
    }
}

/// The option a choice has taken.
fn option(value: Value) -> usize {
    match value {
        Value::Option(option) => option,
        Value::Float(_) | Value::Int(_) => 0,
    }
}

/// Scott's rule as Optuna's multivariate TPE has it, no narrower than a share of the range that shrinks with the kernels, nor than half a
/// step of a finite domain, nor wider than the prior.
fn deviation(domain: &Domain, points: usize, axes: usize) -> f64 {
    let scott = 0.2 * (points.max(1) as f64).powf(-1.0 / (axes as f64 + 4.0));
    let least = 1.0 / (points as f64 + 2.0).min(100.0);
    let half_step = domain.size().map_or(0.0, |size| 0.5 / size as f64);
    scott.max(least).max(half_step).min(1.0)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn domains() -> [Domain; 2] {
        let labels = ["a", "b", "c"].map(String::from).into();
        [Domain::Uniform { low: 0.0, high: 1.0 }, Domain::Choice { labels, weights: vec![0.5, 0.3, 0.2] }]
    }

    #[test]
    fn density_integrates_to_one_and_draws_follow_it() {
        let domains = domains();
        let points = [(0.1, 0), (0.2, 0), (0.9, 2)].map(|(x, option)| vec![Value::Float(x), Value::Option(option)]);
        let mixture = Mixture::new(&domains.each_ref(), &points);
        let cells = 2000;
        let mass = |from: f64, to: f64, option: usize| -> f64 {
            let width = (to - from) / f64::from(cells);
            let at = |cell| [Value::Float(from + (f64::from(cell) + 0.5) * width), Value::Option(option)];
            (0..cells).map(|cell| mixture.log_density(&at(cell)).exp() * width).sum()
        };
        let total: f64 = (0..3).map(|option| mass(0.0, 1.0, option)).sum();
        assert!((total - 1.0).abs() < 1e-6, "{total}");

        let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(1);
        let draws = 20_000;
        let inside = |point: &Vec<Value>| matches!(point[..], [Value::Float(x), Value::Option(0)] if x < 0.3);
        let share = (0..draws).filter(|_| inside(&mixture.sample(&mut rng))).count() as f64 / f64::from(draws);
        let expected = mass(0.0, 0.3, 0);
        assert!((share - expected).abs() < 0.02, "{share} {expected}");
    }

    #[test]
    fn without_points_there_is_the_prior() {
        let domains = domains();
        let mixture = Mixture::new(&domains.each_ref(), &[]);
        let density = |option| mixture.log_density(&[Value::Float(0.5), Value::Option(option)]).exp();
        assert!((density(0) / density(2) - 2.5).abs() < 1e-9);
    }
}
