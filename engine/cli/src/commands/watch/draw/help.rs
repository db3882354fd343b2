//! What keys do, over everything else.

use ratatui::{
    Frame,
    layout::Rect,
    text::Line,
    widgets::{Block, Clear, Paragraph},
};

use super::Theme;

const KEYS: [(&str, &str); 10] = [
    ("q, Esc, Ctrl-C", "quit; the sweep goes on"),
    ("Tab, right", "the next pane: trials, one trial, what happened"),
    ("Shift-Tab, left", "the pane before"),
    ("down, j", "the next row, or scroll down"),
    ("up, k", "the row before, or scroll up"),
    ("PgDn, PgUp", "ten rows"),
    ("Home g, End G", "the first, the last"),
    ("s", "trials: best first, newest first, failed only"),
    ("Ctrl-L, Ctrl-Z", "draw anew; put it to sleep"),
    ("?", "this"),
];

const SIGNS: [&str; 4] = [
    "Dots are values at rungs, the line the best at full length so far.",
    "3 + 1 on the way: three trials are at a rung, one trains up to it.",
    "A trial marked > is the one that is shown beside. ! means trouble.",
    "Nothing here writes to the study or gets in the sweep's way.",
];

pub(super) fn draw(theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let keys = KEYS.iter().map(|(keys, what)| Line::raw(format!(" {keys:<16} {what}")));
    let signs = SIGNS.iter().map(|sign| Line::raw(format!(" {sign}")));
    let lines: Vec<Line<'_>> =
        keys.chain([Line::raw("")]).chain(signs).chain([Line::raw(""), Line::raw(" Any key closes this.")]).collect();
    let here = area.centered(
        ratatui::layout::Constraint::Length(72.min(area.width)),
        ratatui::layout::Constraint::Length((lines.len() as u16 + 2).min(area.height)),
    );
    frame.render_widget(Clear, here);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" Help ").border_style(theme.strong())), here);
}
