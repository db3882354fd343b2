//! JSON values as YAML that people read.
//!
//! Every JSON text is YAML, so only its layout is ours: a mapping or a list a level, keys and strings as JSON has them unless they are plain words. That
//! is little enough to need no library (serde_yaml is no longer maintained). Numbers are written as YAML 1.1 has them, too, for which PyYAML reads `1e-5` as a
//! string.

use std::fmt::Write as _;

use serde_json::Value;

/// `value` as a document.
pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let _ = write!(out, "{indent}{}:", scalar(&Value::String(name.clone())));
                nested(value, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(out, "{indent}-");
                nested(item, depth, out);
            }
        }
        value => {
            let _ = writeln!(out, "{indent}{}", scalar(value));
        }
    }
}

/// What follows a key or a dash.
fn nested(value: &Value, depth: usize, out: &mut String) {
    let deeper = matches!(value, Value::Object(fields) if !fields.is_empty()) || matches!(value, Value::Array(items) if !items.is_empty());
    if deeper {
        out.push('\n');
        block(value, depth + 1, out);
    } else {
        let _ = writeln!(out, " {}", scalar(value));
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Number(number) if number.is_f64() => float(&number.to_string()),
        value => value.to_string(),
    }
}

/// Words that no YAML takes for anything else.
fn is_plain(text: &str) -> bool {
    const TAKEN: [&str; 11] = ["y", "n", "yes", "no", "true", "false", "on", "off", "null", "nan", "inf"];
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(inside) && !TAKEN.contains(&text.to_lowercase().as_str())
}

/// With a point in the mantissa and a sign in the exponent.
fn float(json: &str) -> String {
    let Some((mantissa, exponent)) = json.split_once(['e', 'E']) else { return json.to_owned() };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_and_both_versions_of_yaml_read_it() {
        let value = json!({
            "claim": { "study": "bbc: first", "value": 0.975, "rule": null, "test": {} },
            "training_arguments": { "learning_rate": 1e-5, "huge": 1e300, "seed": 0, "optim": "adamw_torch", "kwargs": { "end": 0.0 } },
            "columns": ["text", "no", "1e5", "a \"b\"\n"],
            "nested": [{ "a": 1 }, []],
        });
        insta::assert_snapshot!(text(&value), @r#"
        claim:
          rule: null
          study: "bbc: first"
          test: {}
          value: 0.975
        columns:
          - text
          - "no"
          - "1e5"
          - "a \"b\"\n"
        nested:
          -
            a: 1
          - []
        training_arguments:
          huge: 1.0e+300
          kwargs:
            end: 0.0
          learning_rate: 0.00001
          optim: adamw_torch
          seed: 0
        "#);
    }
}
