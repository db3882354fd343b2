//! A view on a terminal.

mod board;
mod chart;
mod details;
mod help;
mod log;
mod theme;
mod work;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Block, Borders, Paragraph},
};

pub(super) use theme::Theme;

use super::{ui::Pane, view::View};
use crate::progress::text;

/// With less room it could not be read.
const LEAST: (u16, u16) = (80, 24);

pub(super) fn draw(view: &View, theme: Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let told = format!("This needs a terminal of {} x {}; here are {} x {}. q leaves.", LEAST.0, LEAST.1, area.width, area.height);
        frame.render_widget(Paragraph::new(told).wrap(ratatui::widgets::Wrap { trim: true }), area);
        return;
    }
    let rest = area.height - 4;
    let (top, log) = ((rest * 2 / 5).clamp(8, 18), (rest / 5).clamp(4, 14));
    let rows = [Constraint::Length(3), Constraint::Length(top), Constraint::Min(8), Constraint::Length(log), Constraint::Length(1)];
    let [head, above, middle, below, keys] = Layout::vertical(rows).areas(area);
    header(view, theme, frame, head);
    let [left, right] = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).spacing(2).areas(above);
    chart::draw(view, theme, frame, left);
    work::draw(view, theme, frame, right);
    let [left, right] = Layout::horizontal([Constraint::Percentage(60), Constraint::Percentage(40)]).spacing(2).areas(middle);
    board::draw(view, theme, frame, left);
    details::draw(view, theme, frame, right);
    log::draw(view, theme, frame, below);
    let hint = "q quit   Tab next pane   arrows or j k move   s other order   ? help";
    frame.render_widget(Line::styled(hint, theme.faint()), keys);
    if view.ui.help {
        help::draw(theme, frame, area);
    }
}

fn header(view: &View, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    const BAR: usize = 20;
    let cut = |text: &str, before: usize| text::cut(text, usize::from(area.width).saturating_sub(before)).into_owned();
    let state = view.state.replace('_', " ");
    let first = match &view.problem {
        Some(problem) => vec![Span::styled(cut(&format!("! {problem}"), 0), theme.bad())],
        None => vec![
            Span::styled(view.study.clone(), theme.strong()),
            Span::raw("  "),
            Span::styled(state, theme.accent()),
            Span::raw(format!("  {}", view.time)),
        ],
    };
    let bar = text::bar(view.share, BAR);
    let lines = vec![
        Line::from(first),
        Line::from(vec![Span::styled(bar, theme.accent()), Span::raw(format!(" {}", cut(&view.trials, BAR + 1)))]),
        Line::from(vec![Span::raw("best "), Span::styled(cut(&view.best, 5), theme.strong())]),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

/// A pane's frame: a line with its title; where it has the focus, with a sign that needs no colour.
fn pane(title: &str, focus: bool, theme: Theme) -> Block<'static> {
    let (sign, style) = if focus { ("▶ ", theme.strong()) } else { ("", theme.plain()) };
    Block::new().borders(Borders::TOP).border_style(theme.faint()).title(Span::styled(format!("{sign}{title} "), style))
}

fn has_focus(view: &View, pane: Pane) -> bool {
    view.ui.focus == pane
}
