//! What won, and what it gained.

use search_spaces::settings::Direction;

use super::a;
use crate::{
    format,
    summary::{Constrained, DefaultRecipe, Summary},
};

pub(super) fn outcome(summary: &Summary) -> String {
    let metric = summary.objective.metric;
    let show = |value: f64| format::metric(metric, value);
    let Some(best) = &summary.best else {
        return match summary.counts.trials {
            0 => "No trial has started yet.".to_owned(),
            trials if summary.counts.failed == trials => "No trial succeeded: the causes are below.".to_owned(),
            _ => "No trial has a value yet.".to_owned(),
        };
    };
    let lower = if summary.objective.direction == Direction::Minimize { " (lower is better)" } else { "" };
    let mean = best.again.as_ref().map_or_else(String::new, |again| format!(" in the mean of {} trainings", again.seeds));
    let what = format!("{} {} on the validation split{lower}{mean}", a(metric), show(best.value));
    // Of several constraints all are kept, or the trial ranks below those that keep them.
    let constrained = summary.constrained.as_ref().filter(|constrained| constrained.kept < constrained.of);
    let nobody_yet = if constrained.is_some() && summary.counts.full_length > 0 {
        "No trial that keeps the constraints has reached its full length yet."
    } else {
        "No trial has reached its full length yet."
    };
    if best.trial == 0 && best.provisional {
        return format!("{nobody_yet} So far the default recipe leads with {what} at rung {}.", best.rung);
    }
    if best.trial == 0 {
        return match constrained {
            None => format!("No trial did better than the default recipe, which reached {what}."),
            Some(Constrained { best_exceeds: false, .. }) => {
                format!("No trial that keeps the constraints did better than the default recipe, which reached {what}.")
            }
            Some(_) => format!("No trial exceeds the constraints less than the default recipe, which reached {what}."),
        };
    }
    let won = if best.provisional {
        format!("{nobody_yet} So far trial {} leads with {what} at rung {}", best.trial, best.rung)
    } else {
        format!("Trial {} won with {what}", best.trial)
    };
    let exceeds = if summary.default.as_ref().is_some_and(|default| default.exceeds) { ", which exceeds a limit" } else { "" };
    match (summary.against_default(), &summary.default) {
        (Some((value, default, None)), _) => {
            format!("{won}, against {} of the default recipe{exceeds}: {}.", show(default), format::difference(metric, value, default))
        }
        (Some((value, default, Some(rung))), recipe) => {
            let further = recipe.as_ref().and_then(DefaultRecipe::last_rung).is_some_and(|last| last > rung);
            let (comma, of_trial) = (if exceeds.is_empty() { "" } else { "," }, best.trial);
            let came = if further {
                format!("The default recipe{exceeds}{comma} has gone further; at rung {rung} it had")
            } else {
                format!("The default recipe{exceeds}{comma} has come to rung {rung} only, with")
            };
            let gain = format::difference(metric, value, default);
            format!("{won}. {came} {} against {} of trial {of_trial} there: {gain}.", show(default), show(value))
        }
        (None, Some(default)) if default.failed => format!("{won}. The default recipe failed, so there is nothing to compare with."),
        (None, _) => format!("{won}. The default recipe has no value yet to compare with."),
    }
}
