//! Tables on disk.

use std::path::{Path, PathBuf};

use polars::prelude::{CsvWriter, ParquetCompression, ParquetWriter, SerWriter};

use super::{OPTIONAL, README, Tables};
use crate::{error::ReportError, files};

/// Writes `NAME.parquet` and `NAME.csv` of every table, and a `README.md` that says what the columns mean. Each file is replaced in one go, and
/// what an earlier state of the study has left is removed.
pub fn write_tables(tables: &Tables, dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    files::create_dir(dir)?;
    let mut written = Vec::new();
    let frames = tables.frames().map_err(|source| ReportError::Table { table: "all", source })?;
    for name in OPTIONAL.into_iter().filter(|name| frames.iter().all(|(there, _)| there != name)) {
        files::remove(&dir.join(format!("{name}.parquet")))?;
        files::remove(&dir.join(format!("{name}.csv")))?;
    }
    for (name, mut frame) in frames {
        let failed = |source| ReportError::Table { table: name, source };
        let mut parquet = Vec::new();
        // Snappy, not the default zstd: every reader knows it.
        ParquetWriter::new(&mut parquet).with_compression(ParquetCompression::Snappy).finish(&mut frame).map_err(failed)?;
        written.push(files::write(&dir.join(format!("{name}.parquet")), &parquet)?);
        let mut csv = Vec::new();
        CsvWriter::new(&mut csv).finish(&mut frame).map_err(failed)?;
        written.push(files::write(&dir.join(format!("{name}.csv")), &csv)?);
    }
    written.push(files::write(&dir.join("README.md"), README.as_bytes())?);
    Ok(written)
}

#[cfg(test)]
mod tests {
    use polars::prelude::{ParquetReader, SerReader};

    use super::*;
    use crate::testing::sample_record;

    #[test]
    fn parquet_read_back_is_what_was_written() {
        for trials in [0, 1, 12] {
            let dir = tempfile::tempdir().unwrap();
            let tables = Tables::new(&sample_record(trials, 3, 2));
            write_tables(&tables, dir.path()).unwrap();
            for (name, frame) in tables.frames().unwrap() {
                let file = std::fs::File::open(dir.path().join(format!("{name}.parquet"))).unwrap();
                let read = ParquetReader::new(file).finish().unwrap();
                assert_eq!(read.schema(), frame.schema(), "{name}");
                assert!(read.equals_missing(&frame), "{name} with {trials} trials\n{read}\n{frame}");
            }
        }
    }

    #[test]
    fn csv_keeps_nan_apart_from_nothing() {
        let mut record = sample_record(12, 3, 2);
        let failed = record.state.trials().iter().position(|t| matches!(t.phase, engine::state::Phase::Failed { .. })).unwrap();
        record.trials[failed].cause = Some("a \"quoted\" cause,\nof two lines".to_owned());
        let dir = tempfile::tempdir().unwrap();
        write_tables(&Tables::new(&record), dir.path()).unwrap();
        let csv = std::fs::read_to_string(dir.path().join("trials.csv")).unwrap();
        let line = csv.lines().find(|line| line.starts_with(&format!("{failed},"))).unwrap();
        assert!(line.contains("failed,false,"), "{line}");
        assert!(line.contains("NaN,,") || line.contains("NaN,"), "{line}");
        assert!(csv.contains("\"a \"\"quoted\"\" cause,\nof two lines\""), "{csv}");
    }

    #[test]
    fn every_column_is_documented() {
        let tables = Tables::new(&sample_record(12, 2, 2));
        let parameters: Vec<&str> = tables.parameters.iter().map(|p| p.path.as_str()).collect();
        for (name, frame) in tables.frames().unwrap() {
            let section = README.split("## ").find(|section| section.starts_with(name)).unwrap();
            for column in frame.get_column_names() {
                let column = column.as_str();
                let documented = column.strip_prefix("validation_").map_or(column, |_| "validation_(metric)");
                assert!(parameters.contains(&column) || section.contains(documented), "{name}.{column}");
            }
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tables"), "a file").unwrap();
        let error = write_tables(&Tables::new(&sample_record(1, 1, 0)), &dir.path().join("tables")).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot write {}", dir.path().join("tables").display())), "{error}");
    }
}
