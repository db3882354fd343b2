//! The terminal while it is drawn on; given back as it was, whatever happens.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ratatui::DefaultTerminal;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use super::terminal_error;
use crate::exit::{Error, ExitCode};

pub(super) struct Screen {
    pub(super) terminal: DefaultTerminal,
    terminated: Arc<AtomicBool>,
}

impl Screen {
    /// Takes the terminal over. A panic gives it back before its message is written.
    pub(super) fn enter() -> Result<Screen, Error> {
        let terminated = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // The second ends the process, whatever it is in the middle of: in this order the first finds the flag unset.
            signal_hook::flag::register_conditional_shutdown(signal, ExitCode::Interrupted as i32, Arc::clone(&terminated))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&terminated)))
                .map_err(terminal_error)?;
        }
        end_with_the_terminal()?;
        match ratatui::try_init() {
            Ok(terminal) => Ok(Screen { terminal, terminated }),
            Err(error) => {
                give_back();
                Err(terminal_error(error))
            }
        }
    }

    /// Whether a signal has asked to end.
    pub(super) fn is_terminated(&self) -> bool {
        self.terminated.load(Ordering::Relaxed)
    }

    /// As Ctrl-Z does: the shell has the terminal until `fg`.
    pub(super) fn suspend(&mut self) -> Result<(), Error> {
        let _ = self.terminal.show_cursor();
        give_back();
        stop_this_process().map_err(terminal_error)?;
        ratatui::crossterm::terminal::enable_raw_mode().map_err(terminal_error)?;
        ratatui::crossterm::execute!(io::stdout(), ratatui::crossterm::terminal::EnterAlternateScreen).map_err(terminal_error)?;
        self.terminal.clear().map_err(terminal_error)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone cannot be given back.
        let _ = self.terminal.show_cursor();
        give_back();
    }
}

/// When the terminal goes away (its window is closed, the connection breaks), crossterm reads from it for ever and no longer comes back to look at a flag:
/// so a thread of its own ends the process.
fn end_with_the_terminal() -> Result<(), Error> {
    let mut hang_ups = Signals::new([SIGHUP]).map_err(terminal_error)?;
    std::thread::spawn(move || {
        if hang_ups.forever().next().is_some() {
            give_back();
            // It does not come back, except with an error, and then nothing is left to be done.
            let _ = signal_hook::low_level::emulate_default_handler(SIGHUP);
        }
    });
    Ok(())
}

fn give_back() {
    let _ = ratatui::try_restore();
}

#[cfg(unix)]
fn stop_this_process() -> io::Result<()> {
    signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)
}

#[cfg(not(unix))]
fn stop_this_process() -> io::Result<()> {
    Ok(())
}
