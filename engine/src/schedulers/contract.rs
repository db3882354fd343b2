//! The contract that every scheduler keeps, checked on random studies.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand::RngExt;
use search_spaces::{
    goals::{Constraint, Measure, Second},
    settings::{Direction, SchedulerKind},
};

use super::{
    Action, build, next,
    rungs::{competitors, for_the_top, may_go_on, ranking},
};
use crate::{
    samplers::fixtures::{activate, fail, reach, start, stop_early, study},
    state::{Phase, SearchState, TrialKind, TrialState, eta, places},
    streams::{Purpose, stream},
};

const KINDS: [SchedulerKind; 7] = [
    SchedulerKind::FreezeThaw,
    SchedulerKind::Asha,
    SchedulerKind::SuccessiveHalving,
    SchedulerKind::Hyperband,
    SchedulerKind::Pasha,
    SchedulerKind::MedianRule,
    SchedulerKind::None,
];

/// A random world: how trials fare is fixed by their number, in which order they finish by `order`.
#[derive(Debug, Clone)]
struct World {
    planned: u32,
    eta: u32,
    rungs: usize,
    recipe_first: bool,
    seed: u64,
    failures: f64,
    stops: f64,
    /// How many different values there are: few make ties.
    values: u32,
    /// Whether there are constraints, and a second objective.
    constrained: bool,
    two: bool,
}

fn worlds() -> impl Strategy<Value = World> {
    let goals = (any::<bool>(), any::<bool>());
    (1..40_u32, 2..5_u32, 1..5_usize, any::<bool>(), any::<u64>(), 0.0..0.6, 0.0..0.3, 2..200_u32, goals).prop_map(
        |(planned, eta, rungs, recipe_first, seed, failures, stops, values, (constrained, two))| World {
            planned,
            eta,
            rungs,
            recipe_first,
            seed,
            failures,
            stops,
            values,
            constrained,
            two,
        },
    )
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Value(f64),
    NotFinite,
    Fails,
    Stops(f64),
}

impl World {
    fn fate(&self, trial: u32, rung: usize) -> Fate {
        let mut rng = stream(self.seed, trial * 10 + rung as u32, Purpose::DataOrder);
        let value = f64::from(rng.random_range(0..self.values));
        let chance: f64 = rng.random();
        if chance < self.failures / 4.0 {
            Fate::NotFinite
        } else if chance < self.failures {
            Fate::Fails
        } else if chance < self.failures + self.stops {
            Fate::Stops(value)
        } else {
            Fate::Value(value)
        }
    }

    /// What becomes of the running trial `number`.
    fn happens(&self, state: &mut SearchState, number: u32) {
        let Phase::Active { rung } = state.trials()[number as usize].phase else { panic!("{number} runs") };
        match self.fate(number, rung) {
            Fate::Value(value) => reach(state, number as usize, value),
            Fate::NotFinite => reach(state, number as usize, f64::INFINITY),
            Fate::Fails => fail(state, number as usize),
            Fate::Stops(value) => stop_early(state, number as usize, value),
        }
        let mut rng = stream(self.seed, number, Purpose::DataSplit);
        let (exceeded, second) = (f64::from(rng.random_range(0..3_u8)), f64::from(rng.random_range(0..self.values)));
        state.change(number, |trial| {
            let reached = trial.values.len();
            // It may change from rung to rung, for better or worse.
            let drift = if number.is_multiple_of(2) { -0.5 } else { 0.5 };
            let exceeded = (exceeded + rung as f64 * drift).max(0.0);
            if self.constrained {
                trial.exceeded.resize(reached, exceeded);
            }
            if self.two {
                trial.second.resize(reached, second + rung as f64);
            }
        });
    }

    fn study(&self) -> SearchState {
        let mut state = study(self.planned, self.eta, self.rungs);
        state.second = self.two.then_some(Second { measure: Measure::Loss, direction: Direction::Minimize });
        state.constraints = if self.constrained { vec![Constraint::GroupGap(0.1)] } else { Vec::new() };
        state
    }

    fn kind(&self, number: usize) -> TrialKind {
        if number == 0 && self.recipe_first { TrialKind::Recipe } else { TrialKind::Search }
    }
}

