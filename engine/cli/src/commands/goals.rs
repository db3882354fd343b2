//! What the JSON of several commands says of constraints and a second objective.

use engine::{finalists::Best, state::SearchState};
use serde::Serialize;

/// Everything is null or empty where the space asks for none of it.
#[derive(Debug, Serialize)]
pub(super) struct Goals {
    /// Whether the best keeps all constraints; `best_rule` says what it was chosen from.
    best_feasible: Option<bool>,
    /// What the second objective measures, and of the best.
    second: Option<String>,
    best_second: Option<f64>,
    /// The Pareto front: full-length trials that no other beats in both objectives, from the best by the first to the best by the second.
    front: Vec<Choice>,
}

#[derive(Debug, Serialize)]
struct Choice {
    trial: u32,
    value: f64,
    second: f64,
}

impl Goals {
    pub(super) fn of(search: &SearchState, best: Option<Best>) -> Goals {
        let second = |number: u32| {
            // A cost is the value or its negative: the same turns it back.
            let cost = *search.trials()[number as usize].second.last()?;
            search.second.map(|second| second.cost(cost)).filter(|value| value.is_finite())
        };
        let choice = |number: u32| {
            let value = *search.trials()[number as usize].values.last()?;
            Some(Choice { trial: number, value, second: second(number)? })
        };
        Goals {
            best_feasible: best.and_then(|best| best.rule.feasible),
            second: search.second.map(|second| second.measure.name().to_owned()),
            best_second: best.and_then(|best| second(best.trial)),
            front: search.front().into_iter().filter_map(choice).collect(),
        }
    }
}
