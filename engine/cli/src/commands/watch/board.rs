//! The trials in an order, and the rows of those that are shown.

use engine::{
    progress::Doing,
    state::{Phase, TrialKind, TrialState},
    study::StudyState,
};

use super::super::status::config_of;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// As the leaderboard: the trials of the search.
    #[default]
    Best,
    /// All trainings, the last first.
    Newest,
    /// Those that failed, the last first.
    Failed,
}

impl Sort {
    pub(super) fn next(self) -> Sort {
        match self {
            Sort::Best => Sort::Newest,
            Sort::Newest => Sort::Failed,
            Sort::Failed => Sort::Best,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Sort::Best => "best first",
            Sort::Newest => "newest first",
            Sort::Failed => "failed only",
        }
    }

    /// The numbers of the trials in this order.
    pub(super) fn order(self, state: &StudyState) -> Vec<u32> {
        let newest = || state.search.trials().iter().rev();
        match self {
            Sort::Best => state.search.leaderboard(),
            Sort::Newest => newest().map(|trial| trial.number).collect(),
            Sort::Failed => newest().filter(|trial| matches!(trial.phase, Phase::Failed { .. })).map(|trial| trial.number).collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) trial: u32,
    pub(super) value: String,
    pub(super) rung: String,
    pub(super) outcome: &'static str,
    pub(super) config: String,
}

/// Rows around one that is selected: as many as any terminal has, and then some.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) sort: Sort,
    /// Of the whole order.
    pub(super) total: usize,
    /// Place of `rows[0]` in it.
    pub(super) first: usize,
    pub(super) rows: Vec<Row>,
    /// The place of the selected one in the whole order.
    pub(super) selected: usize,
}

impl Board {
    pub(super) fn new(state: &StudyState, sort: Sort, order: &[u32], selected: usize) -> Board {
        const AROUND: usize = 300;
        let first = selected.saturating_sub(AROUND);
        let shown = order.iter().skip(first).take(2 * AROUND);
        Board { sort, total: order.len(), first, rows: shown.map(|trial| row(state, *trial)).collect(), selected }
    }
}

fn row(state: &StudyState, number: u32) -> Row {
    let trial = &state.search.trials()[number as usize];
    let of = trial.parent.unwrap_or(number);
    let seed = if trial.kind == TrialKind::Finalist { format!("trial {of} with another seed: ") } else { String::new() };
    Row { trial: number, value: value(trial), rung: rung(trial), outcome: outcome(state, trial), config: seed + &config_of(state, of) }
}

pub(super) fn value(trial: &TrialState) -> String {
    match trial.values.iter().rev().find(|value| !value.is_nan()) {
        Some(value) => format!("{value:.4}"),
        None => "-".to_owned(),
    }
}

/// The highest it was trained to.
fn rung(trial: &TrialState) -> String {
    match trial.stopped_at.or_else(|| trial.values.iter().rposition(|value| !value.is_nan())) {
        Some(rung) => rung.to_string(),
        None => "-".to_owned(),
    }
}

pub(super) fn outcome(state: &StudyState, trial: &TrialState) -> &'static str {
    let progress = &state.trials[trial.number as usize];
    let exceeds = trial.exceeded.last().is_some_and(|share| *share > 0.0);
    match trial.phase {
        Phase::Failed { .. } => "failed",
        Phase::Active { .. } if progress.claim.is_some() => "training",
        Phase::Active { .. } => "waiting",
        _ if exceeds => "over limit",
        Phase::Paused { .. } => "paused",
        Phase::Complete if trial.stopped_at.is_some() => "stopped",
        Phase::Complete => "complete",
    }
}

/// The trial whose config a slot trains, and how much of the way to the rung is behind it.
pub(super) fn of_work(doing: &Doing) -> (u32, f64) {
    match doing {
        Doing::Segment { trial, parent, step, to_step, .. } => (parent.unwrap_or(*trial), *step as f64 / (*to_step).max(1) as f64),
        Doing::Fold(fold) => (fold.trial, 0.0),
    }
}
