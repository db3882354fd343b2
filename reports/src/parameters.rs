//! The searched parameters as columns: one cell a trial.

use engine::state::{TrialKind, TrialState};
use search_spaces::{
    domain::{Domain, Parameter, Value},
    space::Space,
};
use serde_json::Value as Json;

/// What a parameter was in a trial.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Number(f64),
    Category(String),
    /// The trial does not have the parameter: momentum under AdamW.
    Inactive,
}

/// How a parameter's values are laid out.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    Linear {
        low: f64,
        high: f64,
    },
    Log {
        low: f64,
        high: f64,
    },
    /// The labels of the options, in the order of the file.
    Categories(Vec<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ParameterColumn {
    /// `optimizer.AdamW.learning_rate`.
    pub path: String,
    pub scale: Scale,
    pub integer: bool,
    /// By trial number.
    pub cells: Vec<Cell>,
}

/// Columns in the order of the space.
pub(crate) fn columns(space: &Space, trials: &[TrialState]) -> Vec<ParameterColumn> {
    let configs: Vec<Option<Json>> = trials
        .iter()
        .map(|trial| (trial.kind == TrialKind::Recipe).then(|| serde_json::to_value(&trial.config).unwrap_or(Json::Null)))
        .collect();
    space
        .parameters
        .iter()
        .map(|parameter| ParameterColumn {
            path: parameter.path.clone(),
            scale: scale(&parameter.domain),
            integer: matches!(parameter.domain, Domain::Int { .. } | Domain::LogInt { .. }),
            cells: trials.iter().zip(&configs).map(|(trial, config)| cell(parameter, trial, config.as_ref())).collect(),
        })
        .collect()
}

fn scale(domain: &Domain) -> Scale {
    match domain {
        Domain::Uniform { low, high } | Domain::Stepped { low, high, .. } => Scale::Linear { low: *low, high: *high },
        Domain::LogUniform { low, high } => Scale::Log { low: *low, high: *high },
        Domain::Int { low, high } => Scale::Linear { low: *low as f64, high: *high as f64 },
        Domain::LogInt { low, high } => Scale::Log { low: *low as f64, high: *high as f64 },
        Domain::Choice { labels, .. } => Scale::Categories(labels.clone()),
    }
}

/// A drawn trial's cell is its assignment's. A recipe need not lie in the space (its assignment is only the nearest point of it), so its
/// config is asked for the value; whether it has the parameter, the assignment says where there is one.
fn cell(parameter: &Parameter, trial: &TrialState, config: Option<&Json>) -> Cell {
    let exact = || config.and_then(|config| from_config(parameter, config));
    let Some(assignment) = &trial.assignment else {
        return exact().unwrap_or(Cell::Inactive);
    };
    let Some(value) = assignment.0.get(&parameter.path) else { return Cell::Inactive };
    match exact() {
        Some(found) if found != Cell::Inactive => return found,
        _ => {}
    }
    match (value, &parameter.domain) {
        (Value::Float(value), _) => Cell::Number(*value),
        (Value::Int(value), _) => Cell::Number(*value as f64),
        (Value::Option(index), Domain::Choice { labels, .. }) => {
            Cell::Category(labels.get(*index).cloned().unwrap_or_else(|| format!("option {index}")))
        }
        (Value::Option(index), _) => Cell::Category(format!("option {index}")),
    }
}

/// What a config has at a parameter's path; `None` where the path does not lead to a plain value or a known option.
fn from_config(parameter: &Parameter, config: &Json) -> Option<Cell> {
    let mut at = config;
    for part in parameter.path.split('.') {
        // Two options of one variant are told apart by a number: `AdamW#2`.
        let name = part.split('#').next().unwrap_or(part);
        at = match at.get(name) {
            Some(inner) => inner,
            // An `Option` is transparent in JSON, and a newtype variant (`Constant(0.1)`) may stand for its value.
            None if name == "Some" && !at.is_null() => at,
            None => return at.is_object().then_some(Cell::Inactive).filter(|_| leads_elsewhere(at, name)),
        };
    }
    match &parameter.domain {
        Domain::Choice { labels, .. } => Some(Cell::Category(option_label(at, labels)?)),
        _ => plain_number(at).map(Cell::Number),
    }
}

/// Whether `at` is an enum value whose variant is another than `name`: then what lies below `name` does not exist in this config.
fn leads_elsewhere(at: &Json, name: &str) -> bool {
    let is_variant = |text: &str| text.starts_with(char::is_uppercase);
    is_variant(name) && at.as_object().is_some_and(|object| object.len() == 1 && object.keys().all(|key| is_variant(key)))
}

fn plain_number(at: &Json) -> Option<f64> {
    at.as_f64().or_else(|| at.get("Constant").and_then(Json::as_f64))
}

/// The label of the option that `at` is: its own text or number, or its variant's name.
fn option_label(at: &Json, labels: &[String]) -> Option<String> {
    if let Some(number) = plain_number(at) {
        let same = labels.iter().find(|label| label.parse::<f64>().is_ok_and(|label| label == number));
        return Some(same.cloned().unwrap_or_else(|| crate::format::number(number)));
    }
    let name = match at {
        Json::Null => "None",
        Json::Bool(true) => "true",
        Json::Bool(false) => "false",
        Json::String(text) => text,
        Json::Object(object) if object.len() == 1 => object.keys().next()?,
        Json::Object(_) => "Some",
        _ => return None,
    };
    let fits = |label: &&String| label.strip_prefix(name).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
    let mut fitting = labels.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(label), None) => Some(label.clone()),
        (Some(_), Some(_)) => labels.iter().find(|label| *label == name).cloned(),
        (None, _) => Some(name.to_owned()),
    }
}

