//! The card's section on how well the model does.

use std::collections::BTreeSet;

use search_spaces::settings::Metric;
use serde::Serialize;

use super::{Card, Evaluated, Study, Table, text::plain};
use crate::{
    format,
    html::words,
    intervals::Share,
    predictions::Split,
    summary::Summary,
    tables::{Figures, Predicted, PredictionsRow},
};

/// More classes than this have no matrix, but a list of what is confused most.
const MATRIX: usize = 12;
/// Pairs in that list.
const PAIRS: usize = 10;

#[derive(Debug, Default, Serialize)]
pub(super) struct Section {
    said: Vec<String>,
    metrics: Option<Table>,
    /// `test` or `validation`: what the following tables are of.
    pub(super) split: &'static str,
    classes: Option<Table>,
    /// Classes of which the split has few examples.
    #[serde(skip)]
    pub(super) rare: Vec<String>,
    matrix: Option<Table>,
    confused: Option<Table>,
    calibration: Vec<String>,
    /// How far probabilities are off.
    #[serde(skip)]
    pub(super) calibration_error: Option<f64>,
}

/// Fewer examples than this say little about a class or a group.
pub(super) const FEW: u64 = 30;

/// The predictions that the tables by class and group are of: those for the test split, if they are of these weights, or else for the validation split.
pub(super) fn split_of(study: Study<'_>) -> Option<(Split, &Figures)> {
    let found = |split| {
        let of = |row: &&PredictionsRow| row.trial == study.trial && row.split == split;
        let row = study.tables.predicted.files.iter().find(of)?;
        Some((split, row.found.as_ref().ok()?))
    };
    found(Split::Test).or_else(|| found(Split::Validation))
}

/// The most important figure, first of all.
pub(super) fn headline(card: &Card<'_>) -> Vec<String> {
    let metric = card.metric();
    let value = |evaluated: &Evaluated| evaluated.metrics.get(metric.name()).map(|value| format::metric(metric, *value));
    let mut said = Vec::new();
    if let Some((test, value)) = card.test.as_ref().and_then(|test| Some((test, value(test)?))) {
        let interval = test.interval.map_or_else(String::new, |[low, high]| {
            format!(" (95 % interval {} to {})", format::metric(metric, low), format::metric(metric, high))
        });
        let examples = format::counted(test.examples, "example");
        said.push(format!(
            "**{} {value} on the test split**{interval}: {examples} that were not used for training or for choosing.",
            title(metric.name())
        ));
    } else if let Some((validation, value)) = card.validation.as_ref().and_then(|validation| Some((validation, value(validation)?))) {
        let examples = format::counted(validation.examples, "example");
        let chosen = if card.study.is_some() || card.file.claim.is_some() {
            "The search chose by them, so this is too good by an amount that is not known; no test split has been looked at."
        } else {
            "When training ended or which weights were kept may have been chosen by them; no test split has been looked at."
        };
        said.push(format!("**{} {value} on the validation split**: {examples}. {chosen}", title(metric.name())));
    } else {
        said.push("**How well it does is not known**: there is no split that it was not trained on.".to_owned());
    }
    said
}

pub(super) fn section(card: &Card<'_>) -> Section {
    let mut section = Section { metrics: metrics(card), ..Section::default() };
    section.said.extend(overestimated(card));
    let Some((study, (split, figures))) = card.study.and_then(|study| Some((study, split_of(study)?))) else {
        section.said.push("Figures by class are not known of this training.".to_owned());
        return section;
    };
    section.split = split.name();
    let predicted = &study.tables.predicted;
    classes(&mut section, predicted, study.trial, split);
    confusion(&mut section, predicted, study.trial, split);
    section.calibration_error = Some(figures.calibration_error);
    section.calibration.push(calibration(figures));
    section
}

