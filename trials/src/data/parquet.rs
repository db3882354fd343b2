//! Parquet, through polars.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use polars::prelude::{ArrowDataType, Column, DataType, ParquetReader, PolarsResult, SerReader};

use super::{
    error::{DataError, Place},
    jsonl::float_text,
    table::{Converter, Pick, Row, Table, value},
};

/// A compressed file may unpack to much more than its size.
const MAX_UNPACKED_BYTES: usize = 16 << 30;

/// Where `everything` is wanted, columns that can be neither a text nor a label are left out.
pub(super) fn read(file: &Path, bytes: Vec<u8>, pick: &Pick<'_>, everything: bool) -> Result<Table, DataError> {
    let broken = |reason: String| DataError::Parquet { file: file.to_owned(), reason };
    if bytes.is_empty() {
        return Err(DataError::NoRows { file: file.to_owned(), what: "is empty" });
    }
    // polars panics on some damaged files.
    let guarded = |step: &mut dyn FnMut() -> PolarsResult<()>| match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|e| broken(e.to_string())),
        Err(_) => Err(broken("it is damaged".into())),
    };

    let mut reader = Some(ParquetReader::new(Cursor::new(bytes)));
    let mut names: Vec<String> = Vec::new();
    let mut kinds: Vec<ArrowDataType> = Vec::new();
    let mut unpacked = 0usize;
    guarded(&mut || {
        if let Some(reader) = &mut reader {
            let schema = reader.schema()?;
            names = schema.iter_names().map(ToString::to_string).collect();
            kinds = schema.iter_values().map(|field| field.dtype().clone()).collect();
            let groups = &reader.get_metadata()?.row_groups;
            unpacked = groups.iter().fold(0, |sum, group| sum.saturating_add(group.total_byte_size()));
        }
        Ok(())
    })?;
    if unpacked > MAX_UNPACKED_BYTES {
        return Err(DataError::TooLarge { file: file.to_owned(), bytes: unpacked as u64, limit: MAX_UNPACKED_BYTES as u64 });
    }
    let mut picked = pick(&names)?;
    picked.retain(|&column| !everything || is_plain(&kinds[column]));
    // Before they are read: polars panics on a type that it was built without.
    if let Some(&wrong) = picked.iter().find(|column| !is_plain(&kinds[**column])) {
        let kind = format!("{:?}", kinds[wrong]);
        let kind = kind.split('(').next().unwrap_or_default().to_owned();
        return Err(DataError::ColumnType { file: file.to_owned(), column: names[wrong].clone(), kind });
    }
    let columns: Vec<String> = picked.iter().map(|&column| names[column].clone()).collect();

    let mut converter = Converter::new(None);
    let mut rows: Vec<Row> = Vec::new();
    let mut wrong_type = None;
    guarded(&mut || {
        let Some(reader) = reader.take() else { return Ok(()) };
        let frame = reader.with_columns(Some(columns.clone())).finish()?;
        let mut values = Vec::with_capacity(columns.len());
        for name in &columns {
            let column = frame.column(name)?;
            let Some(strings) = strings(column, &mut converter)? else {
                wrong_type = Some((name.clone(), column.dtype().to_string()));
                return Ok(());
            };
            values.push(strings.into_iter());
        }
        for index in 0..frame.height() as u64 {
            let values = values.iter_mut().map(|column| column.next().flatten()).collect();
            rows.push(Row { place: Place::Row(index), index, values });
        }
        Ok(())
    })?;
    if let Some((column, kind)) = wrong_type {
        return Err(DataError::ColumnType { file: file.to_owned(), column, kind });
    }
    Ok(converter.table(file, columns, rows))
}

/// Whether a column of this type may be a text or a label.
fn is_plain(kind: &ArrowDataType) -> bool {
    use ArrowDataType as A;
    match kind {
        A::Dictionary(_, values, _) => is_plain(values),
        A::Null
        | A::Boolean
        | A::Float32
        | A::Float64
        | A::Utf8
        | A::LargeUtf8
        | A::Utf8View
        | A::Binary
        | A::LargeBinary
        | A::BinaryView
        | A::Int8
        | A::Int16
        | A::Int32
        | A::Int64
        | A::UInt8
        | A::UInt16
        | A::UInt32
        | A::UInt64 => true,
        _ => false,
    }
}

/// `None`: the column's type cannot be a text or a label.
fn strings(column: &Column, converter: &mut Converter) -> PolarsResult<Option<Vec<Option<String>>>> {
    let kind = column.dtype();
    Ok(Some(match kind {
        DataType::Binary => {
            let read = |bytes: Option<&[u8]>| {
                let text = bytes.and_then(|bytes| value(converter.text(bytes)));
                converter.end_row();
                text
            };
            column.binary()?.iter().map(read).collect()
        }
        DataType::Float32 | DataType::Float64 => {
            let floats = column.cast(&DataType::Float64)?;
            floats.f64()?.iter().map(|float| float.map(float_text)).collect()
        }
        DataType::String | DataType::Boolean | DataType::Categorical(..) | DataType::Enum(..) => texts(column)?,
        kind if kind.is_integer() => texts(column)?,
        _ => return Ok(None),
    }))
}

fn texts(column: &Column) -> PolarsResult<Vec<Option<String>>> {
    let texts = column.cast(&DataType::String)?;
    Ok(texts.str()?.iter().map(|text| text.and_then(value)).collect())
}
