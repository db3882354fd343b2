//! Mistakes in a file, with their places.

use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

/// A file full of mistakes is not worth more lines than these: the rest is not noted.
pub const MOST_PROBLEMS: usize = 200;

/// Characters of a source line that a message shows.
const SHOWN_WIDTH: usize = 120;

/// A stretch of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Bytes.
    pub span: Range<usize>,
}

/// One mistake.
///
/// Displays as the place and message, the source line with the place underlined, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub file: PathBuf,
    /// From 1; 0 when the place is not known.
    pub line: usize,
    /// In characters, from 1; 0 when the place is not known.
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
    excerpt: Option<Excerpt>,
}

/// A source line, or the part of a long one around the place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    line: String,
    /// Characters before the underlined part.
    before: usize,
    /// Characters underlined; at least 1.
    width: usize,
}

/// All mistakes of a file, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

/// Why a file gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Problems(Problems),
}

impl Problem {
    /// A mistake whose place is not known.
    pub fn without_place(file: &Path, message: impl Into<String>, hint: Option<String>) -> Problem {
        Problem { file: file.to_path_buf(), line: 0, column: 0, message: message.into(), hint, excerpt: None }
    }
}

impl Problems {
    /// In the order of places, each mistake once.
    pub fn new(mut problems: Vec<Problem>) -> Problems {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems.dedup();
        Problems(problems)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        if let Some(Excerpt { line, before, width }) = &self.excerpt {
            write!(f, "\n{gutter} |\n{number} | {line}\n{gutter} | {}{}", " ".repeat(*before), "^".repeat(*width))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n{gutter} = help: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A file's name and text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    pub(crate) file: PathBuf,
    pub(crate) text: String,
}

impl Source {
    /// Line and column of `span`.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        let before = &self.text[..span.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1, span: span.clone() }
    }

    pub(crate) fn problem(&self, span: &Range<usize>, message: impl Into<String>, hint: Option<String>) -> Problem {
        let place = self.place(span);
        let line_start = self.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let column = place.column - 1;
        let width = self.text[span.start..span.end.min(line_start + line.len()).max(span.start)].chars().count().max(1);
        let skip = column.saturating_sub(SHOWN_WIDTH / 2) * usize::from(line.chars().count() > SHOWN_WIDTH);
        let before = column - skip;
        let excerpt = Excerpt {
            // Tabs would shift the underline, and control characters must not reach a terminal.
            line: line.chars().skip(skip).take(SHOWN_WIDTH).map(printable).collect(),
            before,
            width: width.min(SHOWN_WIDTH.saturating_sub(before)).max(1),
        };
        Problem { file: self.file.clone(), line: place.line, column: place.column, message: message.into(), hint, excerpt: Some(excerpt) }
    }
}

fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// `a`, `b` and `c`, in backquotes; `joint` is the `and`.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>, joint: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} {joint} {last}", first.join(", ")),
        names => names.concat(),
    }
}

/// The name most like `wrong`, if any is like it at all.
pub(crate) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], "");
    let wrong = plain(wrong);
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wrong, &plain(name)), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
