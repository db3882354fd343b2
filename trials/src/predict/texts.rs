//! Texts without labels.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use search_spaces::data::{Missing, TextColumns};

use super::{Id, NAMED, Part, PredictError};
use crate::data::{
    Example, Texts as Tokenised,
    error::{DataError, Place},
    table::{self, Table, Wanted},
    tokenize::{Encoder, Tokenizer},
};

/// Examples that are tokens at a time: 64 batches, so that most are of texts of about one length.
const PART: usize = 4096;

/// The texts of a file, and how a model reads them.
#[derive(Debug)]
pub struct Texts {
    file: PathBuf,
    rows: Vec<Row>,
    left_out: Vec<Place>,
    filled: usize,
    encoder: Encoder,
    padding: u32,
}

#[derive(Debug)]
struct Row {
    place: Place,
    index: u64,
    first: String,
    pair: Option<String>,
}

/// What to read of a file, as the model's own data had it.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    pub text: TextColumns,
    /// Of a CSV or TSV file without a header line, as which a file is read whose first line names none of these.
    pub names: Option<Vec<String>>,
    /// What becomes of rows without a text: with `Drop` they are left out.
    pub missing: Missing,
}

impl Texts {
    /// Reads `file`: a table with the columns of texts, or, where its name ends in `.txt`, a text a line. Inputs are cut to `max_tokens`.
    pub fn read(file: &Path, columns: &Columns, tokenizer: &Tokenizer, max_tokens: usize) -> Result<Texts, PredictError> {
        let encoder = tokenizer.encoder(max_tokens)?;
        let table = if file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("txt")) {
            if matches!(columns.text, TextColumns::Pair(..)) {
                return Err(PredictError::LinesOfPairs { file: file.to_owned() });
            }
            table::lines(file)?
        } else {
            let names: Vec<&str> = match &columns.text {
                TextColumns::One(text) => vec![text],
                TextColumns::Pair(first, second) => vec![first, second],
            };
            let wanted: Vec<Wanted<'_>> = names.into_iter().map(|column| Wanted { column, field: "--text" }).collect();
            read_table(file, columns.names.as_deref(), &wanted).map_err(|error| match error {
                // Of training data a .txt is read otherwise.
                DataError::UnknownFormat { file, ending } => PredictError::UnknownFormat { file, ending },
                error => error.into(),
            })?
        };
        let mut texts =
            Texts { file: file.to_owned(), rows: Vec::new(), left_out: Vec::new(), filled: 0, encoder, padding: tokenizer.padding() };
        texts.take(table, &columns.missing)?;
        Ok(texts)
    }

    fn take(&mut self, table: Table, missing: &Missing) -> Result<(), PredictError> {
        let mut refused = Vec::new();
        for mut row in table.rows {
            if row.values.iter().any(Option::is_none) {
                match missing {
                    Missing::Drop => {
                        self.left_out.push(row.place);
                        continue;
                    }
                    Missing::Fill(fill) => {
                        self.filled += 1;
                        row.values.iter_mut().filter(|value| value.is_none()).for_each(|value| *value = Some(fill.clone()));
                    }
                    Missing::Reject => {
                        refused.push(row.place);
                        continue;
                    }
                }
            }
            let mut values = row.values.into_iter().flatten();
            let Some(first) = values.next() else { continue };
            self.rows.push(Row { place: row.place, index: row.index, first, pair: values.next() });
        }
        if !refused.is_empty() {
            let (total, first) = (refused.len(), refused.into_iter().take(NAMED).collect());
            return Err(PredictError::NoText { file: self.file.clone(), first, total });
        }
        if self.rows.is_empty() {
            return Err(DataError::NoRows { file: self.file.clone(), what: "has no row with a text" }.into());
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.left_out.is_empty() {
            let first: Vec<String> = self.left_out.iter().take(NAMED).map(Place::to_string).collect();
            let more = if self.left_out.len() > NAMED { ", ..." } else { "" };
            let rows = if self.left_out.len() == 1 { "row without a text was" } else { "rows without a text were" };
            notes.push(format!("{}: {} {rows} left out ({}{more})", self.file.display(), self.left_out.len(), first.join(", ")));
        }
        if self.filled > 0 {
            let rows = if self.filled == 1 { "row without a text was" } else { "rows without a text were" };
            notes.push(format!("{}: {} {rows} filled in", self.file.display(), self.filled));
        }
        notes
    }

    pub(super) fn parts(&self, take: &mut Part<'_>) -> Result<(), PredictError> {
        for rows in self.rows.chunks(PART) {
            let encoded: Vec<_> = rows.par_iter().map(|row| self.encoder.encode(&row.first, row.pair.as_deref())).collect();
            let mut examples = Vec::with_capacity(rows.len());
            for (row, encoded) in rows.iter().zip(encoded) {
                let encoded = encoded.map_err(|reason| DataError::Tokenize { file: self.file.clone(), place: row.place, reason })?;
                examples.push(Example { ids: encoded.ids, types: encoded.types, label: 0, row: row.index });
            }
            let ids: Vec<Id> = rows.iter().map(|row| (row.index, None)).collect();
            if !take(&Tokenised { examples, padding: self.padding, groups: Vec::new() }, ids)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// By the file's own header, if it has one. That those who trained the model had none, and said so with `names`, says nothing of this file.
fn read_table(file: &Path, names: Option<&[String]>, wanted: &[Wanted<'_>]) -> Result<Table, DataError> {
    let by_header = table::read(file, None, Some(wanted));
    let has_none = |names: &&[String]| {
        let known = |wanted: &Wanted<'_>| names.iter().any(|name| name == wanted.column);
        wanted.iter().all(known) && by_header.as_ref().is_err_and(|error| names_none(error, names))
    };
    let Some(names) = names.filter(has_none) else { return by_header };
    match table::read(file, Some(names), Some(wanted)) {
        // Nor are these its columns: what is wrong is its header.
        Err(DataError::ColumnCount { .. } | DataError::ColumnsNotNeeded { .. }) => by_header,
        by_names => by_names,
    }
}

/// Whether the error is of columns that are missing where none of `names` is there either.
fn names_none(error: &DataError, names: &[String]) -> bool {
    match error {
        DataError::MissingColumn { available, .. } => !available.iter().any(|found| names.contains(found)),
        DataError::Several { errors } => errors.iter().all(|error| names_none(error, names)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{TinyBert, tiny_bert};

    fn columns(missing: Missing) -> Columns {
        Columns { text: TextColumns::One("text".to_owned()), names: None, missing }
    }

    /// Indices of the rows and notes of a file, or the error.
    fn read(name: &str, content: &str, columns: &Columns) -> String {
        let folder = tempfile::tempdir().unwrap();
        tiny_bert(folder.path(), &TinyBert::default()).unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let tokenizer = Tokenizer::from_folder(folder.path()).unwrap();
        let told = match Texts::read(&path, columns, &tokenizer, 16) {
            Ok(texts) => {
                let rows: Vec<String> = texts.rows.iter().map(|row| format!("{}:{}", row.index, row.first)).collect();
                format!("{}\n{}", rows.join(" "), texts.notes().join("\n")).trim_end().to_owned()
            }
            Err(error) => error.to_string(),
        };
        told.replace(folder.path().to_str().unwrap(), "F")
    }

    #[test]
    fn labels_are_not_needed_and_rows_keep_their_numbers() {
        assert_eq!(read("a.csv", "id,text\n1,the film\n2,\"a, game\"\n", &columns(Missing::Reject)), "0:the film 1:a, game");
        assert_eq!(read("a.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"two\"}\n", &columns(Missing::Reject)), "0:one 1:two");
        assert_eq!(read("a.txt", "the film\tand\na \"game\r\n", &columns(Missing::Reject)), "0:the film\tand 1:a \"game");
        insta::assert_snapshot!(read("a.csv", "id,texts\n1,a\n", &columns(Missing::Reject)), @"F/a.csv: there is no column `text` (did you mean `texts`?); the columns are `id`, `texts`");
        insta::assert_snapshot!(read("a.xlsx", "PK", &columns(Missing::Reject)), @"F/a.xlsx: the ending `.xlsx` says nothing known about the format; known are .csv, .tsv, .txt (a text a line), .jsonl, .ndjson, .json (a JSON object a line) and .parquet");
    }

    #[test]
    fn a_file_with_a_header_is_read_by_it_though_the_training_data_had_none() {
        let names = Some(["label", "text"].map(str::to_owned).to_vec());
        let one = Columns { names: names.clone(), ..columns(Missing::Reject) };
        assert_eq!(read("a.csv", "good,the film\nbad,a game\n", &one), "0:the film 1:a game");
        assert_eq!(read("a.csv", "text\nthe film\n", &one), "0:the film");
        assert_eq!(read("a.tsv", "text\tlabel\nthe film\tgood\n", &one), "0:the film");
        assert_eq!(read("a.csv", "id,text,source\n1,the film,x\n", &one), "0:the film");
        assert_eq!(read("a.jsonl", "{\"text\": \"the film\"}\n", &one), "0:the film");
        // Neither by its header nor by those columns.
        insta::assert_snapshot!(read("a.csv", "review\nthe film\n", &one), @"F/a.csv: there is no column `text`; the columns are `review`");
        insta::assert_snapshot!(read("a.jsonl", "{\"review\": \"the film\"}\n", &one), @"F/a.jsonl: there is no column `text`; the columns are `review`");
        // A header that names one of them is no row.
        insta::assert_snapshot!(read("a.csv", "review,label\nthe film,good\n", &one), @"F/a.csv: there is no column `text`; the columns are `review`, `label`");
        // What the user asks for stands in a header, if it is no column of the training data.
        let asked = Columns { text: TextColumns::One("words".to_owned()), ..one.clone() };
        assert_eq!(read("a.csv", "id,words\n1,the film\n", &asked), "0:the film");
        let pair = Columns { text: TextColumns::Pair("text".to_owned(), "label".to_owned()), names, missing: Missing::Reject };
        assert_eq!(read("a.csv", "good,the film\n", &pair), "0:the film");
        insta::assert_snapshot!(read("a.csv", "text,other\nthe film,good\n", &pair), @"F/a.csv: there is no column `label`; the columns are `text`, `other`");
    }

    #[test]
    fn rows_without_a_text_are_named_left_out_or_filled() {
        let content = "id,text\n1,the film\n2,\n3,a game\n";
        insta::assert_snapshot!(read("a.csv", content, &columns(Missing::Reject)), @"F/a.csv: 1 row has no text (line 3): put one there, or take the row out");
        insta::assert_snapshot!(read("a.csv", content, &columns(Missing::Drop)), @"
        0:the film 2:a game
        F/a.csv: 1 row without a text was left out (line 3)
        ");
        insta::assert_snapshot!(read("a.csv", content, &columns(Missing::Fill("nothing".to_owned()))), @"
        0:the film 1:nothing 2:a game
        F/a.csv: 1 row without a text was filled in
        ");
        insta::assert_snapshot!(read("a.txt", "one\n\nthree\n", &columns(Missing::Reject)), @"F/a.txt: 1 row has no text (line 2): put one there, or take the row out");
        let pair = Columns { text: TextColumns::Pair("a".to_owned(), "b".to_owned()), ..columns(Missing::Reject) };
        insta::assert_snapshot!(read("a.txt", "one\n", &pair), @"F/a.txt: a line of text is one text, but the model reads pairs: give them in two columns of a CSV, TSV, JSON lines or Parquet file");
    }
}
