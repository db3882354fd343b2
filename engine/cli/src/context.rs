//! What a command gets from outside: where it may write, and what the environment says.

use std::{fmt, io::Write, path::PathBuf, sync::Arc};

use engine::runner::TrialRunner;
use trials::{metrics::Measures, prepare::Prepared, runner::RunnerSettings};

pub use crate::progress::Mode;
use crate::{args::Shown, assets::Assets, exit::Error};

/// Read from the process once, by [`crate::program::run`].
pub struct Context {
    /// Results: standard output.
    pub out: Box<dyn Write>,
    /// Progress and logs: standard error.
    pub log: Box<dyn Write>,
    /// What of the progress is written to `log`.
    pub mode: Mode,
    /// Whether `out` is a terminal that can be drawn on.
    pub screen: bool,
    /// Whether colours are welcome there.
    pub colours: bool,
    pub assets: Assets,
    /// What is measured of every evaluation.
    pub measures: Measures,
    /// What trains the trials of a study.
    pub runner: fn(&Prepared, RunnerSettings) -> Arc<dyn TrialRunner>,
    /// This program, to be started again as a worker.
    pub program: PathBuf,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("mode", &self.mode).field("assets", &self.assets).finish_non_exhaustive()
    }
}

impl Context {
    /// A line of results. A reader that has gone (`thawline best | head`) is no error of ours, and nothing is left to tell it.
    pub fn say(&mut self, line: impl fmt::Display) -> Result<(), Error> {
        match writeln!(self.out, "{}", harmless(line)) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Error::environment(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// A line for whoever watches. Losing it must not stop the work.
    pub fn note(&mut self, line: impl fmt::Display) {
        if self.mode != Mode::Quiet {
            self.warn(line);
        }
    }

    /// Something that went wrong without ending the command, which those want to know too who do not watch.
    pub fn warn(&mut self, line: impl fmt::Display) {
        let _ = writeln!(self.log, "{}", harmless(line));
    }

    /// Shows progress as it was asked for, as far as that can be done.
    pub(crate) fn show_as(&mut self, asked: Shown) {
        let (mode, less) = Mode::asked(asked, self.mode);
        self.mode = mode;
        if less {
            self.note("standard error is no terminal that can redraw: lines in place of bars");
        }
    }

    /// Pretty JSON on standard output.
    pub fn say_json(&mut self, value: &impl serde::Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(value).map_err(|e| Error::failed(format!("cannot write JSON: {e}")))?;
        self.say(text)
    }

    /// The same on one line.
    pub fn say_json_line(&mut self, value: &impl serde::Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(value).map_err(|e| Error::failed(format!("cannot write JSON: {e}")))?;
        self.say(text)
    }
}

/// Without the control characters that would make a terminal do something: users' files may hold any.
pub fn harmless(text: impl fmt::Display) -> String {
    let shown = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { char::REPLACEMENT_CHARACTER } else { c };
    text.to_string().chars().map(shown).collect()
}
