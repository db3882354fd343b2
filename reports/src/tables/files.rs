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
    use search_spaces::goals::Constraint;

    use super::*;
    use crate::testing::{sample_record, with_finalists, with_folds, with_goals, with_predictions, with_test};

    /// Every table there is.
    fn everything() -> (Tables, tempfile::TempDir) {
        let mut record = sample_record(30, 3, 2);
        let best = record.state.incumbent().unwrap();
        with_goals(&mut record, vec![Constraint::GroupGap(0.055)]);
        with_finalists(&mut record, &[(best, &[Some(0.9), Some(0.91)])]);
        let exported = record.best().unwrap().trial;
        with_test(&mut record, exported, (0.9, 0.88, 0.92));
        with_folds(&mut record, 0, &[Some(0.80), None]);
        let folder = tempfile::tempdir().unwrap();
        with_predictions(&mut record, folder.path(), &["a, \"b\"", "web"]);
        let tables = Tables::read(&record);
        let there: Vec<&str> = tables.frames().unwrap().into_iter().map(|(name, _)| name).collect();
        assert!(OPTIONAL.iter().all(|name| there.contains(name)), "{there:?}");
        (tables, folder)
    }

    #[test]
    fn every_table_reads_back_as_it_was_written() {
        let (tables, folder) = everything();
        write_tables(&tables, folder.path()).unwrap();
        for (name, frame) in tables.frames().unwrap() {
            let file = std::fs::File::open(folder.path().join(format!("{name}.parquet"))).unwrap();
            assert!(ParquetReader::new(file).finish().unwrap().equals_missing(&frame), "{name}");
        }
        // Another state of the study has none of them.
        let written = write_tables(&Tables::new(&sample_record(0, 3, 2)), folder.path()).unwrap();
        assert!(OPTIONAL.iter().all(|name| !folder.path().join(format!("{name}.csv")).exists()));
        assert!(written.iter().all(|path| path.exists()));
    }

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
        let (tables, _folder) = everything();
        let parameters: Vec<&str> = tables.parameters.iter().map(|p| p.path.as_str()).collect();
        for (name, frame) in tables.frames().unwrap() {
            let section =
                README.split("\n## ").find(|section| section.starts_with(&format!("{name}: "))).unwrap_or_else(|| panic!("{name}"));
            let first: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
            let named: Vec<&str> = first.iter().flat_map(|cell| cell.split(", ")).collect();
            for column in frame.get_column_names() {
                let column = column.as_str();
                let pattern = |documented: &str| match documented {
                    "(a path)" => parameters.contains(&column),
                    "validation_(metric)" => column.starts_with("validation_"),
                    "test_(metric)" => column.starts_with("test_"),
                    "(a measure)" => tables.measures.iter().any(|measure| measure.name() == column),
                    "(a share)_low" | "(a share)_high" => column.ends_with(&documented["(a share)".len()..]),
                    // Of a row of them the first ones are named.
                    "..." => ["value_rung_", "trial_", "value_"]
                        .iter()
                        .any(|first| column.strip_prefix(first).is_some_and(|number| number.parse::<u32>().is_ok())),
                    documented => documented == column,
                };
                assert!(named.iter().any(|documented| pattern(documented)), "{name}.{column}");
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
