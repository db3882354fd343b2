//! From files to the rows of each split: read, missing values, labels, splits, samples. Needs no tokenizer.

use std::path::{Path, PathBuf};

use engine::streams::{Purpose, stream};
use search_spaces::data::{Location, Missing, TextColumns, TextData, TextFiles};

use super::{
    error::{DataError, Place},
    labels::Labels,
    report::FileReport,
    split::{sample, split},
    table::{self, Wanted},
};

/// Rows named in an error; the rest is counted.
const NAMED: usize = 5;

/// A row with nothing missing.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) index: u64,
    pub(super) text: String,
    pub(super) pair: Option<String>,
    pub(super) label: String,
}

/// The rows of one file, or those of them that make up a split.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) rows: Vec<Row>,
}

/// A split and how many rows it had before it was sampled.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) before: usize,
}

/// The rows of every split of a data set; no split but `test` is empty.
#[derive(Debug)]
pub struct Rows {
    pub(super) train: Part,
    pub(super) validation: Part,
    pub(super) test: Part,
    pub(super) labels: Labels,
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
            TextFiles::One(all) => (open(all), None, None),
            TextFiles::Splits { train, validation, test } => {
                (open(train), validation.as_ref().and_then(&mut open), test.as_ref().and_then(&mut open))
            }
        };
        let labels = train.as_ref().map(|train| labels(train, &data.label)).and_then(|labels| labels.map_err(|e| errors.push(e)).ok());
        if let Some(labels) = &labels {
            let given = [&validation, &test].into_iter().flatten();
            errors.extend(given.filter_map(|source| known(source, labels).err()));
        }
        let (Some(train), Some(labels), true) = (train, labels, errors.is_empty()) else { return Err(DataError::of(errors)) };

        let (mut train, mut validation, test) = split_off(train, validation, test, data, &labels)?;
        let before = (train.rows.len(), validation.rows.len(), test.rows.len());
        if let Some(most) = data.max_train {
            train.rows = sampled(train.rows, &labels, most, data.split.seed, Purpose::TrainSample);
        }
        if let Some(most) = data.max_validation {
            validation.rows = sampled(validation.rows, &labels, most, data.split.seed, Purpose::ValidationSample);
        }
        for (name, source) in [("train", &train), ("validation", &validation)] {
            if source.rows.is_empty() {
                return Err(DataError::EmptySplit { split: name, reason: format!("`max_{name}` leaves no row") });
            }
        }
        Ok(Rows {
            train: Part { name: "train", source: train, before: before.0 },
            validation: Part { name: "validation", source: validation, before: before.1 },
            test: Part { name: "test", source: test, before: before.2 },
            labels,
            files,
        })
    }

    /// Training examples in one pass.
    pub fn examples_per_epoch(&self) -> u64 {
        self.train.source.rows.len() as u64
    }
}

fn read(location: &Location, data: &TextData) -> Result<(Source, FileReport), DataError> {
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
    for (position, one) in wanted.iter().enumerate() {
        if wanted[..position].iter().any(|other| other.column == one.column) {
            return Err(DataError::ColumnTwice { column: one.column.to_owned(), field: one.field });
        }
    }

    let table = table::read(file, data.columns.as_deref(), Some(&wanted))?;
    let mut report = FileReport {
        file: file.to_owned(),
        rows: table.rows.len() as u64,
        dropped: 0,
        filled: 0,
        converted: table.converted,
        encoding: table.encoding.map(str::to_owned),
    };
    // For each column the rows without a value that `missing` does not settle.
    let mut rejected: Vec<Vec<Place>> = vec![Vec::new(); wanted.len()];
    let mut rows = Vec::with_capacity(table.rows.len());
    for mut row in table.rows {
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
                        if !fills || column + 1 == wanted.len() {
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
        rows.push(Row { place: row.place, index: row.index, text, pair, label: label.trim().to_owned() });
    }
    let missing = rejected.into_iter().enumerate().filter(|(_, places)| !places.is_empty());
    let missing: Vec<DataError> = missing
        .map(|(column, places)| DataError::MissingValues {
            file: file.to_owned(),
            column: wanted[column].column.to_owned(),
            first: places.iter().take(NAMED).copied().collect(),
            total: places.len(),
            label: column + 1 == wanted.len(),
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

fn labels(train: &Source, column: &str) -> Result<Labels, DataError> {
    let labels = Labels::new(train.rows.iter().map(|row| row.label.as_str()));
    let (file, rows) = (train.file.clone(), train.rows.len());
    match labels.names() {
        [label] => Err(DataError::OneLabel { file, label: label.clone() }),
        names if names.len() == rows => Err(DataError::AllLabelsDiffer { file, column: column.to_owned(), rows }),
        _ => Ok(labels),
    }
}

fn known(source: &Source, labels: &Labels) -> Result<(), DataError> {
    let unknown: Vec<&Row> = source.rows.iter().filter(|row| labels.index(&row.label).is_none()).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(DataError::UnknownLabels {
        file: source.file.clone(),
        first: unknown.iter().take(NAMED).map(|row| (row.place, row.label.clone())).collect(),
        total: unknown.len(),
        known: labels.names().to_vec(),
    })
}

/// Training, validation and test, those that were not given taken from the training rows.
fn split_off(
    train: Source,
    validation: Option<Source>,
    test: Option<Source>,
    data: &TextData,
    labels: &Labels,
) -> Result<(Source, Source, Source), DataError> {
    let validation_share = if validation.is_some() { 0.0 } else { data.split.validation };
    let test_share = if test.is_some() { 0.0 } else { data.split.test };
    let fits = validation_share >= 0.0 && test_share >= 0.0 && validation_share + test_share < 1.0;
    if !fits {
        return Err(DataError::Shares { validation: validation_share, test: test_share });
    }
    let mut rng = stream(data.split.seed, 0, Purpose::DataSplit);
    let parts = split(&classes(&train.rows, labels), labels.names().len(), validation_share, test_share, &mut rng);
    let file = train.file;
    let mut rows: Vec<Option<Row>> = train.rows.into_iter().map(Some).collect();
    let mut pick = |part: &[usize]| Source { file: file.clone(), rows: part.iter().filter_map(|&row| rows[row].take()).collect() };
    let validation = validation.unwrap_or_else(|| pick(&parts.validation));
    let test = test.unwrap_or_else(|| pick(&parts.test));
    let train = pick(&parts.train);
    let rare = || format!("no label has enough rows of {} to stand in every split", file.display());
    if validation.rows.is_empty() {
        let reason =
            if validation_share > 0.0 { rare() } else { "give `files` a validation file, or `split` a share above 0 for it".into() };
        return Err(DataError::EmptySplit { split: "validation", reason });
    }
    if test.rows.is_empty() && test_share > 0.0 {
        return Err(DataError::EmptySplit { split: "test", reason: rare() });
    }
    Ok((train, validation, test))
}

fn sampled(rows: Vec<Row>, labels: &Labels, most: usize, seed: u64, purpose: Purpose) -> Vec<Row> {
    let kept = sample(&classes(&rows, labels), labels.names().len(), most, &mut stream(seed, 0, purpose));
    let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
    kept.into_iter().filter_map(|row| rows[row].take()).collect()
}

/// Every label is known by now.
pub(super) fn classes(rows: &[Row], labels: &Labels) -> Vec<u32> {
    rows.iter().filter_map(|row| labels.index(&row.label)).collect()
}
