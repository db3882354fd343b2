//! That the samplers are worth their while, on functions whose best point is known.

use rand_distr::{Distribution, StandardNormal};
use search_spaces::{
    domain::{Assignment, Condition, Domain, Parameter, Value},
    draw::draw_by,
    settings::{SamplerKind, SchedulerKind},
};

use super::{
    build,
    fixtures::{activate, all, reach, start, study},
};
use crate::{
    schedulers::{self, Action},
    state::{Phase, SearchState, TrialKind},
    streams::{Purpose, stream},
};

const SEEDS: u64 = 20;

/// Learning rate, dropout, batch size and optimizer; momentum under one of them.
fn parameters() -> Vec<Parameter> {
    let free = |path: &str, domain| Parameter { path: path.to_string(), domain, condition: None };
    let options = ["sgd", "adam", "adamw"].map(String::from).into();
    vec![
        free("rate", Domain::LogUniform { low: 1e-6, high: 1e-2 }),
        free("dropout", Domain::Uniform { low: 0.0, high: 0.5 }),
        free("batch", Domain::LogInt { low: 4, high: 128 }),
        free("optimizer", Domain::Choice { labels: options, weights: vec![0.4, 0.3, 0.3] }),
        Parameter {
            path: "momentum".to_string(),
            domain: Domain::Uniform { low: 0.0, high: 1.0 },
            condition: Some(Condition { parent: 3, option: 0 }),
        },
    ]
}

/// A bowl with its bottom, 0, at `rate` 1e-4 and the like.
fn bowl(parameters: &[Parameter], assignment: &Assignment) -> f64 {
    let bottoms = [0.5, 0.2, 0.4, 0.0, 0.9];
    let terms = parameters.iter().zip(bottoms).filter_map(|(parameter, bottom)| match assignment.0.get(&parameter.path)? {
        Value::Option(option) => Some([0.05, 0.1, 0.0][*option]),
        value => Some((parameter.domain.to_unit(*value) - bottom).powi(2)),
    });
    terms.sum()
}

/// The best value of `trials` trials at full length.
fn best_of(kind: SamplerKind, parameters: &[Parameter], trials: u32, seed: u64) -> f64 {
    best_with(kind, None, parameters, trials, seed)
}

/// The same after a config that does not count, which is a recipe or not.
fn best_with(kind: SamplerKind, before: Option<(TrialKind, &Assignment)>, parameters: &[Parameter], trials: u32, seed: u64) -> f64 {
    let sampler = build(kind, seed);
    let mut state = study(trials, 3, 1);
    if let Some((kind, before)) = before {
        start(&mut state, TrialKind::Recipe, None);
        start(&mut state, kind, Some(before.clone()));
        reach(&mut state, 1, bowl(parameters, before));
    }
    let others = state.trials().len() as u32;
    for number in others..others + trials {
        let proposal = sampler.propose(parameters, all(&state), &mut stream(seed, number, Purpose::Sampler)).expect("a continuum");
        let value = bowl(parameters, &proposal);
        start(&mut state, TrialKind::Search, Some(proposal));
        reach(&mut state, number as usize, value);
    }
    state.trials()[others as usize..].iter().map(|trial| trial.values[0]).fold(f64::INFINITY, f64::min)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    values.sum::<f64>() / SEEDS as f64
}

#[test]
fn models_beat_random_search_on_a_smooth_function() {
    for parameters in [&parameters()[..], &parameters()[..4], &parameters()[..1]] {
        let of = |kind| mean((0..SEEDS).map(|seed| best_of(kind, parameters, 60, seed)));
        let (random, tpe, forest) = (of(SamplerKind::Random), of(SamplerKind::Tpe), of(SamplerKind::Forest));
        assert!(tpe < 0.5 * random, "{} parameters: tpe {tpe}, random {random}", parameters.len());
        assert!(forest < 0.8 * random, "{} parameters: forest {forest}, random {random}", parameters.len());
    }
}

#[test]
fn a_good_recipe_helps_and_a_bad_one_does_little_harm() {
    let parameters = parameters();
    let at = |units: [f64; 5]| draw_by(&parameters, |index| units[index]);
    // Near the bottom, and far from it in everything, with the optimizer that is worst.
    let (good, bad) = (at([0.45, 0.25, 0.3, 0.2, 0.8]), at([0.95, 0.95, 0.95, 0.5, 0.1]));
    for kind in [SamplerKind::Forest, SamplerKind::Tpe] {
        for (trials, helps) in [(12, 0.95), (60, 1.15)] {
            // The difference is small beside what the seed does.
            let seeds = 10 * SEEDS;
            let of = |role: TrialKind, config: &Assignment| {
                (0..seeds).map(|seed| best_with(kind, Some((role, config)), &parameters, trials, seed)).sum::<f64>() / seeds as f64
            };
            for (config, share) in [(&good, helps), (&bad, 1.15)] {
                let (recipe, plain) = (of(TrialKind::Recipe, config), of(TrialKind::Search, config));
                assert!(recipe < share * plain, "{kind:?}, {trials} trials: {recipe} with the recipe, {plain} without");
            }
        }
    }
}

