//! JSON lines: an object a line.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Map, Value};

use super::{
    error::{DataError, Place},
    table::{Converter, Pick, Row, Table, Text, value},
};

/// Blank lines are skipped. The columns are the keys of all objects, in the order in which they first appear; a key that an object lacks is
/// a missing value.
pub(super) fn read(file: &Path, text: &Text, pick: &Pick<'_>) -> Result<Table, DataError> {
    let mut converter = Converter::new(Some(text));
    let mut names: Vec<String> = Vec::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut objects: Vec<(Place, Map<String, Value>)> = Vec::new();
    for (number, line) in text.bytes.split(|&b| b == b'\n').enumerate() {
        let place = Place::Line(number as u64 + 1);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let object = object(&converter.text(line)).map_err(|reason| DataError::malformed(file, place, reason))?;
        converter.end_row();
        for key in object.keys() {
            if known.insert(key.clone()) {
                names.push(key.clone());
            }
        }
        objects.push((place, object));
    }
    let picked = pick(&names)?;
    let columns: Vec<String> = picked.iter().map(|&column| names[column].clone()).collect();
    let mut rows = Vec::with_capacity(objects.len());
    for (place, mut object) in objects {
        let mut values = Vec::with_capacity(columns.len());
        for column in &columns {
            let text = plain(object.remove(column)).map_err(|what| {
                DataError::malformed(file, place, format!("the value of `{column}` is {what}; a string or a number is needed"))
            })?;
            values.push(text);
        }
        rows.push(Row { place, index: rows.len() as u64, values });
    }
    Ok(converter.table(file, columns, rows))
}

fn object(line: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("is not a JSON object; every line must be one, such as {\"text\": \"...\", \"label\": 1}".into()),
        Err(_) if line.trim_start().starts_with('[') => {
            Err("starts a JSON array; an object a line is needed, such as {\"text\": \"...\", \"label\": 1}".into())
        }
        Err(e) => {
            // The line that serde_json counts is always 1 here.
            let (text, place) = (e.to_string(), format!(" at line {} column {}", e.line(), e.column()));
            Err(format!("is not valid JSON at column {}: {}", e.column(), text.strip_suffix(&place).unwrap_or(&text)))
        }
    }
}

fn plain(json: Option<Value>) -> Result<Option<String>, &'static str> {
    match json {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(value(text)),
        Some(Value::Bool(truth)) => Ok(Some(truth.to_string())),
        Some(Value::Number(number)) => Ok(Some(match number.as_f64() {
            Some(float) if number.is_f64() => float_text(float),
            _ => number.to_string(),
        })),
        Some(Value::Array(_)) => Err("a list"),
        Some(Value::Object(_)) => Err("an object"),
    }
}

/// Whole numbers without the `.0`: a label is the same whether its column holds integers or floats.
pub(super) fn float_text(float: f64) -> String {
    // Display of f64 writes 1.0 as `1`.
    format!("{float}")
}
