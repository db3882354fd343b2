//! What schedulers and samplers see: the study so far, folded from its events.

mod cost;
mod index;
mod leaderboard;
mod view;

use std::sync::Arc;

use search_spaces::{
    config::Config,
    domain::Assignment,
    goals::{Constraint, Second},
    ladder::Ladder,
    settings::Objective,
};
use serde::{Deserialize, Serialize};

pub use cost::Cost;
pub(crate) use cost::{Standing, in_order};
pub(crate) use index::{Index, eta, places};
pub use view::{Seen, View};

/// The study at one event number. The same events give the same state.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchState {
    /// This and what follows, down to the ladder, never change.
    pub objective: Objective,
    pub second: Option<Second>,
    pub constraints: Vec<Constraint>,
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

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialState {
    pub number: u32,
    pub kind: TrialKind,
    /// Of a finalist: the trial of the search whose config it trains.
    pub parent: Option<u32>,
    pub config: Arc<Config>,
    /// Where it lies in the space; `None` for a recipe outside it.
    pub assignment: Option<Assignment>,
    /// Whether `config` is the one at `assignment`: a recipe may lie outside the space, where its assignment is only the nearest point.
    pub inside: bool,
    /// The objective's value at each rung reached, from rung 0. A failed trial has NaN at the rung it failed before; one that stopped itself
    /// early has its value at all rungs from there on.
    #[serde(serialize_with = "crate::numbers::serialize")]
    pub values: Vec<f64>,
    /// Beside `values`, where there are constraints: by how much all of them together are exceeded, in shares of their limits.
    #[serde(serialize_with = "crate::numbers::serialize")]
    pub exceeded: Vec<f64>,
    /// Beside `values`, where there is a second objective: its cost, lower is better.
    #[serde(serialize_with = "crate::numbers::serialize")]
    pub second: Vec<f64>,
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
        let (second, constraints) = (None, Vec::new());
        SearchState {
            objective,
            second,
            constraints,
            ladder,
            planned,
            finalists: 0,
            seq: 0,
            trials: Vec::new(),
            searched: Vec::new(),
            index,
        }
    }

    /// By number: `trials()[n].number == n`.
    pub fn trials(&self) -> &[TrialState] {
        &self.trials
    }

    /// The trials of the search: all but the finalists.
    pub fn searched(&self) -> impl DoubleEndedIterator<Item = &TrialState> + ExactSizeIterator + Clone {
        self.searched.iter().map(|number| &self.trials[*number as usize])
    }

    /// Makes room for so many more trials.
    pub(crate) fn reserve(&mut self, trials: usize) {
        self.trials.reserve_exact(trials);
    }

    /// Adds the next trial, whose number is that of the trials so far.
    pub fn add(&mut self, trial: TrialState) {
        assert_eq!(trial.number as usize, self.trials.len(), "trials are numbered as they come");
        let costs = self.costs(&trial);
        self.index.insert(&costs, &trial);
        if trial.kind != TrialKind::Finalist {
            self.searched.push(trial.number);
        }
        self.trials.push(trial);
    }

    /// Lets `change` alter a trial's values and phase, but neither its number, its kind nor its place.
    pub fn change(&mut self, trial: u32, change: impl FnOnce(&mut TrialState)) {
        let state = &self.trials[trial as usize];
        self.index.remove(&self.costs(state), state);
        change(&mut self.trials[trial as usize]);
        let state = &self.trials[trial as usize];
        let costs = self.costs(state);
        self.index.insert(&costs, state);
    }

    fn costs(&self, trial: &TrialState) -> Vec<Cost> {
        (0..trial.values.len()).map(|rung| self.cost(trial, rung)).collect()
    }

    /// Of the best of the competitors that have reached `rung`, as many as have places above, those that wait there with a finite value, best first.
    pub(crate) fn promotable(&self, rung: usize) -> Box<dyn Iterator<Item = u32> + '_> {
        if self.second.is_none() {
            return Box::new(self.index.promotable(rung));
        }
        // Fronts are no order that can be kept up trial by trial.
        let reached = self.index.reached(rung).map(|standing| (*standing, standing.number)).collect::<Vec<_>>();
        let places = places(reached.len(), eta(&self.ladder));
        let waits = move |number: &u32| {
            let trial = &self.trials[*number as usize];
            trial.phase == Phase::Paused { rung } && self.cost(trial, rung).is_finite()
        };
        Box::new(in_order(true, reached).take(places).filter(waits))
    }

    /// What a sampler may learn from: the values of trials numbered below `learn_from`. Of the others only the places remain.
    pub fn view(&self, learn_from: u32) -> View<'_> {
        View::new(self, learn_from)
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }
}
