//! What the user has chosen to see, and how keys change it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::board::Sort;

/// Rows that a page has, for keys.
const PAGE: usize = 10;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Pane {
    #[default]
    Board,
    Details,
    Log,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ui {
    pub(super) focus: Pane,
    /// A trial; `None`: whichever is first.
    pub(super) selected: Option<u32>,
    pub(super) sort: Sort,
    /// Lines scrolled down.
    pub(super) details: usize,
    /// Lines scrolled back from the newest.
    pub(super) log: usize,
    pub(super) help: bool,
}

/// What a key asks of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    /// What is shown has changed.
    Draw,
    Quit,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-L: something else has written to the terminal.
    Redraw,
}

/// How many lines there are to scroll through.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent {
    pub(super) details: usize,
    pub(super) log: usize,
}

impl Ui {
    /// The place of the selected trial in `order`.
    pub(super) fn place(&self, order: &[u32]) -> usize {
        self.selected.and_then(|selected| order.iter().position(|trial| *trial == selected)).unwrap_or(0)
    }

    pub(super) fn key(&mut self, key: KeyEvent, order: &[u32], extent: Extent) -> Act {
        if key.kind == KeyEventKind::Release {
            return Act::Nothing;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Act::Quit,
                KeyCode::Char('z') => Act::Suspend,
                KeyCode::Char('l') => Act::Redraw,
                _ => Act::Nothing,
            };
        }
        if self.help {
            // Whatever it is, it was to close the help.
            self.help = false;
            return Act::Draw;
        }
        let before = self.clone();
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Act::Quit,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.help = true,
            KeyCode::Tab | KeyCode::Right => self.focus = next(self.focus),
            KeyCode::BackTab | KeyCode::Left => self.focus = next(next(self.focus)),
            KeyCode::Char('s') => {
                self.sort = self.sort.next();
                (self.selected, self.details) = (None, 0);
            }
            KeyCode::Down | KeyCode::Char('j') => self.go(1, order, extent),
            KeyCode::Up | KeyCode::Char('k') => self.go(-1, order, extent),
            KeyCode::PageDown | KeyCode::Char(' ') => self.go(PAGE as isize, order, extent),
            KeyCode::PageUp => self.go(-(PAGE as isize), order, extent),
            KeyCode::Home | KeyCode::Char('g') => self.go(isize::MIN, order, extent),
            KeyCode::End | KeyCode::Char('G') => self.go(isize::MAX, order, extent),
            _ => {}
        }
        if *self == before { Act::Nothing } else { Act::Draw }
    }

    /// Down so many rows of the pane that has the focus.
    fn go(&mut self, rows: isize, order: &[u32], extent: Extent) {
        match self.focus {
            Pane::Board => {
                let place = self.place(order).saturating_add_signed(rows).min(order.len().saturating_sub(1));
                // At the top it stays whoever is first.
                let selected = order.get(place).copied().filter(|_| place > 0);
                if self.selected != selected {
                    (self.selected, self.details) = (selected, 0);
                }
            }
            Pane::Details => self.details = self.details.saturating_add_signed(rows).min(extent.details.saturating_sub(1)),
            Pane::Log => {
                self.log = self.log.saturating_add_signed(rows.checked_neg().unwrap_or(isize::MAX)).min(extent.log.saturating_sub(1));
            }
        }
    }
}

fn next(pane: Pane) -> Pane {
    match pane {
        Pane::Board => Pane::Details,
        Pane::Details => Pane::Log,
        Pane::Log => Pane::Board,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENT: Extent = Extent { details: 5, log: 30 };

    fn press(ui: &mut Ui, code: KeyCode) -> Act {
        ui.key(KeyEvent::new(code, KeyModifiers::NONE), &[4, 2, 9], EXTENT)
    }

    #[test]
    fn a_trial_stays_selected_when_the_order_changes() {
        let mut ui = Ui::default();
        assert_eq!((press(&mut ui, KeyCode::Up), ui.selected), (Act::Nothing, None));
        assert_eq!((press(&mut ui, KeyCode::Char('j')), ui.selected), (Act::Draw, Some(2)));
        assert_eq!((ui.place(&[4, 2, 9]), ui.place(&[9, 4, 2])), (1, 2));
        assert_eq!((press(&mut ui, KeyCode::End), ui.selected), (Act::Draw, Some(9)));
        assert_eq!((press(&mut ui, KeyCode::Down), ui.selected), (Act::Nothing, Some(9)));
        // The first is whoever is first.
        press(&mut ui, KeyCode::Home);
        assert_eq!(ui.selected, None);
        press(&mut ui, KeyCode::PageDown);
        assert_eq!(ui.selected, Some(9));
        // One that is no longer there.
        assert_eq!(ui.place(&[4]), 0);
        assert_eq!((press(&mut ui, KeyCode::Char('s')), ui.selected, ui.sort), (Act::Draw, None, Sort::Newest));
        assert_eq!(ui.key(KeyEvent::new(KeyCode::Down, KeyModifiers::NONE), &[], EXTENT), Act::Nothing);
    }

    #[test]
    fn keys_act_on_the_pane_that_has_the_focus() {
        let mut ui = Ui::default();
        press(&mut ui, KeyCode::Tab);
        assert_eq!(ui.focus, Pane::Details);
        press(&mut ui, KeyCode::PageDown);
        assert_eq!((ui.details, ui.selected), (4, None));
        press(&mut ui, KeyCode::Tab);
        press(&mut ui, KeyCode::Home);
        assert_eq!(ui.log, 29);
        press(&mut ui, KeyCode::Down);
        assert_eq!(ui.log, 28);
        press(&mut ui, KeyCode::End);
        assert_eq!(ui.log, 0);
        press(&mut ui, KeyCode::BackTab);
        assert_eq!(ui.focus, Pane::Details);
    }

    #[test]
    fn keys_that_leave() {
        let mut ui = Ui::default();
        assert_eq!(press(&mut ui, KeyCode::Char('?')), Act::Draw);
        assert!(ui.help);
        assert_eq!((press(&mut ui, KeyCode::Esc), ui.help), (Act::Draw, false));
        assert_eq!(press(&mut ui, KeyCode::Esc), Act::Quit);
        assert_eq!(press(&mut ui, KeyCode::Char('q')), Act::Quit);
        let control = |ui: &mut Ui, key| ui.key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL), &[], EXTENT);
        assert_eq!(['c', 'z', 'l', 'x'].map(|key| control(&mut ui, key)), [Act::Quit, Act::Suspend, Act::Redraw, Act::Nothing]);
        let released = KeyEvent { kind: KeyEventKind::Release, ..KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE) };
        assert_eq!(ui.key(released, &[], EXTENT), Act::Nothing);
        assert_eq!(press(&mut ui, KeyCode::F(9)), Act::Nothing);
    }
}
