//! Values that are one of several variants.

use super::{At, DOMAINS, Lowerer, expected, here, join};
use crate::{
    problem::{listed, nearest},
    schema::{Enum, Kind, Payload, Variant},
    template::Template,
    tree::{Node, Shape},
};

impl Lowerer<'_> {
    pub(super) fn variant(&mut self, node: &Node, kind: &'static Enum, at: &At) -> Option<Template> {
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
            let message = format!("{} is {given}one of {}, not {node}", here(at), listed(names(), "or"));
            let hint = match &node.shape {
                Shape::Text(text) => nearest(text, names()).map(|name| format!("write `{name}`, without quotes")),
                _ => None,
            };
            self.report(&node.span, message, hint);
            return None;
        };
        let similar = nearest(name, names().chain(DOMAINS));
        let hint = match similar {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => format!("it may be {}", listed(names(), "or")),
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
