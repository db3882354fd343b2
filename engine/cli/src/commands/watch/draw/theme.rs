//! Colours and emphasis. Nothing is said by colour alone.

use ratatui::style::{Color, Modifier, Style};

#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Theme {
    /// `false`: `NO_COLOR`.
    pub(in super::super) colours: bool,
}

impl Theme {
    fn coloured(self, style: Style, colour: Color) -> Style {
        if self.colours { style.fg(colour) } else { style }
    }

    #[expect(clippy::unused_self, reason = "as the others")]
    pub(super) fn plain(self) -> Style {
        Style::new()
    }

    #[expect(clippy::unused_self, reason = "as the others")]
    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    #[expect(clippy::unused_self, reason = "as the others")]
    pub(super) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn accent(self) -> Style {
        self.coloured(Style::new(), Color::Cyan)
    }

    pub(super) fn best(self) -> Style {
        self.coloured(Style::new(), Color::Yellow)
    }

    pub(super) fn bad(self) -> Style {
        self.coloured(Style::new().add_modifier(Modifier::BOLD), Color::Red)
    }

    #[expect(clippy::unused_self, reason = "as the others")]
    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
