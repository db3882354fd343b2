//! What schedulers and samplers see: the study so far, folded from its events.

use search_spaces::{config::Config, domain::Assignment, ladder::Ladder, settings::Objective};
use serde::{Deserialize, Serialize};

/// The study at one event number. The same events give the same state.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchState {
    pub objective: Objective,
    pub ladder: Ladder,
    /// Trials wanted in all.
    pub planned: u32,
    /// By number: `trials[n].number == n`.
    pub trials: Vec<TrialState>,
    /// Events folded so far.
    pub seq: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialState {
    pub number: u32,
    pub kind: TrialKind,
    pub config: Config,
    /// Where it lies in the space; `None` for a recipe outside it.
    pub assignment: Option<Assignment>,
    /// The objective's value at each rung reached, from rung 0. A failed trial has NaN at the rung it failed before; one that stopped itself
    /// early has its value at all rungs from there on.
    pub values: Vec<f64>,
    pub phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrialKind {
    /// Drawn by the sampler.
    Search,
    /// Listed in the file; the default recipe is trial 0.
    Recipe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// A segment to this rung is queued or running.
    Active { rung: usize },
    /// Reached this rung and waits there.
    Paused { rung: usize },
    /// Has its final value: at the top, or stopped by itself.
    Complete,
    /// Ended by its own fault on the way to this rung.
    Failed { rung: usize },
}
