//! Ctrl-C and kill, in two steps: finish gracefully, then stop now.

use std::{thread, time::Duration};

use crossbeam_channel::{RecvTimeoutError, Sender};
use engine::runner::{Cancel, TrialEvent};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::exit::Error;

/// How soon a signal is seen.
pub(super) const LOOK: Duration = Duration::from_millis(100);

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

/// What `work` gives; `None` once `stop` is set, which leaves its thread to end with the process.
pub(super) fn unless_stopped<T: Send + 'static>(
    stop: &Cancel,
    work: impl FnOnce(Sender<TrialEvent>) -> T + Send + 'static,
    mut show: impl FnMut(&TrialEvent),
) -> Result<Option<T>, Error> {
    let (sender, receiver) = crossbeam_channel::unbounded();
    // The sender is dropped with the thread, which ends the loop.
    let running = thread::spawn(move || work(sender));
    loop {
        if stop.is_set() {
            return Ok(None);
        }
        match receiver.recv_timeout(LOOK) {
            Ok(event) => show(&event),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    running.join().map(Some).map_err(|_| Error::failed("a panic: this is an error in the program"))
}
