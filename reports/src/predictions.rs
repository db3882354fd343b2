//! Files of predictions that trials leave in a study's `artefacts/`.
//!
//! Studies may come from strangers: no more is read than may be, and what is no such file is an error with its place.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use csv::StringRecord;

/// A million examples of twenty classes take about this much.
const MAX_BYTES: u64 = 512 << 20;
/// Of a name of the file that a message quotes.
const MAX_QUOTED: usize = 40;
/// What probabilities of one example may be away from 1 together.
const ROUNDING: f64 = 1e-3;
const PROBABILITY: &str = "probability of ";

/// The part of the data that was predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    Validation,
    Test,
}

impl Split {
    /// As files and tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }
}

/// What one training predicts for the examples of a split.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// The classes, in the order of the data.
    pub labels: Vec<String>,
    /// In alphabetical order; empty where the data have none.
    pub groups: Vec<String>,
    pub examples: Vec<Example>,
}

/// What is predicted for one example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Example {
    /// Index into [`Predictions::labels`].
    pub label: u32,
    pub predicted: u32,
    /// Probability of the class predicted.
    pub confidence: f64,
    /// Probability of the label.
    pub of_label: f64,
    /// Sum over the classes of the squared difference between its probability and 1 for the label, 0 for others.
    pub squares: f64,
    /// Index into [`Predictions::groups`].
    pub group: Option<u32>,
}

impl Example {
    pub fn is_right(&self) -> bool {
        self.label == self.predicted
    }
}

/// Why there is nothing to be learned from a file.
#[derive(Debug, thiserror::Error)]
pub enum PredictionsError {
    #[error("cannot read {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: no predictions of this study: {why}", path.display())]
    Foreign { path: PathBuf, why: String },
}

impl PredictionsError {
    /// Without the path, which leads through a machine that readers of a report need not know.
    pub fn reason(&self) -> String {
        match self {
            PredictionsError::Io { source, .. } => format!("cannot be read: {source}"),
            PredictionsError::Foreign { why, .. } => format!("no predictions of this study: {why}"),
        }
    }
}

impl Predictions {
    /// Reads the file that a trial has left.
    pub fn read(path: &Path, split: Split) -> Result<Predictions, PredictionsError> {
        let whole = |problem| match problem {
            Problem::Io(source) => PredictionsError::Io { path: path.to_owned(), source },
            Problem::Foreign(why) => PredictionsError::Foreign { path: path.to_owned(), why },
        };
        open(path).map_err(Problem::Io).and_then(|file| parse(file, split)).map_err(whole)
    }

    /// The content of such a file, or why it is none.
    pub fn parse(csv: &[u8], split: Split) -> Result<Predictions, String> {
        parse(csv, split).map_err(|problem| match problem {
            Problem::Io(error) => error.to_string(),
            Problem::Foreign(why) => why,
        })
    }
}

