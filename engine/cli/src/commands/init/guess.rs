//! What a table of texts is about, guessed from names and values.

use std::collections::{BTreeMap, BTreeSet};

/// Cells by row; `None` where there is nothing.
pub(super) type Rows = [Vec<Option<String>>];

/// Which columns are which, and why that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) text: String,
    /// The second text of a pair.
    pub(super) pair: Option<String>,
    pub(super) label: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum GuessError {
    #[error("there is no column `{name}`; the columns are {}", .columns.join(", "))]
    Unknown { name: String, columns: Vec<String> },
    #[error("cannot tell which column is the label (none has between 2 and {MOST_CLASSES} values that repeat): name it with --label (the columns are {})", .columns.join(", "))]
    LabelUnclear { columns: Vec<String> },
    #[error("cannot tell which column is the text: name it with --text (the columns are {})", .columns.join(", "))]
    TextUnclear { columns: Vec<String> },
}

const LABELS: [&str; 14] = [
    "label",
    "labels",
    "class",
    "category",
    "target",
    "sentiment",
    "intent",
    "topic",
    "tag",
    "y",
    "gold",
    "polarity",
    "emotion",
    "is_duplicate",
];
const TEXTS: [&str; 15] = [
    "text",
    "sentence",
    "content",
    "body",
    "message",
    "review",
    "tweet",
    "comment",
    "document",
    "article",
    "utterance",
    "query",
    "question",
    "title",
    "headline",
];
const PAIRS: [(&str, &str); 6] = [
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("text_a", "text_b"),
    ("text1", "text2"),
];
/// More classes than this are taken for something else, unless the column's name says it is the label.
const MOST_CLASSES: usize = 200;

/// Finds the columns of the text (or pair) and the label; what the user has named is taken as given.
pub(super) fn columns(names: &[String], rows: &Rows, text: Option<&str>, label: Option<&str>) -> Result<Columns, GuessError> {
    for name in [text, label].into_iter().flatten() {
        if !names.iter().any(|n| n == name) {
            return Err(GuessError::Unknown { name: name.to_owned(), columns: names.to_vec() });
        }
    }
    let of_name = |name: &str| names.iter().position(|n| n.eq_ignore_ascii_case(name));
    let given = |name: Option<&str>| name.and_then(|name| names.iter().position(|n| n == name));
    let label = match given(label) {
        Some(column) => column,
        None => LABELS
            .iter()
            .find_map(|name| of_name(name))
            .filter(|column| Some(*column) != given(text))
            .map_or_else(|| guess_label(names, rows, given(text)), Ok)?,
    };
    let free = |column: &usize| *column != label;
    if given(text).is_none()
        && let Some((first, second)) = PAIRS.iter().find_map(|(a, b)| Some((of_name(a).filter(free)?, of_name(b).filter(free)?)))
    {
        return Ok(Columns { text: names[first].clone(), pair: Some(names[second].clone()), label: names[label].clone() });
    }
    let longest = || (0..names.len()).filter(free).max_by_key(|column| characters(rows, *column));
    let text = given(text)
        .filter(free)
        .or_else(|| TEXTS.iter().find_map(|name| of_name(name).filter(free)))
        .or_else(longest)
        .ok_or_else(|| GuessError::TextUnclear { columns: names.to_vec() })?;
    Ok(Columns { text: names[text].clone(), pair: None, label: names[label].clone() })
}

/// The column with the fewest distinct values among those that repeat themselves.
fn guess_label(names: &[String], rows: &Rows, text: Option<usize>) -> Result<usize, GuessError> {
    let limit = MOST_CLASSES.min(rows.len() / 2).max(2);
    let candidates = (0..names.len()).filter(|column| Some(*column) != text).filter_map(|column| {
        let distinct = classes(rows, column).len();
        (2..=limit).contains(&distinct).then_some((distinct, column))
    });
    let found = candidates.min().map(|(_, column)| column);
    found.ok_or_else(|| GuessError::LabelUnclear { columns: names.to_vec() })
}

fn characters(rows: &Rows, column: usize) -> usize {
    rows.iter().filter_map(|row| row.get(column)?.as_ref()).map(String::len).sum()
}

/// How often each value of a column stands there.
pub(super) fn classes(rows: &Rows, column: usize) -> BTreeMap<&str, usize> {
    let mut classes = BTreeMap::new();
    for value in rows.iter().filter_map(|row| row.get(column)?.as_deref()) {
        *classes.entry(value.trim()).or_insert(0) += 1;
    }
    classes
}

/// Whether the first line of a CSV or TSV file is a row already: one of its cells is a value that repeats below it in its column, or
/// a number, or is as long as a text.
pub(super) fn has_no_header(first: &[String], rows: &Rows) -> bool {
    let known: BTreeSet<&str> = LABELS.iter().chain(&TEXTS).copied().collect();
    if first.iter().any(|cell| known.contains(cell.to_lowercase().as_str())) {
        return false;
    }
    first.iter().enumerate().any(|(column, cell)| {
        let repeats = rows.iter().any(|row| row.get(column).and_then(|c| c.as_deref()) == Some(cell.as_str()));
        repeats || cell.parse::<f64>().is_ok() || cell.split_whitespace().count() > 5
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cells: &[&[&str]]) -> Vec<Vec<Option<String>>> {
        cells.iter().map(|row| row.iter().map(|c| (!c.is_empty()).then(|| (*c).to_owned())).collect()).collect()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn names_decide_first() {
        let rows = rows(&[&["1", "a b c d", "x"], &["2", "e f g h", "y"]]);
        let found = columns(&names(&["id", "Text", "label"]), &rows, None, None).unwrap();
        assert_eq!(found, Columns { text: "Text".into(), pair: None, label: "label".into() });
        let found = columns(&names(&["premise", "hypothesis", "label"]), &rows, None, None).unwrap();
        assert_eq!(found, Columns { text: "premise".into(), pair: Some("hypothesis".into()), label: "label".into() });
    }

    #[test]
    fn values_decide_where_names_say_nothing() {
        let rows = rows(&[&["1", "a long text", "x"], &["2", "another text", "y"], &["3", "a third one", "x"], &["4", "a fourth", "y"]]);
        let found = columns(&names(&["a", "b", "c"]), &rows, None, None).unwrap();
        assert_eq!(found, Columns { text: "b".into(), pair: None, label: "c".into() });
        let found = columns(&names(&["a", "b", "c"]), &rows, Some("a"), Some("b")).unwrap();
        assert_eq!(found, Columns { text: "a".into(), pair: None, label: "b".into() });
        let error = columns(&names(&["a", "b", "c"]), &rows, Some("d"), None).unwrap_err();
        insta::assert_snapshot!(error, @"there is no column `d`; the columns are a, b, c");
        let error = columns(&names(&["a", "b"]), &[vec![Some("1".into()), Some("p q".into())]], None, None).unwrap_err();
        insta::assert_snapshot!(error, @"cannot tell which column is the label (none has between 2 and 200 values that repeat): name it with --label (the columns are a, b)");
    }

    #[test]
    fn a_file_without_a_header_is_noticed() {
        let below = rows(&[&["so good", "1"], &["so bad", "0"]]);
        assert!(has_no_header(&names(&["not bad at all", "1"]), &below));
        assert!(!has_no_header(&names(&["text", "label"]), &below));
        assert!(!has_no_header(&names(&["what", "verdict"]), &below));
    }
}
