//! What a sampler sees of a study.

use search_spaces::{domain::Assignment, ladder::Ladder, settings::Objective};

use crate::state::{Cost, SearchState, TrialKind, TrialState};

/// The study as far as a sampler may learn from it.
///
/// It shows places and values, never phases: which young trials run and which wait depends on the number of slots. Values of trials
/// numbered `learn_from` or above are hidden; their places stay, as taken.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    state: &'a SearchState,
    learn_from: u32,
}

/// A trial that has a place in the space.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub number: u32,
    pub assignment: &'a Assignment,
    /// Said to be good: listed in the file after the default recipe, or enqueued.
    pub is_recipe: bool,
    /// As in [`TrialState::values`](crate::state::TrialState::values).
    pub values: &'a [f64],
    trial: &'a TrialState,
}

impl<'a> View<'a> {
    pub(super) fn new(state: &'a SearchState, learn_from: u32) -> View<'a> {
        View { state, learn_from }
    }

    pub fn objective(self) -> Objective {
        self.state.objective
    }

    pub fn ladder(self) -> &'a Ladder {
        &self.state.ladder
    }

    /// Of a trial at a rung whose value is seen.
    pub fn cost(self, trial: &Seen<'a>, rung: usize) -> Cost {
        self.state.cost(trial.trial, rung)
    }

    /// Whether a second objective is to be searched for, too.
    pub fn has_second(self) -> bool {
        self.state.second.is_some()
    }

    /// How many trials of the search there are, those without a place too.
    pub fn len(self) -> usize {
        self.state.searched().len()
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// One of [`View::trials`].
    pub(crate) fn trial(self, number: u32) -> Option<Seen<'a>> {
        self.seen(&self.state.trials()[number as usize])
    }

    /// Those of [`View::trials`] that proposals may be drawn near, by number.
    pub(crate) fn recipes(self) -> impl Iterator<Item = Seen<'a>> {
        self.state.index().recipes().filter_map(move |number| self.trial(number)).filter(|trial| trial.is_recipe)
    }

    /// The competitors whose values at `rung` are seen, best first by cost.
    pub(crate) fn best_at(self, rung: usize) -> impl Iterator<Item = u32> {
        self.state.index().reached(rung).map(|standing| standing.number).filter(move |number| *number < self.learn_from)
    }

    fn seen(self, trial: &'a TrialState) -> Option<Seen<'a>> {
        let values: &[f64] = if trial.number < self.learn_from { &trial.values } else { &[] };
        let is_recipe = trial.kind == TrialKind::Recipe && trial.number > 0;
        Some(Seen { number: trial.number, assignment: trial.assignment.as_ref()?, is_recipe, values, trial })
    }

    /// By number. A recipe outside the space is not among them, unless it has a nearest point.
    pub fn trials(self) -> impl DoubleEndedIterator<Item = Seen<'a>> {
        self.state.trials().iter().filter_map(move |trial| self.seen(trial))
    }

    /// Whether a trial has the config at this assignment.
    pub fn is_taken(self, assignment: &Assignment) -> bool {
        let same = |number: u32| self.state.trials()[number as usize].assignment.as_ref() == Some(assignment);
        self.state.index().at_place(assignment).any(same)
    }
}
