//! The best so far over active time.

use ratatui::{
    Frame,
    layout::Rect,
    symbols::Marker,
    text::Span,
    widgets::{Axis, Chart, Dataset, GraphType, Paragraph},
};

use super::{Theme, pane};
use crate::{
    commands::watch::view::{Values, View},
    progress::text,
};

pub(super) fn draw(view: &View, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let values = &view.chart;
    let title = match values.read {
        Some(share) => format!("Best so far: reading, {:.0} %", 100.0 * share),
        None => format!("Best so far: {}", values.metric),
    };
    let block = pane(&title, false, theme);
    let Some([low, high]) = bounds(values) else {
        frame.render_widget(Paragraph::new("no value yet").style(theme.faint()).block(block), area);
        return;
    };
    let line = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).style(theme.best()).data(&values.best);
    let sets = vec![dots(&values.young).style(theme.faint()), dots(&values.full).style(theme.accent()), line];
    let end = values.seconds.max(1.0);
    let x = [0.0, end / 2.0, end].map(|seconds| Span::raw(text::seconds(seconds)));
    let y = [low, f64::midpoint(low, high), high].map(|value| Span::raw(format!("{value:.4}")));
    let chart = Chart::new(sets)
        .block(block)
        .x_axis(Axis::default().bounds([0.0, end]).labels(x).style(theme.faint()))
        .y_axis(Axis::default().bounds([low, high]).labels(y).style(theme.faint()))
        .legend_position(None);
    frame.render_widget(chart, area);
}

fn dots(data: &[(f64, f64)]) -> Dataset<'_> {
    Dataset::default().marker(Marker::Dot).graph_type(GraphType::Scatter).data(data)
}

/// What the line and most of the dots lie in: a few that are far off would leave no room for the others.
fn bounds(values: &Values) -> Option<[f64; 2]> {
    const OFF: usize = 10;
    let mut dots: Vec<f64> = values.young.iter().chain(&values.full).map(|(_, value)| *value).collect();
    dots.sort_by(f64::total_cmp);
    let off = dots.len() / OFF;
    let inner = dots.iter().skip(off).take(dots.len() - 2 * off).copied();
    let (low, high) = inner
        .chain(values.best.iter().map(|(_, value)| *value))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if !low.is_finite() {
        return None;
    }
    let margin = ((high - low) * 0.05).max(high.abs() * 1e-3).max(1e-4);
    let (above, below) = (high + margin, low - margin);
    // No share is beyond its ends.
    let is_share = low >= 0.0 && high <= 1.0;
    Some(if is_share { [below.max(0.0), above.min(1.0)] } else { [below, above] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_off_leaves_room_for_the_others() {
        let dots = |values: &[f64]| values.iter().map(|value| (0.0, *value)).collect::<Vec<_>>();
        let mut values = Values { young: dots(&[0.5]), ..Values::default() };
        assert_eq!(bounds(&Values::default()), None);
        let [low, high] = bounds(&values).unwrap();
        assert!(low < 0.5 && high > 0.5 && high - low < 0.01, "{low} {high}");
        values.young = dots(&[vec![-1000.0], vec![0.5; 10], vec![0.6; 9]].concat());
        values.best = dots(&[0.9]);
        let [low, high] = bounds(&values).unwrap();
        assert!(low > 0.4 && (0.9..1.0).contains(&high), "{low} {high}");
    }
}
