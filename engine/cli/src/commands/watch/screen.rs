//! The terminal while it is drawn on; given back as it was, whatever happens.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ratatui::DefaultTerminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::terminal_error;
use crate::exit::Error;

pub(super) struct Screen {
    pub(super) terminal: DefaultTerminal,
    terminated: Arc<AtomicBool>,
}

impl Screen {
    /// Takes the terminal over. A panic gives it back before its message is written.
    pub(super) fn enter() -> Result<Screen, Error> {
        let terminated = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&terminated)).map_err(terminal_error)?;
        }
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
