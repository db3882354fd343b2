//! Where predictions go, and as what.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use trials::predict::Format;

use crate::{
    args::{Predict, PredictFormat},
    exit::Error,
};

/// What the user asks for; without a word of it by the ending of the file.
pub(super) fn format_of(arguments: &Predict) -> Result<Format, Error> {
    let to = match (arguments.format, &arguments.to) {
        (Some(PredictFormat::Jsonl), _) => return Ok(Format::JsonLines),
        (Some(PredictFormat::Csv), _) | (None, None) => return Ok(Format::Csv),
        (None, Some(to)) => to,
    };
    let ending = to.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("csv") | None => Ok(Format::Csv),
        Some("jsonl" | "ndjson") => Ok(Format::JsonLines),
        Some(_) => Err(Error::usage(format!(
            "--to {}: predictions are written as .csv, or as .jsonl or .ndjson (a JSON object a line); for another name say which with --format csv or \
             --format jsonl",
            to.display()
        ))),
    }
}

/// Refuses a `--to` that would take the place of what is read: the input, or a file of the model.
pub(super) fn check_apart(arguments: &Predict) -> Result<(), Error> {
    let Some(to) = &arguments.to else { return Ok(()) };
    let refused = |why: String| Err(Error::usage(format!("--to {}: {why}", to.display())));
    // What lies in a folder of a tar is read from the tar.
    let input = arguments.input.ancestors().find(|ancestor| ancestor.is_file()).unwrap_or(&arguments.input);
    if is_same(to, input) {
        return refused(format!(
            "this is the input {}, in whose place the predictions would be; write the name of another file",
            input.display()
        ));
    }
    // Where there is no model, reading it says so.
    let (Ok(model), Ok(entries)) = (fs::canonicalize(&arguments.model), fs::read_dir(&arguments.model)) else { return Ok(()) };
    let inside = |path: io::Result<PathBuf>| path.is_ok_and(|path| path.starts_with(&model));
    // A folder in a cache is one of links: a file of the model may lie elsewhere.
    if inside(fs::canonicalize(to)) || inside(fs::canonicalize(folder(to))) || entries.flatten().any(|entry| is_same(to, &entry.path())) {
        let model = arguments.model.display();
        return refused(format!(
            "this is in the folder of the model {model}, or a file that it is read from; write the name of a file elsewhere"
        ));
    }
    Ok(())
}

/// Whether both lead to one file, whatever links and names there are.
#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let id = |path: &Path| fs::metadata(path).ok().map(|about| (about.dev(), about.ino()));
    id(one).is_some_and(|found| id(other) == Some(found))
}

#[cfg(not(unix))]
fn is_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

/// Where predictions go.
#[derive(Debug)]
pub(super) enum Place {
    Standard,
    /// A regular file, there or not: it appears whole or not at all.
    File(PathBuf),
    /// What is no file, such as a device or a pipe. It is written to as it is: nothing can take its place.
    Device(File),
}

impl Place {
    /// Finds out what `to` is, and whether it can be written to, before work that would be vain. Nothing is made or changed yet; a pipe is waited for.
    pub(super) fn find(to: Option<&Path>) -> Result<Place, Error> {
        let Some(to) = to else { return Ok(Place::Standard) };
        let refused = |why: String| Err(Error::usage(format!("--to {}: {why}", to.display())));
        let failed = |error: io::Error| Error::write(to, &error);
        // Of what a link leads to.
        match fs::metadata(to) {
            Ok(found) if found.is_dir() => refused("this is a folder; write the name of a file".to_owned()),
            // A link stays one, and its target gets the predictions.
            Ok(found) if found.is_file() => fs::canonicalize(to).map(Place::File).map_err(failed),
            Ok(_) => OpenOptions::new().write(true).open(to).map(Place::Device).map_err(failed),
            Err(error) => {
                let folder = folder(to);
                if !folder.is_dir() {
                    return refused(format!("there is no folder {}", folder.display()));
                }
                if fs::symlink_metadata(to).is_ok() {
                    return refused("this is a link that leads nowhere; remove it, or write the name of a file".to_owned());
                }
                if error.kind() == io::ErrorKind::NotFound { Ok(Place::File(to.to_owned())) } else { Err(failed(error)) }
            }
        }
    }

    /// What is to become the file, if it is one; removed with the value. Signals must be watched by now: who dies by one leaves it behind.
    pub(super) fn draft(&self) -> io::Result<Option<NamedTempFile>> {
        match self {
            Place::File(path) => trials::files::temporary(folder(path), ".predictions-").map(Some),
            Place::Standard | Place::Device(_) => Ok(None),
        }
    }