/// What a search with early termination found and spent.
struct Found {
    /// The true value of the config that is best at the top rung.
    value: f64,
    /// How many of the study's configs are truly better.
    better: usize,
    /// Share of the cost of training all in full.
    spent: f64,
}

/// A sweep of two slots over rungs at 1, 3 and 9. Curves fall towards the bowl, slower for low learning rates; what is seen of them is noisy.
fn sweep(kind: SamplerKind, scheduler: SchedulerKind, trials: u32, seed: u64) -> Found {
    let parameters = parameters();
    let (sampler, scheduler) = (build(kind, seed), schedulers::build(scheduler));
    let mut state = study(trials, 3, 3);
    // (when it ends, trial)
    let mut running: Vec<(u64, usize)> = Vec::new();
    let (mut now, mut spent) = (0, 0);
    loop {
        for action in scheduler.decide(&state, 2 - running.len()) {
            let (trial, rung) = match action {
                Action::Start { learn_from } => {
                    let number = state.trials().len();
                    let mut rng = stream(seed, number as u32, Purpose::Sampler);
                    let proposal = sampler.propose(&parameters, state.view(learn_from), &mut rng).expect("a continuum");
                    start(&mut state, TrialKind::Search, Some(proposal));
                    (number, 0)
                }
                Action::Promote { trial, rung } => {
                    activate(&mut state, trial as usize, rung);
                    (trial as usize, rung)
                }
            };
            let length = state.ladder.rungs[rung] - if rung == 0 { 0 } else { state.ladder.rungs[rung - 1] };
            spent += length;
            running.push((now + length, trial));
        }
        let Some(next) = running.iter().copied().min() else { break };
        running.retain(|ends| *ends != next);
        now = next.0;
        let value = seen(&parameters, &state, next.1, seed);
        reach(&mut state, next.1, value);
    }
    let truth = |trial: usize| bowl(&parameters, state.trials()[trial].assignment.as_ref().expect("drawn"));
    let full = state.trials().iter().filter(|trial| trial.phase == Phase::Complete);
    let best = full.min_by(|a, b| a.values[2].total_cmp(&b.values[2])).expect("somebody is trained in full").number as usize;
    Found {
        value: truth(best),
        better: (0..state.trials().len()).filter(|other| truth(*other) < truth(best)).count(),
        spent: spent as f64 / (f64::from(trials) * state.ladder.horizon() as f64),
    }
}

fn seen(parameters: &[Parameter], state: &SearchState, trial: usize, seed: u64) -> f64 {
    let assignment = state.trials()[trial].assignment.as_ref().expect("drawn");
    let rung = state.trials()[trial].values.len();
    let rate = parameters[0].domain.to_unit(assignment.0["rate"]);
    let examples = state.ladder.rungs[rung] as f64;
    let mut rng = stream(seed ^ 0xabc, (trial * 10 + rung) as u32, Purpose::DataOrder);
    let noise: f64 = StandardNormal.sample(&mut rng);
    bowl(parameters, assignment) + 0.5 * (1.0 - 0.5 * rate) / examples.sqrt() + 0.02 * noise
}

#[test]
fn promotion_of_random_configs_finds_a_good_one_for_a_part_of_the_cost() {
    let found: Vec<Found> = (0..SEEDS).map(|seed| sweep(SamplerKind::Random, SchedulerKind::Asha, 36, seed)).collect();
    let (better, spent) = (mean(found.iter().map(|found| found.better as f64)), mean(found.iter().map(|found| found.spent)));
    assert!(better < 3.0, "on average {better} of 36 would have been better");
    assert!(spent < 0.4, "{spent} of the cost of training all in full");
}

#[test]
fn models_with_promotion_beat_random_promotion() {
    for scheduler in [SchedulerKind::Asha, SchedulerKind::SuccessiveHalving] {
        let random = mean((0..SEEDS).map(|seed| sweep(SamplerKind::Random, scheduler, 60, seed).value));
        for (model, share) in [(SamplerKind::Tpe, 0.8), (SamplerKind::Forest, 0.8)] {
            let found = mean((0..SEEDS).map(|seed| sweep(model, scheduler, 60, seed).value));
            assert!(found < share * random, "{scheduler:?}: {model:?} {found}, random {random}");
        }
    }
}