fn title(metric: &str) -> String {
    let words = plain(&metric.replace('_', " "));
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn metrics(card: &Card<'_>) -> Option<Table> {
    let names: BTreeSet<&String> = [&card.validation, &card.test].into_iter().flatten().flat_map(|split| split.metrics.keys()).collect();
    let mut header = vec!["metric"];
    header.extend(card.validation.as_ref().map(|_| "validation"));
    header.extend(card.test.as_ref().map(|_| "test"));
    let mut table = Table::new(&header);
    for name in names {
        let shown = |split: &Evaluated| split.metrics.get(name).map_or_else(String::new, |value| shown(name, *value));
        let mut row = vec![plain(name)];
        row.extend(card.validation.as_ref().map(shown));
        row.extend(card.test.as_ref().map(shown));
        table.rows.push(row);
    }
    table.filled()
}

fn shown(metric: &str, value: f64) -> String {
    let known = [Metric::Accuracy, Metric::MacroF1, Metric::Matthews, Metric::Loss].into_iter().find(|known| known.name() == metric);
    match known {
        Some(known) => format::metric(known, value),
        None if value.is_finite() => format::number(value),
        None => "not a number".to_owned(),
    }
}

/// What the test split has said of the search's own figures.
fn overestimated(card: &Card<'_>) -> Option<String> {
    let study = card.study?;
    let summary = Summary::new(study.record, study.tables);
    let of_these = summary.test.as_ref().is_some_and(|test| test.row.trial == study.trial);
    of_these.then(|| words::test(&summary).map(|words| plain(&words))).flatten()
}

fn share(share: Share) -> String {
    format::share(share).unwrap_or_else(|| "none".to_owned())
}

fn classes(section: &mut Section, predicted: &Predicted, trial: u32, split: Split) {
    let mut table = Table::new(&["class", "examples", "precision", "recall", "F1"]);
    for class in Predicted::of(&predicted.classes, trial, split) {
        let f1 = class.f1().map_or_else(|| "none".to_owned(), |f1| format!("{f1:.3}"));
        table.row([plain(&class.class), format::count(class.support), share(class.precision), share(class.recall), f1]);
        if class.support < FEW {
            section.rare.push(plain(&class.class));
        }
    }
    section.classes = table.filled();
}

fn confusion(section: &mut Section, predicted: &Predicted, trial: u32, split: Split) {
    let classes: Vec<&str> = Predicted::of(&predicted.classes, trial, split).map(|class| class.class.as_str()).collect();
    let count = |label: &str, other: &str| {
        let of = Predicted::of(&predicted.confusion, trial, split).find(|pair| pair.label == label && pair.predicted == other);
        of.map_or(0, |pair| pair.count)
    };
    if classes.len() <= MATRIX {
        let mut header = vec!["label \\ predicted".to_owned()];
        header.extend(classes.iter().map(|class| plain(class)));
        let mut table = Table { header, rows: Vec::new() };
        for label in &classes {
            let counts = classes.iter().map(|predicted| format::count(count(label, predicted)));
            table.rows.push(std::iter::once(plain(label)).chain(counts).collect());
        }
        section.matrix = table.filled();
        return;
    }
    let mut wrong: Vec<_> = Predicted::of(&predicted.confusion, trial, split).filter(|pair| pair.label != pair.predicted).collect();
    wrong.sort_by_key(|pair| std::cmp::Reverse(pair.count));
    let mut table = Table::new(&["label", "predicted", "examples"]);
    for pair in wrong.into_iter().take(PAIRS) {
        table.row([plain(&pair.label), plain(&pair.predicted), format::count(pair.count)]);
    }
    section.confused = table.filled();
}

fn calibration(figures: &Figures) -> String {
    let accuracy = figures.accuracy.value().unwrap_or(f64::NAN);
    format!(
        "Expected calibration error {:.3} (15 bins), Brier score {:.3}. The mean probability of what it predicts is {:.3}, and {accuracy:.3} of it is right: \
         it is {}.",
        figures.calibration_error,
        figures.brier,
        figures.confidence,
        figures.leaning().words()
    )
}
