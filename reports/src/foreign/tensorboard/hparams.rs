//! What the HParams plugin is told: the parameters and metrics of the study, and each trial's values.

use std::collections::BTreeMap;

use super::proto::{
    Dataset, Domain, Experiment, Interval, Kind, List, MetricInfo, MetricName, ParameterInfo, ParameterType, SessionStart, Value,
};
use crate::{
    foreign::label::{Label, labels},
    parameters::{Cell, ParameterColumn, Scale},
    tables::Tables,
};

/// A searched parameter. Its domain holds what recipes have beyond the space, too, because the plugin's filters hide what lies outside.
pub(super) struct Searched<'a> {
    column: &'a ParameterColumn,
    /// Of the options by their texts, where it is a choice.
    options: Vec<(String, Kind)>,
}

pub(super) fn searched(tables: &Tables) -> Vec<Searched<'_>> {
    tables.parameters.iter().map(Searched::new).collect()
}

/// `metrics` are tags, how they are called in the table's head, and what they are measured on.
pub(super) fn experiment(name: &str, created: f64, searched: &[Searched<'_>], metrics: &[(String, String, Dataset)]) -> Experiment {
    let metric = |(tag, display_name, dataset): &(String, String, Dataset)| MetricInfo {
        name: Some(MetricName { tag: tag.clone() }),
        display_name: display_name.clone(),
        description: String::new(),
        dataset: (*dataset).into(),
    };
    Experiment {
        name: name.to_owned(),
        created,
        parameters: searched.iter().map(Searched::info).collect(),
        metrics: metrics.iter().map(metric).collect(),
    }
}

/// A trial's parameters; those it does not have are left out.
pub(super) fn start(searched: &[Searched<'_>], trial: u32, group: String, start: f64) -> SessionStart {
    let value = |searched: &Searched<'_>| {
        let cell = searched.column.cells.get(trial as usize).unwrap_or(&Cell::Inactive);
        Some((searched.column.path.clone(), Value { kind: Some(searched.kind(cell)?) }))
    };
    SessionStart { parameters: searched.iter().filter_map(value).collect::<BTreeMap<_, _>>(), group, start }
}

impl<'a> Searched<'a> {
    fn new(column: &'a ParameterColumn) -> Searched<'a> {
        let Scale::Categories(options) = &column.scale else { return Searched { column, options: Vec::new() } };
        let mut texts = options.clone();
        for text in column.cells.iter().filter_map(text) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let plain = labels(&texts);
        // The plugin knows a parameter of one type only.
        let numbers = plain.iter().all(|label| matches!(label, Label::Integer(_) | Label::Real(_)));
        let bools = plain.iter().all(|label| matches!(label, Label::Bool(_)));
        let kind = |(label, text): (Label, String)| {
            let kind = match label {
                Label::Integer(value) if numbers => Kind::Number(value as f64),
                Label::Real(value) if numbers => Kind::Number(value),
                Label::Bool(value) if bools => Kind::Bool(value),
                _ => Kind::Text(text.clone()),
            };
            (text, kind)
        };
        Searched { column, options: plain.into_iter().zip(texts).map(kind).collect() }
    }

    fn kind(&self, cell: &Cell) -> Option<Kind> {
        match (&self.column.scale, cell) {
            (_, Cell::Inactive) => None,
            (Scale::Categories(_), cell) => {
                let text = text(cell)?;
                self.options.iter().find(|(option, _)| *option == text).map(|(_, kind)| kind.clone())
            }
            (_, Cell::Number(value)) => Some(Kind::Number(*value)),
            (_, Cell::Category(label)) => Some(Kind::Text(label.clone())),
        }
    }

    fn info(&self) -> ParameterInfo {
        let numbers = self.column.cells.iter().filter_map(|cell| match cell {
            Cell::Number(value) if value.is_finite() => Some(*value),
            _ => None,
        });
        let (kind, domain) = match &self.column.scale {
            Scale::Linear { low, high } | Scale::Log { low, high } => {
                let (low, high) = numbers.fold((*low, *high), |(low, high), value| (low.min(value), high.max(value)));
                (ParameterType::Float64, Domain::Interval(Interval { low, high }))
            }
            Scale::Categories(_) => {
                let kind = match self.options.first() {
                    Some((_, Kind::Number(_))) => ParameterType::Float64,
                    Some((_, Kind::Bool(_))) => ParameterType::Bool,
                    _ => ParameterType::String,
                };
                let values = self.options.iter().map(|(_, kind)| Value { kind: Some(kind.clone()) }).collect();
                (kind, Domain::Discrete(List { values }))
            }
        };
        ParameterInfo { name: self.column.path.clone(), kind: kind.into(), domain: Some(domain) }
    }
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Category(label) => Some(label.clone()),
        Cell::Number(value) => Some(crate::format::number(*value)),
        Cell::Inactive => None,
    }
}
