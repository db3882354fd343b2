//! Files of predictions, a row for each example.

use std::{fs::File, io, path::Path};

use polars::prelude::{Column, CsvWriter, DataFrame, PolarsError, SerWriter};

use crate::{data::Examples, files::temporary, metrics::Logits};

/// Why predictions cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PredictionsError {
    #[error("cannot write the predictions {}: {source}", path.display())]
    Io { path: std::path::PathBuf, source: io::Error },
    #[error("cannot write the predictions {}: {source}", path.display())]
    Csv { path: std::path::PathBuf, source: PolarsError },
}

/// Writes CSV with the columns `split`, `row` (of the file the example came from, from 0), `label`, `predicted`, and `probability of L` for each
/// label `L`. The file appears whole or not at all.
pub(crate) fn write(path: &Path, split: &str, examples: &dyn Examples, labels: &[String], logits: &Logits) -> Result<(), PredictionsError> {
    let failed = |source| PredictionsError::Io { path: path.to_owned(), source };
    let csv = |source| PredictionsError::Csv { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = temporary(folder, ".predictions-").map_err(failed)?;
    let mut frame = frame(split, examples, labels, logits).map_err(csv)?;
    CsvWriter::new(file.as_file()).finish(&mut frame).map_err(csv)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn frame(split: &str, examples: &dyn Examples, labels: &[String], logits: &Logits) -> Result<DataFrame, PolarsError> {
    let name = |class: usize| labels.get(class).map_or("", String::as_str);
    let mut columns = vec![
        Column::new("split".into(), vec![split; examples.len()]),
        Column::new("row".into(), (0..examples.len()).map(|index| examples.row(index)).collect::<Vec<_>>()),
        Column::new("label".into(), (0..examples.len()).map(|index| name(examples.label(index) as usize)).collect::<Vec<_>>()),
        Column::new("predicted".into(), logits.predictions().map(name).collect::<Vec<_>>()),
    ];
    let probabilities: Vec<Vec<f64>> = logits.probabilities().collect();
    for (class, label) in labels.iter().enumerate() {
        let column: Vec<f64> = probabilities.iter().map(|row| row[class]).collect();
        columns.push(Column::new(format!("probability of {label}").into(), column));
    }
    DataFrame::new(examples.len(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Example, Texts};

    #[test]
    fn a_row_for_each_example() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        let example = |row, label| Example { ids: vec![1], types: vec![0], label, row };
        let logits = Logits::new(2, vec![0.0, 0.0, -1000.0, 1000.0]);
        let examples = Texts { examples: vec![example(7, 0), example(9, 1)], padding: 0 };
        write(&path, "test", &examples, &["so, so".to_owned(), "good".to_owned()], &logits).unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r#"
        split,row,label,predicted,"probability of so, so",probability of good
        test,7,"so, so","so, so",0.5,0.5
        test,9,good,good,0.0,1.0
        "#);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
