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

/// Of labels and groups, by index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    pub labels: &'a [String],
    /// Empty where the examples have none.
    pub groups: &'a [String],
}

/// Writes CSV with the columns `split`, `row` (of the file the example came from, from 0), `label`, `predicted`, and `probability of L` for each
/// label `L`, and `group` where the examples have groups. The file appears whole or not at all.
pub(crate) fn write(path: &Path, split: &str, examples: &dyn Examples, names: Names<'_>, logits: &Logits) -> Result<(), PredictionsError> {
    let failed = |source| PredictionsError::Io { path: path.to_owned(), source };
    let csv = |source| PredictionsError::Csv { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = temporary(folder, ".predictions-").map_err(failed)?;
    let mut frame = frame(split, examples, names, logits).map_err(csv)?;
    CsvWriter::new(file.as_file()).finish(&mut frame).map_err(csv)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn frame(split: &str, examples: &dyn Examples, names: Names<'_>, logits: &Logits) -> Result<DataFrame, PolarsError> {
    let Names { labels, groups } = names;
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
    if !groups.is_empty() {
        let group = |index| examples.group(index).and_then(|group| groups.get(group as usize)).map_or("", String::as_str);
        columns.push(Column::new("group".into(), (0..examples.len()).map(group).collect::<Vec<_>>()));
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
        let examples = vec![example(7, 0), example(9, 1)];
        let texts = Texts { examples: examples.clone(), padding: 0, groups: Vec::new() };
        let labels = ["so, so".to_owned(), "good".to_owned()];
        write(&path, "test", &texts, Names { labels: &labels, groups: &[] }, &logits).unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r#"
        split,row,label,predicted,"probability of so, so",probability of good
        test,7,"so, so","so, so",0.5,0.5
        test,9,good,good,0.0,1.0
        "#);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let grouped = Texts { examples, padding: 0, groups: vec![1, 0] };
        write(&path, "test", &grouped, Names { labels: &labels, groups: &["mail".to_owned(), "web".to_owned()] }, &logits).unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(&path).unwrap(), @r#"
        split,row,label,predicted,"probability of so, so",probability of good,group
        test,7,"so, so","so, so",0.5,0.5,web
        test,9,good,good,0.0,1.0,mail
        "#);
    }
}