/// Of a regular file alone, which is no link, and no longer than may be: others might never end.
fn open(path: &Path) -> io::Result<io::Take<File>> {
    let about = path.symlink_metadata()?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    if about.len() > MAX_BYTES {
        let why = format!("it has {} bytes; at most {MAX_BYTES} are read", about.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    // It may grow meanwhile.
    Ok(File::open(path)?.take(MAX_BYTES))
}

enum Problem {
    Io(io::Error),
    Foreign(String),
}

fn foreign<T>(why: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Foreign(why.into()))
}

fn of_csv(error: csv::Error) -> Problem {
    let place = error.position().map_or_else(String::new, |place| format!("line {}: ", place.line()));
    match error.into_kind() {
        csv::ErrorKind::Io(source) => Problem::Io(source),
        csv::ErrorKind::Utf8 { .. } => Problem::Foreign(format!("{place}it is not UTF-8")),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => Problem::Foreign(format!("{place}{len} of {expected_len} fields")),
        other => Problem::Foreign(format!("{place}{other:?}")),
    }
}

fn quoted(text: &str) -> String {
    let short: String = text.chars().take(MAX_QUOTED).collect();
    if short.len() < text.len() { format!("{short:?}...") } else { format!("{short:?}") }
}

fn parse(file: impl Read, split: Split) -> Result<Predictions, Problem> {
    let mut reader = csv::Reader::from_reader(file);
    let header = reader.headers().map_err(of_csv)?.clone();
    let columns = Columns::of(&header)?;
    let by_name: BTreeMap<&str, u32> = columns.labels.iter().copied().zip(0..).collect();
    if by_name.len() < columns.labels.len() {
        return foreign("two classes have one name");
    }
    // Numbered as they come, and renumbered by their names at the end.
    let mut groups: BTreeMap<String, u32> = BTreeMap::new();
    let mut examples = Vec::new();
    let mut row = StringRecord::new();
    while reader.read_record(&mut row).map_err(of_csv)? {
        let at = || row.position().map_or(0, csv::Position::line);
        let field = |index: usize| row.get(index).unwrap_or_default();
        if field(0) != split.name() {
            return foreign(format!("line {}: of the split {}, not of {}", at(), quoted(field(0)), split.name()));
        }
        let class = |index: usize| match by_name.get(field(index)) {
            Some(class) => Ok(*class),
            None => foreign(format!("line {}: {} is none of its classes", at(), quoted(field(index)))),
        };
        let (label, predicted) = (class(2)?, class(3)?);
        let (mut sum, mut squares, mut confidence, mut of_label) = (0.0, 0.0, 0.0, 0.0);
        for class in 0..columns.labels.len() {
            let text = field(FIRST_PROBABILITY + class);
            let probability = text.parse::<f64>().ok().filter(|value| (0.0..=1.0).contains(value));
            let Some(probability) = probability else {
                return foreign(format!("line {}: {} is no probability", at(), quoted(text)));
            };
            sum += probability;
            let right = class == label as usize;
            squares += (probability - f64::from(u8::from(right))).powi(2);
            of_label = if right { probability } else { of_label };
            confidence = if class == predicted as usize { probability } else { confidence };
        }
        if (sum - 1.0_f64).abs() > ROUNDING {
            return foreign(format!("line {}: its probabilities sum to {sum}", at()));
        }
        let group = columns.group.map(field).filter(|group| !group.is_empty()).map(|group| {
            if let Some(number) = groups.get(group) {
                return *number;
            }
            let number = groups.len() as u32;
            groups.insert(group.to_owned(), number);
            number
        });
        examples.push(Example { label, predicted, confidence, of_label, squares, group });
    }
    if examples.is_empty() {
        return foreign("it has no rows");
    }
    let mut places = vec![0; groups.len()];
    for (place, number) in (0..).zip(groups.values()) {
        places[*number as usize] = place;
    }
    for example in &mut examples {
        example.group = example.group.map(|number| places[number as usize]);
    }
    let labels = columns.labels.iter().map(|label| (*label).to_owned()).collect();
    Ok(Predictions { labels, groups: groups.into_keys().collect(), examples })
}

/// `split`, `row`, `label` and `predicted` come before.
const FIRST_PROBABILITY: usize = 4;

struct Columns<'a> {
    labels: Vec<&'a str>,
    group: Option<usize>,
}

