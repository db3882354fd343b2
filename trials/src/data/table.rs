//! Columns of a file as rows of optional strings, whatever the format.

use std::{
    borrow::Cow,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::{
    delimited,
    error::{DataError, Place},
    jsonl, parquet,
};
use crate::files;

/// Files are read into memory whole.
const MAX_FILE_BYTES: u64 = 4 << 30;
/// No text or label is longer: what is, is a broken file (a quote never closed, a binary file).
pub(super) const MAX_VALUE_BYTES: usize = 1 << 20;
/// No table of texts is wider: what is, is no table. Each name takes many times its bytes in memory.
const MAX_COLUMNS: usize = 10_000;

/// A column that is needed, and the field of the space that asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    pub column: &'a str,
    pub field: &'static str,
}

/// The wanted columns of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub file: PathBuf,
    /// Names of the columns, in the order in which they were wanted.
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
    /// Rows that had to be converted to UTF-8.
    pub converted: u64,
    /// The encodings they were in.
    pub encoding: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub place: Place,
    /// From 0, the header and blank lines not counted.
    pub index: u64,
    /// One for each column; `None` where the file has null or nothing. Never an empty string.
    pub values: Vec<Option<String>>,
}

/// Reads the `wanted` columns (`None`: all) of `file`. The ending tells the format; a file without one is read as TSV.
///
/// `names` are the columns of a CSV or TSV file without a header line. CSV is quoted as in RFC 4180; TSV is not quoted at all (real ones hold
/// stray quotes), so a text in it holds neither tab nor line break. A byte order mark is honoured; a row that is not UTF-8 is
/// taken as windows-1252.
pub fn read(file: &Path, names: Option<&[String]>, wanted: Option<&[Wanted<'_>]>) -> Result<Table, DataError> {
    parse(file, &mut || bytes(file), names, wanted)
}

/// A text a line, in one column. Blank lines are rows without a value; byte order marks and other encodings as in [`read`].
pub fn lines(file: &Path) -> Result<Table, DataError> {
    let text = Text::of(file, bytes(file)?)?;
    let mut converter = Converter::new(Some(&text));
    let ended = text.bytes.strip_suffix(b"\n").unwrap_or(&text.bytes);
    let rows = ended.split(|byte| *byte == b'\n').enumerate().map(|(index, line)| {
        let text = value(converter.text(line).trim_end_matches('\r'));
        converter.end_row();
        Row { place: Place::Line(index as u64 + 1), index: index as u64, values: vec![text] }
    });
    let rows: Vec<Row> = rows.collect();
    if let Some(row) = rows.iter().find(|row| row.values.iter().flatten().any(|text| text.len() > MAX_VALUE_BYTES)) {
        return Err(DataError::malformed(file, row.place, format!("has more than the {MAX_VALUE_BYTES} bytes that a text may have")));
    }
    Ok(converter.table(file, vec!["text".to_owned()], rows))
}

/// As [`read`], of what `content` gives, which is asked for once the ending is known to be one that can be read.
pub(crate) fn parse(
    file: &Path,
    content: &mut Content<'_>,
    names: Option<&[String]>,
    wanted: Option<&[Wanted<'_>]>,
) -> Result<Table, DataError> {
    let ending = file.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let header = names.is_none() && !matches!(ending.as_str(), "jsonl" | "ndjson" | "json" | "parquet");
    let pick = |available: &[String]| pick(file, available, header, wanted);
    let no_names = |format| match names {
        Some(_) => Err(DataError::ColumnsNotNeeded { file: file.to_owned(), format }),
        None => Ok(()),
    };
    let table = match ending.as_str() {
        "csv" => delimited::read(file, &Text::of(file, content()?)?, &delimited::CSV, names, &pick)?,
        "tsv" | "txt" | "" => delimited::read(file, &Text::of(file, content()?)?, &delimited::TSV, names, &pick)?,
        "jsonl" | "ndjson" | "json" => {
            no_names("JSON")?;
            jsonl::read(file, &Text::of(file, content()?)?, &pick)?
        }
        "parquet" => {
            no_names("Parquet")?;
            parquet::read(file, content()?, &pick, wanted.is_none())?
        }
        _ => return Err(DataError::UnknownFormat { file: file.to_owned(), ending: format!(".{ending}") }),
    };
    for row in &table.rows {
        for (column, value) in table.columns.iter().zip(&row.values) {
            let length = value.as_ref().map_or(0, String::len);
            if length > MAX_VALUE_BYTES {
                let reason = format!("the value of `{column}` has {length} bytes, more than the {MAX_VALUE_BYTES} a text may have");
                return Err(DataError::malformed(file, row.place, reason));
            }
        }
    }
    if table.rows.is_empty() {
        return Err(DataError::NoRows { file: file.to_owned(), what: "has a header but no rows" });
    }
    Ok(table)
}

/// The bytes of a file.
pub(crate) type Content<'a> = dyn FnMut() -> Result<Vec<u8>, DataError> + 'a;

/// From the names that a file has to the positions of the wanted columns.
pub(super) type Pick<'a> = dyn Fn(&[String]) -> Result<Vec<usize>, DataError> + 'a;

fn pick(file: &Path, available: &[String], header: bool, wanted: Option<&[Wanted<'_>]>) -> Result<Vec<usize>, DataError> {
    if available.len() > MAX_COLUMNS {
        return Err(DataError::TooManyColumns { file: file.to_owned(), columns: available.len(), limit: MAX_COLUMNS });
    }
    let Some(wanted) = wanted else { return Ok((0..available.len()).collect()) };
    let find = |wanted: &Wanted<'_>| {
        let mut positions = (0..available.len()).filter(|&i| available[i] == wanted.column);
        let (column, field) = (wanted.column.to_owned(), wanted.field);
        match (positions.next(), positions.next()) {
            (Some(position), None) => Ok(position),
            (Some(_), Some(_)) => Err(DataError::DuplicateColumn { file: file.to_owned(), column, field }),
            (None, _) => Err(DataError::MissingColumn { file: file.to_owned(), column, available: available.to_vec(), header, field }),
        }
    };
    let (mut positions, mut errors) = (Vec::new(), Vec::new());
    for wanted in wanted {
        match find(wanted) {
            Ok(position) => positions.push(position),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(positions) } else { Err(DataError::of(errors)) }
}

/// `None` for a value that holds nothing but white space.
pub(super) fn value(text: impl Into<String>) -> Option<String> {
    let text = text.into();
    if text.trim().is_empty() { None } else { Some(text) }
}

/// The bytes of a file of data.
pub(super) fn bytes(file: &Path) -> Result<Vec<u8>, DataError> {
    files::read(file, MAX_FILE_BYTES).map_err(|source| match source.kind() {
        ErrorKind::FileTooLarge => {
            let bytes = file.metadata().map_or(0, |metadata| metadata.len());
            DataError::TooLarge { file: file.to_owned(), bytes, limit: MAX_FILE_BYTES }
        }
        _ => DataError::Read { file: file.to_owned(), source },
    })
}

/// A text file's bytes without their byte order mark, in UTF-8 as far as the mark tells; single rows may still be in another encoding.
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    /// The encoding that the whole file was converted from.
    pub(super) from: Option<&'static Encoding>,
}

impl Text {
    fn of(file: &Path, mut bytes: Vec<u8>) -> Result<Text, DataError> {
        let mut from = None;
        if let Some((encoding, mark)) = Encoding::for_bom(&bytes) {
            bytes.drain(..mark);
            if encoding != UTF_8 {
                bytes = encoding.decode_without_bom_handling(&bytes).0.into_owned().into_bytes();
                from = Some(encoding);
            }
        }
        if let Some(at) = bytes.iter().position(|&b| b == 0) {
            let line = bytes[..at].split(|&b| b == b'\n').count() as u64;
            return Err(DataError::malformed(
                file,
                Place::Line(line),
                "holds a NUL byte: this is not a text file (or UTF-16 without a byte order mark)",
            ));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(DataError::NoRows { file: file.to_owned(), what: "is empty" });
        }
        Ok(Text { bytes, from })
    }
}

/// Turns bytes into text and counts what was not UTF-8.
pub(super) struct Converter {
    whole_file: Option<&'static Encoding>,
    fallback_used: bool,
    row: bool,
    rows: u64,
}

impl Converter {
    pub(super) fn new(text: Option<&Text>) -> Converter {
        Converter { whole_file: text.and_then(|t| t.from), fallback_used: false, row: false, rows: 0 }
    }

    pub(super) fn text<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Cow::Borrowed(text);
        }
        self.row = true;
        self.fallback_used = true;
        WINDOWS_1252.decode_without_bom_handling(bytes).0
    }

    /// Call after each row.
    pub(super) fn end_row(&mut self) {
        self.rows += u64::from(self.row || self.whole_file.is_some());
        self.row = false;
    }

    pub(super) fn table(self, file: &Path, columns: Vec<String>, rows: Vec<Row>) -> Table {
        let encoding = match (self.rows, self.whole_file) {
            (0, _) => None,
            (_, Some(encoding)) => Some(encoding.name()),
            (_, None) => Some(WINDOWS_1252.name()),
        };
        Table { file: file.to_owned(), columns, rows, converted: self.rows, encoding }
    }
}
