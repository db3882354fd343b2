//! From rows to a task: tokens, and what was found on the way.

use std::collections::BTreeSet;

use rayon::prelude::*;
use search_spaces::data::TextData;

use super::{
    Example, Groups, TextTask,
    error::DataError,
    labels::Labels,
    parts::{Part, Parts, Source, classes},
    report::{Contents, DataReport, Kind, SplitReport, Tokens, conflicts, normalised, shared},
    rows::{Rows, Text},
    tokenize::{Encoder, Tokenizer},
};

/// Reads and tokenises the data. Every location in it must be a path by now.
///
/// The same files, `data` and tokenizer give the same task, whatever the number of threads.
pub fn load(data: &TextData, tokenizer: &Tokenizer) -> Result<(TextTask, DataReport), DataError> {
    let encoder = tokenizer.encoder(data.max_tokens)?;
    Rows::read(data)?.tokenise(tokenizer, &encoder)
}

impl Rows {
    /// `encoder` is one of `tokenizer`.
    pub fn tokenise(&self, tokenizer: &Tokenizer, encoder: &Encoder) -> Result<(TextTask, DataReport), DataError> {
        let Parts { train, validation, test, labels } = &self.parts;
        let finish = |part| finish(part, labels, encoder);
        let (train, of_train, train_texts) = finish(train)?;
        let (validation, of_validation, validation_texts) = finish(validation)?;
        let (test, of_test, test_texts) = finish(test)?;
        let mut splits = vec![of_train, of_validation];
        if !test.is_empty() {
            splits.push(of_test);
        }
        let groups = groups([&self.parts.train, &self.parts.validation, &self.parts.test]);
        let mut files = self.files.clone();
        if let Some(file) = files.first_mut().filter(|_| !groups.names.is_empty()) {
            file.notes.push(told(&groups));
        }
        let names = labels.names().to_vec();
        let shared = shared(&[train_texts, validation_texts, test_texts]);
        let report = DataReport { kind: Kind::Texts, files, labels: names.clone(), splits, shared, decoded: None };
        Ok((TextTask { train, validation, test, labels: names, padding: tokenizer.padding(), groups }, report))
    }
}

/// The groups of each split, beside its examples.
fn groups([train, validation, test]: [&Part<Text>; 3]) -> Groups {
    fn of(part: &Part<Text>) -> impl Iterator<Item = &str> {
        part.source.rows.iter().filter_map(|row| row.content.group.as_deref())
    }
    let names: BTreeSet<&str> = of(train).chain(of(validation)).chain(of(test)).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let indices = |part| of(part).filter_map(|name| names.binary_search(&name).ok()).map(|index| index as u32).collect();
    let (train, validation, test) = (indices(train), indices(validation), indices(test));
    Groups { names: names.into_iter().map(str::to_owned).collect(), train, validation, test }
}

/// How many validation examples each group has, for the report.
fn told(groups: &Groups) -> String {
    const NAMED: usize = 8;
    let count = |group: usize| groups.validation.iter().filter(|index| **index as usize == group).count();
    let mut parts: Vec<String> =
        groups.names.iter().enumerate().take(NAMED).map(|(group, name)| format!("{name} {}", count(group))).collect();
    if groups.names.len() > NAMED {
        parts.push(format!("and {} more", groups.names.len() - NAMED));
    }
    format!("groups in the validation split: {}", parts.join(", "))
}

fn finish<'a>(part: &'a Part<Text>, labels: &Labels, encoder: &Encoder) -> Result<(Vec<Example>, SplitReport, Contents<'a>), DataError> {
    let Part { name, source, before } = part;
    let (examples, truncated) = tokenise(source, labels, encoder)?;
    let rows = source.rows.iter().map(|row| (normalised(&row.content.first, row.content.pair.as_deref()), row.label.as_str())).collect();
    let texts = Contents { name, rows };
    let mut by_label = vec![0; labels.names().len()];
    for example in &examples {
        by_label[example.label as usize] += 1;
    }
    let tokens: usize = examples.iter().map(|e| e.ids.len()).sum();
    let report = SplitReport {
        name: (*name).to_owned(),
        examples: examples.len() as u64,
        left_out: (before - examples.len()) as u64,
        by_label,
        tokens: Some(Tokens {
            truncated,
            mean: tokens as f64 / examples.len().max(1) as f64,
            longest: examples.iter().map(|e| e.ids.len()).max().unwrap_or(0) as u64,
        }),
        conflicts: conflicts(&texts),
    };
    Ok((examples, report, texts))
}

/// The examples in the order of the rows, and how many were truncated.
fn tokenise(source: &Source<Text>, labels: &Labels, encoder: &Encoder) -> Result<(Vec<Example>, u64), DataError> {
    let encoded: Vec<_> = source.rows.par_iter().map(|row| encoder.encode(&row.content.first, row.content.pair.as_deref())).collect();
    let mut examples = Vec::with_capacity(encoded.len());
    let mut truncated = 0;
    for ((row, label), encoded) in source.rows.iter().zip(classes(&source.rows, labels)).zip(encoded) {
        let encoded = encoded.map_err(|reason| DataError::Tokenize { file: source.file.clone(), place: row.place, reason })?;
        truncated += u64::from(encoded.truncated);
        examples.push(Example { ids: encoded.ids, types: encoded.types, label, row: row.index });
    }
    Ok((examples, truncated))
}
