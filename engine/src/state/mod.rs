//! What schedulers and samplers see: the study so far, folded from its events.

mod index;
mod leaderboard;
mod view;

use std::sync::Arc;

use search_spaces::{config::Config, domain::Assignment, ladder::Ladder, settings::Objective};
use serde::{Deserialize, Serialize};

pub(crate) use index::{Index, eta, places};
pub use view::{Seen, View};

/// The study at one event number. The same events give the same state.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchState {
    /// This and the ladder never change.
    pub objective: Objective,
    pub ladder: Ladder,
    /// Trials wanted in all; fewer once the space or the budget has no more.
    pub planned: u32,
    /// Of the competition the best so many are to be trained in full, if there are enough to choose from.
    pub finalists: u32,
    /// Events folded so far.
    pub seq: u64,
    trials: Vec<TrialState>,
    /// Numbers of the trials of the search: of all but the finalists.
    searched: Vec<u32>,
    index: Index,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialState {
    pub number: u32,
    pub kind: TrialKind,
    /// Of a finalist: the trial of the search whose config it trains.
    #[serde(default)]
    pub parent: Option<u32>,
    pub config: Arc<Config>,
    /// Where it lies in the space; `None` for a recipe outside it.
    pub assignment: Option<Assignment>,
    /// Whether `config` is the one at `assignment`: a recipe may lie outside the space, where its assignment is only the nearest point.
    pub inside: bool,
    /// The objective's value at each rung reached, from rung 0. A failed trial has NaN at the rung it failed before; one that stopped itself
    /// early has its value at all rungs from there on.
    #[serde(with = "crate::numbers")]
    pub values: Vec<f64>,
    pub phase: Phase,
    /// The rung it was on its way to when it stopped itself early.
    pub stopped_at: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrialKind {
    /// Drawn by the sampler.
    Search,
    /// Listed in the file, or enqueued by the user; the default recipe is trial 0.
    Recipe,
    /// Another training of a config that came out best, with another seed. It has no place in the search.
    Finalist,
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
    /// Before the first trial.
    pub fn new(objective: Objective, ladder: Ladder, planned: u32) -> SearchState {
        let index = Index::new(&ladder);
        SearchState { objective, ladder, planned, finalists: 0, seq: 0, trials: Vec::new(), searched: Vec::new(), index }
    }

    /// By number: `trials()[n].number == n`.
    pub fn trials(&self) -> &[TrialState] {
        &self.trials
    }

    /// The trials of the search: all but the finalists.
    pub fn searched(&self) -> impl DoubleEndedIterator<Item = &TrialState> + ExactSizeIterator + Clone {
        self.searched.iter().map(|number| &self.trials[*number as usize])
    }

    /// Adds the next trial, whose number is that of the trials so far.
    pub fn add(&mut self, trial: TrialState) {
        assert_eq!(trial.number as usize, self.trials.len(), "trials are numbered as they come");
        self.index.insert(self.objective, &trial);
        if trial.kind != TrialKind::Finalist {
            self.searched.push(trial.number);
        }
        self.trials.push(trial);
    }

    /// Lets `change` alter a trial's values and phase, but neither its number, its kind nor its place.
    pub fn change(&mut self, trial: u32, change: impl FnOnce(&mut TrialState)) {
        let state = &mut self.trials[trial as usize];
        self.index.remove(self.objective, state);
        change(state);
        self.index.insert(self.objective, state);
    }

    /// What a sampler may learn from: the values of trials numbered below `learn_from`. Of the others only the places remain.
    pub fn view(&self, learn_from: u32) -> View<'_> {
        View::new(self, learn_from)
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }
}
