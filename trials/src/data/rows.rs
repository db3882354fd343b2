//! From files to the rows of each split: read, missing values, labels, splits, samples. Needs no tokenizer.

use std::path::Path;

use search_spaces::data::{Files, Location, Missing, TextColumns, TextData};

use super::{
    error::{DataError, Place},
    parts::{Content, Division, Given, NAMED, Parts, Row, Source},
    report::{FileReport, Kind},
    table::{self, Wanted},
};

/// One text, or both of a pair.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) first: String,
    pub(super) pair: Option<String>,
    /// Where the data have groups.
    pub(super) group: Option<String>,
}

/// The group of rows that have no value in the column of groups.
const NO_GROUP: &str = "(none)";

impl Content for Text {
    const KIND: Kind = Kind::Texts;

    fn told(&self, place: Place) -> String {
        format!("on {place}")
    }
}

/// The rows of every split of a data set; no split but `test` is empty.
#[derive(Debug)]
pub struct Rows {
    pub(super) parts: Parts<Text>,
    pub(super) files: Vec<FileReport>,
}

impl Rows {
    /// Reads the files. Every location in `data` must be a path by now. What is wrong with one file does not hide what is wrong with another.
    ///
    /// The same files and `data` give the same rows.
    pub fn read(data: &TextData) -> Result<Rows, DataError> {
        let mut files = Vec::new();
        let mut errors = Vec::new();
        let mut open = |location: &Location| match read(location, data) {
            Ok((source, report)) => {
                files.push(report);
                Some(source)
            }
            Err(error) => {
                errors.push(error);
                None
            }
        };
        let (train, validation, test) = match &data.files {
            Files::One(all) => (open(all), None, None),
            Files::Splits { train, validation, test } => {
                (open(train), validation.as_ref().and_then(&mut open), test.as_ref().and_then(&mut open))
            }
        };
        let how = Division { split: &data.split, max_train: data.max_train, max_validation: data.max_validation, label: &data.label };
        let parts = Given { train, validation, test }.divide(how, errors)?;
        Ok(Rows { parts, files })
    }

    /// Training examples in one pass.
    pub fn examples_per_epoch(&self) -> u64 {
        self.parts.train.source.rows.len() as u64
    }
}

fn read(location: &Location, data: &TextData) -> Result<(Source<Text>, FileReport), DataError> {
    let file: &Path = match location {
        Location::Path(path) => path,
        Location::Asset(name) => return Err(DataError::NotFetched { name: name.clone() }),
    };
    let texts: Vec<&str> = match &data.text {
        TextColumns::One(text) => vec![text],
        TextColumns::Pair(first, second) => vec![first, second],
    };
    let mut wanted: Vec<Wanted<'_>> = Vec::new();
    for &column in &texts {
        wanted.push(Wanted { column, field: "data.text" });
    }
    wanted.push(Wanted { column: &data.label, field: "data.label" });
    let columns = wanted.len();
    wanted.extend(data.group.iter().map(|column| Wanted { column, field: "data.group" }));
    for (position, one) in wanted.iter().enumerate() {
        if wanted[..position].iter().any(|other| other.column == one.column) {
            return Err(DataError::ColumnTwice { column: one.column.to_owned(), field: one.field });
        }
    }

    let table = table::read(file, data.columns.as_deref(), Some(&wanted))?;
    let mut report = FileReport {
        rows: table.rows.len() as u64,
        converted: table.converted,
        encoding: table.encoding.map(str::to_owned),
        ..FileReport::new(file)
    };
    // For each column the rows without a value that `missing` does not settle.
    let mut rejected: Vec<Vec<Place>> = vec![Vec::new(); wanted.len()];
    let mut rows = Vec::with_capacity(table.rows.len());
    for mut row in table.rows {
        let group =
            row.values.split_off(columns).pop().map(|group| group.map_or_else(|| NO_GROUP.to_owned(), |name| name.trim().to_owned()));
        if row.values.iter().any(Option::is_none) {
            match &data.missing {
                Missing::Drop => {
                    report.dropped += 1;
                    continue;
                }
                Missing::Fill(fill) if row.values.last().is_some_and(Option::is_some) => {
                    report.filled += 1;
                    for value in row.values.iter_mut().filter(|value| value.is_none()) {
                        *value = Some(fill.clone());
                    }
                }
                Missing::Fill(_) | Missing::Reject => {
                    let fills = matches!(data.missing, Missing::Fill(_));
                    for (column, _) in row.values.iter().enumerate().filter(|(_, value)| value.is_none()) {
                        if !fills || column + 1 == columns {
                            rejected[column].push(row.place);
                        }
                    }
                    continue;
                }
            }
        }
        let mut values = row.values.into_iter().flatten();
        let (Some(text), pair, Some(label)) = (values.next(), if texts.len() == 2 { values.next() } else { None }, values.next()) else {
            continue;
        };
        rows.push(Row { place: row.place, index: row.index, label: label.trim().to_owned(), content: Text { first: text, pair, group } });
    }
    let missing = rejected.into_iter().enumerate().filter(|(_, places)| !places.is_empty());
    let missing: Vec<DataError> = missing
        .map(|(column, places)| DataError::MissingValues {
            file: file.to_owned(),
            column: wanted[column].column.to_owned(),
            first: places.iter().take(NAMED).copied().collect(),
            total: places.len(),
            label: column + 1 == columns,
        })
        .collect();
    if !missing.is_empty() {
        return Err(DataError::of(missing));
    }
    if rows.is_empty() {
        return Err(DataError::NoRows { file: file.to_owned(), what: "has no row in which text and label both have a value" });
    }
    Ok((Source { file: file.to_owned(), rows }, report))
}
