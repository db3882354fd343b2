//! Predictions as CSV or JSON lines.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use super::Prediction;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `row`, `image` where there are names, `predicted`, and `probability of L` for each label `L`.
    Csv,
    /// `{"row": 0, "image": ..., "predicted": ..., "probabilities": {...}}` a line.
    JsonLines,
}

/// Writes predictions, a line each, to `out`.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    format: Format,
    labels: Vec<String>,
    begun: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    row: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    predicted: &'a str,
    probabilities: Map<String, Value>,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W, format: Format, labels: &[String]) -> Writer<W> {
        Writer { out, format, labels: labels.to_vec(), begun: false }
    }

    pub fn write(&mut self, predictions: &[Prediction]) -> io::Result<()> {
        match self.format {
            Format::Csv => self.csv(predictions),
            Format::JsonLines => predictions.iter().try_for_each(|prediction| self.json(prediction)),
        }
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn csv(&mut self, predictions: &[Prediction]) -> io::Result<()> {
        let named = predictions.first().is_some_and(|prediction| prediction.name.is_some());
        let mut csv = csv::Writer::from_writer(&mut self.out);
        if !self.begun {
            let names = ["row"].into_iter().chain(named.then_some("image")).chain(["predicted"]).map(str::to_owned);
            csv.write_record(names.chain(self.labels.iter().map(|label| format!("probability of {label}")))).map_err(plain)?;
            self.begun = true;
        }
        for Prediction { row, name, predicted, probabilities } in predictions {
            let mut record = vec![row.to_string()];
            record.extend(name.clone());
            record.push(self.labels.get(*predicted).cloned().unwrap_or_default());
            record.extend(probabilities.iter().map(f64::to_string));
            csv.write_record(record).map_err(plain)?;
        }
        csv.flush()
    }

    fn json(&mut self, prediction: &Prediction) -> io::Result<()> {
        let probabilities = self.labels.iter().cloned().zip(prediction.probabilities.iter().map(|value| Value::from(*value))).collect();
        let predicted = self.labels.get(prediction.predicted).map_or("", String::as_str);
        let line = Line { row: prediction.row, image: prediction.name.as_deref(), predicted, probabilities };
        serde_json::to_writer(&mut self.out, &line)?;
        self.out.write_all(b"\n")
    }
}

/// The error of what is written to. Its kind tells a reader that has gone from a disk that is full; the conversion that the crate has hides it.
fn plain(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(source) => source,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whose reader has gone.
    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_known_as_such() {
        // More than any buffer holds.
        let all: Vec<Prediction> = (0..50_000).map(|row| Prediction { row, name: None, predicted: 0, probabilities: vec![1.0] }).collect();
        for format in [Format::Csv, Format::JsonLines] {
            let error = Writer::new(Gone, format, &["yes".to_owned()]).write(&all).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format:?}");
        }
    }

    fn written(format: Format, name: Option<&str>) -> String {
        let labels = ["so, so".to_owned(), "good".to_owned()];
        let mut writer = Writer::new(Vec::new(), format, &labels);
        for row in [0, 2] {
            let prediction = Prediction { row, name: name.map(str::to_owned), predicted: 0, probabilities: vec![0.75, 0.25] };
            writer.write(&[prediction]).unwrap();
        }
        String::from_utf8(writer.into_inner()).unwrap()
    }

    #[test]
    fn a_line_for_each() {
        insta::assert_snapshot!(written(Format::Csv, None), @r#"
        row,predicted,"probability of so, so",probability of good
        0,"so, so",0.75,0.25
        2,"so, so",0.75,0.25
        "#);
        insta::assert_snapshot!(written(Format::JsonLines, Some("cat/1.png")), @r#"
        {"row":0,"image":"cat/1.png","predicted":"so, so","probabilities":{"good":0.25,"so, so":0.75}}
        {"row":2,"image":"cat/1.png","predicted":"so, so","probabilities":{"good":0.25,"so, so":0.75}}
        "#);
        assert!(written(Format::Csv, Some("a.png")).starts_with("row,image,predicted,"));
    }
}