/// The config of the trials table in the words people use at a terminal: `AdamW lr=1e-4 batch=16`.
pub(crate) fn short(columns: &[ParameterColumn], trial: usize) -> String {
    let shown = columns.iter().filter_map(|column| {
        let name = short_name(&column.path);
        match column.cells.get(trial)? {
            Cell::Inactive => None,
            Cell::Number(value) => Some(format!("{name}={}", crate::format::significant(*value, 3))),
            Cell::Category(label) if label.starts_with(char::is_uppercase) && label != "None" => Some(label.clone()),
            Cell::Category(label) => Some(format!("{name}={label}")),
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The last part of a path, the longest of them abbreviated as the field does.
pub(crate) fn short_name(path: &str) -> &str {
    let last = path.rsplit('.').next().unwrap_or(path);
    match last {
        "learning_rate" => "lr",
        "weight_decay" => "wd",
        "batch_size" => "batch",
        "label_smoothing" => "smoothing",
        "layer_decay" => "layer",
        "clip_norm" => "clip",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample_record;

    #[test]
    fn a_recipe_outside_the_space_shows_its_own_values() {
        let record = sample_record(1, 1, 0);
        let found = columns(&record.space, record.state.trials());
        insta::assert_snapshot!(short(&found, 0), @"batch=16 AdamW lr=5e-5 wd=0.01 warmup=0.1 Everything hidden=0.1");
        let momentum = found.iter().find(|column| column.path == "optimizer.Sgd.momentum").unwrap();
        assert_eq!(momentum.cells, [Cell::Inactive]);
    }

    #[test]
    fn options_are_told_by_number_variant_or_absence() {
        let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
        let of = |json: &str, names: &[&str]| option_label(&serde_json::from_str(json).unwrap(), &labels(names));
        assert_eq!(of("16", &["8", "16.0"]).as_deref(), Some("16.0"));
        assert_eq!(of("null", &["None", "Some"]).as_deref(), Some("None"));
        assert_eq!(of("{\"patience\":3,\"min_delta\":0}", &["None", "Some"]).as_deref(), Some("Some"));
        assert_eq!(of("{\"LastBlocks\":{\"k\":2}}", &["HeadOnly", "LastBlocks(k: 2)"]).as_deref(), Some("LastBlocks(k: 2)"));
        assert_eq!(of("{\"Gradual\":{}}", &["HeadOnly"]).as_deref(), Some("Gradual"));
        assert_eq!(of("0.1", &["0.2"]).as_deref(), Some("0.1"));
        assert_eq!(of("{\"Constant\":0.2}", &["0.2"]).as_deref(), Some("0.2"));
    }
}
