//! What every chart needs to know of the study.

use engine::state::Phase;
use search_spaces::settings::{Direction, Objective};

use super::{marks::Mark, surface::Colour};
use crate::{
    format,
    tables::{Tables, TrialRow},
};

pub(super) struct Scene<'a> {
    pub(super) tables: &'a Tables,
    pub(super) objective: Objective,
    /// The first of the leaderboard, if it has a value.
    pub(super) best: Option<u32>,
    pub(super) rungs: usize,
    /// Trials of the search that failed.
    pub(super) failures: usize,
}

impl<'a> Scene<'a> {
    pub(super) fn new(tables: &'a Tables, objective: Objective) -> Scene<'a> {
        let best = tables.leaderboard.first().filter(|row| row.value.is_some_and(f64::is_finite)).map(|row| row.trial);
        let failures = tables.searched().filter(|trial| failed(trial)).count();
        Scene { tables, objective, best, rungs: tables.ladder.len(), failures }
    }

    /// Passes over the training data that every trial's full length has; `None` where `epochs` is searched, and a rung is the same share of each trial's own length.
    pub(super) fn epochs(&self) -> Option<u32> {
        let first = self.tables.trials.first()?.epochs;
        self.tables.searched().all(|trial| trial.epochs == first).then_some(first)
    }

    /// `accuracy on the validation split`, with the direction where it is not the usual one.
    pub(super) fn value_label(&self) -> String {
        let name = self.objective.metric.name();
        match self.objective.direction {
            Direction::Minimize => format!("{name} on the validation split (lower is better)"),
            Direction::Maximize => format!("{name} on the validation split"),
        }
    }

    pub(super) fn show(&self, value: f64) -> String {
        format::metric(self.objective.metric, value)
    }

    pub(super) fn rung_colour(&self, rung: usize) -> Colour {
        Colour::rung(rung, self.rungs)
    }

    /// Of the last rung it has a value at.
    pub(super) fn trial_colour(&self, trial: &TrialRow) -> Colour {
        self.rung_colour(trial.rungs_reached.saturating_sub(1))
    }

    /// The last is the full length.
    pub(super) fn rung_name(&self, rung: usize) -> String {
        if rung + 1 == self.rungs { "full length".to_owned() } else { format!("rung {rung}") }
    }

    pub(super) fn rung_entries(&self, mark: impl Fn(Colour) -> Mark) -> impl Iterator<Item = (Mark, String)> {
        (0..self.rungs).map(move |rung| (mark(self.rung_colour(rung)), self.rung_name(rung)))
    }

    /// `trial 7 (0.912)`.
    pub(super) fn trial_name(&self, trial: &TrialRow) -> String {
        let value = trial.last_value().map_or_else(|| "no value".to_owned(), |value| self.show(value));
        format!("trial {} ({value})", trial.number)
    }

    pub(super) fn is_best(&self, trial: u32) -> bool {
        Some(trial) == self.best
    }

    /// Whether the default recipe has a mark of its own: it is not the best itself.
    pub(super) fn marks_default(&self) -> bool {
        self.best != Some(0)
    }
}

pub(super) fn failed(trial: &TrialRow) -> bool {
    matches!(trial.phase, Phase::Failed { .. })
}

pub(super) fn exceeds(trial: &TrialRow) -> bool {
    trial.exceeded.is_some_and(|share| share > 0.0)
}

/// Seconds in the unit that reads best up to `total`: what to divide by, and its name.
pub(super) fn time_unit(total: f64) -> (f64, &'static str) {
    match total {
        _ if total < 240.0 => (1.0, "seconds"),
        _ if total < 4.0 * 3600.0 => (60.0, "minutes"),
        _ => (3600.0, "hours"),
    }
}

/// The same for training examples.
pub(super) fn examples_unit(total: f64) -> (f64, &'static str) {
    match total {
        _ if total < 20_000.0 => (1.0, "training examples"),
        _ if total < 20_000_000.0 => (1e3, "thousand training examples"),
        _ => (1e6, "million training examples"),
    }
}

/// A place in [-0.5, 0.5] that spreads neighbours apart, the same for the same trial every time (the golden ratio's multiples).
pub(super) fn jitter(trial: u32) -> f64 {
    (f64::from(trial) * 0.618_033_988_749_895 + 0.5).fract() - 0.5
}

/// Many marks are drawn smaller and paler, so that a thousand still show where they are dense.
pub(super) fn crowd(trials: usize) -> (f64, f64) {
    match trials {
        0..=40 => (4.4, 1.0),
        41..=200 => (3.4, 0.85),
        _ => (2.5, 0.6),
    }
}
