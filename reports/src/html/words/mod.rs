//! The summary in words.

mod certainty;
mod cost;
mod goals;
mod outcome;
mod seeds;
mod test_split;

#[cfg(test)]
mod tests;

use search_spaces::settings::Metric;

use self::{
    certainty::uncertainty,
    cost::{cost, dropped, trials},
    outcome::outcome,
    seeds::again,
};
use crate::summary::Summary;

pub(crate) use goals::goals;
pub(crate) use test_split::test;

/// A few paragraphs for someone who reads nothing else. `validation` is the number of validation examples, if known.
pub(super) fn paragraphs(summary: &Summary, validation: Option<u64>) -> Vec<String> {
    let mut paragraphs = vec![outcome(summary)];
    if summary.counts.trials == 0 {
        return paragraphs;
    }
    paragraphs.extend(summary.best.as_ref().and_then(|best| again(summary, best)));
    paragraphs.extend(test(summary));
    paragraphs.extend(goals(summary));
    paragraphs.extend(uncertainty(summary, validation));
    paragraphs.push(trials(summary));
    paragraphs.push(cost(summary));
    paragraphs.extend(dropped(summary));
    paragraphs
}

/// The same about the search alone, for where the test split has a place of its own.
pub(crate) fn of_search(summary: &Summary, validation: Option<u64>) -> Vec<String> {
    let mut paragraphs = vec![outcome(summary)];
    paragraphs.extend(summary.best.as_ref().and_then(|best| again(summary, best)));
    paragraphs.extend(goals(summary));
    paragraphs.extend(uncertainty(summary, validation));
    paragraphs.push(trials(summary));
    paragraphs.push(cost(summary));
    paragraphs
}

fn a(metric: Metric) -> String {
    match metric {
        Metric::Accuracy => "an accuracy of".to_owned(),
        Metric::MacroF1 => "a macro-F1 of".to_owned(),
        Metric::Matthews => "a Matthews correlation of".to_owned(),
        Metric::Loss => "a loss of".to_owned(),
        Metric::Custom(name) => format!("a value of {} of", name.as_str()),
    }
}
