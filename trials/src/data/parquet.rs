//! Parquet, through polars.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use polars::prelude::{ArrowDataType, Column, DataFrame, DataType, ParquetReader, PolarsError, PolarsResult, SerReader};

use super::{
    error::{DataError, Place},
    footer,
    jsonl::float_text,
    table::{Converter, Pick, Row, Table, value},
};

/// A compressed file may unpack to much more than its size.
const MAX_UNPACKED_BYTES: usize = 16 << 30;
/// A value that is repeated takes no room in a file, but a row each time in memory.
const MAX_ROWS: usize = 100_000_000;

/// A column as the file declares it.
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) kind: ArrowDataType,
}

/// From the columns that a file declares to the positions of those to read.
pub(super) type Choose<'a> = dyn Fn(&[Declared]) -> Result<Vec<usize>, DataError> + 'a;

/// The columns of a file that `choose` takes of those it declares, and what the file says of itself under `key`.
pub(super) fn frame(file: &Path, bytes: Vec<u8>, key: &str, choose: &Choose<'_>) -> Result<(DataFrame, Option<String>), DataError> {
    if bytes.is_empty() {
        return Err(DataError::NoRows { file: file.to_owned(), what: "is empty" });
    }
    footer::check(&bytes).map_err(|reason| DataError::Parquet { file: file.to_owned(), reason })?;
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let mut declared: Vec<Declared> = Vec::new();
    let (mut unpacked, mut rows) = (0usize, 0usize);
    let mut said = None;
    guarded(file, &mut || {
        let schema = reader.schema()?;
        declared = schema.iter().map(|(name, field)| Declared { name: name.to_string(), kind: field.dtype().clone() }).collect();
        let metadata = reader.get_metadata()?;
        unpacked = metadata.row_groups.iter().fold(0, |sum, group| sum.saturating_add(group.total_byte_size()));
        let of_groups = metadata.row_groups.iter().fold(0usize, |sum, group| sum.saturating_add(group.num_rows()));
        rows = of_groups.max(metadata.num_rows);
        let pairs = metadata.key_value_metadata().as_ref().into_iter().flatten();
        said = pairs.filter(|pair| pair.key == key).find_map(|pair| pair.value.clone());
        Ok(())
    })?;
    if unpacked > MAX_UNPACKED_BYTES {
        return Err(DataError::UnpacksTooLarge { file: file.to_owned(), bytes: unpacked as u64, limit: MAX_UNPACKED_BYTES as u64 });
    }
    if rows > MAX_ROWS {
        return Err(DataError::TooManyRows { file: file.to_owned(), rows: rows as u64, limit: MAX_ROWS as u64 });
    }
    // Before they are read: polars panics on a type that it was built without.
    let columns: Vec<String> = choose(&declared)?.into_iter().map(|column| declared[column].name.clone()).collect();
    let (mut reader, mut frame) = (Some(reader), None);
    guarded(file, &mut || {
        frame = reader.take().map(|reader| reader.with_columns(Some(columns.clone())).finish()).transpose()?;
        Ok(())
    })?;
    Ok((frame.unwrap_or_default(), said))
}

/// polars panics on some damaged files.
pub(super) fn guarded(file: &Path, step: &mut dyn FnMut() -> PolarsResult<()>) -> Result<(), DataError> {
    let broken = |reason: String| DataError::Parquet { file: file.to_owned(), reason };
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|e| broken(e.to_string())),
        Err(_) => Err(broken("it is damaged".into())),
    }
}

/// That `column` is of a type that is of no use.
pub(super) fn wrong_type(file: &Path, column: &Declared) -> DataError {
    let kind = format!("{:?}", column.kind);
    let kind = kind.split('(').next().unwrap_or_default().to_owned();
    DataError::ColumnType { file: file.to_owned(), column: column.name.clone(), kind }
}

/// Where `everything` is wanted, columns that can be neither a text nor a label are left out.
pub(super) fn read(file: &Path, bytes: Vec<u8>, pick: &Pick<'_>, everything: bool) -> Result<Table, DataError> {
    let choose = |declared: &[Declared]| {
        let names: Vec<String> = declared.iter().map(|column| column.name.clone()).collect();
        let mut picked = pick(&names)?;
        picked.retain(|&column| !everything || is_plain(&declared[column].kind));
        match picked.iter().find(|column| !is_plain(&declared[**column].kind)) {
            Some(&wrong) => Err(wrong_type(file, &declared[wrong])),
            None => Ok(picked),
        }
    };
    let (frame, _) = frame(file, bytes, "", &choose)?;
    let columns: Vec<String> = frame.get_column_names().into_iter().map(ToString::to_string).collect();
    let mut converter = Converter::new(None);
    let mut rows: Vec<Row> = Vec::new();
    let mut useless = None;
    guarded(file, &mut || {
        let mut values = Vec::with_capacity(columns.len());
        for column in frame.columns() {
            let Some(strings) = strings(column, &mut converter)? else {
                useless = Some((column.name().to_string(), column.dtype().to_string()));
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
    if let Some((column, kind)) = useless {
        return Err(DataError::ColumnType { file: file.to_owned(), column, kind });
    }
    Ok(converter.table(file, columns, rows))
}

/// Whether a column of this type may be a text or a label.
pub(super) fn is_plain(kind: &ArrowDataType) -> bool {
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
pub(super) fn strings(column: &Column, converter: &mut Converter) -> PolarsResult<Option<Vec<Option<String>>>> {
    let kind = column.dtype();
    Ok(Some(match kind {
        DataType::Binary => {
            within(column.binary()?.iter().flatten().map(<[u8]>::len))?;
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

/// Refuses values that take more room than there is: rows that have the same share it, until each gets its own.
pub(super) fn within(lengths: impl Iterator<Item = usize>) -> PolarsResult<()> {
    let bytes = lengths.fold(0usize, usize::saturating_add);
    if bytes <= MAX_UNPACKED_BYTES {
        return Ok(());
    }
    let why = format!("its values take {bytes} bytes of memory; at most {MAX_UNPACKED_BYTES} are read: split it or take a sample of it");
    Err(PolarsError::ComputeError(why.into()))
}

fn texts(column: &Column) -> PolarsResult<Vec<Option<String>>> {
    let texts = column.cast(&DataType::String)?;
    within(texts.str()?.iter().flatten().map(str::len))?;
    Ok(texts.str()?.iter().map(|text| text.and_then(value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_share_their_room_in_a_file_are_counted_each() {
        within([MAX_UNPACKED_BYTES].into_iter()).unwrap();
        insta::assert_snapshot!(within([usize::MAX, 2].into_iter()).unwrap_err(), @"its values take 18446744073709551615 bytes of memory; at most 17179869184 are read: split it or take a sample of it");
    }
}
