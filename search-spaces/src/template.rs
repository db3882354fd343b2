//! A config in which some values are still free.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value as Json};

use crate::{
    domain::{Assignment, Domain, Parameter, Value},
    draw::AssignmentError,
};

/// A value as the file has it, defaults filled in. Free values point into the list of parameters.
///
/// With every free value set it is what serde makes of the types of [`crate::config`], in JSON's terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Template {
    Real(f64),
    Integer(i64),
    /// A seed.
    Natural(u64),
    Bool(bool),
    Text(String),
    /// Of an `Option`.
    None,
    /// A variant without payload.
    Name(String),
    /// A list, or the payload of a tuple variant.
    List(Vec<Template>),
    /// In the order of the type's fields, whatever the order in the file.
    Record(Vec<(String, Template)>),
    Variant(String, Box<Template>),
    /// The value of the numeric parameter of this index; `whole`: as an integer, whatever its domain.
    Free {
        parameter: usize,
        whole: bool,
    },
    /// What the option is that the parameter of this index takes.
    Choice {
        parameter: usize,
        options: Vec<Template>,
    },
}

impl Template {
    /// The value with every free value set by `assignment`.
    pub(crate) fn resolve(&self, parameters: &[Parameter], assignment: &Assignment) -> Result<Json, AssignmentError> {
        let value_of = |index: usize| {
            let Parameter { path, domain, .. } = &parameters[index];
            let value = assignment.0.get(path).ok_or_else(|| AssignmentError::Missing { path: path.clone() })?;
            if !domain.contains(*value) {
                return Err(AssignmentError::Outside { path: path.clone(), value: *value, domain: domain.clone() });
            }
            Ok(*value)
        };
        Ok(match self {
            Template::Real(value) => real(*value),
            Template::Integer(value) => Json::from(*value),
            Template::Natural(value) => Json::from(*value),
            Template::Bool(value) => Json::Bool(*value),
            Template::Text(text) | Template::Name(text) => Json::String(text.clone()),
            Template::None => Json::Null,
            Template::List(items) => Json::Array(items.iter().map(|item| item.resolve(parameters, assignment)).collect::<Result<_, _>>()?),
            Template::Record(fields) => Json::Object(
                fields
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.resolve(parameters, assignment)?)))
                    .collect::<Result<Map<String, Json>, AssignmentError>>()?,
            ),
            Template::Variant(name, payload) => {
                Json::Object([(name.clone(), payload.resolve(parameters, assignment)?)].into_iter().collect())
            }
            Template::Free { parameter, whole } => match value_of(*parameter)? {
                Value::Float(value) if *whole => Json::from(value.round() as i64),
                Value::Float(value) => real(value),
                Value::Int(value) => Json::from(value),
                Value::Option(option) => Json::from(option),
            },
            Template::Choice { parameter, options } => match value_of(*parameter)? {
                Value::Option(option) => options[option].resolve(parameters, assignment)?,
                Value::Float(_) | Value::Int(_) => Json::Null,
            },
        })
    }

    /// The field `name` of a record.
    pub(crate) fn field(&self, name: &str) -> Option<&Template> {
        match self {
            Template::Record(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Whether no value in it is free.
    pub(crate) fn is_fixed(&self) -> bool {
        match self {
            Template::Free { .. } | Template::Choice { .. } => false,
            Template::List(items) => items.iter().all(Template::is_fixed),
            Template::Record(fields) => fields.iter().all(|(_, value)| value.is_fixed()),
            Template::Variant(_, payload) => payload.is_fixed(),
            _ => true,
        }
    }

    /// Every value that a leaf may take, ranges by their ends.
    pub(crate) fn extremes(&self, parameters: &[Parameter]) -> Vec<Template> {
        match self {
            Template::Choice { options, .. } => options.iter().flat_map(|option| option.extremes(parameters)).collect(),
            Template::Free { parameter, .. } => match &parameters[*parameter].domain {
                Domain::Uniform { low, high } | Domain::LogUniform { low, high } | Domain::Stepped { low, high, .. } => {
                    vec![Template::Real(*low), Template::Real(*high)]
                }
                Domain::Int { low, high } | Domain::LogInt { low, high } => {
                    vec![Template::Integer(*low), Template::Integer(*high)]
                }
                Domain::Choice { .. } => Vec::new(),
            },
            fixed => vec![fixed.clone()],
        }
    }

    /// The largest number of epochs of the configs that this is the template of.
    pub(crate) fn max_epochs(&self, parameters: &[Parameter]) -> u32 {
        let epochs = self.field("epochs").map(|epochs| epochs.extremes(parameters)).unwrap_or_default();
        let epochs = epochs.iter().map(|epochs| match epochs {
            Template::Integer(value) => u32::try_from(*value).unwrap_or(1),
            Template::Real(value) => *value as u32,
            _ => 1,
        });
        epochs.max().unwrap_or(1)
    }

    /// As it could be written in RON, on one line.
    pub(crate) fn describe(&self, parameters: &[Parameter]) -> String {
        let list = |items: &[Template]| items.iter().map(|item| item.describe(parameters)).collect::<Vec<String>>().join(", ");
        match self {
            Template::Real(value) => format!("{value:?}"),
            Template::Integer(value) => value.to_string(),
            Template::Natural(value) => value.to_string(),
            Template::Bool(value) => value.to_string(),
            Template::Text(text) => format!("{text:?}"),
            Template::None => "None".to_string(),
            Template::Name(name) => name.clone(),
            Template::List(items) => format!("[{}]", list(items)),
            Template::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {}", value.describe(parameters))).collect();
                format!("({})", fields.join(", "))
            }
            Template::Variant(name, payload) => match payload.as_ref() {
                Template::Record(_) => format!("{name}{}", payload.describe(parameters)),
                Template::List(items) => format!("{name}({})", list(items)),
                payload => format!("{name}({})", payload.describe(parameters)),
            },
            Template::Free { parameter, .. } => parameters[*parameter].domain.to_string(),
            Template::Choice { parameter, options } => match &parameters[*parameter].domain {
                Domain::Choice { weights, .. } if !crate::domain::even(weights) => {
                    let mut text = String::new();
                    for (index, (option, weight)) in options.iter().zip(weights).enumerate() {
                        let comma = if index == 0 { "" } else { ", " };
                        // Writing to a String cannot fail.
                        let _ = write!(text, "{comma}({weight:.3}, {})", option.describe(parameters));
                    }
                    format!("Weighted([{text}])")
                }
                _ => format!("Choice([{}])", list(options)),
            },
        }
    }
}

fn real(value: f64) -> Json {
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}
