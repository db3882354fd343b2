//! What can be wrong with data.

use std::{
    fmt::{self, Display, Formatter},
    path::{Path, PathBuf},
};

use super::report::Kind;

/// Where in a file a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Line of a text file, from 1: what an editor shows.
    Line(u64),
    /// Row of a Parquet file, from 0.
    Row(u64),
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Row(row) => write!(f, "row {row} (counted from 0)"),
        }
    }
}

/// The data cannot be used. [`DataError::field`] names the field of the space to look at.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("cannot read {}: {source}", file.display())]
    Read { file: PathBuf, source: std::io::Error },
    #[error("{}: has {bytes} bytes; at most {limit} are read into memory: split it or take a sample of it", file.display())]
    TooLarge { file: PathBuf, bytes: u64, limit: u64 },
    #[error("{}: has {columns} columns; a table may have {limit}: take those that are needed", file.display())]
    TooManyColumns { file: PathBuf, columns: usize, limit: usize },
    #[error("{}: its values take {bytes} bytes of memory or more; at most {limit} are read: split it or take a sample of it", file.display())]
    UnpacksTooLarge { file: PathBuf, bytes: u64, limit: u64 },
    #[error("{}: has {rows} rows; at most {limit} are read: split it or take a sample of it", file.display())]
    TooManyRows { file: PathBuf, rows: u64, limit: u64 },
    #[error("{}: the ending `{ending}` says nothing known about the format; known are .csv, .tsv, .txt (as .tsv), .jsonl, .ndjson, .json \
             (a JSON object a line) and .parquet", file.display())]
    UnknownFormat { file: PathBuf, ending: String },
    #[error("`Asset(\"{name}\")` has not been fetched")]
    NotFetched { name: String },
    #[error("{}, {place}: {reason}", file.display())]
    Malformed { file: PathBuf, place: Place, reason: String },
    #[error("{}: not a readable Parquet file: {reason}", file.display())]
    Parquet { file: PathBuf, reason: String },
    #[error("{}: the column `{column}` is of type {kind}; strings or numbers are needed", file.display())]
    ColumnType { file: PathBuf, column: String, kind: String },
    #[error("{}: not a readable IDX file: {reason}", file.display())]
    Idx { file: PathBuf, reason: String },
    #[error("{}: images are read from a folder or a .tar with a folder for each class, from .parquet, or from an IDX file (images-idx3-ubyte)", file.display())]
    UnknownPictures { file: PathBuf },
    #[error("{total} of the images cannot be read{}:\n{}\nRemove them, or leave them out with `unreadable: Drop`",
            if *total > first.len() { ", the first of them" } else { "" },
            first.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))]
    UnreadableImages { first: Vec<String>, total: usize },
    #[error("{} {what}", file.display())]
    NoRows { file: PathBuf, what: &'static str },
    #[error("{}: there is no column `{column}`{}; the columns are {}{}", file.display(), nearest(column, available), list(available),
            if *header && field.starts_with("data.") && nearest(column, available).is_empty() {
        " (if the first line is no header, name the columns with `columns`)"
    } else {
        ""
    })]
    MissingColumn { file: PathBuf, column: String, available: Vec<String>, header: bool, field: &'static str },
    #[error("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several { errors: Vec<DataError> },
    #[error("{}: the column `{column}` stands there twice: rename one", file.display())]
    DuplicateColumn { file: PathBuf, column: String, field: &'static str },
    #[error("`{column}` is used twice: texts and label have to be different columns")]
    ColumnTwice { column: String, field: &'static str },
    #[error("{}: `columns` names the columns of a file without a header line, but {format} carries the names itself: remove `columns`", file.display())]
    ColumnsNotNeeded { file: PathBuf, format: &'static str },
    #[error("{}: `columns` names {} columns ({}), but the first line has {found}", file.display(), names.len(), list(names))]
    ColumnCount { file: PathBuf, names: Vec<String>, found: usize },
    #[error("{}, {place}: {found} {} where {expected} were expected ({}){}", file.display(),
            if *found == 1 { "field" } else { "fields" }, list(columns), if *quoting {
        ": a text that holds a comma or a line break needs double quotes around it"
    } else {
        ": a text in this format cannot hold a tab or a line break"
    })]
    Ragged { file: PathBuf, place: Place, found: usize, expected: usize, columns: Vec<String>, quoting: bool },
    #[error("{}: the column `{column}` has no value in {total} {} ({}): {}", file.display(), if *total == 1 { "row" } else { "rows" },
            places(first, *total), if *label {
        "put the label there, or set `missing: Drop`"
    } else {
        "put a text there, or set `missing: Drop` or `missing: Fill(\"...\")`"
    })]
    MissingValues { file: PathBuf, column: String, first: Vec<Place>, total: usize, label: bool },
    #[error("{}: {total} {} a label that no training {} has ({}); the training labels are {}", file.display(),
            match (kind, *total) {
        (Kind::Texts, 1) => "row has",
        (Kind::Texts, _) => "rows have",
        (Kind::Images, 1) => "image has",
        (Kind::Images, _) => "images have",
    }, example(*kind), pairs(first, *total), list(known))]
    UnknownLabels { file: PathBuf, first: Vec<(String, String)>, total: usize, known: Vec<String>, kind: Kind },
    #[error("{}: every training {} has the label `{label}`: there is nothing to tell apart, at least two labels are needed", file.display(),
            example(*kind))]
    OneLabel { file: PathBuf, label: String, kind: Kind },
    #[error("{}: each of the {rows} training {}s has a label of its own: {}", file.display(), example(*kind), match kind {
        Kind::Texts => format!("is `{column}` the column of the labels?"),
        Kind::Images => "images of one kind are to lie in one folder, or to have one label".to_owned(),
    })]
    AllLabelsDiffer { file: PathBuf, column: String, rows: usize, kind: Kind },
    #[error("`max_train` is {most}, but there are {labels} labels, and each needs an example to learn from: write {labels} or more")]
    SampleTooSmall { most: usize, labels: usize },
    #[error("{} holds folders of splits, not of classes: {}", file.display(), instead(file, splits))]
    FolderOfSplits { file: PathBuf, splits: [Option<String>; 3] },
    #[error("the {split} split is empty: {reason}")]
    EmptySplit { split: &'static str, reason: String },
    #[error("the shares of `split` (validation {validation}, test {test}) must be at least 0 and leave something to train on")]
    Shares { validation: f64, test: f64 },
    #[error("{}: {reason}", file.display())]
    Tokenizer { file: PathBuf, reason: String },
    #[error("`max_tokens: {given}` leaves no room for text: the tokenizer adds {special} special tokens, so at least {} are needed", special + 1)]
    TooFewTokens { given: usize, special: usize },
    #[error("{}, {place}: {reason}", file.display())]
    Tokenize { file: PathBuf, place: Place, reason: String },
}

