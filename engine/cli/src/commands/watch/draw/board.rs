//! The trials.

use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    widgets::{Cell, Row, Table},
};

use super::{Pane, Theme, has_focus, pane};
use crate::commands::watch::view::View;

pub(super) fn draw(view: &View, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let board = &view.board;
    // The title and the names of the columns.
    let room = usize::from(area.height.saturating_sub(2)).max(1);
    // The selected one in the middle, as far as there are others around it.
    let first = board.selected.saturating_sub(room / 2).min(board.total.saturating_sub(room)).max(board.first);
    let last = (first + room).min(board.total);
    let place = if board.total == 0 { String::new() } else { format!(", {}-{last} of {}", first + 1, board.total) };
    let title = format!("Trials, {}{place}", board.sort.name());
    let rows = board.rows.iter().enumerate().map(|(index, row)| (board.first + index, row)).skip(first - board.first).take(room);
    let rows = rows.map(|(place, row)| {
        let sign = if place == board.selected { ">" } else { " " };
        let cells = [format!("{sign}{}", row.trial), row.value.clone(), row.rung.clone(), row.outcome.to_owned(), row.config.clone()];
        let style = match row.outcome {
            _ if place == board.selected => theme.selected(),
            "failed" => theme.faint(),
            "training" => theme.accent(),
            _ => theme.plain(),
        };
        Row::new(cells.map(Cell::from)).style(style)
    });
    let widths = [Constraint::Length(7), Constraint::Length(8), Constraint::Length(4), Constraint::Length(10), Constraint::Min(10)];
    let header = Row::new(["trial", "value", "rung", "state", "config"]).style(theme.faint());
    let table = Table::new(rows, widths).header(header).block(pane(&title, has_focus(view, Pane::Board), theme));
    frame.render_widget(table, area);
}