    /// Has the file appear.
    pub(super) fn publish(&self, draft: Option<NamedTempFile>) -> io::Result<()> {
        if let (Place::File(path), Some(draft)) = (self, draft) {
            draft.as_file().sync_all()?;
            draft.persist(path)?;
        }
        Ok(())
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(format: Option<PredictFormat>, to: Option<&str>) -> String {
        let (to, text, device) = (to.map(PathBuf::from), None, "cpu".to_owned());
        match format_of(&Predict { model: "m".into(), input: "i".into(), to, format, text, device }) {
            Ok(format) => format!("{format:?}"),
            Err(error) => error.message,
        }
    }

    #[test]
    fn endings_say_the_format() {
        let by_ending = ["p", "p.csv", "P.CSV", "p.jsonl", "p.JsonL", "p.ndjson"].map(|to| told(None, Some(to)));
        assert_eq!(by_ending, ["Csv", "Csv", "Csv", "JsonLines", "JsonLines", "JsonLines"]);
        assert_eq!(told(None, None), "Csv");
        insta::assert_snapshot!(told(None, Some("p.JSON")), @"--to p.JSON: predictions are written as .csv, or as .jsonl or .ndjson (a JSON object a line); for another name say which with --format csv or --format jsonl");
        assert_eq!(told(Some(PredictFormat::Jsonl), Some("p.json")) + &told(Some(PredictFormat::Csv), Some("p.parquet")), "JsonLinesCsv");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_read_is_not_replaced() {
        use std::os::unix::fs::symlink;

        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("model")).unwrap();
        for name in ["a.csv", "all.tar", "blob", "model/thawline.json"] {
            fs::write(at(name), "{}").unwrap();
        }
        symlink("a.csv", at("link.csv")).unwrap();
        symlink("../blob", at("model/model.safetensors")).unwrap();
        symlink("model", at("same")).unwrap();
        let told = |input: &str, to: &str| {
            let (to, format, text, device) = (Some(at(to)), None, None, "cpu".to_owned());
            let arguments = Predict { model: at("model"), input: at(input), to, format, text, device };
            let error = check_apart(&arguments).err()?;
            assert_eq!(error.code, crate::exit::ExitCode::Usage);
            Some(error.message.replace(root.path().to_str().unwrap(), "DIR"))
        };
        insta::assert_snapshot!(told("a.csv", "link.csv").unwrap(), @"--to DIR/link.csv: this is the input DIR/a.csv, in whose place the predictions would be; write the name of another file");
        for (input, to) in [("a.csv", "a.csv"), ("link.csv", "a.csv"), ("a.csv", "model/../a.csv"), ("all.tar/cats", "all.tar")] {
            assert!(told(input, to).unwrap().contains("this is the input"), "{to}");
        }
        insta::assert_snapshot!(told("a.csv", "same/thawline.json").unwrap(), @"--to DIR/same/thawline.json: this is in the folder of the model DIR/model, or a file that it is read from; write the name of a file elsewhere");
        for to in ["model/new.csv", "model/model.safetensors", "blob"] {
            assert!(told("a.csv", to).unwrap().contains("the folder of the model"), "{to}");
        }
        assert_eq!(told("a.csv", "b.csv").or(told("nowhere.csv", "a.csv")).or(told("a.csv", "nowhere/b.csv")), None);
    }

    #[test]
    #[cfg(unix)]
    fn files_are_replaced_and_nothing_else() {
        use std::{
            io::{BufWriter, Write as _},
            os::unix::fs::symlink,
        };

        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let write = |name: &str| -> Result<(), String> {
            let place = Place::find(Some(&at(name))).map_err(|error| error.message.replace(root.path().to_str().unwrap(), "DIR"))?;
            let mut draft = place.draft().unwrap();
            match (&mut draft, &place) {
                (Some(draft), _) => draft.write_all(b"all").unwrap(),
                (None, Place::Device(device)) => BufWriter::new(device).write_all(b"all").unwrap(),
                (None, _) => panic!("{place:?}"),
            }
            place.publish(draft).map_err(|error| error.to_string())
        };
        fs::write(at("there"), "before").unwrap();
        symlink("there", at("link")).unwrap();
        symlink("/dev/null", at("null")).unwrap();
        symlink("nothing", at("nowhere")).unwrap();
        for name in ["new", "link", "null"] {
            write(name).unwrap();
        }
        assert_eq!((fs::read(at("new")).unwrap(), fs::read(at("there")).unwrap()), (b"all".to_vec(), b"all".to_vec()));
        assert!(["link", "null"].into_iter().all(|name| at(name).is_symlink()));
        insta::assert_snapshot!(write("nowhere").unwrap_err(), @"--to DIR/nowhere: this is a link that leads nowhere; remove it, or write the name of a file");
        insta::assert_snapshot!(write("").unwrap_err(), @"--to DIR/: this is a folder; write the name of a file");
        insta::assert_snapshot!(write("no/file").unwrap_err(), @"--to DIR/no/file: there is no folder DIR/no");
        // One that is given up leaves nothing.
        let place = Place::find(Some(&at("late"))).unwrap();
        drop(place.draft().unwrap());
        let mut left: Vec<String> =
            fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, ["link", "new", "nowhere", "null", "there"]);
    }
}