impl DataError {
    /// The field of the space this is about, such as `data.label`.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            DataError::MissingColumn { field, .. } | DataError::DuplicateColumn { field, .. } | DataError::ColumnTwice { field, .. } => {
                Some(field)
            }
            DataError::Several { errors } => errors.first()?.field(),
            DataError::ColumnsNotNeeded { .. } | DataError::ColumnCount { .. } => Some("data.columns"),
            DataError::MissingValues { .. } => Some("data.missing"),
            DataError::UnknownLabels { kind, .. } | DataError::OneLabel { kind, .. } | DataError::AllLabelsDiffer { kind, .. } => {
                Some(if *kind == Kind::Texts { "data.label" } else { "data.files" })
            }
            DataError::SampleTooSmall { .. } => Some("data.max_train"),
            DataError::EmptySplit { .. } | DataError::Shares { .. } => Some("data.split"),
            DataError::Tokenizer { .. } => Some("model"),
            DataError::TooFewTokens { .. } => Some("data.max_tokens"),
            DataError::Tokenize { .. } => None,
            DataError::Read { .. }
            | DataError::TooLarge { .. }
            | DataError::TooManyColumns { .. }
            | DataError::UnpacksTooLarge { .. }
            | DataError::TooManyRows { .. }
            | DataError::UnknownFormat { .. }
            | DataError::NotFetched { .. }
            | DataError::Malformed { .. }
            | DataError::Parquet { .. }
            | DataError::Idx { .. }
            | DataError::UnknownPictures { .. }
            | DataError::UnreadableImages { .. }
            | DataError::FolderOfSplits { .. }
            | DataError::ColumnType { .. }
            | DataError::NoRows { .. }
            | DataError::Ragged { .. } => Some("data.files"),
        }
    }

    /// Whether another value in the space would help, rather than other data.
    pub fn is_of_the_space(&self) -> bool {
        matches!(
            self,
            DataError::MissingColumn { .. }
                | DataError::DuplicateColumn { .. }
                | DataError::ColumnTwice { .. }
                | DataError::ColumnsNotNeeded { .. }
                | DataError::TooFewTokens { .. }
                | DataError::Shares { .. }
                | DataError::EmptySplit { .. }
                | DataError::SampleTooSmall { .. }
                | DataError::FolderOfSplits { .. }
        )
    }

    /// The file it is about.
    pub fn file(&self) -> Option<&Path> {
        match self {
            DataError::Read { file, .. }
            | DataError::TooLarge { file, .. }
            | DataError::TooManyColumns { file, .. }
            | DataError::UnpacksTooLarge { file, .. }
            | DataError::TooManyRows { file, .. }
            | DataError::UnknownFormat { file, .. }
            | DataError::Malformed { file, .. }
            | DataError::Parquet { file, .. }
            | DataError::Idx { file, .. }
            | DataError::UnknownPictures { file }
            | DataError::ColumnType { file, .. }
            | DataError::NoRows { file, .. }
            | DataError::MissingColumn { file, .. }
            | DataError::DuplicateColumn { file, .. }
            | DataError::ColumnsNotNeeded { file, .. }
            | DataError::ColumnCount { file, .. }
            | DataError::Ragged { file, .. }
            | DataError::MissingValues { file, .. }
            | DataError::UnknownLabels { file, .. }
            | DataError::OneLabel { file, .. }
            | DataError::AllLabelsDiffer { file, .. }
            | DataError::FolderOfSplits { file, .. }
            | DataError::Tokenizer { file, .. }
            | DataError::Tokenize { file, .. } => Some(file),
            DataError::NotFetched { .. }
            | DataError::UnreadableImages { .. }
            | DataError::Several { .. }
            | DataError::ColumnTwice { .. }
            | DataError::EmptySplit { .. }
            | DataError::SampleTooSmall { .. }
            | DataError::Shares { .. }
            | DataError::TooFewTokens { .. } => None,
        }
    }

    /// One error of one or more.
    pub(crate) fn of(mut errors: Vec<DataError>) -> DataError {
        if errors.len() == 1 { errors.remove(0) } else { DataError::Several { errors } }
    }

    pub(crate) fn malformed(file: &Path, place: Place, reason: impl Into<String>) -> DataError {
        DataError::Malformed { file: file.to_owned(), place, reason: reason.into() }
    }
}

