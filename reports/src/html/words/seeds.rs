//! What training the best configs again has shown.

use crate::{
    format,
    summary::{Best, Summary},
};

/// What other seeds have shown.
pub(super) fn again(summary: &Summary, best: &Best) -> Option<String> {
    let metric = summary.objective.metric;
    let show = |value: f64| format::metric(metric, value);
    let again = best.again.as_ref()?;
    let (trial, found) = (best.trial, show(again.search_value));
    let others = format::counted(again.seeds as u64 - 1, "other seed");
    let spread = again.deviation.map_or_else(String::new, |deviation| format!(", with a standard deviation of {}", show(deviation)));
    let mut parts = vec![if again.finalists == 1 {
        format!("The best config of the search was trained with {others}.")
    } else {
        format!("The best {} configs of the search were trained with {others} each; the best mean won.", again.finalists)
    }];
    parts.push(format!(
        "In the search trial {trial} had {found}, which is part of its mean; its trainings differ by the seed alone{spread}."
    ));
    if !again.rivals.is_empty() {
        parts.push(format!("Another seed might as well have put {} first (95 % intervals).", format::list(&again.rivals, "trial")));
    } else if again.finalists > 1 {
        parts.push("No other finalist is near enough for another seed to put it first (95 % intervals).".to_owned());
    }
    if again.exported != trial {
        parts.push(format!("What leaves the study is the training in the middle, trial {}.", again.exported));
    }
    if let Some((trials, seeds)) = again.wanted {
        parts.push(format!("The budget left no time for {} with {seeds} trainings each.", format::counted(trials as u64, "finalist")));
    }
    if again.open > 0 {
        parts.push(format!(
            "{} of finalists have not ended; only what all have counts here.",
            format::counted(again.open as u64, "training")
        ));
    }
    Some(parts.join(" "))
}
