//! From the tree of a file to templates, by the schema. Every mistake is noted and reading goes on.

mod choice;
mod range;

use std::{collections::BTreeMap, ops::Range};

use crate::{
    domain::{Condition, Parameter},
    problem::{Problem, Source, listed, nearest},
    schema::{Enum, Field, Kind, Payload, Variant},
    space::Mention,
    template::Template,
    tree::{self, Node, Shape},
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
    pub(crate) mentions: Vec<Mention>,
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
            free: Err("this"),
            left_out: BTreeMap::new(),
            condition: None,
        }
    }

    pub(crate) fn report(&mut self, span: &Range<usize>, message: impl Into<String>, hint: impl Into<Option<String>>) {
        let problem = self.source.problem(span, message, hint.into());
        self.problems.push(problem);
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
            (Kind::Bool, Shape::Bool(value)) => Some(Template::Bool(*value)),
            (Kind::Text, Shape::Text(text)) if text.trim().is_empty() => {
                self.report(&node.span, format!("{} is empty", here(at)), None);
                None
            }
            (Kind::Text, Shape::Text(text)) => Some(Template::Text(text.clone())),
            (Kind::Duration, Shape::Text(text)) => {
                let Some(seconds) = crate::settings::parse_duration(text) else {
                    let hint = "write hours, minutes and seconds, such as \"8h\", \"90m\" or \"1h30m\"".to_string();
                    self.report(&node.span, format!("{text:?} is not a duration above 0"), hint);
                    return None;
                };
                i64::try_from(seconds).ok().map(Template::Integer)
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
        self.mentions.push(Mention { field: at.field.clone(), place: self.source.place(&node.span), value });
    }

    fn out_of_bounds(&mut self, span: &Range<usize>, value: &str, kind: &Kind, at: &At) {
        let bounds = match kind {
            Kind::Real(bounds) => bounds.words.to_string(),
            Kind::Integer { low, high } => format!("from {low} to {high}"),
            _ => return,
        };
        self.report(span, format!("{} must be {bounds}, not {value}", here(at)), None);
    }

    fn variant(&mut self, node: &Node, kind: &'static Enum, at: &At) -> Option<Template> {
        let name = match &node.shape {
            Shape::None => Some("None"),
            _ => node.name(),
        };
        if let Some(variant) = name.and_then(|name| kind.variant(name)) {
            return self.payload(node, variant, at);
        }
        if let Some((name, inner)) = kind.bare.filter(|(_, inner)| fits(node, inner)) {
            return Some(Template::Variant(name.to_string(), Box::new(self.lower(node, inner, at)?)));
        }
        let names = || kind.variants.iter().map(|variant| variant.name);
        let Some(name) = name else {
            let given = kind.bare.map(|(_, inner)| format!("{}, or ", expected(inner))).unwrap_or_default();
            let message = format!("{} is {given}one of {}, not {node}", here(at), listed(names()));
            self.report(&node.span, message, None);
            return None;
        };
        let similar = nearest(name, names().chain(DOMAINS));
        let hint = match similar {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => format!("it may be {}", listed(names())),
        };
        let span = node.span.start..node.span.start + name.len();
        self.report(&span, format!("`{name}` is not {}", kind.what), hint);
        None
    }

    fn payload(&mut self, node: &Node, variant: &'static Variant, at: &At) -> Option<Template> {
        let name = variant.name;
        let wrap = |payload: Template| Template::Variant(name.to_string(), Box::new(payload));
        match (&variant.payload, &node.shape) {
            (Payload::Unit, Shape::Name(_) | Shape::None) => Some(Template::Name(name.to_string())),
            (Payload::Unit, Shape::Tuple(_, items)) if items.is_empty() => Some(Template::Name(name.to_string())),
            (Payload::Newtype(Kind::Struct(inner)), Shape::Struct(..)) => {
                self.fields(node, inner.name, inner.fields, &at.nameless()).map(wrap)
            }
            (Payload::Newtype(kind), Shape::Tuple(_, items)) if items.len() == 1 => self.lower(&items[0], kind, at).map(wrap),
            (Payload::Tuple(kinds), Shape::Tuple(_, items)) if items.len() == kinds.len() => {
                let items: Vec<Option<Template>> = items.iter().zip(*kinds).map(|(item, kind)| self.lower(item, kind, at)).collect();
                items.into_iter().collect::<Option<_>>().map(|items| wrap(Template::List(items)))
            }
            (Payload::Struct(fields), Shape::Struct(..) | Shape::Name(_)) => {
                let inside = at.variant(name);
                let record = self.fields(node, name, fields, &inside)?;
                self.check_variant(node, name, &record, &inside).then(|| wrap(record))
            }
            (Payload::Struct(fields), Shape::Tuple(_, items)) if items.is_empty() => {
                let inside = at.variant(name);
                self.fields(node, name, fields, &inside).map(wrap)
            }
            (payload, _) => {
                let (takes, example) = match payload {
                    Payload::Unit => ("nothing in parentheses".to_string(), name.to_string()),
                    Payload::Newtype(kind) => (expected(kind), format!("{name}(...)")),
                    Payload::Tuple(kinds) => (format!("{} values in parentheses", kinds.len()), format!("{name}(..., ...)")),
                    Payload::Struct(fields) => {
                        let fields: Vec<String> = fields.iter().map(|field| format!("{}: ...", field.name)).collect();
                        ("named fields in parentheses".to_string(), format!("{name}({})", fields.join(", ")))
                    }
                };
                self.report(&node.span, format!("`{name}` takes {takes}"), format!("write `{example}`"));
                None
            }
        }
    }

    /// Rules that tie fields of one variant together.
    fn check_variant(&mut self, node: &Node, name: &str, record: &Template, at: &At) -> bool {
        let extremes = |field: &str| record.field(field).map(|value| value.extremes(&self.parameters)).unwrap_or_default();
        if name == "Sgd" && extremes("nesterov").contains(&Template::Bool(true)) && extremes("momentum").contains(&Template::Real(0.0)) {
            let span = self.places.get(&join(&at.path, "nesterov")).unwrap_or(&node.span).clone();
            let hint = "give a momentum above 0, such as `momentum: 0.9`".to_string();
            self.report(&span, "Nesterov momentum needs momentum, which can be 0 here", hint);
            return false;
        }
        true
    }

    /// Reads the fields of a struct or struct variant, whatever stands in front of its parentheses.
    fn fields(&mut self, node: &Node, owner: &str, fields: &'static [Field], at: &At) -> Option<Template> {
        let given = self.match_fields(node, owner, fields);
        let mut record = Vec::with_capacity(fields.len());
        for (field, given) in fields.iter().zip(&given) {
            let at = at.child(field.name);
            let value = match given {
                Some(node) => self.lower(node, field.kind, &at),
                None => match self.left_out.get(&at.path) {
                    Some(value) => Some(value.clone()),
                    None => field.default.map(|text| default(text, field.kind)),
                },
            };
            record.push(value.map(|value| (field.name.to_string(), value)));
        }
        record.into_iter().collect::<Option<_>>().map(Template::Record)
    }

    /// The given value of each field of a struct, in the order of `fields`. Notes those unknown, doubled and missing.
    pub(crate) fn match_fields<'n>(&mut self, node: &'n Node, owner: &str, fields: &'static [Field]) -> Vec<Option<&'n Node>> {
        let mut matched: Vec<Option<&Node>> = vec![None; fields.len()];
        let given: &[tree::Field] = match &node.shape {
            Shape::Struct(_, given) => given,
            Shape::Tuple(_, items) if !items.is_empty() => {
                let fields: Vec<&str> = fields.iter().map(|field| field.name).collect();
                self.report(&node.span, format!("`{owner}` takes named fields"), format!("its fields are {}", listed(fields)));
                return matched;
            }
            _ => &[],
        };
        for field in given {
            let Some(index) = fields.iter().position(|known| known.name == field.name) else {
                let names = || fields.iter().map(|field| field.name);
                let hint = match nearest(&field.name, names()) {
                    Some(similar) => format!("did you mean `{similar}`?"),
                    None => format!("its fields are {}", listed(names())),
                };
                self.report(&field.span, format!("`{owner}` has no field `{}`", field.name), hint);
                continue;
            };
            if matched[index].is_some() {
                self.report(&field.span, format!("`{}` is given twice", field.name), "leave one of them out".to_string());
            }
            matched[index] = Some(&field.value);
        }
        for (field, _) in fields.iter().zip(&matched).filter(|(field, given)| given.is_none() && field.default.is_none()) {
            let end = node.name().map_or(node.span.start + 1, |name| node.span.start + name.len());
            let hint = format!("add `{}: ...`, {}", field.name, expected(field.kind));
            self.report(&(node.span.start..end.min(node.span.end)), format!("`{owner}` lacks the field `{}`", field.name), hint);
        }
        matched
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

/// What is left out is. Defaults are part of the schema, and a test reads them all.
pub(crate) fn default(text: &str, kind: &'static Kind) -> Template {
    let source = Source { file: "default".into(), text: text.to_string() };
    let mut lowerer = Lowerer::new(&source);
    let node = tree::parse(text).expect("a default is RON");
    lowerer.lower(&node, kind, &At::default()).expect("a default fits its kind")
}

/// Whether `node` has the form of a value of `kind`, right or wrong.
fn fits(node: &Node, kind: &Kind) -> bool {
    match (kind, &node.shape) {
        (Kind::Real(_) | Kind::Integer { .. }, Shape::Integer(_) | Shape::Real(_)) | (Kind::Text, Shape::Text(_)) => true,
        (Kind::Struct(kind), Shape::Struct(name, _)) => name.as_deref().is_none_or(|name| name == kind.name),
        (Kind::Struct(_), Shape::Tuple(None, items)) => items.is_empty(),
        _ => false,
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
        Kind::Integer { .. } => "a whole number".to_string(),
        Kind::Bool => "`true` or `false`".to_string(),
        Kind::Text => "a string".to_string(),
        Kind::Duration => "a duration such as \"8h\" or \"1h30m\"".to_string(),
        Kind::List(_) => "a list in brackets".to_string(),
        Kind::Option(inner) => format!("{} or `None`", expected(inner)),
        Kind::Struct(kind) => {
            let fields: Vec<String> = kind.fields.iter().take(2).map(|field| format!("{}: ...", field.name)).collect();
            format!("fields in parentheses, such as ({})", fields.join(", "))
        }
        Kind::Enum(kind) => format!("one of {}", listed(kind.variants.iter().map(|variant| variant.name))),
    }
}
