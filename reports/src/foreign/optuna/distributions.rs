//! Searched parameters as Optuna's distributions.

use search_spaces::{
    domain::{Domain, Parameter, Value},
    space::Space,
};

use super::json::{Json, object};
use crate::{
    foreign::label::{Label, labels},
    parameters::{Cell, ParameterColumn},
};

/// How far from a multiple of its step a value may lie, as Optuna has it.
const GRID_SLACK: f64 = 1e-8;

/// A parameter of the study. All trials share its distribution, because Optuna compares only trials whose distributions are equal: one that a recipe's
/// value lies outside of is widened to hold it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Searched {
    pub(super) path: String,
    distribution: Distribution,
}

#[derive(Debug, Clone, PartialEq)]
enum Distribution {
    Float { low: f64, high: f64, log: bool, step: Option<f64> },
    Int { low: i64, high: i64, log: bool },
    Categorical { labels: Vec<String> },
}

/// In the order of the space, as are the tables' columns.
pub(super) fn searched(space: &Space, columns: &[ParameterColumn]) -> Vec<Searched> {
    let searched = |(parameter, column): (&Parameter, &ParameterColumn)| {
        let mut distribution = Distribution::of(&parameter.domain);
        column.cells.iter().for_each(|cell| distribution.widen(cell));
        Searched { path: parameter.path.clone(), distribution }
    };
    space.parameters.iter().zip(columns).map(searched).collect()
}

impl Searched {
    /// As Optuna stores it: a text that is JSON itself.
    pub(super) fn json(&self) -> Json {
        Json::Text(self.distribution.json().to_string())
    }

    /// As Optuna stores a value; `None` for one that the distribution cannot hold: 0 on a logarithmic scale, or what lies between steps.
    pub(super) fn internal(&self, cell: &Cell) -> Option<Json> {
        match (&self.distribution, cell) {
            (Distribution::Categorical { labels }, cell) => {
                let label = text(cell)?;
                labels.iter().position(|known| *known == label).map(|index| Json::Integer(index as i64))
            }
            (distribution, Cell::Number(value)) => distribution.holds(*value).then_some(Json::Real(*value)),
            (_, Cell::Category(_) | Cell::Inactive) => None,
        }
    }
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Category(label) => Some(label.clone()),
        Cell::Number(value) => Some(crate::format::number(*value)),
        Cell::Inactive => None,
    }
}

impl Distribution {
    fn of(domain: &Domain) -> Distribution {
        match domain {
            Domain::Uniform { low, high } => Distribution::Float { low: *low, high: *high, log: false, step: None },
            Domain::LogUniform { low, high } => Distribution::Float { low: *low, high: *high, log: true, step: None },
            Domain::Stepped { low, high, step } => {
                // Optuna warns of an upper bound that is no whole number of steps away.
                let top = match domain.from_unit(1.0) {
                    Value::Float(top) => top,
                    _ => *high,
                };
                Distribution::Float { low: *low, high: top, log: false, step: Some(*step) }
            }
            Domain::Int { low, high } => Distribution::Int { low: *low, high: *high, log: false },
            Domain::LogInt { low, high } => Distribution::Int { low: *low, high: *high, log: true },
            Domain::Choice { labels, .. } => Distribution::Categorical { labels: labels.clone() },
        }
    }

    fn widen(&mut self, cell: &Cell) {
        match (self, cell) {
            (Distribution::Float { low, high, log, step: None }, Cell::Number(value)) if value.is_finite() && (!*log || *value > 0.0) => {
                (*low, *high) = (low.min(*value), high.max(*value));
            }
            (Distribution::Int { low, high, log }, Cell::Number(value)) if value.fract() == 0.0 && (!*log || *value >= 1.0) => {
                (*low, *high) = ((*low).min(*value as i64), (*high).max(*value as i64));
            }
            (Distribution::Categorical { labels }, cell) => {
                let new = text(cell).filter(|label| !labels.contains(label));
                labels.extend(new);
            }
            _ => {}
        }
    }

    fn holds(&self, value: f64) -> bool {
        match self {
            Distribution::Float { low, high, step, .. } => {
                let on_grid = |step: f64| ((value - low) / step - ((value - low) / step).round()).abs() < GRID_SLACK;
                *low <= value && value <= *high && step.is_none_or(on_grid)
            }
            Distribution::Int { low, high, .. } => value.fract() == 0.0 && *low as f64 <= value && value <= *high as f64,
            Distribution::Categorical { .. } => false,
        }
    }

