//! From the tree of a file to templates, by the schema. Every mistake is noted and reading goes on.

mod choice;
mod fields;
mod range;
mod variant;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

pub(crate) use fields::default;

use crate::{
    domain::{Condition, Parameter},
    metric_name::MetricName,
    places::is_known,
    problem::{MOST_PROBLEMS, Problem, Source, listed, nearest},
    schema::Kind,
    template::Template,
    tree::{Node, Shape},
};

/// The domains by name.
const DOMAINS: [&str; 7] = ["Uniform", "LogUniform", "Stepped", "Int", "LogInt", "Choice", "Weighted"];

/// Reads templates from nodes; collects what it meets on the way.
pub(crate) struct Lowerer<'s> {
    pub(crate) source: &'s Source,
    pub(crate) problems: Vec<Problem>,
    pub(crate) parameters: Vec<Parameter>,
    /// Where the value of each path stands.
    pub(crate) places: BTreeMap<String, Range<usize>>,
    /// Numbers of the config: field, place and value.
    pub(crate) mentions: Vec<(String, Range<usize>, f64)>,
    /// Paths of values that have their default because what the file gives is a mistake. What follows from them is no mistake.
    pub(crate) guessed: BTreeSet<String>,
    /// Whether values may be left to the search, here; and if not, what is being read.
    pub(crate) free: Result<(), &'static str>,
    /// What fields of the config are when left out, other than their defaults. By path.
    pub(crate) left_out: BTreeMap<String, Template>,
    /// Under which a parameter met here exists.
    condition: Option<Condition>,
}

/// Where in the file's structure.
#[derive(Debug, Clone, Default)]
pub(crate) struct At {
    /// Unique; that of a parameter or a place.
    pub(crate) path: String,
    /// Of the config: the same for recipes and all options.
    pub(crate) field: String,
    /// Name of the option this is, where it is one.
    option: Option<String>,
}

impl At {
    pub(crate) fn new(path: &str) -> At {
        At { path: path.to_string(), field: path.to_string(), option: None }
    }

    /// The config of a recipe or of a config file: fields have the names they have in the space.
    pub(crate) fn config(path: &str) -> At {
        At { path: path.to_string(), field: String::new(), option: None }
    }

    fn child(&self, name: &str) -> At {
        At { path: join(&self.path, name), field: join(&self.field, name), option: None }
    }

    fn item(&self, index: usize) -> At {
        At { path: format!("{}[{index}]", self.path), field: self.field.clone(), option: None }
    }

    /// The inside of a variant: paths go by the option's name, if it is one.
    fn variant(&self, name: &str) -> At {
        let segment = self.option.as_deref().unwrap_or(name);
        At { path: join(&self.path, segment), field: join(&self.field, name), option: None }
    }

    /// The inside of what has no name of its own.
    fn nameless(&self) -> At {
        match &self.option {
            Some(option) => At { path: join(&self.path, option), field: self.field.clone(), option: None },
            None => self.clone(),
        }
    }

