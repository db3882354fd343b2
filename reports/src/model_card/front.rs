//! The card's front matter: YAML that the Hugging Face hub reads.

use std::fmt::Write as _;

use super::{Card, Evaluated, data::dataset_name, text::yaml};

/// The hub's name of a metric; `None` where it has none.
fn hub_name(metric: &str) -> Option<&str> {
    match metric {
        "accuracy" => Some("accuracy"),
        "macro_f1" => Some("f1"),
        "matthews" => Some("matthews_correlation"),
        _ => None,
    }
}

/// Without the lines around it. The licence is that of the base model, if it is known: what the data ask for the user must say.
pub(super) fn matter(card: &Card<'_>) -> String {
    let mut lines = String::new();
    if let Some(licence) = card.base.licence {
        let _ = writeln!(lines, "license: {}", yaml(licence));
    }
    lines += "library_name: transformers\n";
    let _ = writeln!(lines, "pipeline_tag: {}", card.pipeline());
    if let Some(repository) = card.base.repository {
        let _ = writeln!(lines, "base_model: {}", yaml(repository));
    }
    let _ = writeln!(lines, "tags:\n- thawline\n- {}", card.pipeline());
    let evaluated = card.test.as_ref().map(|test| (test, "test")).or(card.validation.as_ref().map(|validation| (validation, "validation")));
    let Some((evaluated, split)) = evaluated else { return lines };
    let metrics: Vec<(&str, f64)> = named(evaluated);
    if metrics.is_empty() {
        return lines;
    }
    lines += "metrics:\n";
    for (name, _) in &metrics {
        let _ = writeln!(lines, "- {name}");
    }
    let dataset = dataset_name(card);
    let _ = writeln!(
        lines,
        "model-index:\n- name: {}\n  results:\n  - task:\n      type: {}\n    dataset:\n      name: {}\n      type: {}\n      split: {split}\n    metrics:",
        yaml(card.name),
        card.pipeline(),
        yaml(&dataset),
        yaml(&dataset),
    );
    for (name, value) in &metrics {
        let _ = writeln!(lines, "    - type: {name}\n      value: {value:.6}\n      name: {}", yaml(&format!("{name} ({split})")));
    }
    lines
}

fn named(evaluated: &Evaluated) -> Vec<(&str, f64)> {
    let finite = evaluated.metrics.iter().filter(|(_, value)| value.is_finite());
    finite.filter_map(|(name, value)| Some((hub_name(name)?, *value))).collect()
}
