//! The contract that every sampler keeps.

use proptest::prelude::*;
use rand::{RngExt, rngs::ChaCha8Rng};
use search_spaces::{
    domain::{Assignment, Condition, Domain, Parameter, Value},
    draw::validate,
    settings::SamplerKind,
};

use super::{
    Sampler, build,
    fixtures::{activate, all, fail, reach, start, stop_early, study},
    tpe::{Tpe, TpeSettings},
};
use crate::{
    state::{SearchState, TrialKind},
    streams::{Purpose, stream},
};

fn samplers() -> Vec<Box<dyn Sampler>> {
    let eager = TpeSettings { startup: 2, group_startup: 2, random_share: 0.0, ..TpeSettings::default() };
    let kinds = [SamplerKind::Random, SamplerKind::Grid, SamplerKind::Sobol, SamplerKind::Tpe, SamplerKind::Forest];
    kinds.into_iter().map(|kind| build(kind, 0)).chain([Box::new(Tpe { settings: eager }) as Box<dyn Sampler>]).collect()
}

fn numbered(seed: u64, number: usize) -> ChaCha8Rng {
    stream(seed, number as u32, Purpose::Sampler)
}

fn parameter(path: &str, domain: Domain) -> Parameter {
    Parameter { path: path.to_string(), domain, condition: None }
}

fn choice(options: usize) -> Domain {
    Domain::Choice { labels: (0..options).map(|option| option.to_string()).collect(), weights: vec![1.0 / options as f64; options] }
}

fn domains() -> impl Strategy<Value = Domain> {
    prop_oneof![
        Just(Domain::Uniform { low: -1.0, high: 3.0 }),
        Just(Domain::LogUniform { low: 1e-6, high: 1e-2 }),
        Just(Domain::Stepped { low: 0.0, high: 0.5, step: 0.1 }),
        (0..9_i64).prop_map(|width| Domain::Int { low: -3, high: width - 3 }),
        Just(Domain::LogInt { low: 1, high: 512 }),
        (1..5_usize).prop_map(choice),
    ]
}

/// Some of the parameters hang on an option of an earlier choice.
fn spaces() -> impl Strategy<Value = Vec<Parameter>> {
    prop::collection::vec((domains(), any::<prop::sample::Index>(), 0..4_usize), 1..31).prop_map(|drawn| {
        let mut parameters: Vec<Parameter> = Vec::new();
        for (number, (domain, parent, option)) in drawn.into_iter().enumerate() {
            let condition = (number > 0).then(|| parent.index(number)).and_then(|parent| match &parameters[parent].domain {
                Domain::Choice { labels, .. } if option < labels.len() => Some(Condition { parent, option }),
                _ => None,
            });
            parameters.push(Parameter { path: format!("p{number}"), domain, condition });
        }
        parameters
    })
}

