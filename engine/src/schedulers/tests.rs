//! What is special to each scheduler. What all keep is in `contract.rs`.

use search_spaces::{
    goals::{Constraint, Measure, Second},
    settings::{Direction, SchedulerKind},
};

use super::{Action, build, next};
use crate::{
    samplers::fixtures::{activate, fail, reach, start, stop_early, study},
    state::{SearchState, TrialKind, places},
};

/// A state from the values at each rung of each trial; all wait where they are.
fn waiting(planned: u32, rungs: usize, values: &[&[f64]]) -> SearchState {
    let mut state = study(planned, 3, rungs);
    for (number, values) in values.iter().enumerate() {
        start(&mut state, if number == 0 { TrialKind::Recipe } else { TrialKind::Search }, None);
        for (rung, value) in values.iter().enumerate() {
            activate(&mut state, number, rung);
            if value.is_nan() { fail(&mut state, number) } else { reach(&mut state, number, *value) }
        }
    }
    state
}

fn promote(trial: u32, rung: usize) -> Action {
    Action::Promote { trial, rung }
}

#[test]
fn asha_promotes_from_the_highest_rung_then_the_baseline_then_starts() {
    let asha = build(SchedulerKind::Asha);
    let state = waiting(9, 3, &[&[0.9], &[0.1, 0.3], &[0.2, 0.2], &[0.3, 0.1], &[0.4], &[0.5], &[0.6], &[0.05]]);
    assert_eq!(asha.decide(&state, 5), [promote(3, 2), promote(7, 1), promote(0, 1), Action::Start { learn_from: 8 }]);
    assert_eq!(asha.decide(&state, 2), [promote(3, 2), promote(7, 1)]);
}

#[test]
fn asha_promotes_one_in_four_and_the_first_once_three_are_there() {
    let places: Vec<usize> = [0, 2, 3, 7, 8, 11, 12].into_iter().map(|count| places(count, 3)).collect();
    assert_eq!(places, [0, 0, 1, 1, 2, 2, 3]);
}

#[test]
fn asha_counts_failed_trials_but_never_promotes_them() {
    let asha = build(SchedulerKind::Asha);
    let state = waiting(4, 2, &[&[0.9, 0.9], &[f64::NAN], &[f64::NAN], &[0.5]]);
    assert_eq!(asha.decide(&state, 2), [promote(3, 1)]);
    let state = waiting(4, 2, &[&[0.9, 0.9], &[f64::NAN], &[f64::NAN], &[f64::NAN]]);
    assert_eq!(asha.decide(&state, 2), []);
}

#[test]
fn ties_go_to_the_lower_number() {
    let state = waiting(4, 2, &[&[0.9, 0.9], &[0.5], &[-0.0], &[0.0]]);
    for kind in [SchedulerKind::Asha, SchedulerKind::SuccessiveHalving] {
        let mut state = state.clone();
        assert_eq!(build(kind).decide(&state, 9)[0], promote(2, 1));
        state.change(2, |trial| trial.values[0] = 0.0);
        state.change(3, |trial| trial.values[0] = -0.0);
        assert_eq!(build(kind).decide(&state, 9)[0], promote(2, 1));
    }
}

#[test]
fn asha_ends_with_a_searched_config_trained_in_full() {
    let asha = build(SchedulerKind::Asha);
    // Two in rung 1 are fewer than eta: by the rule nobody goes on, at the end the better one does.
    let mut state = waiting(7, 3, &[&[0.1, 0.1, 0.1], &[0.2, 0.9], &[0.3, 0.8], &[0.4], &[0.5], &[0.6], &[0.7]]);
    assert_eq!(asha.decide(&state, 2), [promote(2, 2)]);
    // When it fails, the next one.
    activate(&mut state, 2, 2);
    assert_eq!(asha.decide(&state, 1), []);
    fail(&mut state, 2);
    assert_eq!(asha.decide(&state, 2), [promote(1, 2)]);
    activate(&mut state, 1, 2);
    reach(&mut state, 1, 0.7);
    assert_eq!(asha.decide(&state, 2), []);
}

