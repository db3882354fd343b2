//! The rungs and who is at them; the slots and what they train.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Block, Paragraph},
};

use super::{Theme, pane};
use crate::{commands::watch::view::View, progress::text};

const BAR: usize = 8;

pub(super) fn draw(view: &View, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    // At least two slots are shown.
    let most = usize::from(area.height.saturating_sub(4)).max(1);
    let shown = view.rungs.len().min(most);
    let [above, below] = Layout::vertical([Constraint::Length(shown as u16 + 1), Constraint::Min(2)]).areas(area);
    rungs(view, shown, theme, frame, above);
    slots(view, theme, frame, below);
}

/// The lowest are left out where there is no room for all: those at the top are the news.
fn rungs(view: &View, shown: usize, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let hidden = view.rungs.len() - shown;
    let title = if hidden > 0 { format!("Rungs (from {hidden})") } else { "Rungs".to_owned() };
    let most = view.rungs.iter().map(|(_, here)| here.reached).max().unwrap_or(0).max(1);
    let width = view.rungs.iter().map(|(examples, _)| examples.to_string().len()).max().unwrap_or(0);
    let lines = view.rungs.iter().enumerate().skip(hidden).map(|(rung, (examples, here))| {
        let training = if here.training > 0 { format!(" + {} on the way", here.training) } else { String::new() };
        Line::from(vec![
            Span::raw(format!("{rung} {examples:>width$} ex. ")),
            Span::styled(text::bar(here.reached as f64 / most as f64, BAR), theme.accent()),
            Span::raw(format!(" {}{training}", here.reached)),
        ])
    });
    paragraph(lines.collect(), pane(&title, false, theme), frame, area);
}

fn slots(view: &View, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let room = usize::from(area.height.saturating_sub(1));
    let busy = view.slots.len();
    let title = match (busy, view.idle) {
        (0, 0) => "Slots: nobody is at work".to_owned(),
        (_, 0) => "Slots".to_owned(),
        (_, idle) => format!("Slots, {idle} idle"),
    };
    let shown = if busy > room { room.saturating_sub(1) } else { busy };
    let name = view.slots.iter().map(|slot| slot.name.chars().count()).max().unwrap_or(0);
    let mut lines: Vec<Line<'_>> = view
        .slots
        .iter()
        .take(shown)
        .map(|slot| {
            Line::from(vec![
                Span::styled(format!("{:<name$} ", slot.name), theme.strong()),
                Span::styled(text::bar(slot.share, BAR / 2), theme.accent()),
                Span::raw(format!(" {}  ", slot.doing)),
                Span::styled(slot.config.clone(), theme.faint()),
            ])
        })
        .collect();
    if shown < busy {
        lines.push(Line::raw(format!("and {} more at work", busy - shown)));
    }
    paragraph(lines, pane(&title, false, theme), frame, area);
}

fn paragraph(lines: Vec<Line<'_>>, block: Block<'_>, frame: &mut Frame<'_>, area: Rect) {
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