    fn option(&self, name: &str) -> At {
        At { option: Some(name.to_string()), ..self.nameless() }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

impl<'s> Lowerer<'s> {
    pub(crate) fn new(source: &'s Source) -> Lowerer<'s> {
        Lowerer {
            source,
            problems: Vec::new(),
            parameters: Vec::new(),
            places: BTreeMap::new(),
            mentions: Vec::new(),
            guessed: BTreeSet::new(),
            free: Err("this"),
            left_out: BTreeMap::new(),
            condition: None,
        }
    }

    pub(crate) fn report(&mut self, span: &Range<usize>, message: impl Into<String>, hint: impl Into<Option<String>>) {
        if self.problems.len() < MOST_PROBLEMS {
            let problem = self.source.problem(span, message, hint.into());
            self.problems.push(problem);
        }
    }

    /// Whether none of `paths` is guessed, in whole or in part.
    pub(crate) fn knows(&self, paths: &[&str]) -> bool {
        paths.iter().all(|path| is_known(&self.guessed, path))
    }

    /// Reads `node` as a value of `kind`; `None` after a mistake, which is noted.
    pub(crate) fn lower(&mut self, node: &Node, kind: &'static Kind, at: &At) -> Option<Template> {
        self.places.entry(at.path.clone()).or_insert_with(|| node.span.clone());
        if let Some(name) = node.name().filter(|name| DOMAINS.contains(name)) {
            if let Err(what) = self.free {
                let message = format!("`{name}` leaves a value to the search, but {what} has every value fixed");
                self.report(&node.span, message, None);
                return None;
            }
            return match name {
                "Choice" | "Weighted" => self.choice(node, kind, at),
                _ => self.range(node, name, kind, at),
            };
        }
        match (kind, &node.shape) {
            (Kind::Real(_), Shape::Integer(value)) => self.real(node, *value as f64, kind, at),
            (Kind::Real(_), Shape::Real(value)) => self.real(node, *value, kind, at),
            (Kind::Integer { low, high }, Shape::Integer(value)) => {
                let Some(value) = i64::try_from(*value).ok().filter(|value| (low..=high).contains(&value)) else {
                    self.out_of_bounds(&node.span, &value.to_string(), kind, at);
                    return None;
                };
                self.mention(node, value as f64, at);
                Some(Template::Integer(value))
            }
            (Kind::Seed, Shape::Integer(value)) => {
                let seed = u64::try_from(*value).ok();
                if seed.is_none() {
                    self.report(&node.span, format!("{} must be from 0 to {}, not {value}", here(at), u64::MAX), None);
                }
                seed.map(Template::Natural)
            }
            (Kind::Bool, Shape::Bool(value)) => Some(Template::Bool(*value)),
            (Kind::Text, Shape::Text(text)) if text.trim().is_empty() => {
                self.report(&node.span, format!("{} is empty", here(at)), None);
                None
            }
            (Kind::Text, Shape::Text(text)) => Some(Template::Text(text.clone())),
            (Kind::MetricName, Shape::Text(text)) => match MetricName::new(text) {
                Ok(_) => Some(Template::Text(text.clone())),
                Err(why) => {
                    self.report(&node.span, why.to_string(), "name it as the program that measures it does".to_string());
                    None
                }
            },
            (Kind::Duration, Shape::Text(text)) => {
                let Some(seconds) = crate::settings::parse_duration(text) else {
                    let hint = "write hours, minutes and seconds, such as \"8h\", \"90m\" or \"1h30m\"".to_string();
                    self.report(&node.span, format!("{text:?} is not a duration above 0"), hint);
                    return None;
                };
                i64::try_from(seconds).ok().map(Template::Integer)
            }
            (Kind::Bytes, Shape::Text(text)) => {
                let Some(bytes) = crate::settings::parse_bytes(text).and_then(|bytes| i64::try_from(bytes).ok()) else {
                    let hint = "write a whole number of MB, GB or TB, such as \"20GB\" or \"500MB\"".to_string();
                    self.report(&node.span, format!("{text:?} is not an amount of bytes above 0"), hint);
                    return None;
                };
                Some(Template::Integer(bytes))
            }
            (Kind::List(item), Shape::List(nodes)) => {
                let items: Vec<Option<Template>> =
                    nodes.iter().enumerate().map(|(index, node)| self.lower(node, item, &at.item(index))).collect();
                items.into_iter().collect::<Option<_>>().map(Template::List)
            }
            (Kind::Option(_), Shape::None) => Some(Template::None),
            (Kind::Option(inner), Shape::Some(value)) => self.lower(value, inner, at),
            (Kind::Option(inner), _) => self.lower(node, inner, at),
            (Kind::Struct(kind), Shape::Struct(..) | Shape::Tuple(..)) if node.name().is_none_or(|name| name == kind.name) => {
                self.fields(node, kind.name, kind.fields, &at.nameless())
            }
            (Kind::Enum(kind), _) => self.variant(node, kind, at),
            _ => {
                self.mismatch(node, kind, at);
                None
            }
        }
    }

    fn real(&mut self, node: &Node, value: f64, kind: &'static Kind, at: &At) -> Option<Template> {
        if matches!(kind, Kind::Real(bounds) if !bounds.allows(value)) {
            self.out_of_bounds(&node.span, &format!("{value:?}"), kind, at);
            return None;
        }
        self.mention(node, value, at);
        Some(Template::Real(value))
    }

    fn mention(&mut self, node: &Node, value: f64, at: &At) {
        self.mentions.push((at.field.clone(), node.span.clone(), value));
    }

    fn out_of_bounds(&mut self, span: &Range<usize>, value: &str, kind: &Kind, at: &At) {
        let bounds = match kind {
            Kind::Real(_) if matches!(value, "inf" | "-inf" | "NaN") => "a finite number".to_string(),
            Kind::Real(bounds) => bounds.words.to_string(),
            Kind::Integer { low, high } => format!("from {low} to {high}"),
            _ => return,
        };
        self.report(span, format!("{} must be {bounds}, not {value}", here(at)), None);
    }

    fn mismatch(&mut self, node: &Node, kind: &'static Kind, at: &At) {
        let hint = match (&node.shape, kind) {
            (Shape::Real(value), Kind::Integer { .. }) if value.fract() == 0.0 && value.abs() < 1e15 => {
                Some(format!("write {value:.0}, without a point"))
            }
            _ => node.name().and_then(|name| nearest(name, DOMAINS)).map(|name| format!("did you mean `{name}`?")),
        };
        self.report(&node.span, format!("{} must be {}, not {node}", here(at), expected(kind)), hint);
    }
}

/// The field's name for messages.
fn here(at: &At) -> String {
    match at.field.rsplit('.').next() {
        Some(name) if !name.is_empty() => format!("`{name}`"),
        _ => "this".to_string(),
    }
}

fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Real(_) => "a number".to_string(),
        Kind::Integer { .. } | Kind::Seed => "a whole number".to_string(),
        Kind::Bool => "`true` or `false`".to_string(),
        Kind::Text | Kind::MetricName => "a string".to_string(),
        Kind::Duration => "a duration such as \"8h\" or \"1h30m\"".to_string(),
        Kind::Bytes => "an amount of bytes such as \"20GB\"".to_string(),
        Kind::List(_) => "a list in brackets".to_string(),
        Kind::Option(inner) => format!("{} or `None`", expected(inner)),
        Kind::Struct(kind) => {
            let fields: Vec<String> = kind.fields.iter().take(2).map(|field| format!("{}: ...", field.name)).collect();
            format!("fields in parentheses, such as ({})", fields.join(", "))
        }
        Kind::Enum(kind) => format!("one of {}", listed(kind.variants.iter().map(|variant| variant.name), "or")),
    }
}
