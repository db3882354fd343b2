//! RON text as a tree in which every node knows its place.
//!
//! The `ron` crate does all of the syntax. A node's children are read as `&RawValue`, which borrow from the text, so that their offset
//! in it is their place.

mod key;

use std::{fmt, ops::Range};

use ron::value::RawValue;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use key::Key;

/// Files come from strangers: nothing of use is longer.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// Nor deeper. A level costs a pass over what it holds.
const MAX_DEPTH: usize = 40;

/// A value in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Bytes of the text.
    pub(crate) span: Range<usize>,
    pub(crate) shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Integer(i128),
    Real(f64),
    Text(String),
    Bool(bool),
    None,
    Some(Box<Node>),
    /// `HeadOnly`
    Name(String),
    /// `[...]`
    List(Vec<Node>),
    /// `Uniform(0.0, 1.0)`, `(2, Constant)`; without items also `()` and `Name()`.
    Tuple(Option<String>, Vec<Node>),
    /// `AdamW(learning_rate: 1e-4)`, `(hidden: 0.1)`
    Struct(Option<String>, Vec<Field>),
    /// Something RON has and this format has not.
    Other(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Of the name.
    pub(crate) span: Range<usize>,
    pub(crate) value: Node,
}

/// What keeps a text from being RON, and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SyntaxError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

impl Node {
    /// The name it starts with, if it does.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.shape {
            Shape::Name(name) | Shape::Tuple(Some(name), _) | Shape::Struct(Some(name), _) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Node {
    /// What it is, for messages: `a string`, `` `Foo(...)` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::Integer(value) => write!(f, "the number {value}"),
            Shape::Real(value) => write!(f, "the number {value:?}"),
            Shape::Text(text) if text.chars().count() <= 30 => write!(f, "the string {text:?}"),
            Shape::Text(_) => f.write_str("a string"),
            Shape::Bool(value) => write!(f, "`{value}`"),
            Shape::None => f.write_str("`None`"),
            Shape::Some(_) => f.write_str("`Some(...)`"),
            Shape::Name(name) => write!(f, "`{name}`"),
            Shape::List(_) => f.write_str("a list"),
            Shape::Tuple(Some(name), _) | Shape::Struct(Some(name), _) => write!(f, "`{name}(...)`"),
            Shape::Tuple(None, _) => f.write_str("values in parentheses"),
            Shape::Struct(None, _) => f.write_str("fields in parentheses"),
            Shape::Other(what) => f.write_str(what),
        }
    }
}

/// Reads one value and nothing after it. `text` is at most [`MAX_BYTES`] long.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    // The whole text is read once for its syntax: a mistake is found in the order of the file and with its place in it.
    ron::from_str::<IgnoredAny>(text).map_err(|error| syntax_error(text, &error))?;
    node(text, 0..text.len(), 0)
}

fn syntax_error(text: &str, error: &ron::error::SpannedError) -> SyntaxError {
    let position = error.span.end;
    let line_start = text.split_inclusive('\n').take(position.line.saturating_sub(1)).map(str::len).sum::<usize>();
    let line = text.get(line_start..).unwrap_or_default();
    let at = line_start + line.chars().take(position.col.saturating_sub(1)).map(char::len_utf8).sum::<usize>();
    let message = match &error.code {
        ron::Error::ExceededRecursionLimit => too_deep(),
        code => {
            let mut message = code.to_string();
            if let Some(first) = message.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            message
        }
    };
    SyntaxError { at: at.min(text.len()), message }
}

fn too_deep() -> String {
    format!("values are nested more than {MAX_DEPTH} levels deep")
}

