//! From files to a task: read, missing values, labels, splits, samples, tokens.

use std::path::{Path, PathBuf};

use engine::streams::{Purpose, stream};
use rayon::prelude::*;
use search_spaces::data::{Location, Missing, TextColumns, TextData, TextFiles};

use super::{
    Example, TextTask,
    error::{DataError, Place},
    labels::Labels,
    report::{DataReport, FileReport, SplitReport, Texts, conflicts, normalised, shared},
    split::{sample, split},
    table::{self, Wanted},
    tokenize::{Encoder, Tokenizer},
};

/// Rows named in an error; the rest is counted.
const NAMED: usize = 5;

/// A row with nothing missing.
#[derive(Debug, Clone)]
struct Complete {
    place: Place,
    index: u64,
    text: String,
    pair: Option<String>,
    label: String,
}

/// The rows of one file, or those of them that make up a split.
#[derive(Debug)]
struct Source {
    file: PathBuf,
    rows: Vec<Complete>,
}

/// Reads and tokenises the data. Every location in it must be a path by now.
///
/// The same files, `data` and tokenizer give the same task, whatever the number of threads.
pub fn load(data: &TextData, tokenizer: &Tokenizer) -> Result<(TextTask, DataReport), DataError> {
    let encoder = tokenizer.encoder(data.max_tokens)?;
    let mut files = Vec::new();
    let mut open = |location: &Location| {
        let (source, report) = read(location, data)?;
        files.push(report);
        Ok::<Source, DataError>(source)
    };
    let (train, validation, test) = match &data.files {
        TextFiles::One(all) => (open(all)?, None, None),
        TextFiles::Splits { train, validation, test } => {
            (open(train)?, validation.as_ref().map(&mut open).transpose()?, test.as_ref().map(&mut open).transpose()?)
        }
    };
    let labels = labels(&train, &data.label)?;
    for given in [&validation, &test].into_iter().flatten() {
        known(given, &labels)?;
    }

    let (mut train, mut validation, test) = split_off(train, validation, test, data, &labels)?;
    let train_rows = train.rows.len();
    let validation_rows = validation.rows.len();
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

    let finish = |name, source, before| finish(name, source, before, &labels, &encoder);
    let (train, of_train, train_texts) = finish("train", &train, train_rows)?;
    let (validation, of_validation, validation_texts) = finish("validation", &validation, validation_rows)?;
    let (test, of_test, test_texts) = finish("test", &test, test.rows.len())?;
    let mut splits = vec![of_train, of_validation];
    if !test.is_empty() {
        splits.push(of_test);
    }
    let names = labels.names().to_vec();
    let report = DataReport { files, labels: names.clone(), splits, shared: shared(&[train_texts, validation_texts, test_texts]) };
    Ok((TextTask { train, validation, test, labels: names, padding: tokenizer.padding() }, report))
}

fn finish<'a>(
    name: &'static str,
    source: &'a Source,
    before: usize,
    labels: &Labels,
    encoder: &Encoder,
) -> Result<(Vec<Example>, SplitReport, Texts<'a>), DataError> {
    let (examples, truncated) = tokenise(source, labels, encoder)?;
    let rows = source.rows.iter().map(|row| (normalised(&row.text, row.pair.as_deref()), row.label.as_str())).collect();
    let texts = Texts { name, rows };
    let mut by_label = vec![0; labels.names().len()];
    for example in &examples {
        by_label[example.label as usize] += 1;
    }
    let tokens: usize = examples.iter().map(|e| e.ids.len()).sum();
    let report = SplitReport {
        name: name.to_owned(),
        examples: examples.len() as u64,
        left_out: (before - examples.len()) as u64,
        by_label,
        truncated,
        mean_tokens: tokens as f64 / examples.len().max(1) as f64,
        longest_tokens: examples.iter().map(|e| e.ids.len()).max().unwrap_or(0) as u64,
        conflicts: conflicts(&texts),
    };
    Ok((examples, report, texts))
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
        rows.push(Complete { place: row.place, index: row.index, text, pair, label: label.trim().to_owned() });
    }
    if let Some((column, places)) = rejected.iter().enumerate().find(|(_, places)| !places.is_empty()) {
        return Err(DataError::MissingValues {
            file: file.to_owned(),
            column: wanted[column].column.to_owned(),
            first: places.iter().take(NAMED).copied().collect(),
            total: places.len(),
            label: column + 1 == wanted.len(),
        });
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
    let unknown: Vec<&Complete> = source.rows.iter().filter(|row| labels.index(&row.label).is_none()).collect();
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
    let mut rows: Vec<Option<Complete>> = train.rows.into_iter().map(Some).collect();
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

fn sampled(rows: Vec<Complete>, labels: &Labels, most: usize, seed: u64, purpose: Purpose) -> Vec<Complete> {
    let kept = sample(&classes(&rows, labels), labels.names().len(), most, &mut stream(seed, 0, purpose));
    let mut rows: Vec<Option<Complete>> = rows.into_iter().map(Some).collect();
    kept.into_iter().filter_map(|row| rows[row].take()).collect()
}

/// Every label is known by now.
fn classes(rows: &[Complete], labels: &Labels) -> Vec<u32> {
    rows.iter().filter_map(|row| labels.index(&row.label)).collect()
}

/// The examples in the order of the rows, and how many were truncated.
fn tokenise(source: &Source, labels: &Labels, encoder: &Encoder) -> Result<(Vec<Example>, u64), DataError> {
    let encoded: Vec<_> = source.rows.par_iter().map(|row| encoder.encode(&row.text, row.pair.as_deref())).collect();
    let mut examples = Vec::with_capacity(encoded.len());
    let mut truncated = 0;
    for ((row, label), encoded) in source.rows.iter().zip(classes(&source.rows, labels)).zip(encoded) {
        let encoded = encoded.map_err(|reason| DataError::Tokenize { file: source.file.clone(), place: row.place, reason })?;
        truncated += u64::from(encoded.truncated);
        examples.push(Example { ids: encoded.ids, types: encoded.types, label, row: row.index });
    }
    Ok((examples, truncated))
}
