//! How progress is shown.

use crate::args::{ProgressKind, Shown};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Redrawn a few times a second: for a terminal.
    Bars,
    /// Lines that stay, for logs and CI: when something happens that matters, and now and then. No control characters, whatever happens.
    Plain,
    /// Only errors, and what went wrong.
    Quiet,
}

impl Mode {
    /// What standard error can show; `term` is the kind of terminal, `$TERM`.
    pub(crate) fn possible(is_terminal: bool, term: &str) -> Mode {
        if is_terminal && can_redraw(term) { Mode::Bars } else { Mode::Plain }
    }

    /// What was asked for, as far as it `can` be shown; and whether that is less.
    pub(crate) fn asked(shown: Shown, can: Mode) -> (Mode, bool) {
        match shown.progress {
            _ if shown.quiet => (Mode::Quiet, false),
            ProgressKind::Auto => (can, false),
            ProgressKind::Bars => (can, can != Mode::Bars),
            ProgressKind::Plain => (Mode::Plain, false),
            ProgressKind::None => (Mode::Quiet, false),
        }
    }
}

/// Whether a terminal of this kind can move the cursor: that of an editor may not.
pub(crate) fn can_redraw(term: &str) -> bool {
    cfg!(windows) || !matches!(term, "" | "dumb" | "unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_shown_where_it_can_be() {
        let asked = |progress, quiet, can| Mode::asked(Shown { progress, quiet }, can);
        assert_eq!(asked(ProgressKind::Auto, false, Mode::Bars), (Mode::Bars, false));
        assert_eq!(asked(ProgressKind::Auto, false, Mode::Plain), (Mode::Plain, false));
        assert_eq!(asked(ProgressKind::Bars, false, Mode::Plain), (Mode::Plain, true));
        assert_eq!(asked(ProgressKind::Plain, false, Mode::Bars), (Mode::Plain, false));
        assert_eq!(asked(ProgressKind::None, false, Mode::Bars), (Mode::Quiet, false));
        assert_eq!(asked(ProgressKind::Auto, true, Mode::Bars), (Mode::Quiet, false));
        assert_eq!((Mode::possible(true, "xterm-256color"), Mode::possible(false, "xterm-256color")), (Mode::Bars, Mode::Plain));
        assert!(cfg!(windows) || Mode::possible(true, "dumb") == Mode::Plain);
    }
}
