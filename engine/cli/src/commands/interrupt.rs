//! Ctrl-C and kill, in two steps: finish gracefully, then stop now.

use std::thread;

use engine::runner::Cancel;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::exit::Error;

/// What the user has asked for since the watch began.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupts {
    /// After the first signal: finish the step, checkpoint, report.
    pub(super) finish: Cancel,
    /// After the second: stop now. The study is safe as of its last event.
    pub(super) now: Cancel,
}

/// Takes SIGINT and SIGTERM over for the rest of the process.
pub(super) fn watch() -> Result<Interrupts, Error> {
    let interrupts = Interrupts::default();
    let seen = interrupts.clone();
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|e| Error::environment(format!("cannot watch for Ctrl-C: {e}")))?;
    thread::spawn(move || {
        for _ in signals.forever() {
            if seen.finish.is_set() {
                seen.now.set();
            } else {
                seen.finish.set();
            }
        }
    });
    Ok(interrupts)
}
