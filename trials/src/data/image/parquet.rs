//! Encoded images in Parquet, as the Hugging Face hub has them: a column `image` of bytes, or of structs that hold `bytes`, and a column
//! `label`.

use std::{path::Path, sync::Arc};

use polars::prelude::{ArrowDataType, Column, DataType, PolarsResult};
use serde_json::Value;

use super::sources::{Data, Picture};
use crate::data::{
    error::DataError,
    parquet::{Declared, frame, guarded, is_plain, strings, within, wrong_type},
    table::{Converter, bytes},
};

const IMAGE: &str = "image";
const LABEL: &str = "label";

/// Where the `datasets` library keeps the names of labels that are numbers.
const NAMES: &str = "huggingface";

/// With empty labels unless they are `labelled`.
pub(super) fn read(file: &Path, labelled: bool) -> Result<Vec<Picture>, DataError> {
    let choose = |declared: &[Declared]| {
        let find = |name: &str, fits: &dyn Fn(&ArrowDataType) -> bool| match declared.iter().position(|column| column.name == name) {
            Some(at) if fits(&declared[at].kind) => Ok(at),
            Some(at) => Err(wrong_type(file, &declared[at])),
            None => Err(DataError::MissingColumn {
                file: file.to_owned(),
                column: name.to_owned(),
                available: declared.iter().map(|column| column.name.clone()).collect(),
                header: false,
                field: "data.files",
            }),
        };
        let image = find(IMAGE, &holds_bytes)?;
        if labelled { Ok(vec![image, find(LABEL, &is_plain)?]) } else { Ok(vec![image]) }
    };
    let (frame, said) = frame(file, bytes(file)?, NAMES, &choose)?;
    let names = said.and_then(|text| names(&text)).unwrap_or_default();
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    guarded(file, &mut || {
        images = encoded(frame.column(IMAGE)?)?;
        labels =
            if labelled { strings(frame.column(LABEL)?, &mut Converter::new(None))?.unwrap_or_default() } else { vec![None; images.len()] };
        Ok(())
    })?;
    let pictures = images.into_iter().zip(labels).enumerate().map(|(row, (image, label))| {
        let label = label.unwrap_or_default();
        let name = label.parse::<usize>().ok().and_then(|index| names.get(index)).cloned();
        // A row without an image is one that cannot be read.
        Picture { name: format!("row {row}"), label: name.unwrap_or(label), data: Data::Encoded(Arc::new(image.unwrap_or_default())) }
    });
    Ok(pictures.collect())
}

fn is_binary(kind: &ArrowDataType) -> bool {
    matches!(kind, ArrowDataType::Binary | ArrowDataType::LargeBinary | ArrowDataType::BinaryView)
}

fn holds_bytes(kind: &ArrowDataType) -> bool {
    match kind {
        ArrowDataType::Struct(fields) => fields.iter().any(|field| field.name == "bytes" && is_binary(field.dtype())),
        kind => is_binary(kind),
    }
}

fn encoded(column: &Column) -> PolarsResult<Vec<Option<Vec<u8>>>> {
    let bytes = match column.dtype() {
        DataType::Struct(_) => column.struct_()?.field_by_name("bytes")?.into(),
        _ => column.clone(),
    };
    within(bytes.binary()?.iter().flatten().map(<[u8]>::len))?;
    Ok(bytes.binary()?.iter().map(|bytes| bytes.map(<[u8]>::to_vec)).collect())
}

/// Of `{"info": {"features": {"label": {"names": [...]}}}}`.
fn names(text: &str) -> Option<Vec<String>> {
    let said: Value = serde_json::from_str(text).ok()?;
    let names = said.pointer("/info/features/label/names")?.as_array()?;
    names.iter().map(|name| Some(name.as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use polars::prelude::{DataFrame, IntoSeries as _, NamedFrom as _, ParquetWriter, Series, StructChunked};

    use super::*;

    fn write(folder: &Path, columns: Vec<Column>) -> std::path::PathBuf {
        let path = folder.join("images.parquet");
        let mut frame = DataFrame::new(columns[0].len(), columns).unwrap();
        ParquetWriter::new(fs::File::create(&path).unwrap()).finish(&mut frame).unwrap();
        path
    }

    fn found(pictures: Vec<Picture>) -> Vec<(String, String, Vec<u8>)> {
        let bytes = |data| if let Data::Encoded(bytes) = data { bytes.to_vec() } else { panic!("encoded images are expected") };
        pictures.into_iter().map(|picture| (picture.name, picture.label, bytes(picture.data))).collect()
    }

    #[test]
    fn bytes_are_read_alone_and_in_structs() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |name: &str| Series::new(name.into(), [Some(&b"one"[..]), None, Some(&b"three"[..])]);
        let labels = Column::new(LABEL.into(), [4i64, 0, 4]);
        let expected: Vec<(String, String, Vec<u8>)> = [("row 0", "4", &b"one"[..]), ("row 1", "0", b""), ("row 2", "4", b"three")]
            .map(|(name, label, bytes)| (name.to_owned(), label.to_owned(), bytes.to_vec()))
            .to_vec();
        let plain = write(folder.path(), vec![bytes(IMAGE).into(), labels.clone()]);
        assert_eq!(found(read(&plain, true).unwrap()), expected);
        let paths = Series::new("path".into(), ["a", "b", "c"]);
        let structs = StructChunked::from_series(IMAGE.into(), 3, [bytes("bytes"), paths].iter()).unwrap().into_series();
        let nested = write(folder.path(), vec![structs.into(), labels.clone()]);
        assert_eq!(found(read(&nested, true).unwrap()), expected);

        let error = |columns: Vec<Column>| read(&write(folder.path(), columns), true).unwrap_err().to_string();
        let told = error(vec![Column::new("picture".into(), [1i64]), Column::new(LABEL.into(), [1i64])]);
        assert!(told.contains("there is no column `image`"), "{told}");
        let told = error(vec![Column::new(IMAGE.into(), [1i64]), Column::new(LABEL.into(), [1i64])]);
        assert!(told.contains("the column `image` is of type Int64"), "{told}");
    }

    #[test]
    fn labels_have_the_names_that_the_datasets_library_keeps() {
        let said = r#"{"info": {"features": {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}"#;
        assert_eq!(names(said).unwrap(), ["cat", "dog"]);
        assert_eq!(names("{}"), None);
    }
}
