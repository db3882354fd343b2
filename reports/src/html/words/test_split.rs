//! What the test split has said.

use super::a;
use crate::{format, summary::Summary};

/// What the last look at the test split has said.
pub(crate) fn test(summary: &Summary) -> Option<String> {
    let test = summary.test.as_ref()?;
    let metric = summary.objective.metric;
    let show = |value: f64| format::metric(metric, value);
    let row = &test.row;
    let interval = row.interval.map_or_else(String::new, |(low, high)| format!(" (95 % interval {} to {})", show(low), show(high)));
    let who =
        if test.outdated { format!("trial {}, the best before the study went on,", row.trial) } else { format!("trial {}", row.trial) };
    let examples = format::counted(row.examples, "example");
    let ends = |of: &str| {
        row.overestimate_interval
            .map_or_else(String::new, |(low, high)| format!(" (95 % interval{of} {})", format::differences(metric, low, high)))
    };
    let (more, had) = (format::apart(metric, row.search_value, row.value), show(row.search_value));
    let mut parts =
        vec![format!("On the test split, {examples} that the search never saw, {who} has {} {}{interval}.", a(metric), show(row.value))];
    if row.overestimate > 0.0 && row.overestimate.is_finite() {
        parts.push(format!("The search, at {had}, had overestimated this config by {more}{}.", ends("")));
    } else if row.overestimate.is_finite() {
        parts.push(format!("The search, at {had}, had not overestimated this config{}.", ends(" of the overestimate")));
    }
    if test.reused {
        parts.push(
            "The study went on after the test split had been looked at, so these figures are no longer independent of it: \
             take others for a final judgement."
                .to_owned(),
        );
    }
    Some(parts.join(" "))
}
