//! The selected trial.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::{Paragraph, Sparkline},
};

use super::{Pane, Theme, has_focus, pane};
use crate::commands::watch::{details::Curve, view::View};

pub(super) fn draw(view: &View, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let focus = has_focus(view, Pane::Details);
    let Some(details) = &view.details else {
        frame.render_widget(Paragraph::new("no trial yet").style(theme.faint()).block(pane("Trial", focus, theme)), area);
        return;
    };
    let block = pane(&format!("Trial {}", details.trial), focus, theme);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let height = if details.curve.range.is_some() { (inner.height / 4).clamp(2, 6) } else { 0 };
    let [above, below] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(inner);
    curve(&details.curve, theme, frame, above);
    let lines = details.lines.iter().flat_map(|line| wrapped(line, usize::from(below.width).max(10)));
    let lines: Vec<Line<'_>> = lines.skip(view.ui.details).map(Line::raw).collect();
    frame.render_widget(Paragraph::new(lines), below);
}

/// The range in words, and below it the course.
fn curve(curve: &Curve, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    // The lowest is to be seen, too.
    const LEAST: f64 = 100.0;
    const MOST: f64 = 1000.0;
    let Some((low, high)) = curve.range else { return };
    let [words, below] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
    let told = format!("{low:.4} to {high:.4}, step {}", curve.step);
    frame.render_widget(Line::styled(told, theme.faint()), words);
    let shown = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 1.0 };
        value.is_finite().then_some((LEAST + share * (MOST - LEAST)) as u64)
    };
    let bars = spread(&curve.values, usize::from(below.width)).into_iter().map(shown);
    frame.render_widget(Sparkline::default().data(bars).max(MOST as u64).style(theme.accent()), below);
}

/// So many of the values, evenly, the last one among them; each several times where there are few.
fn spread(values: &[f64], columns: usize) -> Vec<f64> {
    let count = values.len();
    if count == 0 || columns == 0 {
        return Vec::new();
    }
    if count < columns {
        let times = (columns / count).min(4);
        return values.iter().flat_map(|value| std::iter::repeat_n(*value, times)).collect();
    }
    (1..=columns).map(|column| values[column * count / columns - 1]).collect()
}

/// On lines of at most `width` characters, broken at blanks where that can be.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let indent: String = line.chars().take_while(|c| *c == ' ').take(width / 2).collect();
    let mut lines = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let mut word = word;
        loop {
            let used = lines.last().map_or(0, |last| last.chars().count());
            let length = word.trim_end().chars().count();
            if used + length <= width {
                break;
            }
            if used > indent.len() {
                lines.push(indent.clone());
                continue;
            }
            // Longer than a line.
            let at = word.char_indices().nth(width - used).map_or(word.len(), |(at, _)| at);
            lines.last_mut().into_iter().for_each(|last| last.push_str(&word[..at]));
            lines.push(indent.clone());
            word = &word[at..];
        }
        lines.last_mut().into_iter().for_each(|last| last.push_str(word));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_at_blanks() {
        assert_eq!(wrapped("a bb ccc dddd", 5), ["a bb ", "ccc ", "dddd"]);
        assert_eq!(wrapped("  abcdefghijkl", 6), ["  abcd", "  efgh", "  ijkl"]);
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("          x", 4).last().unwrap().trim(), "x");
        for width in 1..30 {
            for line in [
                "failed: the loss became NaN at step 12: a lower learning rate, warm-up or clip_norm usually helps",
                "größe größe",
                "     ",
            ] {
                let lines = wrapped(line, width);
                assert!(lines.iter().all(|line| line.trim_end().chars().count() <= width), "{lines:?}");
            }
        }
    }

    #[test]
    fn a_curve_fills_its_columns_and_ends_with_its_last_value() {
        assert_eq!(spread(&[1.0, 2.0], 5), [1.0, 1.0, 2.0, 2.0]);
        assert_eq!(spread(&[1.0, 2.0, 3.0, 4.0, 5.0], 2), [2.0, 5.0]);
        assert_eq!((spread(&[], 5).len(), spread(&[1.0], 0).len(), spread(&[1.0], 100).len()), (0, 0, 4));
    }
}
