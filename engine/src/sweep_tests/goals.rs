//! Constraints and a second objective.

use search_spaces::{
    goals::{Constraint, Measure, Second},
    settings::Direction,
};

use super::*;
use crate::finalists::{By, Rule};

/// Parameters are ten million times the learning rate, of which 1e-3 is the best: see `testing.rs`.
fn parameters(trial: &TrialState) -> f64 {
    match trial.config.optimizer {
        search_spaces::config::Optimizer::AdamW { learning_rate, .. } => (1e7 * learning_rate).floor(),
        _ => panic!("AdamW"),
    }
}

fn constrained(trials: u32, constraints: Vec<Constraint>) -> StudySpec {
    let mut spec = spec(trials);
    spec.space.constraints = constraints;
    spec
}

fn full_length(state: &StudyState) -> Vec<&TrialState> {
    state.search.searched().filter(|trial| trial.phase == Phase::Complete).collect()
}

#[test]
fn what_exceeds_a_constraint_is_not_best_and_hardly_taken_further() {
    let limit = 3_000.0;
    for scheduler in [SchedulerKind::Asha, SchedulerKind::SuccessiveHalving] {
        let sweep = Sweep::new(CurveRunner::default(), scheduler, 2);
        let store = MemoryStore::default();
        let mut spec = constrained(30, vec![Constraint::TrainableParameters(limit as u64)]);
        (spec.space.settings.finalists, spec.space.settings.finalist_seeds) = (2, 2);
        sweep.run(&store, &spec);
        let state = state(&store);
        let kept = |trial: &TrialState| parameters(trial) <= limit;
        for trial in state.search.searched() {
            let share = (parameters(trial) / limit - 1.0).max(0.0);
            assert!(trial.exceeded.len() == trial.values.len() && trial.exceeded.iter().all(|exceeded| (exceeded - share).abs() < 1e-9));
        }
        assert!(state.search.searched().filter(|trial| !kept(trial)).count() > 3, "some must exceed it");
        // Trial 0 is the baseline, which runs its full length whatever it is worth. Others may get there before anybody who keeps the constraint is known.
        let full: Vec<bool> = full_length(&state).into_iter().skip(1).map(kept).collect();
        assert!(full.iter().filter(|kept| **kept).count() >= 2 && full.iter().filter(|kept| !**kept).count() <= 1, "{full:?}");
        let leaderboard = state.search.leaderboard();
        assert!(leaderboard.is_sorted_by_key(|trial| !kept(&state.search.trials()[*trial as usize])));
        let best = state.best().unwrap();
        assert!(kept(&state.search.trials()[best.trial as usize]));
        let by = By::Mean { finalists: 2, seeds: 2 };
        assert_eq!(best.rule, Rule { by, feasible: Some(true), exceeding: 0, others_keep: true, second: false });
        let unconstrained = state.search.searched().map(|trial| trial.values[0]).fold(0.0, f64::max);
        assert!(state.search.trials()[leaderboard[0] as usize].values[0] < unconstrained, "the constraint costs something");
        assert_eq!(mismatches(&store), []);
    }
}

#[test]
fn where_none_keeps_the_constraints_the_one_that_exceeds_them_least_is_best_and_that_is_said() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 1);
    let store = MemoryStore::default();
    sweep.run(&store, &constrained(9, vec![Constraint::TrainableParameters(1), Constraint::CheckpointBytes(1)]));
    let state = state(&store);
    let fewest = state.search.searched().map(parameters).fold(f64::INFINITY, f64::min);
    let best = state.best().unwrap();
    assert_eq!(parameters(&state.search.trials()[best.trial as usize]), fewest);
    assert_eq!(best.rule.to_string(), "the best value of the search, of what exceeds the constraints least: none keeps them all");
}

#[test]
fn metrics_and_seconds_constrain_too() {
    static CLOCK: AtomicI64 = AtomicI64::new(0);
    let runner = CurveRunner { clock: Some(&CLOCK), ..CurveRunner::default() };
    let sweep = Sweep { clock: || CLOCK.load(Ordering::SeqCst), ..Sweep::new(runner, SchedulerKind::Asha, 1) };
    let store = MemoryStore::default();
    // A step takes a second, a pass has 36 of them; the curves have no groups, so that nobody keeps to a gap.
    sweep.run(&store, &constrained(5, vec![Constraint::SecondsPerEpoch(18.0)]));
    assert!(state(&store).search.searched().all(|trial| trial.exceeded.iter().all(|share| (share - 1.0).abs() < 1e-9)));
    let store = MemoryStore::default();
    sweep.run(&store, &constrained(5, vec![Constraint::GroupGap(0.1), Constraint::SecondsPerEpoch(36.5)]));
    assert!(state(&store).search.searched().all(|trial| trial.exceeded.iter().all(|share| *share == f64::INFINITY)));
    assert_eq!(full_length(&state(&store)).len(), 2, "the baseline, and one that is trained in full all the same");
}

#[test]
fn a_second_objective_takes_both_ends_of_the_front_to_the_top() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::Asha, 2);
    let store = MemoryStore::default();
    let mut spec = spec(40);
    spec.space.second = Some(Second { measure: Measure::TrainableParameters, direction: Direction::Minimize });
    sweep.run(&store, &spec);
    let state = state(&store);
    assert!(state.search.searched().all(|trial| trial.second.iter().all(|cost| *cost == parameters(trial))));
    let full = full_length(&state);
    let by_value = |a: &&&TrialState, b: &&&TrialState| a.values[2].total_cmp(&b.values[2]);
    let best = full.iter().max_by(by_value).unwrap();
    assert_eq!(state.best().unwrap().trial, best.number);
    assert!(state.best().unwrap().rule.to_string().ends_with("; the second objective only breaks ties"));
    // With one objective nobody so cheap would have been trained in full.
    assert!(full.iter().skip(1).any(|trial| parameters(trial) < 0.1 * parameters(best)), "{full:?}");
    assert_eq!(mismatches(&store), []);
}

#[test]
fn the_weights_of_the_whole_front_are_kept() {
    let sweep = Sweep::new(CurveRunner::default(), SchedulerKind::None, 2);
    let store = MemoryStore::default();
    let mut spec = spec(20);
    spec.space.second = Some(Second { measure: Measure::TrainableParameters, direction: Direction::Minimize });
    sweep.run(&store, &spec);
    let state = state(&store);
    let (front, best) = (state.search.front(), state.best_trials());
    assert!(front.iter().any(|trial| !best.contains(trial)), "{front:?} are more than {best:?}");
    for trial in front.iter().chain(&best) {
        assert!(sweep.checkpoints_on_disk().contains(&format!("trial-{trial}-step-36.ckpt")), "of {trial}");
    }
    assert!(sweep.checkpoints_on_disk().len() < 20, "those of the others are not");
}
