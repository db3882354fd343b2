//! What the search has gained over the default recipe.

use crate::{
    finalists::Standing,
    state::{Phase, TrialKind, TrialState},
    study::StudyState,
};

/// The best and the default recipe after equal training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Against {
    /// Of the objective's metric: the mean over its trainings, where it was trained again.
    pub best: f64,
    pub default: f64,
    /// By how much the best is better; above 0 is better, whatever the direction.
    pub gain: f64,
    /// The highest rung that both have a value at; `None`: both are trained in full.
    pub rung: Option<usize>,
}

impl Against {
    /// `None` while one of them has no value, where there is no default recipe, and where that is itself the best.
    pub fn of(state: &StudyState) -> Option<Against> {
        let best = state.best()?;
        let trials = state.search.trials();
        let default = trials.first().filter(|trial| trial.kind == TrialKind::Recipe && trial.number != best.of)?;
        let of = &trials[best.of as usize];
        let against = |best, default, rung| {
            let cost = |value| state.search.objective.cost(value);
            Against { best, default, gain: cost(default) - cost(best), rung }
        };
        let standings = state.finalists.standings(&state.search);
        if let (Some(best), Some(default)) = (final_value(of, &standings), final_value(default, &standings)) {
            return Some(against(best, default, None));
        }
        let both = of.values.iter().zip(&default.values).enumerate().rev();
        let (rung, (best, default)) = both.into_iter().find(|(_, (best, default))| best.is_finite() && default.is_finite())?;
        Some(against(*best, *default, Some(rung)))
    }
}

/// The mean of one that was trained again; that compares with the means of others.
fn final_value(trial: &TrialState, standings: &[Standing]) -> Option<f64> {
    let again = standings.iter().find(|standing| standing.trial == trial.number && standing.trainings.len() > 1);
    let value = again.map(|standing| standing.mean).or(trial.values.last().copied());
    value.filter(|value| value.is_finite() && trial.phase == Phase::Complete)
}