/// Reads the value in `range` of `text`, which may have white space and comments around it.
fn node(text: &str, range: Range<usize>, depth: usize) -> Result<Node, SyntaxError> {
    if depth > MAX_DEPTH {
        return Err(SyntaxError { at: range.start, message: too_deep() });
    }
    let source = &text[range.clone()];
    let fail = |error: &ron::error::SpannedError| {
        let inner = syntax_error(source, error);
        SyntaxError { at: range.start + inner.at, message: inner.message }
    };
    let mut deserializer = ron::Deserializer::from_str(source).map_err(|error| fail(&error))?;
    let value = deserializer.remainder();
    let start = range.end - value.len();
    let raw = deserializer.deserialize_any(NodeVisitor).map_err(|code| fail(&deserializer.span_error(code)))?;
    let written = value[..value.len() - deserializer.remainder().len()].trim_end();
    let name = leading_name(value);
    let end = if matches!(raw, Raw::Unit) && name.is_some() { start + name.unwrap_or_default().len() } else { start + written.len() };

    let offset = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    let child = |part: &str| node(text, offset(part)..offset(part) + part.len(), depth + 1);
    let name = name.map(str::to_string);
    let shape = match raw {
        Raw::Integer(value) => Shape::Integer(value),
        // Read again from the text: the deserializer takes the narrowest type, which may be f32.
        Raw::Real => Shape::Real(ron::from_str::<f64>(written).map_err(|error| fail(&error))?),
        Raw::Text(text) => Shape::Text(text),
        Raw::Bool(value) => Shape::Bool(value),
        Raw::None => Shape::None,
        Raw::Some(value) => Shape::Some(Box::new(child(value)?)),
        Raw::Unit => match name {
            Some(name) => Shape::Name(name),
            None if value.starts_with('(') => Shape::Tuple(None, Vec::new()),
            None => Shape::Other("a range"),
        },
        Raw::Items(items) => {
            let items = items.into_iter().map(child).collect::<Result<Vec<Node>, SyntaxError>>()?;
            if value.starts_with('[') { Shape::List(items) } else { Shape::Tuple(name, items) }
        }
        Raw::Fields(_) if value.starts_with('{') => Shape::Other("a map in braces"),
        Raw::Fields(fields) => {
            let field = |(name, value): (&str, &str)| {
                let start = offset(name);
                Ok(Field { name: name.to_string(), span: start..start + name.len(), value: child(value)? })
            };
            Shape::Struct(name, fields.into_iter().map(field).collect::<Result<_, _>>()?)
        }
        Raw::Other(what) => Shape::Other(what),
    };
    Ok(Node { span: start..end, shape })
}

/// The identifier that `value` starts with.
fn leading_name(value: &str) -> Option<&str> {
    let end = value.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(value.len());
    let name = &value[..end];
    (name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')).then_some(name)
}

/// A node before its children are read.
enum Raw<'a> {
    Integer(i128),
    Real,
    Text(String),
    Bool(bool),
    None,
    Some(&'a str),
    Unit,
    Items(Vec<&'a str>),
    Fields(Vec<(&'a str, &'a str)>),
    Other(&'static str),
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Raw<'de>, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Raw<'de>, E> {
        Ok(Raw::Integer(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Raw<'de>, E> {
        Ok(Raw::Integer(value.into()))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Raw<'de>, E> {
        Ok(Raw::Real)
    }

    fn visit_char<E: de::Error>(self, _: char) -> Result<Raw<'de>, E> {
        Ok(Raw::Other("a character in single quotes"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Raw<'de>, E> {
        Ok(Raw::Text(value.to_string()))
    }

    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Raw<'de>, E> {
        Ok(Raw::Other("a byte string"))
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw<'de>, E> {
        Ok(Raw::None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw<'de>, D::Error> {
        Ok(Raw::Some(<&RawValue>::deserialize(deserializer)?.get_ron()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw<'de>, E> {
        Ok(Raw::Unit)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<&RawValue>()? {
            items.push(item.get_ron());
        }
        Ok(Raw::Items(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key::<Key>()? {
            let Some(name) = key.0 else {
                map.next_value::<IgnoredAny>()?;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(Raw::Other("a map or a range"));
            };
            fields.push((name, map.next_value::<&RawValue>()?.get_ron()));
        }
        Ok(Raw::Fields(fields))
    }
}