#[test]
fn a_search_does_not_end_with_what_exceeds_a_constraint_while_others_that_keep_it_wait() {
    for kind in [SchedulerKind::Asha, SchedulerKind::SuccessiveHalving, SchedulerKind::Pasha] {
        let scheduler = build(kind);
        // At rung 0 only trial 2 exceeds it. The best has gone on, and exceeds it at the top.
        let mut state = waiting(5, 2, &[&[0.9, 0.9], &[0.1, 0.1], &[0.2], &[0.4], &[0.3]]);
        for (trial, exceeded) in [(0, vec![0.0; 2]), (1, vec![0.0, 0.5]), (2, vec![0.5]), (3, vec![0.0]), (4, vec![0.0])] {
            state.change(trial, |trial| trial.exceeded = exceeded);
        }
        assert_eq!(next(&*scheduler, &state), None, "{kind:?}: there is no constraint");
        state.constraints = vec![Constraint::GroupGap(0.1)];
        assert_eq!(next(&*scheduler, &state), Some(promote(4, 1)), "{kind:?}: the best of those that keep it");
        let goes_on = |state: &mut SearchState, trial: u32, exceeded| {
            activate(state, trial as usize, 1);
            assert_eq!(next(&*scheduler, state), None, "{kind:?}: one at a time");
            reach(state, trial as usize, 0.2);
            state.change(trial, |trial| trial.exceeded.push(exceeded));
        };
        goes_on(&mut state, 4, 0.1);
        assert_eq!(next(&*scheduler, &state), Some(promote(3, 1)), "{kind:?}: that one exceeds it at the top, too");
        goes_on(&mut state, 3, 0.0);
        assert_eq!(next(&*scheduler, &state), None, "{kind:?}");
    }
}

#[test]
fn asha_lets_a_trial_that_stopped_itself_keep_its_place_without_a_slot() {
    let asha = build(SchedulerKind::Asha);
    let mut state = waiting(9, 2, &[&[0.9, 0.9], &[], &[0.3], &[0.4], &[0.5], &[0.6], &[0.7], &[0.8], &[0.9]]);
    stop_early(&mut state, 1, 0.1);
    assert_eq!(asha.decide(&state, 2), [promote(2, 1)]);
}

#[test]
fn halving_waits_for_the_whole_cohort() {
    let halving = build(SchedulerKind::SuccessiveHalving);
    let values: [&[f64]; 9] = [&[0.9], &[0.6], &[0.72], &[f64::NAN], &[0.70], &[0.72], &[0.55], &[0.74], &[0.69]];
    let mut state = waiting(20, 3, &values);
    state.objective.direction = search_spaces::settings::Direction::Maximize;
    assert_eq!(halving.decide(&state, 4), [Action::Start { learn_from: 0 }, promote(0, 1)]);
    start(&mut state, TrialKind::Search, None);
    assert_eq!(halving.decide(&state, 4), [promote(0, 1)]);
    reach(&mut state, 9, 0.5);
    assert_eq!(halving.decide(&state, 4), [promote(7, 1), promote(2, 1), promote(5, 1), promote(0, 1)]);
    for (trial, value) in [(7, 0.79), (2, 0.8), (5, 0.78)] {
        activate(&mut state, trial, 1);
        reach(&mut state, trial, value);
    }
    assert_eq!(halving.decide(&state, 1), [promote(2, 2)]);
    activate(&mut state, 2, 2);
    reach(&mut state, 2, 0.84);
    assert_eq!(halving.decide(&state, 1), [promote(0, 1)], "the cohort ends with the baseline");
    for rung in 1..3 {
        activate(&mut state, 0, rung);
        reach(&mut state, 0, 0.5);
    }
    assert_eq!(halving.decide(&state, 3), [Action::Start { learn_from: 10 }; 3]);
}

#[test]
fn a_single_rung_still_gives_several_slots_work() {
    let state = study(20, 3, 1);
    assert_eq!(build(SchedulerKind::SuccessiveHalving).decide(&state, 20), [Action::Start { learn_from: 0 }; 8]);
    assert_eq!(build(SchedulerKind::None).decide(&state, 2), [Action::Start { learn_from: 0 }, Action::Start { learn_from: 1 }]);
}

