//! Constraints and the second objective.

use search_spaces::goals::Constraint;

use crate::{
    format,
    summary::{Constrained, Summary, TradeOff},
};

/// What constraints and a second objective have to do with it: also for the terminal.
pub(crate) fn goals(summary: &Summary) -> Vec<String> {
    let mut paragraphs = Vec::new();
    if let Some(Constrained { constraints, kept, of, best_exceeds }) = &summary.constrained {
        let limit = |one: &Constraint| format!("{} <= {}", one.measure().name(), format::measure(one.measure(), one.limit()));
        let limits = constraints.iter().map(limit).collect::<Vec<String>>().join(", ");
        let none = *kept == 0;
        let kept = match (kept, of) {
            (0, of) => format!("None of the {} with a value keeps {limits}", format::counted(*of as u64, "trial")),
            (kept, of) if kept == of => format!("Every trial with a value keeps {limits}"),
            (kept, of) => format!(
                "Of {} with a value {} {limits}",
                format::counted(*of as u64, "trial"),
                if *kept == 1 { "1 keeps".to_owned() } else { format!("{kept} keep") }
            ),
        };
        let who = if summary.best.as_ref().is_some_and(|best| best.provisional) { "leads" } else { "won" };
        paragraphs.push(match (best_exceeds, summary.best.is_some()) {
            (true, _) if none => format!("{kept}. What {who} exceeds the limits least, and must not be used where they are binding."),
            // Others have not been trained in full, or only in the mean of several seeds.
            (true, _) => format!("{kept}. What {who} exceeds them, and must not be used where they are binding."),
            (false, true) => format!("{kept}; what {who} does. Whatever exceeds a limit ranks below all that keeps to it."),
            (false, false) => format!("{kept}."),
        });
    }
    if let Some(TradeOff { second, front, candidates }) = &summary.trade_off {
        let (first, name) = (summary.objective.metric.name(), second.measure.name());
        let show = |(trial, value, other): &(u32, f64, f64)| {
            format!(
                "trial {trial} with {} and {}",
                format::metric(summary.objective.metric, *value),
                format::measure(second.measure, *other)
            )
        };
        let won = match summary.best.as_ref().and_then(|best| best.again.as_ref()) {
            Some(_) => format!("What won has the best mean {first} of the finalists."),
            None => format!("What won is the best by {first} alone."),
        };
        paragraphs.push(match &front[..] {
            [] if summary.counts.complete() == 0 => {
                format!("There is no Pareto front of {first} and {name} yet: no trial has been trained in full.")
            }
            [] if *candidates == 0 && summary.constrained.is_some() => {
                format!("There is no Pareto front of {first} and {name}: no full-length trial keeps the constraints.")
            }
            [] => format!("There is no Pareto front of {first} and {name}: no full-length trial has a value of both."),
            [one] => format!("One trial is better than all others of full length in both {first} and {name}: {}.", show(one)),
            [best, .., last] => format!(
                "{} of full length are beaten by no other in both {first} and {name}, from {} to {}. {won}",
                format::counted(front.len() as u64, "trial"),
                show(best),
                show(last)
            ),
        });
    }
    paragraphs
}