impl<'a> Columns<'a> {
    fn of(header: &'a StringRecord) -> Result<Columns<'a>, Problem> {
        let wanted = ["split", "row", "label", "predicted"];
        if !header.iter().take(FIRST_PROBABILITY).eq(wanted) {
            return foreign(format!("its first columns are not {}", wanted.join(", ")));
        }
        let labels: Vec<&str> = header.iter().skip(FIRST_PROBABILITY).map_while(|name| name.strip_prefix(PROBABILITY)).collect();
        let rest = FIRST_PROBABILITY + labels.len();
        let group = match (header.len() - rest, header.get(rest)) {
            (0, _) => None,
            (1, Some("group")) => Some(rest),
            (_, name) => return foreign(format!("it has a column {}", quoted(name.unwrap_or_default()))),
        };
        if labels.is_empty() { foreign("it has no probabilities") } else { Ok(Columns { labels, group }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Predictions, String> {
        Predictions::parse(text.as_bytes(), Split::Validation)
    }

    #[test]
    fn rows_are_read_as_trials_write_them() {
        let found = parsed(
            "split,row,label,predicted,\"probability of so, so\",\"probability of \"\"good\"\" ✓\",group\n\
             validation,7,\"so, so\",\"\"\"good\"\" ✓\",0.25,0.75,web\n\
             validation,9,\"\"\"good\"\" ✓\",\"\"\"good\"\" ✓\",0.0,1.0,mail\n\
             validation,10,\"so, so\",\"so, so\",5e-1,0.5,\n",
        )
        .unwrap();
        assert_eq!(
            (found.labels, found.groups),
            (vec!["so, so".to_owned(), "\"good\" ✓".to_owned()], vec!["mail".to_owned(), "web".to_owned()])
        );
        let example =
            |label, predicted, confidence, of_label, squares, group| Example { label, predicted, confidence, of_label, squares, group };
        let expected = [
            example(0, 1, 0.75, 0.25, 2.0 * 0.75 * 0.75, Some(1)),
            example(1, 1, 1.0, 1.0, 0.0, Some(0)),
            example(0, 0, 0.5, 0.5, 0.5, None),
        ];
        assert_eq!(found.examples, expected);
    }

    #[test]
    fn what_is_no_such_file_says_why() {
        let header = "split,row,label,predicted,probability of no,probability of yes\n";
        let refused = |rows: &str| parsed(&format!("{header}{rows}")).unwrap_err();
        insta::assert_snapshot!(parsed("").unwrap_err(), @"its first columns are not split, row, label, predicted");
        insta::assert_snapshot!(parsed("trial,kind\n0,recipe\n").unwrap_err(), @"its first columns are not split, row, label, predicted");
        insta::assert_snapshot!(parsed("split,row,label,predicted\n").unwrap_err(), @"it has no probabilities");
        insta::assert_snapshot!(parsed("split,row,label,predicted,probability of a,more\n").unwrap_err(), @r#"it has a column "more""#);
        insta::assert_snapshot!(parsed("split,row,label,predicted,probability of a,probability of a\n").unwrap_err(), @"two classes have one name");
        insta::assert_snapshot!(refused(""), @"it has no rows");
        insta::assert_snapshot!(refused("test,0,no,no,1.0,0.0\n"), @r#"line 2: of the split "test", not of validation"#);
        insta::assert_snapshot!(refused("validation,0,no,no,1.0,0.0\nvalidation,1,no,perhaps so that is how it goes on and on and on,1,0\n"), @r#"line 3: "perhaps so that is how it goes on and on"... is none of its classes"#);
        insta::assert_snapshot!(refused("validation,0,no,no,NaN,0.0\n"), @r#"line 2: "NaN" is no probability"#);
        insta::assert_snapshot!(refused("validation,0,no,no,0.5,0.4\n"), @"line 2: its probabilities sum to 0.9");
        insta::assert_snapshot!(refused("validation,0,no\n"), @"line 2: 3 of 6 fields");
        let torn = Predictions::parse(b"split,row,label,predicted,probability of \xff\n", Split::Validation);
        assert!(torn.unwrap_err().ends_with("it is not UTF-8"));
    }

    #[test]
    fn only_regular_files_of_the_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        let refused = || Predictions::read(&path, Split::Test).unwrap_err().to_string().replace(folder.path().to_str().unwrap(), "D");
        assert!(refused().starts_with("cannot read D/p.csv: "), "{}", refused());
        std::fs::write(&path, "letters").unwrap();
        insta::assert_snapshot!(refused(), @"D/p.csv: no predictions of this study: its first columns are not split, row, label, predicted");
        // Takes no room on disk.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        insta::assert_snapshot!(refused(), @"cannot read D/p.csv: it has 1099511627776 bytes; at most 536870912 are read");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        insta::assert_snapshot!(refused(), @"cannot read D/p.csv: it is no regular file");
    }
}