/// One more trial, that fares at random: well, with ties, not at all, or still runs.
fn add(state: &mut SearchState, assignment: Assignment, rng: &mut ChaCha8Rng) {
    let trial = state.trials().len();
    start(state, if state.trials().len() % 4 == 1 { TrialKind::Recipe } else { TrialKind::Search }, Some(assignment));
    match rng.random_range(0..10) {
        0 => fail(state, trial),
        1 => reach(state, trial, f64::NAN),
        2 => {}
        3 => stop_early(state, trial, rng.random()),
        4 => {
            reach(state, trial, 0.5);
            activate(state, trial, 1);
            if rng.random() { reach(state, trial, rng.random()) } else { fail(state, trial) }
        }
        5 => reach(state, trial, 0.5),
        _ => reach(state, trial, rng.random()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_proposal_lies_in_the_space_is_new_and_follows_from_the_seed(parameters in spaces(), seed: u64) {
        for sampler in samplers() {
            let mut state = study(40, 3, 3);
            let mut fates = stream(seed, 0, Purpose::DataOrder);
            for number in 0..30 {
                let proposal = sampler.propose(&parameters, all(&state), &mut numbered(seed, number));
                prop_assert_eq!(&proposal, &sampler.propose(&parameters, all(&state), &mut numbered(seed, number)));
                let Some(proposal) = proposal else { break };
                prop_assert_eq!(validate(&parameters, &proposal), Ok(()));
                prop_assert!(!all(&state).is_taken(&proposal), "{:?} again", proposal);
                add(&mut state, proposal, &mut fates);
            }
        }
    }
}

#[test]
fn a_finite_space_is_proposed_to_its_last_point_and_then_exhausted() {
    // Under option 0 of the first 3 x 4 points, under option 1 of it 1 point, under option 2 2 points; each with 2 batch sizes.
    let mut parameters = vec![
        parameter("kind", Domain::Choice { labels: ["a", "b", "c"].map(String::from).into(), weights: vec![0.98, 0.01, 0.01] }),
        parameter("a.int", Domain::Int { low: 0, high: 2 }),
        parameter("a.step", Domain::Stepped { low: 0.1, high: 0.4, step: 0.1 }),
        parameter("c.log", Domain::LogInt { low: 7, high: 8 }),
        parameter("batch", choice(2)),
    ];
    for (member, option) in [(1, 0), (2, 0), (3, 2)] {
        parameters[member].condition = Some(Condition { parent: 0, option });
    }
    for sampler in samplers() {
        let mut state = study(99, 3, 3);
        let mut fates = stream(5, 0, Purpose::DataOrder);
        while let Some(proposal) = sampler.propose(&parameters, all(&state), &mut numbered(1, state.trials().len())) {
            assert_eq!(validate(&parameters, &proposal), Ok(()));
            assert!(!all(&state).is_taken(&proposal));
            add(&mut state, proposal, &mut fates);
        }
        assert_eq!(state.trials().len(), 2 * (3 * 4 + 1 + 2));
    }
}

#[test]
fn a_large_finite_space_is_not_exhausted() {
    let parameters = vec![parameter("a", Domain::Int { low: 0, high: i64::MAX }), parameter("b", Domain::Int { low: i64::MIN, high: 0 })];
    for sampler in samplers() {
        assert!(sampler.propose(&parameters, all(&study(9, 3, 3)), &mut numbered(1, 0)).is_some());
    }
}

#[test]
fn a_space_without_parameters_has_one_point() {
    for sampler in samplers() {
        let mut state = study(9, 3, 3);
        assert_eq!(sampler.propose(&[], all(&state), &mut numbered(1, 0)), Some(Assignment::default()));
        start(&mut state, TrialKind::Search, Some(Assignment::default()));
        assert_eq!(sampler.propose(&[], all(&state), &mut numbered(1, 1)), None);
    }
}

#[test]
fn a_study_in_which_everything_fails_goes_on() {
    let parameters = vec![parameter("x", Domain::Uniform { low: 0.0, high: 1.0 })];
    for sampler in samplers() {
        let mut state = study(99, 3, 3);
        for number in 0..40 {
            let proposal = sampler.propose(&parameters, all(&state), &mut numbered(1, number)).expect("a continuum");
            start(&mut state, TrialKind::Search, Some(proposal));
            if number % 2 == 0 { fail(&mut state, number) } else { reach(&mut state, number, f64::INFINITY) }
        }
    }
}

/// `x` of proposals that follow from `state`.
fn proposed(kind: SamplerKind, state: &SearchState) -> Vec<f64> {
    let parameters = [parameter("x", Domain::Uniform { low: 0.0, high: 1.0 })];
    let sampler = build(kind, 0);
    let propose = |seed| match sampler.propose(&parameters, all(state), &mut numbered(seed, 50)).expect("a continuum").0["x"] {
        Value::Float(x) => x,
        other => panic!("{other:?}"),
    };
    (0..200).map(propose).collect()
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// Trials along `x` with the values that `value` gives; `None`: it fails.
fn along_x(trials: u32, value: impl Fn(f64) -> Option<f64>) -> SearchState {
    let mut state = study(99, 3, 3);
    for trial in 0..trials as usize {
        let x = (trial as f64 + 0.5) / f64::from(trials);
        start(&mut state, TrialKind::Search, Some(Assignment([("x".to_string(), Value::Float(x))].into())));
        match value(x) {
            Some(value) => reach(&mut state, trial, value),
            None => fail(&mut state, trial),
        }
    }
    state
}

const MODELS: [SamplerKind; 2] = [SamplerKind::Tpe, SamplerKind::Forest];

#[test]
fn models_go_where_trials_did_well_and_away_from_failures() {
    for kind in MODELS {
        let low = mean(proposed(kind, &along_x(30, |x| Some((x - 0.1).abs()))));
        let high = mean(proposed(kind, &along_x(30, |x| Some((x - 0.9).abs()))));
        assert!(low < 0.35 && high > 0.65, "{kind:?}: {low} {high}");
        let failing = mean(proposed(kind, &along_x(30, |x| (x < 0.4).then_some(0.5))));
        assert!(failing < 0.4, "{kind:?}: {failing}");
    }
}

#[test]
fn models_follow_the_direction_of_the_objective() {
    for kind in MODELS {
        let mut state = along_x(30, Some);
        state.objective.direction = search_spaces::settings::Direction::Maximize;
        let high = mean(proposed(kind, &state));
        assert!(high > 0.65, "{kind:?}: {high}");
    }
}

#[test]
fn models_keep_away_from_what_runs() {
    for kind in MODELS {
        let distance = |state: &SearchState| mean(proposed(kind, state).into_iter().map(|x| (x - 0.5).abs()));
        let mut state = along_x(30, |x| Some((x - 0.5).abs()));
        let alone = distance(&state);
        for number in 0..8 {
            let running = Assignment([("x".to_string(), Value::Float(0.46 + 0.01 * f64::from(number)))].into());
            start(&mut state, TrialKind::Search, Some(running));
        }
        let beside = distance(&state);
        assert!(beside > 1.2 * alone, "{kind:?}: {beside} {alone}");
    }
}

#[test]
fn tpe_ignores_recipes_that_lie_outside_the_space() {
    let state = along_x(30, |x| Some((x - 0.2).abs()));
    let mut with_recipe = state.clone();
    start(&mut with_recipe, TrialKind::Recipe, None);
    reach(&mut with_recipe, 30, 0.0);
    assert_eq!(proposed(SamplerKind::Tpe, &state), proposed(SamplerKind::Tpe, &with_recipe));
    with_recipe.change(30, |trial| trial.assignment = Some(Assignment([("x".to_string(), Value::Float(0.9))].into())));
    assert_ne!(proposed(SamplerKind::Tpe, &state), proposed(SamplerKind::Tpe, &with_recipe), "with an assignment it is learned from");
}

#[test]
fn a_grid_is_walked_through_without_regard_to_weights() {
    let parameters = vec![parameter("kind", Domain::Choice { labels: ["a", "b"].map(String::from).into(), weights: vec![0.999, 0.001] })];
    let first = (0..200).filter(|number| {
        let proposal = build(SamplerKind::Grid, 0).propose(&parameters, all(&study(9, 3, 3)), &mut numbered(1, *number));
        proposal.expect("two points").0["kind"] == Value::Option(0)
    });
    assert!((60..140).contains(&first.count()));
}

#[test]
fn a_sobol_sequence_fills_the_space_evenly_and_follows_the_seed() {
    let parameters = [parameter("x", Domain::Uniform { low: 0.0, high: 1.0 }), parameter("y", choice(4))];
    let points = |seed: u64| {
        let mut state = study(99, 3, 3);
        for number in 0..64 {
            let proposal = build(SamplerKind::Sobol, seed).propose(&parameters, all(&state), &mut numbered(seed, number));
            start(&mut state, TrialKind::Search, proposal);
        }
        state.trials().iter().filter_map(|trial| trial.assignment.clone()).collect::<Vec<_>>()
    };
    for seed in 0..5 {
        // One of the 64 points in each of 16 parts of x for each of 4 options: where random draws leave a third of the parts empty.
        let parts = points(seed).into_iter().map(|point| match (point.0["x"], point.0["y"]) {
            (Value::Float(x), Value::Option(y)) => ((x * 16.0) as u32, y),
            other => panic!("{other:?}"),
        });
        assert_eq!(parts.collect::<std::collections::BTreeSet<_>>().len(), 64);
    }
    assert_ne!(points(0), points(1));
}
