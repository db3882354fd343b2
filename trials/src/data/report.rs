//! What was found in the data, for people and for the report page.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display, Formatter},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataReport {
    pub kind: Kind,
    pub files: Vec<FileReport>,
    /// By index.
    pub labels: Vec<String>,
    /// Training, validation, test; the last two only if they have rows.
    pub splits: Vec<SplitReport>,
    /// Pairs of splits with examples in common; pairs without any are left out.
    pub shared: Vec<Shared>,
    /// Bytes of memory that images take, which are kept decoded.
    #[serde(default)]
    pub decoded: Option<u64>,
}

/// What the examples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Texts,
    Images,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    pub file: PathBuf,
    /// Rows read.
    pub rows: u64,
    /// Rows dropped for a missing value, images because they cannot be read.
    pub dropped: u64,
    /// Rows with a text filled in.
    pub filled: u64,
    /// Rows converted to UTF-8, and what from.
    pub converted: u64,
    pub encoding: Option<String>,
    /// What else was noticed, a line each.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl FileReport {
    /// Of a file of which nothing is known yet.
    pub(super) fn new(file: &Path) -> FileReport {
        FileReport { file: file.to_owned(), rows: 0, dropped: 0, filled: 0, converted: 0, encoding: None, notes: Vec::new() }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitReport {
    /// `train`, `validation` or `test`.
    pub name: String,
    /// Examples in use.
    pub examples: u64,
    /// Rows that `max_train` or `max_validation` left out.
    pub left_out: u64,
    /// Examples of each label, by its index.
    pub by_label: Vec<u64>,
    /// Of texts.
    pub tokens: Option<Tokens>,
    /// Contents that stand in the split more than once with different labels.
    pub conflicts: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// Examples cut to `max_tokens`.
    pub truncated: u64,
    pub mean: f64,
    pub longest: u64,
}

/// Texts are the same when they differ in white space only, images when they have the same pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    pub first: String,
    pub second: String,
    /// Examples of the second split that also stand in the first.
    pub examples: u64,
}

/// Of the examples of one split what they are compared by, and their labels.
pub(super) struct Contents<'a> {
    pub(super) name: &'static str,
    pub(super) rows: Vec<(String, &'a str)>,
}

/// Key under which a text is compared.
pub(super) fn normalised(text: &str, pair: Option<&str>) -> String {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    if let Some(pair) = pair {
        // No word holds a line break.
        words.push("\n");
        words.extend(pair.split_whitespace());
    }
    words.join(" ")
}

pub(super) fn shared(splits: &[Contents<'_>]) -> Vec<Shared> {
    let mut shared = Vec::new();
    for (index, first) in splits.iter().enumerate() {
        let texts: BTreeSet<&str> = first.rows.iter().map(|(text, _)| text.as_str()).collect();
        for second in &splits[index + 1..] {
            let examples = second.rows.iter().filter(|(text, _)| texts.contains(text.as_str())).count() as u64;
            if examples > 0 {
                shared.push(Shared { first: first.name.into(), second: second.name.into(), examples });
            }
        }
    }
    shared
}

pub(super) fn conflicts(split: &Contents<'_>) -> u64 {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (text, label) in &split.rows {
        labels.entry(text).or_default().insert(label);
    }
    labels.values().filter(|labels| labels.len() > 1).count() as u64
}

impl Display for DataReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            let rows = if self.kind == Kind::Texts { "rows" } else { "images" };
            write!(f, "{}: {} {rows}", file.file.display(), file.rows)?;
            if file.dropped > 0 {
                let why = if self.kind == Kind::Texts { "dropped for missing values" } else { "left out because they cannot be read" };
                write!(f, ", {} {why}", file.dropped)?;
            }
            if file.filled > 0 {
                write!(f, ", {} filled in", file.filled)?;
            }
            if let Some(encoding) = &file.encoding {
                write!(f, ", {} converted from {encoding}", file.converted)?;
            }
            writeln!(f)?;
            for note in &file.notes {
                writeln!(f, "  {note}")?;
            }
        }
        for split in &self.splits {
            write!(f, "{}: {} examples", split.name, split.examples)?;
            if split.left_out > 0 {
                write!(f, " ({} left out)", split.left_out)?;
            }
            if let Some(tokens) = &split.tokens {
                write!(f, "; tokens {:.1} on average, {} at most", tokens.mean, tokens.longest)?;
                if tokens.truncated > 0 {
                    write!(f, ", {} truncated", tokens.truncated)?;
                }
            }
            writeln!(f, "; {}", by_label(&self.labels, &split.by_label))?;
            if split.conflicts > 0 {
                let stand = match (self.kind, split.conflicts) {
                    (Kind::Texts, 1) => "text stands",
                    (Kind::Texts, _) => "texts stand",
                    (Kind::Images, 1) => "image stands",
                    (Kind::Images, _) => "images stand",
                };
                writeln!(f, "{}: {} {stand} there more than once with different labels", split.name, split.conflicts)?;
            }
        }
        let what = if self.kind == Kind::Texts { "a text" } else { "an image" };
        for shared in &self.shared {
            let have = if shared.examples == 1 { "example has" } else { "examples have" };
            writeln!(f, "{}: {} {have} {what} that also stands in {}", shared.second, shared.examples, shared.first)?;
        }
        if let Some(bytes) = self.decoded {
            writeln!(f, "in memory, decoded: {}", told_bytes(bytes))?;
        }
        Ok(())
    }
}

/// `3.2 GB`, `410 MB`, `12 kB`.
pub fn told_bytes(bytes: u64) -> String {
    let of = |unit: f64| bytes as f64 / unit;
    if bytes >= 1_000_000_000 {
        format!("{:.1} GB", of(1e9))
    } else if bytes >= 1_000_000 {
        format!("{:.0} MB", of(1e6))
    } else {
        format!("{:.0} kB", of(1e3).ceil())
    }
}

/// All labels if they are few, else the range.
fn by_label(labels: &[String], counts: &[u64]) -> String {
    const SHOWN: usize = 10;
    if labels.len() <= SHOWN {
        let each: Vec<String> = labels.iter().zip(counts).map(|(label, count)| format!("{label}: {count}")).collect();
        return each.join(", ");
    }
    let (least, most) = (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0));
    format!("{} labels with {least} to {most} each", labels.len())
}