/// The first dozen names, quoted.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return "none".into();
    }
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{}`", short(name))).collect();
    more(&shown, names.len())
}

/// Where the first line is no header, names are texts.
fn short(name: &str) -> String {
    const LONGEST: usize = 40;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn places(first: &[Place], total: usize) -> String {
    let shown: Vec<String> = first.iter().map(ToString::to_string).collect();
    more(&shown, total)
}

/// Labels, and where each stands.
fn pairs(first: &[(String, String)], total: usize) -> String {
    let shown: Vec<String> = first.iter().map(|(place, label)| format!("`{}` {place}", short(label))).collect();
    more(&shown, total)
}

/// What files hold one of in each row.
fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Texts => "row",
        Kind::Images => "image",
    }
}

/// What to write for a folder that holds these folders of splits.
fn instead(file: &Path, splits: &[Option<String>; 3]) -> String {
    let path = |name: &String| format!("Path({:?})", file.join(name).display().to_string());
    let [train, validation, test] = splits;
    let Some(train) = train.as_ref() else {
        let found = validation.as_ref().or(test.as_ref());
        return found.map_or_else(String::new, |found| format!("write `One({})`", path(found)));
    };
    let given = [("train", Some(train)), ("validation", validation.as_ref()), ("test", test.as_ref())];
    let given: Vec<String> = given.iter().filter_map(|(field, name)| Some(format!("{field}: {}", path((*name)?)))).collect();
    if given.len() == 1 { format!("write `One({})`", path(train)) } else { format!("write `Splits({})`", given.join(", ")) }
}

fn more(shown: &[String], total: usize) -> String {
    let rest = total.saturating_sub(shown.len());
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more", shown.join(", ")) }
}

fn nearest(wanted: &str, available: &[String]) -> String {
    let wanted = wanted.to_lowercase();
    let distance = |name: &String| strsim::damerau_levenshtein(&wanted, &name.to_lowercase());
    match available.iter().min_by_key(|name| distance(name)) {
        Some(name) if distance(name) <= (wanted.chars().count() / 3).max(1) => format!(" (did you mean `{name}`?)"),
        _ => String::new(),
    }
}