/// Runs the study to its end on `slots` slots and checks the contract on the way. Gives the end state and what each started trial may have learned from.
fn simulate(kind: SchedulerKind, world: &World, slots: usize, order: u64) -> (SearchState, Vec<u32>) {
    let scheduler = build(kind);
    let mut state = world.study();
    let mut rng = stream(order, 0, Purpose::DataOrder);
    let mut running: Vec<u32> = Vec::new();
    let mut learned = Vec::new();
    for _ in 0..10_000 {
        let free = slots - running.len();
        assert_eq!(scheduler.decide(&state, 0), []);
        check_index(&state);
        let actions = scheduler.decide(&state, free);
        assert!(actions.len() <= free, "{actions:?} for {free}");
        assert_eq!(actions, scheduler.decide(&state, free), "pure");
        assert_eq!(scheduler.decide(&state, 1).as_slice(), &actions[..actions.len().min(1)], "in the order they are to be taken");
        let before = state.clone();
        for action in actions {
            match action {
                Action::Start { learn_from } => {
                    let number = state.trials().len();
                    assert!(learn_from as usize <= number);
                    running.push(number as u32);
                    learned.push(learn_from);
                    start(&mut state, world.kind(number), None);
                }
                Action::Promote { trial, rung } => {
                    check_promotion(kind, &before, trial, rung);
                    assert_eq!(state.trials()[trial as usize].phase, Phase::Paused { rung: rung - 1 });
                    activate(&mut state, trial as usize, rung);
                    running.push(trial);
                }
            }
        }
        if running.is_empty() {
            return (state, learned);
        }
        let number = running.swap_remove(rng.random_range(0..running.len()));
        world.happens(&mut state, number);
    }
    panic!("the sweep does not end");
}

/// What is kept up to date is what the definition gives.
fn check_index(state: &SearchState) {
    let phases = |wanted: fn(Phase) -> bool| state.trials().iter().filter(move |t| wanted(t.phase)).map(|t| t.number);
    assert!(state.index().active().eq(phases(|phase| matches!(phase, Phase::Active { .. }))));
    let waits = |trial: &TrialState| (0..state.ladder.top()).any(|rung| may_go_on(state, trial, rung));
    assert!(state.index().waiting().eq(state.trials().iter().filter(|trial| waits(trial)).map(|trial| trial.number)));
    for rung in 0..state.ladder.top() {
        let ranked = ranking(state, competitors(state), rung);
        let places = places(ranked.len(), eta(&state.ladder));
        let best = ranked.into_iter().take(places).filter(|trial| may_go_on(state, trial, rung)).map(|trial| trial.number);
        assert!(state.promotable(rung).eq(best), "rung {rung} of {state:?}");
        let climbing: Vec<_> = state.index().climbing_from(rung).collect();
        assert!(climbing.is_sorted());
        let on_their_way = competitors(state).filter(|trial| trial.phase == Phase::Active { rung: rung + 1 }).map(|trial| trial.number);
        assert!(on_their_way.eq(climbing.iter().map(|standing| standing.number).collect::<BTreeSet<_>>()), "rung {rung} of {state:?}");
    }
    let recipes = state.trials().iter().filter(|trial| trial.kind == TrialKind::Recipe && trial.number > 0 && trial.assignment.is_some());
    assert!(state.view(u32::MAX).recipes().map(|trial| trial.number).eq(recipes.map(|trial| trial.number)));
}

fn check_promotion(kind: SchedulerKind, state: &SearchState, trial: u32, rung: usize) {
    assert!(rung <= state.ladder.top());
    assert!(state.trials()[trial as usize].values.last().is_some_and(|value| value.is_finite()));
    if kind != SchedulerKind::Asha || (trial == 0 && state.trials()[0].kind == TrialKind::Recipe) {
        return;
    }
    let competitors = || state.trials().iter().filter(|trial| trial.number > 0 || trial.kind == TrialKind::Search);
    let ranked = ranking(state, competitors(), rung - 1);
    let places = places(ranked.len(), eta(&state.ladder));
    let by_rule = ranked.iter().take(places).any(|best| best.number == trial);
    let nothing_runs = competitors().all(|trial| !matches!(trial.phase, Phase::Active { .. }));
    let at_the_end = nothing_runs && state.trials().len() == state.planned as usize;
    assert!(by_rule || at_the_end, "trial {trial} to rung {rung} of {state:?}");
}

