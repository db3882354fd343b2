//! From labelled rows to splits: labels, stratified splits and samples, the same for texts and images.

use std::path::PathBuf;

use engine::streams::{Purpose, stream};
use search_spaces::data::Split;

use super::{
    error::{DataError, Place},
    labels::Labels,
    report::Kind,
    split::{sample, split},
};

/// Rows named in an error; the rest is counted.
pub(super) const NAMED: usize = 5;

/// What rows hold, as far as messages speak of it.
pub(super) trait Content {
    const KIND: Kind;

    /// Where it stands, after its label: `on line 2`, `of cat/7.jpg`.
    fn told(&self, place: Place) -> String;
}

/// A row with nothing missing.
#[derive(Debug, Clone)]
pub(super) struct Row<T> {
    pub(super) place: Place,
    /// Of the file, from 0.
    pub(super) index: u64,
    pub(super) label: String,
    pub(super) content: T,
}

/// The rows of one file, or those of them that make up a split.
#[derive(Debug)]
pub(super) struct Source<T> {
    pub(super) file: PathBuf,
    pub(super) rows: Vec<Row<T>>,
}

/// What was read for each split; what was not given is taken from the training rows.
#[derive(Debug)]
pub(super) struct Given<T> {
    pub(super) train: Option<Source<T>>,
    pub(super) validation: Option<Source<T>>,
    pub(super) test: Option<Source<T>>,
}

/// A split and how many rows it had before it was sampled.
#[derive(Debug)]
pub(super) struct Part<T> {
    pub(super) name: &'static str,
    pub(super) source: Source<T>,
    pub(super) before: usize,
}

/// The rows of every split of a data set; no split but `test` is empty.
#[derive(Debug)]
pub(super) struct Parts<T> {
    pub(super) train: Part<T>,
    pub(super) validation: Part<T>,
    pub(super) test: Part<T>,
    pub(super) labels: Labels,
}

/// How rows become splits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Division<'a> {
    pub(super) split: &'a Split,
    pub(super) max_train: Option<usize>,
    pub(super) max_validation: Option<usize>,
    /// What gives the label, for messages.
    pub(super) label: &'a str,
}

impl<T: Content> Given<T> {
    /// `errors` are those of reading.
    pub(super) fn divide(self, how: Division<'_>, mut errors: Vec<DataError>) -> Result<Parts<T>, DataError> {
        let Given { train, validation, test } = self;
        let labels = train.as_ref().map(|train| labels(train, how.label)).and_then(|labels| labels.map_err(|e| errors.push(e)).ok());
        if let Some(labels) = &labels {
            let given = [&validation, &test].into_iter().flatten();
            errors.extend(given.filter_map(|source| known(source, labels).err()));
        }
        let (Some(train), Some(labels), true) = (train, labels, errors.is_empty()) else { return Err(DataError::of(errors)) };

        let [mut train, mut validation, test] = split_off(train, validation, test, how.split, &labels)?;
        let before = (train.rows.len(), validation.rows.len(), test.rows.len());
        if let Some(most) = how.max_train {
            train.rows = sampled(train.rows, &labels, most, how.split.seed, Purpose::TrainSample);
        }
        if let Some(most) = how.max_validation {
            validation.rows = sampled(validation.rows, &labels, most, how.split.seed, Purpose::ValidationSample);
        }
        for (name, source) in [("train", &train), ("validation", &validation)] {
            if source.rows.is_empty() {
                return Err(DataError::EmptySplit { split: name, reason: format!("`max_{name}` leaves nothing") });
            }
        }
        // A sample that is large enough has every label.
        let (most, count) = (how.max_train.unwrap_or(usize::MAX), labels.names().len());
        if most < count {
            return Err(DataError::SampleTooSmall { most, labels: count });
        }
        Ok(Parts {
            train: Part { name: "train", source: train, before: before.0 },
            validation: Part { name: "validation", source: validation, before: before.1 },
            test: Part { name: "test", source: test, before: before.2 },
            labels,
        })
    }
}

fn labels<T: Content>(train: &Source<T>, column: &str) -> Result<Labels, DataError> {
    let labels = Labels::new(train.rows.iter().map(|row| row.label.as_str()));
    let (file, rows) = (train.file.clone(), train.rows.len());
    match labels.names() {
        [label] => Err(DataError::OneLabel { file, label: label.clone(), kind: T::KIND }),
        names if names.len() == rows => Err(DataError::AllLabelsDiffer { file, column: column.to_owned(), rows, kind: T::KIND }),
        _ => Ok(labels),
    }
}

fn known<T: Content>(source: &Source<T>, labels: &Labels) -> Result<(), DataError> {
    let unknown: Vec<&Row<T>> = source.rows.iter().filter(|row| labels.index(&row.label).is_none()).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(DataError::UnknownLabels {
        file: source.file.clone(),
        first: unknown.iter().take(NAMED).map(|row| (row.content.told(row.place), row.label.clone())).collect(),
        total: unknown.len(),
        known: labels.names().to_vec(),
        kind: T::KIND,
    })
}

/// Training, validation and test, those that were not given taken from the training rows.
fn split_off<T: Content>(
    train: Source<T>,
    validation: Option<Source<T>>,
    test: Option<Source<T>>,
    how: &Split,
    labels: &Labels,
) -> Result<[Source<T>; 3], DataError> {
    let validation_share = if validation.is_some() { 0.0 } else { how.validation };
    let test_share = if test.is_some() { 0.0 } else { how.test };
    let fits = validation_share >= 0.0 && test_share >= 0.0 && validation_share + test_share < 1.0;
    if !fits {
        return Err(DataError::Shares { validation: validation_share, test: test_share });
    }
    let mut rng = stream(how.seed, 0, Purpose::DataSplit);
    let parts = split(&classes(&train.rows, labels), labels.names().len(), validation_share, test_share, &mut rng);
    let file = train.file;
    let mut rows: Vec<Option<Row<T>>> = train.rows.into_iter().map(Some).collect();
    let mut pick = |part: &[usize]| Source { file: file.clone(), rows: part.iter().filter_map(|&row| rows[row].take()).collect() };
    let validation = validation.unwrap_or_else(|| pick(&parts.validation));
    let test = test.unwrap_or_else(|| pick(&parts.test));
    let train = pick(&parts.train);
    let of = if T::KIND == Kind::Texts { "rows" } else { "images" };
    let rare = || format!("no label has enough {of} in {} to stand in every split", file.display());
    if validation.rows.is_empty() {
        let reason =
            if validation_share > 0.0 { rare() } else { "give `files` a validation file, or `split` a share above 0 for it".into() };
        return Err(DataError::EmptySplit { split: "validation", reason });
    }
    if test.rows.is_empty() && test_share > 0.0 {
        return Err(DataError::EmptySplit { split: "test", reason: rare() });
    }
    Ok([train, validation, test])
}

fn sampled<T>(rows: Vec<Row<T>>, labels: &Labels, most: usize, seed: u64, purpose: Purpose) -> Vec<Row<T>> {
    let kept = sample(&classes(&rows, labels), labels.names().len(), most, &mut stream(seed, 0, purpose));
    let mut rows: Vec<Option<Row<T>>> = rows.into_iter().map(Some).collect();
    kept.into_iter().filter_map(|row| rows[row].take()).collect()
}

/// Every label is known by now.
pub(super) fn classes<T>(rows: &[Row<T>], labels: &Labels) -> Vec<u32> {
    rows.iter().filter_map(|row| labels.index(&row.label)).collect()
}