#[test]
fn hyperband_halves_each_bracket_from_its_own_first_rung() {
    let hyperband = build(SchedulerKind::Hyperband);
    // After the baseline 3 trials are halved at rung 0, the next 2 run their full length; and so on.
    let state = waiting(7, 2, &[&[0.9, 0.9], &[0.3], &[0.2], &[0.1], &[0.8], &[0.7, 0.6], &[0.01]]);
    assert_eq!(hyperband.decide(&state, 9), [promote(6, 1), promote(4, 1)], "one of the four in the first bracket, all of the second");
    let state = waiting(7, 2, &[&[0.9, 0.9], &[0.3], &[0.2], &[0.1], &[0.8], &[0.7, 0.6], &[f64::NAN]]);
    assert_eq!(hyperband.decide(&state, 9), [promote(3, 1), promote(4, 1)]);
}

#[test]
fn pasha_raises_its_ceiling_when_the_ranking_changes() {
    let pasha = build(SchedulerKind::Pasha);
    let agreed: [&[f64]; 10] = [&[0.9; 4], &[0.1, 0.1], &[0.2, 0.2], &[0.3, 0.3], &[0.4], &[0.5], &[0.6], &[0.7], &[0.8], &[0.9]];
    let mut state = waiting(11, 4, &agreed);
    assert_eq!(pasha.decide(&state, 1), [Action::Start { learn_from: 10 }], "the ceiling is rung 1");
    state.change(1, |trial| trial.values[1] = 0.25);
    assert_eq!(pasha.decide(&state, 1), [promote(2, 2)]);
    // A value at rung 2 keeps the ceiling there, whatever the lower rungs say later.
    activate(&mut state, 2, 2);
    reach(&mut state, 2, 0.15);
    state.change(1, |trial| trial.values[1] = 0.1);
    assert_eq!(pasha.decide(&state, 1), [promote(1, 2)]);
    // At the end the best goes all the way.
    let mut state = waiting(10, 4, &agreed);
    assert_eq!(pasha.decide(&state, 9), [promote(1, 2)]);
    activate(&mut state, 1, 2);
    reach(&mut state, 1, 0.1);
    assert_eq!(pasha.decide(&state, 9), [promote(1, 3)]);
}

#[test]
fn the_median_rule_holds_back_who_is_worse_than_the_mean_courses_of_the_others() {
    let median = build(SchedulerKind::MedianRule);
    let state =
        waiting(7, 3, &[&[0.9; 3], &[0.5, 0.1, 0.1], &[0.5, 0.1, 0.1], &[0.5, 0.2, 0.1], &[0.5, 0.3, 0.1], &[0.5, 0.3, 0.1], &[0.4, 0.31]]);
    // The others' means up to rung 1 are 0.3, 0.3, 0.35, 0.4 and 0.4, and its best is 0.31.
    assert_eq!(median.decide(&state, 1), [promote(6, 2)]);
    let state =
        waiting(7, 3, &[&[0.9; 3], &[0.5, 0.1, 0.1], &[0.5, 0.1, 0.1], &[0.5, 0.2, 0.1], &[0.5, 0.3, 0.1], &[0.5, 0.3, 0.1], &[0.4, 0.36]]);
    assert_eq!(median.decide(&state, 1), [], "worse than 0.35");
    // Four others are too few for a median.
    let state = waiting(6, 3, &[&[0.9; 3], &[0.5, 0.1, 0.1], &[0.5, 0.1, 0.1], &[0.5, 0.2, 0.1], &[0.5, 0.3, 0.1], &[0.9, 0.9]]);
    assert_eq!(median.decide(&state, 1), [promote(5, 2)]);
}

#[test]
fn the_median_rule_does_not_look_at_a_second_objective() {
    let median = build(SchedulerKind::MedianRule);
    let mut state = waiting(7, 2, &[&[0.9; 2], &[0.1, 0.1], &[0.1, 0.1], &[0.3, 0.1], &[0.5, 0.1], &[0.5, 0.1], &[0.3]]);
    assert_eq!(median.decide(&state, 1), [promote(6, 1)], "as good as the median");
    state.second = Some(Second { measure: Measure::Loss, direction: Direction::Minimize });
    for trial in 1..7 {
        state.change(trial, |trial| trial.second.resize(trial.values.len(), f64::from(trial.number)));
    }
    assert_eq!(median.decide(&state, 1), [promote(6, 1)]);
}