    fn json(&self) -> Json {
        let (name, attributes) = match self {
            Distribution::Float { low, high, log, step } => (
                "FloatDistribution",
                object([("step", (*step).into()), ("low", (*low).into()), ("high", (*high).into()), ("log", (*log).into())]),
            ),
            Distribution::Int { low, high, log } => (
                "IntDistribution",
                object([("log", (*log).into()), ("step", Json::Integer(1)), ("low", Json::Integer(*low)), ("high", Json::Integer(*high))]),
            ),
            Distribution::Categorical { labels: texts } => {
                let choices = labels(texts).into_iter().map(|label| match label {
                    Label::None => Json::None,
                    Label::Bool(value) => Json::Bool(value),
                    Label::Integer(value) => Json::Integer(value),
                    Label::Real(value) => Json::Real(value),
                    Label::Text(text) => Json::Text(text),
                });
                ("CategoricalDistribution", object([("choices", Json::List(choices.collect()))]))
            }
        };
        object([("name", name.into()), ("attributes", attributes)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(domain: &Domain, cells: &[Cell]) -> Searched {
        let mut distribution = Distribution::of(domain);
        for cell in cells {
            distribution.widen(cell);
        }
        Searched { path: "x".to_owned(), distribution }
    }

    #[test]
    fn every_domain_has_a_distribution() {
        let choice = |labels: &[&str]| Domain::Choice { labels: labels.iter().map(|l| (*l).to_owned()).collect(), weights: vec![] };
        let told: Vec<String> = [
            Domain::Uniform { low: 0.0, high: 0.3 },
            Domain::LogUniform { low: 1e-5, high: 1e-3 },
            Domain::Stepped { low: 0.0, high: 0.35, step: 0.1 },
            Domain::Int { low: 1, high: 5 },
            Domain::LogInt { low: 1, high: 64 },
            choice(&["16", "32"]),
            choice(&["Everything", "HeadOnly"]),
        ]
        .iter()
        .map(|domain| searched(domain, &[]).distribution.json().to_string())
        .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        {"name":"FloatDistribution","attributes":{"step":null,"low":0.0,"high":0.3,"log":false}}
        {"name":"FloatDistribution","attributes":{"step":null,"low":1e-5,"high":0.001,"log":true}}
        {"name":"FloatDistribution","attributes":{"step":0.1,"low":0.0,"high":0.3,"log":false}}
        {"name":"IntDistribution","attributes":{"log":false,"step":1,"low":1,"high":5}}
        {"name":"IntDistribution","attributes":{"log":true,"step":1,"low":1,"high":64}}
        {"name":"CategoricalDistribution","attributes":{"choices":[16,32]}}
        {"name":"CategoricalDistribution","attributes":{"choices":["Everything","HeadOnly"]}}
        "#);
    }

    #[test]
    fn what_recipes_have_beyond_the_space_widens_it() {
        let float = searched(&Domain::Uniform { low: 0.0, high: 0.1 }, &[Cell::Number(0.5), Cell::Inactive]);
        assert_eq!(float.distribution, Distribution::Float { low: 0.0, high: 0.5, log: false, step: None });
        let log = searched(&Domain::LogUniform { low: 1e-3, high: 0.1 }, &[Cell::Number(0.0), Cell::Number(1e-4)]);
        assert_eq!(log.distribution, Distribution::Float { low: 1e-4, high: 0.1, log: true, step: None });
        assert_eq!((log.internal(&Cell::Number(0.0)), log.internal(&Cell::Number(1e-4))), (None, Some(Json::Real(1e-4))));
        let choice = Domain::Choice { labels: vec!["Cosine".to_owned()], weights: vec![1.0] };
        let choice = searched(&choice, &[Cell::Category("Linear".to_owned())]);
        assert_eq!(choice.internal(&Cell::Category("Linear".to_owned())), Some(Json::Integer(1)));
        let stepped = searched(&Domain::Stepped { low: 0.0, high: 0.35, step: 0.1 }, &[Cell::Number(0.15)]);
        assert_eq!((stepped.internal(&Cell::Number(0.15)), stepped.internal(&Cell::Number(0.3))), (None, Some(Json::Real(0.3))));
    }
}
