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
    /// Of a CSV or TSV file without a header line.
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
            table::read(file, columns.names.as_deref(), Some(&wanted))?
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
