//! The card's section on data.

use std::path::Path;

use search_spaces::data::{Data, Files, Location, Missing, Split, TextColumns};
use serde::Serialize;
use serde_json::Value as Json;

use super::{Card, Table, text::plain};
use crate::{format, html::data as report};

#[derive(Debug, Default, Serialize)]
pub(super) struct Section {
    /// Sentences.
    said: Vec<String>,
    files: Vec<String>,
    splits: Option<Table>,
    /// Each a thing to look into.
    pub(super) warnings: Vec<String>,
}

pub(super) fn section(card: &Card<'_>) -> Section {
    let data = &card.file.data;
    let mut section = Section { said: vec![splits(data.files(), data.split())], ..Section::default() };
    section.said.extend(columns(data));
    let Some(found) = card.data_report.map(|report| report::section(&without_folders(report))).filter(|found| found.raw.is_none()) else {
        section.said.push("What was found in the data is not known any more.".to_owned());
        section.files = named(data.files()).into_iter().map(|location| plain(&name(location))).collect();
        return section;
    };
    section.files = found.files.iter().map(|file| plain(file)).collect();
    section.warnings = found.warnings.iter().map(|warning| plain(warning)).collect();
    let cells = |cells: &[String]| cells.iter().map(|cell| if cell.is_empty() { String::new() } else { plain(cell) }).collect();
    section.splits = Table { header: cells(&found.header), rows: found.rows.iter().map(|row| cells(row)).collect() }.filled();
    section
}

/// What the data are called in the front matter: after the file that is trained on.
pub(super) fn dataset_name(card: &Card<'_>) -> String {
    named(card.file.data.files()).first().map(|location| name(location)).unwrap_or_default()
}

fn named(files: &Files) -> Vec<&Location> {
    match files {
        Files::One(one) => vec![one],
        Files::Splits { train, validation, test } => [Some(train), validation.as_ref(), test.as_ref()].into_iter().flatten().collect(),
    }
}

/// Without the folders above it, which say more of a machine than of the data.
fn name(location: &Location) -> String {
    match location {
        Location::Path(path) => path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned(),
        Location::Asset(name) => name.clone(),
    }
}

fn without_folders(report: &Json) -> Json {
    let mut report = report.clone();
    for file in report.get_mut("files").and_then(Json::as_array_mut).into_iter().flatten() {
        let Some(Json::String(path)) = file.get_mut("file") else { continue };
        if let Some(name) = Path::new(path.as_str()).file_name() {
            *path = name.to_string_lossy().into_owned();
        }
    }
    report
}

fn splits(files: &Files, split: &Split) -> String {
    let drawn = |parts: &[(&str, f64)]| {
        let mut parts = parts.iter().filter(|(_, share)| *share > 0.0).map(|(name, share)| (share_of(*share), name));
        let first = parts
            .next()
            .map_or_else(|| "no rows were drawn".to_owned(), |(share, name)| format!("{share} of the rows were drawn for {name}"));
        let all: Vec<String> = std::iter::once(first).chain(parts.map(|(share, name)| format!("{share} for {name}"))).collect();
        format!("{} (seed {}), each class in proportion", all.join(" and "), split.seed)
    };
    match files {
        Files::One(_) if split.validation == 0.0 && split.test == 0.0 => "Every row of the data is trained on.".to_owned(),
        Files::One(_) => {
            format!("The data are one set, which was split here: {}.", drawn(&[("validation", split.validation), ("testing", split.test)]))
        }
        Files::Splits { validation: Some(_), test: Some(_), .. } => "Training, validation and test split were given as such.".to_owned(),
        Files::Splits { validation: Some(_), test: None, .. } => {
            given("Training and validation split were given as such", drawn, ("testing", split.test))
        }
        Files::Splits { validation: None, test: Some(_), .. } => {
            given("Training and test split were given as such", drawn, ("validation", split.validation))
        }
        Files::Splits { validation: None, test: None, .. } => {
            format!("From the training file {}.", drawn(&[("validation", split.validation), ("testing", split.test)]))
        }
    }
}

fn given(what: &str, drawn: impl Fn(&[(&str, f64)]) -> String, rest: (&str, f64)) -> String {
    if rest.1 > 0.0 { format!("{what}; from the training file {}.", drawn(&[rest])) } else { format!("{what}.") }
}

fn share_of(share: f64) -> String {
    format!("{} %", format::number(share * 100.0))
}

/// What is read of a row.
fn columns(data: &Data) -> Vec<String> {
    let Data::Text(data) = data else { return Vec::new() };
    let text = match &data.text {
        TextColumns::One(text) => format!("The text is the column {}", plain(text)),
        TextColumns::Pair(first, second) => format!("The texts are the columns {} and {}", plain(first), plain(second)),
    };
    let missing = match &data.missing {
        Missing::Reject => "",
        Missing::Drop => " Rows with missing values were dropped.",
        Missing::Fill(_) => " Missing texts were filled in with a fixed one.",
    };
    vec![format!(
        "{text}, the label {}. Texts are cut to {} tokens, the special ones included.{missing}",
        plain(&data.label),
        data.max_tokens
    )]
}
