//! What happened last.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{Pane, Theme, has_focus, pane};
use crate::{commands::watch::view::View, progress::text};

pub(super) fn draw(view: &View, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let room = usize::from(area.height.saturating_sub(1));
    let last = view.log.len().saturating_sub(view.ui.log);
    let back = if view.ui.log > 0 { format!(", {} later ones below", view.ui.log) } else { String::new() };
    let lines: Vec<Line<'_>> = view.log[..last]
        .iter()
        .skip(last.saturating_sub(room))
        .map(|line| {
            let (sign, style) = if line.bad { ("! ", theme.bad()) } else { ("  ", theme.plain()) };
            Line::from(vec![
                Span::styled(text::clock(line.active_seconds), theme.faint()),
                Span::raw(" "),
                Span::styled(sign, style),
                Span::raw(line.text.clone()),
            ])
        })
        .collect();
    let block = pane(&format!("What happened, by active time{back}"), has_focus(view, Pane::Log), theme);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
