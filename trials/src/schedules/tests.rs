use std::collections::BTreeMap;

use search_spaces::config::Schedule as S;

use super::*;
use crate::testing;

const STEPS: u64 = 40;
const EPOCH: u64 = 10;

#[derive(serde::Deserialize)]
struct Fixture {
    plain: BTreeMap<String, Vec<f64>>,
    warmed: BTreeMap<String, Vec<f64>>,
    transformers: BTreeMap<String, Vec<f64>>,
    slanted: Vec<Slanted>,
    metrics: Vec<f64>,
    plateau: Vec<f64>,
}

#[derive(serde::Deserialize)]
struct Slanted {
    cut: f64,
    ratio: f64,
    course: Vec<f64>,
}

/// Made by `fixtures/courses.py`.
fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/courses.json")).unwrap()
}

fn config(schedule: S, warmup: f64) -> config::Config {
    config::Config { schedule, warmup, ..testing::trial_config() }
}

fn course(schedule_config: S, warmup: f64, steps: u64) -> Vec<f64> {
    let schedule = schedule(&config(schedule_config, warmup), EPOCH, steps);
    (0..steps).map(|step| schedule.multiple(step)).collect()
}

fn named(name: &str) -> S {
    match name {
        "constant" => S::Constant,
        "linear" => S::Linear { end: 0.1 },
        "cosine" => S::Cosine { end: 0.05 },
        "one_cycle" => S::OneCycle { peak_at: 0.3, start_divisor: 25.0, end_divisor: 1e4 },
        "step" => S::Step { every: 0.8, factor: 0.5 },
        "exponential" => S::Exponential { factor: 0.3 },
        other => panic!("no such course: {other}"),
    }
}

fn assert_near(name: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 1e-9, "{name}: {found:?}, expected {expected:?}");
    }
}

#[test]
fn courses_are_those_of_torch() {
    let fixture = fixture();
    assert_eq!(fixture.plain.len(), 6);
    for (name, expected) in &fixture.plain {
        assert_near(name, &course(named(name), 0.0, STEPS), expected);
    }
}

#[test]
fn warm_up_rises_to_where_the_schedule_begins() {
    for (name, after) in &fixture().warmed {
        // 0.15 of 40 steps are 6.
        let rise = (1..=6).map(|step| after[0] * f64::from(step) / 6.0);
        let expected: Vec<f64> = rise.chain(after.iter().copied()).collect();
        assert_near(name, &course(named(name), 0.15, STEPS), &expected);
    }
}

/// `min((s + 1) / (0.1 * steps), (steps - s) / (0.9 * steps))`
#[test]
fn linear_after_warm_up_is_the_usual_recipe_of_bert() {
    let found = course(S::Linear { end: 0.0 }, 0.1, STEPS);
    let expected: Vec<f64> = (0..40).map(|s| (f64::from(s + 1) / 4.0).min(f64::from(40 - s) / 36.0)).collect();
    assert_near("linear", &found, &expected);
}

/// Their warm-up has a first step at 0, so ours has at each step of it what theirs has at the next; after it both are at the same place.
#[test]
fn warmed_up_courses_are_those_of_transformers() {
    for (name, theirs) in fixture().transformers {
        let after = if name == "linear" { S::Linear { end: 0.0 } } else { S::Cosine { end: 0.0 } };
        let expected: Vec<f64> = theirs[1..=6].iter().chain(&theirs[6..STEPS as usize]).copied().collect();
        assert_near(&name, &course(after, 0.15, STEPS), &expected);
    }
}

#[test]
fn slanted_triangles_are_those_of_the_paper() {
    let fixture = fixture();
    assert_eq!(fixture.slanted.len(), 3);
    for Slanted { cut, ratio, course: expected } in fixture.slanted {
        assert_near("slanted", &course(S::SlantedTriangular { cut, ratio }, 0.0, STEPS), &expected);
    }
    let warmed = course(S::SlantedTriangular { cut: 0.1, ratio: 32.0 }, 0.15, STEPS);
    assert_near("warmed", &warmed[..7], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 6.0].map(|s| s / 6.0 / 32.0));
}

#[test]
fn plateau_is_that_of_torch() {
    let fixture = fixture();
    let mut schedule = schedule(&config(S::Plateau { factor: 0.3, patience: 2, min_delta: 0.015, floor: 0.05 }, 0.0), EPOCH, STEPS);
    let found: Vec<f64> = fixture
        .metrics
        .iter()
        .map(|&metric| {
            schedule.observe(metric);
            schedule.multiple(3)
        })
        .collect();
    assert_near("plateau", &found, &fixture.plateau);
    assert_eq!(found.last(), Some(&0.05), "the floor is reached");
}

#[test]
fn plateau_takes_its_state_over_in_the_middle_of_a_count() {
    let make = || schedule(&config(S::Plateau { factor: 0.5, patience: 1, min_delta: 0.0, floor: 0.0 }, 0.5), EPOCH, STEPS);
    let mut straight = make();
    straight.observe(0.5);
    straight.observe(0.6);
    let mut continued = make();
    let state = serde_json::to_string(&straight.state().unwrap()).unwrap();
    continued.restore(serde_json::from_str(&state).unwrap());
    for schedule in [&mut straight, &mut continued] {
        schedule.observe(0.55);
        assert_eq!(schedule.multiple(30), 0.5);
        assert_eq!(schedule.multiple(9), 0.25, "half-way through warm-up");
    }
}

#[test]
fn shortest_horizons_have_finite_positive_rates() {
    let all = ["constant", "linear", "cosine", "one_cycle", "step", "exponential"].map(named);
    for schedule in all.into_iter().chain([S::SlantedTriangular { cut: 0.1, ratio: 32.0 }, S::SlantedTriangular { cut: 1.0, ratio: 32.0 }])
    {
        for (steps, warmup) in [(1, 0.0), (1, 0.9), (2, 0.0), (2, 0.5), (3, 0.9)] {
            let rates = course(schedule.clone(), warmup, steps);
            assert!(rates.iter().all(|rate| rate.is_finite() && *rate > 0.0 && *rate <= 1.0), "{schedule:?} over {steps}: {rates:?}");
        }
    }
}

#[test]
fn warm_up_steps_are_a_share_rounded_up() {
    assert_eq!([(0.0, 100), (0.07, 100), (0.1, 1299), (0.99, 10), (0.5, 1)].map(|(w, t)| WarmUp::steps(w, t)), [0, 7, 130, 9, 0]);
}
