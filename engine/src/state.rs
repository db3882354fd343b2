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
    #[serde(with = "crate::numbers")]
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

impl SearchState {
    /// What a sampler may learn from: the values of trials numbered below `learn_from`. Of the others only the places remain.
    pub fn masked(&self, learn_from: u32) -> SearchState {
        let mut masked = self.clone();
        for trial in masked.trials.iter_mut().skip(learn_from as usize) {
            trial.values.clear();
            trial.phase = Phase::Active { rung: 0 };
        }
        masked
    }

    /// All trials, best first: complete ones by their final value, then the others by the highest rung reached and their value there, then
    /// failed ones in the same way. Ties by number. Values that are not finite are worst.
    pub fn leaderboard(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..self.trials.len() as u32).collect();
        numbers.sort_by(|a, b| {
            let (a, b) = (self.rank(*a), self.rank(*b));
            (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)).then(a.3.cmp(&b.3))
        });
        numbers
    }

    /// The best trial so far; `None` before any has a value.
    pub fn incumbent(&self) -> Option<u32> {
        let best = *self.leaderboard().first()?;
        let trial = &self.trials[best as usize];
        let valued = trial.values.last().is_some_and(|value| value.is_finite());
        (valued && !matches!(trial.phase, Phase::Failed { .. })).then_some(best)
    }

    fn rank(&self, number: u32) -> (u8, std::cmp::Reverse<usize>, f64, u32) {
        let trial = &self.trials[number as usize];
        let group = match trial.phase {
            Phase::Complete => 0,
            Phase::Active { .. } | Phase::Paused { .. } => 1,
            Phase::Failed { .. } => 2,
        };
        let values = &trial.values[..];
        // A failed trial's last value is the NaN of the rung it never reached.
        let reached = if group == 2 { &values[..values.len().saturating_sub(1)] } else { values };
        let cost = reached.last().map_or(f64::INFINITY, |value| self.objective.cost(*value));
        (group, std::cmp::Reverse(reached.len()), cost, number)
    }
}