fn check_end(kind: SchedulerKind, state: &SearchState) {
    assert_eq!(state.trials().len(), state.planned as usize, "planned trials have started");
    let finite = |trial: &TrialState| trial.values.iter().all(|value| value.is_finite());
    let full_length = |trial: &&TrialState| trial.values.len() == state.ladder.rungs.len() && finite(trial);
    let baseline = usize::from(state.trials()[0].kind == TrialKind::Recipe);
    if state.trials()[baseline..].iter().any(finite) {
        let full: Vec<u32> = state.trials()[baseline..].iter().filter(full_length).map(|trial| trial.number).collect();
        assert!(!full.is_empty(), "a competitor is trained in full: {state:?}");
    }
    for trial in state.trials() {
        let runs_in_full = kind == SchedulerKind::None || (trial.number as usize) < baseline;
        if runs_in_full && finite(trial) {
            assert_eq!(trial.phase, Phase::Complete, "{trial:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_scheduler_keeps_the_contract(world in worlds(), slots in 1..9_usize, order: u64) {
        for kind in KINDS {
            let (state, _) = simulate(kind, &world, slots, order);
            check_end(kind, &state);
        }
    }

    #[test]
    fn the_best_are_taken_to_the_top_where_they_are_compared(world in worlds(), finalists in 2..5_u32, slots in 1..9_usize, order: u64) {
        for kind in KINDS {
            let (mut state, _) = simulate(kind, &world, slots, order);
            state.finalists = finalists;
            let mut running = Vec::new();
            let mut rng = stream(order, 1, Purpose::DataOrder);
            loop {
                while running.len() < slots && let Some(action) = next(&*build(kind), &state) {
                    let Action::Promote { trial, rung } = action else { panic!("{action:?} after the end") };
                    prop_assert_eq!(state.trials()[trial as usize].phase, Phase::Paused { rung: rung - 1 });
                    activate(&mut state, trial as usize, rung);
                    running.push(trial);
                }
                if running.is_empty() {
                    break;
                }
                let number = running.swap_remove(rng.random_range(0..running.len()));
                world.happens(&mut state, number);
            }
            let finite = |trial: &&TrialState| trial.values.iter().all(|value| value.is_finite());
            let most = for_the_top(&state.ladder, finalists, competitors(&state).len());
            let competitors = || competitors(&state).filter(finite);
            let there = competitors().filter(|trial| trial.phase == Phase::Complete).count();
            prop_assert!(there >= competitors().count().min(most), "{:?}: {} of {:?}", kind, there, state);
            // At each rung the best have gone on.
            for rung in 0..state.ladder.top() {
                let ranked = ranking(&state, competitors(), rung);
                prop_assert!(ranked.iter().take(most).all(|trial| trial.phase == Phase::Complete || trial.values.len() > rung + 1));
            }
            // Nobody who keeps the constraints waits while all that are complete exceed them.
            let keeps = |trial: &TrialState| state.cost(trial, trial.values.len() - 1).is_feasible();
            let (complete, waiting): (Vec<_>, Vec<_>) = competitors().filter(|trial| keeps(trial)).partition(|trial| trial.phase == Phase::Complete);
            prop_assert!(!world.constrained || !complete.is_empty() || waiting.is_empty(), "{:?}: {:?}", kind, state);
        }
    }

    #[test]
    fn an_extended_study_ends_well_too(world in worlds(), more in 1..20_u32) {
        for kind in KINDS {
            let scheduler = build(kind);
            let (mut state, _) = simulate(kind, &world, 2, 1);
            state.planned += more;
            prop_assert_eq!(scheduler.decide(&state, 1).len(), 1);
        }
    }

    #[test]
    fn synchronous_decisions_do_not_depend_on_slots(world in worlds(), order: u64) {
        let (one, learned) = simulate(SchedulerKind::SuccessiveHalving, &world, 1, order);
        for slots in [2, 4, 30] {
            let (many, learned_many) = simulate(SchedulerKind::SuccessiveHalving, &world, slots, order ^ 1);
            prop_assert_eq!(&learned, &learned_many);
            // As text, because NaN differs from itself.
            prop_assert_eq!(format!("{:?}", one.trials()), format!("{:?}", many.trials()));
        }
    }

    #[test]
    fn a_synchronous_sampler_learns_only_from_finished_cohorts(world in worlds(), slots in 1..9_usize) {
        let (state, learned) = simulate(SchedulerKind::SuccessiveHalving, &world, slots, 3);
        let firsts: Vec<u32> = (0_u32..).zip(&learned).filter(|(number, from)| number == *from).map(|(number, _)| number).collect();
        for (number, from) in (0_u32..).zip(&learned) {
            prop_assert!(*from <= number && firsts.contains(from));
        }
        prop_assert_eq!(learned.len(), state.trials().len());
    }

    #[test]
    fn what_is_expected_falls_from_rung_to_rung(trials in 0..2000_usize, eta in 2..6_u32, rungs in 1..8_usize) {
        let ladder = study(1, eta, rungs).ladder;
        for kind in KINDS {
            let expected = build(kind).expected(&ladder, trials);
            prop_assert_eq!(expected.len(), rungs);
            prop_assert_eq!(expected[0], trials);
            prop_assert!(expected.is_sorted_by(|a, b| a >= b), "{:?}: {:?}", kind, expected);
            prop_assert!(trials == 0 || expected[rungs - 1] > 0);
        }
    }
}
