//! CSV and TSV.

use std::path::Path;

use csv::{ByteRecord, Position, Reader, ReaderBuilder, Terminator};

use super::{
    error::{DataError, Place},
    table::{Converter, Pick, Row, Table, Text, value},
};

pub(super) struct Dialect {
    delimiter: u8,
    quoting: bool,
}

/// RFC 4180.
pub(super) const CSV: Dialect = Dialect { delimiter: b',', quoting: true };
/// One row a line, no quoting.
pub(super) const TSV: Dialect = Dialect { delimiter: b'\t', quoting: false };

/// `names`: the columns, when the file has no header line. Blank lines are skipped.
pub(super) fn read(file: &Path, text: &Text, dialect: &Dialect, names: Option<&[String]>, pick: &Pick<'_>) -> Result<Table, DataError> {
    let mut reader = ReaderBuilder::new()
        .delimiter(dialect.delimiter)
        .quoting(dialect.quoting)
        // Without quotes a carriage return within a line belongs to the text.
        .terminator(if dialect.quoting { Terminator::CRLF } else { Terminator::Any(b'\n') })
        .has_headers(false)
        // Rows of another length get an error of our own.
        .flexible(true)
        .from_reader(text.bytes.as_slice());
    let mut converter = Converter::new(Some(text));
    let mut record = ByteRecord::new();

    let given = names.is_some();
    let names: Vec<String> = if let Some(names) = names {
        names.to_vec()
    } else {
        next(file, &mut reader, &mut record)?;
        let names = record.iter().map(|name| converter.text(name).trim().to_owned()).collect();
        // The header is no row.
        converter = Converter::new(Some(text));
        names
    };
    let picked = pick(&names)?;
    let mut rows = Vec::new();
    while next(file, &mut reader, &mut record)? {
        let position = record.position();
        let place = Place::Line(position.map_or(0, |position| line(&text.bytes, position)));
        if dialect.quoting {
            let start = position.map_or(0, Position::byte) as usize;
            let end = reader.position().byte() as usize;
            // A quote that is never closed swallows the rest of the file: the last record spans lines with an odd number of quotes.
            if text.bytes[end..].iter().all(u8::is_ascii_whitespace) && unclosed(text.bytes[start..].trim_ascii()) {
                return Err(DataError::malformed(file, place, "a double quote opens a text here and is never closed"));
            }
        }
        if record.len() != names.len() {
            let (found, expected) = (record.len(), names.len());
            if given && rows.is_empty() {
                return Err(DataError::ColumnCount { file: file.to_owned(), names, found });
            }
            return Err(DataError::Ragged { file: file.to_owned(), place, found, expected, columns: names, quoting: dialect.quoting });
        }
        let values = picked.iter().map(|&column| value(converter.text(&record[column]).trim_end_matches('\r'))).collect();
        converter.end_row();
        rows.push(Row { place, index: rows.len() as u64, values });
    }
    let columns = picked.iter().map(|&column| names[column].clone()).collect();
    Ok(converter.table(file, columns, rows))
}

/// The line that a record starts on. The reader may stand before the line break that ends the record before it, the second half of a CRLF, and
/// before blank lines.
fn line(bytes: &[u8], position: &Position) -> u64 {
    let breaks = bytes.get(position.byte() as usize..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + breaks.filter(|byte| **byte == b'\n').count() as u64
}

/// `false`: there is none.
fn next(file: &Path, reader: &mut Reader<&[u8]>, record: &mut ByteRecord) -> Result<bool, DataError> {
    loop {
        let more = reader.read_byte_record(record).map_err(|e| {
            let line = e.position().map_or(1, Position::line);
            DataError::malformed(file, Place::Line(line), e.to_string())
        })?;
        // A blank line may hold the carriage return that is no terminator in TSV.
        if !more || record.len() != 1 || !record[0].trim_ascii().is_empty() {
            return Ok(more);
        }
    }
}

fn unclosed(record: &[u8]) -> bool {
    record.contains(&b'\n') && record.split(|&b| b == b'"').count() % 2 == 0
}
