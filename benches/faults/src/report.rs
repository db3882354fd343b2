//! What the harness says.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a program's output")]

use std::{fmt, io, path::PathBuf};

use engine::store::StoreError;

/// Something that must hold and did not, or a harness that cannot go on.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) what: String,
    /// Where the remains are.
    pub(crate) kept: Option<PathBuf>,
}

impl Broken {
    pub(crate) fn new(what: impl fmt::Display) -> Broken {
        Broken { what: what.to_string(), kept: None }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        self.kept.as_ref().map_or(Ok(()), |kept| write!(f, "\n  what is left of it: {}", kept.display()))
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::new(error)
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Broken {
        Broken::new(error)
    }
}

/// Figures of one part, a line each.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<(String, String)>);

impl Figures {
    pub(crate) fn add(&mut self, what: impl fmt::Display, figure: impl fmt::Display) {
        self.0.push((what.to_string(), figure.to_string()));
    }

    pub(crate) fn print(&self, title: &str) {
        println!("\n{title}");
        for (what, figure) in &self.0 {
            println!("  {what:<58}  {figure}");
        }
    }
}

/// A line while it works.
pub(crate) fn note(line: impl fmt::Display) {
    eprintln!("{line}");
}

pub(crate) fn error(line: impl fmt::Display) {
    eprintln!("error: {line}");
}
