//! JSON as Python's `json` module reads and writes it: numbers may be `NaN` and `Infinity`.

use std::fmt::{self, Display, Formatter};

/// A value; objects keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    None,
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Of pairs.
pub(super) fn object<const N: usize>(pairs: [(&str, Json); N]) -> Json {
    Json::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Display for Json {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Json::None => f.write_str("null"),
            Json::Bool(value) => value.fmt(f),
            Json::Integer(value) => value.fmt(f),
            Json::Real(value) if value.is_nan() => f.write_str("NaN"),
            Json::Real(value) if value.is_infinite() => f.write_str(if *value > 0.0 { "Infinity" } else { "-Infinity" }),
            // Always with a point or an exponent, so that Python makes a float of it.
            Json::Real(value) => write!(f, "{value:?}"),
            Json::Text(text) => write_text(f, text),
            Json::List(items) => {
                f.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    f.write_str(if place > 0 { "," } else { "" })?;
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Json::Object(pairs) => {
                f.write_str("{")?;
                for (place, (key, value)) in pairs.iter().enumerate() {
                    f.write_str(if place > 0 { "," } else { "" })?;
                    write_text(f, key)?;
                    f.write_str(":")?;
                    value.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::Value::from(text).to_string())
}

impl From<bool> for Json {
    fn from(value: bool) -> Json {
        Json::Bool(value)
    }
}

impl From<u32> for Json {
    fn from(value: u32) -> Json {
        Json::Integer(value.into())
    }
}

/// Above 2^63 as the nearest real number.
impl From<u64> for Json {
    fn from(value: u64) -> Json {
        i64::try_from(value).map_or(Json::Real(value as f64), Json::Integer)
    }
}

impl From<f64> for Json {
    fn from(value: f64) -> Json {
        Json::Real(value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Json {
        Json::Text(text)
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Json {
        value.map_or(Json::None, Into::into)
    }
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(items: Vec<T>) -> Json {
        Json::List(items.into_iter().map(Into::into).collect())
    }
}

/// What serde made.
impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Json {
        use serde_json::Value;
        match value {
            Value::Null => Json::None,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(number) => number.as_i64().map_or_else(|| Json::Real(number.as_f64().unwrap_or(f64::NAN)), Json::Integer),
            Value::String(text) => Json::Text(text.clone()),
            Value::Array(items) => Json::List(items.iter().map(Json::from).collect()),
            Value::Object(pairs) => Json::Object(pairs.iter().map(|(key, value)| (key.clone(), Json::from(value))).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_python_writes() {
        let value = object([
            ("a \"b\"\n", Json::from("c\u{1}é")),
            ("numbers", Json::from(vec![1e-5, 16.0, f64::NAN, f64::NEG_INFINITY])),
            ("none", Json::from(None::<u32>)),
            ("true", Json::from(true)),
            ("big", Json::from(u64::MAX)),
        ]);
        insta::assert_snapshot!(value, @r#"{"a \"b\"\n":"c\u0001é","numbers":[1e-5,16.0,NaN,-Infinity],"none":null,"true":true,"big":1.8446744073709552e19}"#);
    }
}
