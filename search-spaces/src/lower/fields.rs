//! Named fields, their defaults, and mistakes in their names.

use super::{At, Lowerer, expected};
use crate::{
    problem::{Source, listed, nearest},
    schema::{Field, Kind},
    template::Template,
    tree::{self, Node, Shape},
};

impl Lowerer<'_> {
    /// Reads the fields of a struct or struct variant, whatever stands in front of its parentheses. After a mistake, which is noted, a field is
    /// taken as left out; `None` if it must not be.
    pub(super) fn fields(&mut self, node: &Node, owner: &str, fields: &'static [Field], at: &At) -> Option<Template> {
        let given = self.match_fields(node, owner, fields, at);
        let mut record = Vec::with_capacity(fields.len());
        for (field, given) in fields.iter().zip(&given) {
            let at = at.child(field.name);
            let read = given.and_then(|node| self.lower(node, field.kind, &at));
            if given.is_some() && read.is_none() {
                self.guessed.insert(at.path.clone());
            }
            let value =
                read.or_else(|| self.left_out.get(&at.path).cloned()).or_else(|| field.default.map(|text| default(text, field.kind)));
            record.push(value.map(|value| (field.name.to_string(), value)));
        }
        record.into_iter().collect::<Option<_>>().map(Template::Record)
    }

    /// The given value of each field of the struct at `at`, in the order of `fields`. Notes those unknown, doubled and missing.
    pub(crate) fn match_fields<'n>(&mut self, node: &'n Node, owner: &str, fields: &'static [Field], at: &At) -> Vec<Option<&'n Node>> {
        let mut matched: Vec<Option<&Node>> = vec![None; fields.len()];
        let given: &[tree::Field] = match &node.shape {
            Shape::Struct(_, given) => given,
            Shape::Tuple(_, items) if !items.is_empty() => {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                self.report(&node.span, format!("`{owner}` takes named fields"), format!("its fields are {}", listed(names, "and")));
                self.guessed.insert(at.path.clone());
                return matched;
            }
            _ => &[],
        };
        let mut meant: Vec<&str> = Vec::new();
        let mut unlike_any = false;
        for field in given {
            let Some(index) = fields.iter().position(|known| known.name == field.name) else {
                let names = || fields.iter().map(|field| field.name);
                let similar = nearest(&field.name, names());
                let hint = match similar {
                    Some(similar) => format!("did you mean `{similar}`?"),
                    None => format!("its fields are {}", listed(names(), "and")),
                };
                meant.extend(similar);
                unlike_any |= similar.is_none();
                self.report(&field.span, format!("`{owner}` has no field `{}`", field.name), hint);
                continue;
            };
            if matched[index].is_some() {
                self.report(&field.span, format!("`{}` is given twice", field.name), "leave one of them out".to_string());
            }
            matched[index] = Some(&field.value);
        }
        // A wrong name is the one it is like; one like none may be any that seems to be left out.
        let left_out = || fields.iter().zip(&matched).filter(|(_, given)| given.is_none()).map(|(field, _)| field);
        let misspelt = |field: &Field| meant.contains(&field.name);
        self.guessed.extend(left_out().filter(|field| unlike_any || misspelt(field)).map(|field| at.child(field.name).path));
        for field in left_out().filter(|field| field.default.is_none() && !misspelt(field)) {
            let end = node.name().map_or(node.span.start + 1, |name| node.span.start + name.len());
            let hint = format!("add `{}: ...`, {}", field.name, expected(field.kind));
            self.report(&(node.span.start..end.min(node.span.end)), format!("`{owner}` lacks the field `{}`", field.name), hint);
        }
        matched
    }
}

/// What is left out is. Defaults are part of the schema, and a test reads them all.
pub(crate) fn default(text: &str, kind: &'static Kind) -> Template {
    let source = Source { file: "default".into(), text: text.to_string() };
    let mut lowerer = Lowerer::new(&source);
    let node = tree::parse(text).expect("a default is RON");
    lowerer.lower(&node, kind, &At::default()).expect("a default fits its kind")
}
