//! Configs that the user wants tried next.

use std::sync::Arc;

use search_spaces::{config::Config, domain::Assignment};
use serde::{Deserialize, Serialize};

use crate::{
    events::Event,
    state::{SearchState, TrialState},
    study::StudyState,
};

/// A config to be tried as soon as a slot is free for a new trial, beside those that were planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enqueued {
    /// Stands where a recipe's name does.
    pub name: String,
    pub config: Arc<Config>,
    /// The point of the space nearest to it; `None` where the space has none of its kind.
    pub assignment: Option<Assignment>,
}

/// All that were ever enqueued, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    all: Vec<Enqueued>,
    /// So many of them have become trials.
    started: usize,
}

/// Why a config is not enqueued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEnqueued {
    #[error("trial {0} of this study has this very config")]
    Tried(u32),
    #[error("this very config waits to be tried already, as {0:?}")]
    Waits(String),
}

impl Queue {
    /// Those that wait, the next first.
    pub fn waiting(&self) -> &[Enqueued] {
        &self.all[self.started..]
    }

    /// Trials there are to be for it beside those planned.
    pub(crate) fn total(&self) -> u32 {
        self.all.len() as u32
    }

    /// Not so in what was made up.
    pub(crate) fn is_sound(&self) -> bool {
        self.started <= self.all.len()
    }

    pub(crate) fn push(&mut self, enqueued: Enqueued) {
        self.all.push(enqueued);
    }

    pub(crate) fn take(&mut self) {
        self.started += 1;
    }
}

impl StudyState {
    /// The event that enqueues a config.
    pub fn enqueue(&self, enqueued: Enqueued) -> Result<Event, NotEnqueued> {
        let same = |trial: &&TrialState| trial.config == enqueued.config;
        if let Some(trial) = self.search.searched().find(same) {
            return Err(NotEnqueued::Tried(trial.number));
        }
        match self.enqueued.waiting().iter().find(|other| other.config == enqueued.config) {
            Some(other) => Err(NotEnqueued::Waits(other.name.clone())),
            None => Ok(Event::Enqueued(Box::new(enqueued))),
        }
    }

    /// What the next trial to be started is, if not what the sampler proposes: the file's recipes come first, then what is enqueued.
    pub(crate) fn next_enqueued(&self, search: &SearchState) -> Option<&Enqueued> {
        let recipes_done = search.searched().len() >= self.spec.space.recipes.len();
        self.enqueued.waiting().first().filter(|_| recipes_done)
    }
}
