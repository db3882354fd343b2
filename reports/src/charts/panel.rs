//! One pair of axes, with lanes for what has no place on them.

use search_spaces::settings::{Direction, Objective};

use super::{
    axis::Axis,
    canvas::{Canvas, Horizontal, Type, Vertical},
    palette,
};

/// A panel from `(left, top)` to `(right, bottom)`, the axes' labels outside it.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Below the plot, for failed trials.
    pub(super) failed_lane: bool,
    /// Left of the plot, for trials without the parameter.
    pub(super) inactive_lane: bool,
    /// Of the labels.
    pub(super) text: f64,
}

const LANE: f64 = 22.0;
const INACTIVE: f64 = 42.0;
/// Between a lane and the plot.
const APART: f64 = 5.0;

impl Panel {
    fn plot_left(&self) -> f64 {
        if self.inactive_lane { self.left + INACTIVE + APART } else { self.left }
    }

    pub(super) fn plot_bottom(&self) -> f64 {
        if self.failed_lane { self.bottom - LANE - APART } else { self.bottom }
    }

    pub(super) fn across(&self, x: f64) -> f64 {
        self.plot_left() + self.x.share(x) * (self.right - self.plot_left())
    }

    pub(super) fn up(&self, y: f64) -> f64 {
        self.plot_bottom() - self.y.share(y) * (self.plot_bottom() - self.top)
    }

    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.across(x), self.up(y))
    }

    /// The middle of the failed lane.
    pub(super) fn failed(&self) -> f64 {
        self.bottom - LANE / 2.0
    }

    /// A place across the inactive lane; `shift` in [-0.5, 0.5].
    pub(super) fn inactive(&self, shift: f64) -> f64 {
        self.left + INACTIVE * (0.5 + shift * 0.8)
    }

    /// Grid, ticks, lanes and labels.
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, x_label: &str, y_label: &str) {
        let small = Type::new(self.text).faded();
        let (left, bottom) = (self.plot_left(), self.plot_bottom());
        for (value, label) in self.y.ticks(((bottom - self.top) / (self.text * 3.2)) as usize) {
            let y = self.up(value);
            canvas.line(&[(left, y), (self.right, y)], palette::GRID, 1.0, 1.0);
            canvas.text((self.left - 7.0, y), &label, small.anchored(Horizontal::Right, Vertical::Center));
        }
        if self.failed_lane {
            canvas.rectangle((left, self.bottom - LANE), (self.right, self.bottom), palette::LANE, 1.0);
            let words = Type { colour: palette::FAILED, ..small.anchored(Horizontal::Right, Vertical::Center) };
            canvas.text((self.left - 7.0, self.failed()), "failed", words);
        }
        if self.inactive_lane {
            canvas.rectangle((self.left, self.top), (self.left + INACTIVE, self.bottom), palette::LANE, 1.0);
            let under = small.anchored(Horizontal::Center, Vertical::Top);
            canvas.text((self.left + INACTIVE / 2.0, self.bottom + 7.0), "not set", under);
        }
        self.draw_x_ticks(canvas, small);
        canvas.line(&[(left, bottom), (self.right, bottom)], palette::FADED, 1.0, 1.0);
        let middle = f64::midpoint(self.left, self.right);
        let label = Type::new(self.text + 1.0);
        canvas.text((middle, self.bottom + 26.0), x_label, label.anchored(Horizontal::Center, Vertical::Top));
        if !y_label.is_empty() {
            canvas.text((self.left, self.top - 14.0), y_label, label.anchored(Horizontal::Left, Vertical::Bottom));
        }
    }

    fn draw_x_ticks(&self, canvas: &mut Canvas<'_>, style: Type) {
        let style = style.anchored(Horizontal::Center, Vertical::Top);
        let room = self.right - self.plot_left();
        let ticks = self.x.ticks((room / (self.text * 4.6)) as usize);
        let slot = match &self.x {
            Axis::Names(names) => room / names.len().max(1) as f64,
            _ => f64::INFINITY,
        };
        for (value, label) in ticks {
            let x = self.across(value);
            canvas.line(&[(x, self.bottom), (x, self.bottom + 4.0)], palette::FADED, 1.0, 1.0);
            // Labels too long for their place are cut, not laid over each other.
            let label = canvas.fitted(&label, style, (slot - 6.0).max(14.0));
            canvas.text((x, self.bottom + 7.0), &label, style);
        }
    }
}

/// An axis for values of the objective, with some air; values far worse than the rest are left beyond it (`Axis::share` puts them on the edge), so
/// that one bad trial does not flatten all others.
pub(super) fn value_axis(values: impl Iterator<Item = f64>, objective: Objective) -> Axis {
    let mut finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    let (Some(&lowest), Some(&highest)) = (finite.first(), finite.last()) else { return Axis::linear(0.0, 1.0) };
    let quantile = |share: f64| finite[((finite.len() - 1) as f64 * share).round() as usize];
    let (mut low, mut high) = (lowest, highest);
    if finite.len() >= 10 {
        match objective.direction {
            Direction::Maximize => low = low.max(quantile(0.25) - 3.0 * (highest - quantile(0.25))),
            Direction::Minimize => high = high.min(quantile(0.75) + 3.0 * (quantile(0.75) - lowest)),
        }
    }
    let Axis::Linear { low, high } = Axis::linear(low, high) else { return Axis::linear(low, high) };
    let air = (high - low) * 0.05;
    Axis::Linear { low: low - air, high: high + air }
}

/// Whether `value` lies beyond the worse end of an axis of values.
pub(super) fn beyond(axis: &Axis, value: f64, objective: Objective) -> bool {
    match (axis, objective.direction) {
        (Axis::Linear { low, .. }, Direction::Maximize) => value < *low,
        (Axis::Linear { high, .. }, Direction::Minimize) => value > *high,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use search_spaces::settings::Metric;

    use super::*;

    #[test]
    fn one_bad_value_does_not_flatten_the_others() {
        let objective = Objective { metric: Metric::Accuracy, direction: Direction::Maximize };
        let values: Vec<f64> = (0..20).map(|k| 0.9 + f64::from(k) * 0.002).chain([0.1]).collect();
        let axis = value_axis(values.iter().copied(), objective);
        assert!(beyond(&axis, 0.1, objective) && !beyond(&axis, 0.9, objective), "{axis:?}");
        assert_eq!(axis.share(0.1), 0.0);
        let few = value_axis([0.9, 0.1, f64::NAN].into_iter(), objective);
        assert!(!beyond(&few, 0.1, objective));
    }
}
