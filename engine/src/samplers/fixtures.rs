//! States and trials for the tests of samplers and schedulers.

use search_spaces::{
    config::{Adapter, Augment, ClassWeights, Config, DecayOn, Dropout, FrozenNorm, Keep, Optimizer, Rate, Schedule, Unfreeze},
    domain::Assignment,
    ladder::Ladder,
    settings::{Direction, Metric, Objective},
};

use crate::state::{Phase, SearchState, TrialKind, TrialState, View};

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
    let objective = Objective { metric: Metric::Loss, direction: Direction::Minimize };
    directed(objective, planned, eta, rungs)
}

pub(crate) fn directed(objective: Objective, planned: u32, eta: u32, rungs: usize) -> SearchState {
    let rungs = (0..rungs as u32).map(|rung| u64::from(eta).pow(rung)).collect();
    SearchState::new(objective, Ladder { eta, rungs, ..Ladder::default() }, planned)
}

/// Adds a trial on its way to rung 0.
pub(crate) fn start(state: &mut SearchState, kind: TrialKind, assignment: Option<Assignment>) {
    let number = state.trials().len() as u32;
    state.add(TrialState {
        number,
        kind,
        parent: None,
        config: config().into(),
        assignment,
        inside: true,
        values: Vec::new(),
        exceeded: Vec::new(),
        second: Vec::new(),
        phase: Phase::Active { rung: 0 },
        stopped_at: None,
    });
}

/// The trial that waits goes on to `rung`.
pub(crate) fn activate(state: &mut SearchState, trial: usize, rung: usize) {
    state.change(trial as u32, |trial| trial.phase = Phase::Active { rung });
}

/// The rung an active trial is on its way to.
fn aim(trial: &TrialState) -> usize {
    let Phase::Active { rung } = trial.phase else { panic!("{trial:?} does not run") };
    assert_eq!(trial.values.len(), rung);
    rung
}

/// The trial reaches the rung it was on its way to.
pub(crate) fn reach(state: &mut SearchState, trial: usize, value: f64) {
    let top = state.ladder.top();
    state.change(trial as u32, |trial| {
        let rung = aim(trial);
        trial.values.push(value);
        trial.phase = if rung == top { Phase::Complete } else { Phase::Paused { rung } };
    });
}

/// The trial fails on its way.
pub(crate) fn fail(state: &mut SearchState, trial: usize) {
    state.change(trial as u32, |trial| {
        let rung = aim(trial);
        trial.values.push(f64::NAN);
        trial.phase = Phase::Failed { rung };
    });
}

/// The trial stops itself on its way, with `value`.
pub(crate) fn stop_early(state: &mut SearchState, trial: usize, value: f64) {
    let rungs = state.ladder.rungs.len();
    state.change(trial as u32, |trial| {
        let rung = aim(trial);
        trial.stopped_at = Some(rung);
        trial.values.resize(rungs, value);
        trial.phase = Phase::Complete;
    });
}

/// All that is known.
pub(crate) fn all(state: &SearchState) -> View<'_> {
    state.view(u32::MAX)
}
