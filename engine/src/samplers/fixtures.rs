//! States and trials for the tests of samplers and schedulers.

use search_spaces::{
    config::{Adapter, Augment, ClassWeights, Config, DecayOn, Dropout, FrozenNorm, Keep, Optimizer, Rate, Schedule, Unfreeze},
    domain::Assignment,
    ladder::Ladder,
    settings::{Direction, Metric, Objective},
};

use crate::state::{Phase, SearchState, TrialKind, TrialState};

/// Neither samplers nor schedulers look into a config: any will do.
pub(crate) fn config() -> Config {
    Config {
        epochs: 1,
        batch_size: 16,
        optimizer: Optimizer::Sgd { learning_rate: 0.1, momentum: 0.0, nesterov: false, l2: 0.0 },
        decay_on: DecayOn::Matrices,
        schedule: Schedule::Constant,
        warmup: 0.0,
        unfreeze: Unfreeze::Everything,
        adapter: Adapter::Off,
        dropout: Dropout { hidden: Rate::Constant(0.0), attention: Rate::Constant(0.0), classifier: Rate::Constant(0.0) },
        label_smoothing: 0.0,
        clip_norm: None,
        layer_decay: 1.0,
        early_stopping: None,
        keep: Keep::Last,
        class_weights: ClassWeights::Off,
        micro_batch: None,
        augment: Augment::NONE,
        frozen_norm: FrozenNorm::Running,
    }
}

/// An empty study over `rungs` rungs that minimises.
pub(crate) fn study(planned: u32, eta: u32, rungs: usize) -> SearchState {
    SearchState {
        objective: Objective { metric: Metric::Loss, direction: Direction::Minimize },
        ladder: Ladder { eta, rungs: (0..rungs as u32).map(|rung| u64::from(eta).pow(rung)).collect() },
        planned,
        trials: Vec::new(),
        seq: 0,
    }
}

/// Adds a trial on its way to rung 0.
pub(crate) fn start(state: &mut SearchState, kind: TrialKind, assignment: Option<Assignment>) {
    let number = state.trials.len() as u32;
    state.trials.push(TrialState {
        number,
        kind,
        config: config(),
        assignment,
        inside: true,
        values: Vec::new(),
        phase: Phase::Active { rung: 0 },
        stopped_at: None,
    });
}

/// The trial reaches the rung it was on its way to.
pub(crate) fn reach(state: &mut SearchState, trial: usize, value: f64) {
    let top = state.ladder.top();
    let trial = &mut state.trials[trial];
    let Phase::Active { rung } = trial.phase else { panic!("{trial:?} does not run") };
    assert_eq!(trial.values.len(), rung);
    trial.values.push(value);
    trial.phase = if rung == top { Phase::Complete } else { Phase::Paused { rung } };
}

/// The trial fails on its way.
pub(crate) fn fail(state: &mut SearchState, trial: usize) {
    let trial = &mut state.trials[trial];
    let Phase::Active { rung } = trial.phase else { panic!("{trial:?} does not run") };
    trial.values.push(f64::NAN);
    trial.phase = Phase::Failed { rung };
}

/// The trial stops itself on its way, with `value`.
pub(crate) fn stop_early(state: &mut SearchState, trial: usize, value: f64) {
    let rungs = state.ladder.rungs.len();
    let trial = &mut state.trials[trial];
    let Phase::Active { rung } = trial.phase else { panic!("{trial:?} does not run") };
    trial.stopped_at = Some(rung);
    trial.values.resize(rungs, value);
    trial.phase = Phase::Complete;
}
