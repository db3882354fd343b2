//! `--data [SPLIT=]PATH`: where the data of a config are, in place of what it says.

use std::path::{Path, PathBuf};

use search_spaces::data::{Data, Files, Location};

use crate::exit::Error;

/// Puts the places that `given` names into `data`.
pub(super) fn put(data: &mut Data, given: &[String]) -> Result<(), Error> {
    let mut seen = Vec::new();
    for text in given {
        let (split, path) = split_of(text);
        if path.is_empty() {
            return Err(Error::usage(format!(
                "--data '{text}': the path is empty: write --data PATH, or {}=PATH for the file of one split",
                SPLITS.join("=PATH, ")
            )));
        }
        if seen.contains(&split) {
            return Err(Error::usage(format!("--data {text}: {} is given twice", split.unwrap_or("the file of all splits"))));
        }
        seen.push(split);
        let place = Location::Path(absolute(Path::new(path))?);
        put_one(data.files_mut(), split, place).map_err(|why| Error::usage(format!("--data {text}: {why}")))?;
    }
    Ok(())
}

/// Whether `given` puts other examples in place of those that the config's model was trained on.
pub(super) fn replace_training(given: &[String]) -> bool {
    given.iter().any(|text| matches!(split_of(text).0, None | Some("train")))
}

const SPLITS: [&str; 3] = ["train", "validation", "test"];

/// The split that `text` names, and the path. A path that begins like a split can be written as `./train=x`.
fn split_of(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((split, path)) if SPLITS.contains(&split) => (Some(split), path),
        _ => (None, text),
    }
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|e| Error::usage(format!("{}: {e}", path.display())))
}

fn put_one(files: &mut Files, split: Option<&str>, place: Location) -> Result<(), String> {
    match (files, split) {
        (files @ Files::One(_), None) => *files = Files::One(place),
        (Files::One(_), Some(_)) => {
            return Err(
                "the config takes all its splits from one place: give that as --data PATH, or write `files: Splits(...)` in the config"
                    .to_owned(),
            );
        }
        (Files::Splits { .. }, None) => {
            return Err(format!("the config has a place for each split: write {}=PATH", SPLITS.join("=PATH or ")));
        }
        (Files::Splits { train, .. }, Some("train")) => *train = place,
        // Where a split is taken off the training file, a file in its place would make another training split.
        (Files::Splits { validation: Some(validation), .. }, Some("validation")) => *validation = place,
        (Files::Splits { test: Some(test), .. }, Some("test")) => *test = place,
        (Files::Splits { .. }, Some(split)) => {
            return Err(format!("the config has no file for {split}: its {split} split is taken off the training file"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use search_spaces::space::Space;

    use super::*;

    fn put_into(files: &str, given: &[&str]) -> String {
        let text = format!("Sweep(model: Path(\"m\"), data: (files: {files}), space: (epochs: 1))");
        let mut data = Space::parse(Path::new("/s.ron"), &text).unwrap_or_else(|problems| panic!("{problems}")).data;
        match put(&mut data, &given.iter().map(ToString::to_string).collect::<Vec<_>>()) {
            Ok(()) => format!("{:?}", data.files()),
            Err(error) => error.message,
        }
    }

    #[test]
    fn training_examples_are_those_of_their_split_or_of_all() {
        let replaced = |given: &[&str]| replace_training(&given.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(replaced(&["/x"]) && replaced(&["test=/x", "train=/y"]) && replaced(&["other=/x"]));
        assert!(!replaced(&[]) && !replaced(&["validation=/x", "test=/y"]));
    }

    #[test]
    fn places_are_those_of_the_config() {
        let splits = "Splits(train: Path(\"a\"), validation: Path(\"b\"))";
        insta::assert_snapshot!(put_into("One(Path(\"a\"))", &["/x/train=y"]), @r#"One(Path("/x/train=y"))"#);
        insta::assert_snapshot!(put_into(splits, &["train=/x", "validation=/y=z"]), @r#"Splits { train: Path("/x"), validation: Some(Path("/y=z")), test: None }"#);
        insta::assert_snapshot!(put_into("One(Path(\"a\"))", &["train=/x"]), @"--data train=/x: the config takes all its splits from one place: give that as --data PATH, or write `files: Splits(...)` in the config");
        insta::assert_snapshot!(put_into(splits, &["/x"]), @"--data /x: the config has a place for each split: write train=PATH or validation=PATH or test=PATH");
        insta::assert_snapshot!(put_into(splits, &["test=/x"]), @"--data test=/x: the config has no file for test: its test split is taken off the training file");
        insta::assert_snapshot!(put_into(splits, &["validation="]), @"--data 'validation=': the path is empty: write --data PATH, or train=PATH, validation=PATH, test=PATH for the file of one split");
        insta::assert_snapshot!(put_into(splits, &["train=/x", "train=/y"]), @"--data train=/y: train is given twice");
    }
}
