//! The data report as the page shows it.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::format;

/// What the page knows of a data report. Whoever makes the report may leave anything out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Given {
    /// `texts` or `images`.
    kind: String,
    files: Vec<File>,
    labels: Vec<String>,
    splits: Vec<Split>,
    shared: Vec<Shared>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct File {
    #[serde(rename = "file")]
    path: String,
    rows: u64,
    dropped: u64,
    filled: u64,
    converted: u64,
    encoding: Option<String>,
    notes: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Split {
    name: String,
    examples: u64,
    left_out: u64,
    by_label: Vec<u64>,
    tokens: Option<Tokens>,
    conflicts: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Tokens {
    truncated: u64,
    mean: f64,
    longest: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Shared {
    first: String,
    second: String,
    examples: u64,
}

/// A table of texts and what is to be said beside it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct DataSection {
    pub(crate) files: Vec<String>,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Each a thing to look into.
    pub(crate) warnings: Vec<String>,
    /// The report as it came, when it is in no form known here.
    pub(crate) raw: Option<String>,
}

pub(crate) fn section(report: &Json) -> DataSection {
    match serde_json::from_value::<Given>(report.clone()) {
        Ok(given) if given != Given::default() => known(&given),
        _ => DataSection { raw: Some(format!("{report:#}")), ..DataSection::default() },
    }
}

/// Examples of the validation split, if the report says.
pub(crate) fn validation_examples(report: &Json) -> Option<u64> {
    let given: Given = serde_json::from_value(report.clone()).ok()?;
    given.splits.iter().find(|split| split.name == "validation").map(|split| split.examples)
}

fn known(given: &Given) -> DataSection {
    /// More classes than this are given as a range.
    const CLASSES: usize = 20;
    let few = given.labels.len() <= CLASSES;
    let mut header = ["split", "examples", "left out"].map(str::to_owned).to_vec();
    let of_tokens = given.splits.iter().any(|split| split.tokens.is_some());
    if of_tokens {
        header.extend(["tokens (mean)", "tokens (most)", "truncated"].map(str::to_owned));
    }
    if few {
        header.extend(given.labels.iter().cloned());
    } else {
        header.push(format!("examples of each of {} classes", given.labels.len()));
    }
    let row = |split: &Split| {
        let mut row = vec![split.name.clone(), format::count(split.examples), format::count(split.left_out)];
        if let Some(tokens) = &split.tokens {
            row.extend([format!("{:.1}", tokens.mean), format::count(tokens.longest), format::count(tokens.truncated)]);
        } else if of_tokens {
            row.extend(std::iter::repeat_n(String::new(), 3));
        }
        if few {
            row.extend((0..given.labels.len()).map(|label| split.by_label.get(label).copied().map_or_else(String::new, format::count)));
        } else {
            let (least, most) = (split.by_label.iter().min().copied().unwrap_or(0), split.by_label.iter().max().copied().unwrap_or(0));
            row.push(format!("{} to {}", format::count(least), format::count(most)));
        }
        row
    };
    DataSection {
        files: given.files.iter().map(|file| described(file, given.kind == "images")).collect(),
        header,
        rows: given.splits.iter().map(row).collect(),
        warnings: warnings(given),
        raw: None,
    }
}

fn described(file: &File, images: bool) -> String {
    let mut parts = vec![format!("{}: {}", file.path, format::counted(file.rows, if images { "image" } else { "row" }))];
    if file.dropped > 0 {
        let why = if images { "left out because they cannot be read" } else { "dropped for missing values" };
        parts.push(format!("{} {why}", format::count(file.dropped)));
    }
    if file.filled > 0 {
        parts.push(format!("{} filled in", format::count(file.filled)));
    }
    if file.converted > 0 {
        let from = file.encoding.as_ref().map_or_else(String::new, |encoding| format!(" from {encoding}"));
        parts.push(format!("{} converted{from} to UTF-8", format::count(file.converted)));
    }
    parts.extend(file.notes.iter().cloned());
    parts.join(", ")
}

fn warnings(given: &Given) -> Vec<String> {
    let (what, many) = if given.kind == "images" { ("image", "Images") } else { ("text", "Texts") };
    let shared = given.shared.iter().map(|shared| {
        let examples = format::count(shared.examples);
        format!("Examples of {} whose {what} also stands in {}: {examples}. The value there may be too good.", shared.second, shared.first)
    });
    let conflicts = given.splits.iter().filter(|split| split.conflicts > 0).map(|split| {
        let texts = format::count(split.conflicts);
        format!("{many} that stand in {} more than once with different labels: {texts}. No model can have all of them right.", split.name)
    });
    shared.chain(conflicts).collect()
}
