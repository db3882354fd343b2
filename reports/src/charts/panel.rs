//! One pair of axes, with lanes for what has no place on them.

use search_spaces::settings::{Direction, Objective};

use super::{
    axis::Axis,
    scene::jitter,
    surface::{Colour, Drawing, Horizontal, Point, Type, Vertical},
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
    /// Below the plot, for what has no place on the upright axis: what it is called.
    pub(super) lane: Option<&'static str>,
    /// Left of the plot, for trials without the parameter.
    pub(super) inactive_lane: bool,
    /// Of the labels.
    pub(super) text: f64,
}

const LANE: f64 = 22.0;
const INACTIVE: f64 = 42.0;
/// Between a lane and the plot.
const APART: f64 = 5.0;
/// The longest upright label below an axis of names.
pub(super) const UPRIGHT: f64 = 96.0;

impl Panel {
    fn plot_left(&self) -> f64 {
        if self.inactive_lane { self.left + INACTIVE + APART } else { self.left }
    }

    pub(super) fn plot_bottom(&self) -> f64 {
        if self.lane.is_some() { self.bottom - LANE - APART } else { self.bottom }
    }

    /// Of the plot, from left to right.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.plot_left(), self.right)
    }

    pub(super) fn across(&self, x: f64) -> f64 {
        self.plot_left() + self.x.share(x) * (self.right - self.plot_left())
    }

    pub(super) fn up(&self, y: f64) -> f64 {
        self.plot_bottom() - self.y.share(y) * (self.plot_bottom() - self.top)
    }

    pub(super) fn at(&self, x: f64, y: f64) -> Point {
        (self.across(x), self.up(y))
    }

    pub(super) fn lane_middle(&self) -> f64 {
        self.bottom - LANE / 2.0
    }

    /// A place in the lane for one of `marks`: in the middle for a few, spread over it for many.
    pub(super) fn in_lane(&self, trial: u32, marks: usize) -> f64 {
        let reach = if marks > 20 { LANE - 7.0 } else { 0.0 };
        self.lane_middle() + jitter(trial.wrapping_mul(7)) * reach
    }

    /// A place across the inactive lane; `shift` in [-0.5, 0.5].
    pub(super) fn inactive(&self, shift: f64) -> f64 {
        self.left + INACTIVE * (0.5 + shift * 0.8)
    }

    /// Whether the names below do not lie side by side, and have to stand.
    pub(super) fn names_stand(&self) -> bool {
        let Axis::Names(names) = &self.x else { return false };
        let slot = (self.right - self.plot_left()) / names.len().max(1) as f64;
        names.len() > 6 && names.iter().any(|name| Type::new(self.text).width(name) > slot - 6.0)
    }

    /// Grid, ticks, lanes and labels.
    pub(super) fn draw(&self, drawing: &mut Drawing, x_label: &str, y_label: &str) {
        let small = Type::new(self.text).faded();
        let (left, bottom) = (self.plot_left(), self.plot_bottom());
        let beside = small.anchored(Horizontal::Right, Vertical::Center);
        // Upwards: none is laid over the one below.
        let mut free_to = f64::INFINITY;
        for (value, label) in self.y.ticks(((bottom - self.top) / (self.text * 3.6)) as usize) {
            let y = self.up(value);
            drawing.line(&[(left, y), (self.right, y)], Colour::Grid, 1.0, 1.0);
            if y + self.text / 2.0 <= free_to {
                drawing.text((self.left - 7.0, y), &beside.fitted(&label, self.left - 9.0), beside);
                free_to = y - self.text / 2.0 - 1.0;
            }
        }
        if let Some(lane) = self.lane {
            drawing.rectangle((left, self.bottom - LANE), (self.right, self.bottom), Colour::Lane, 1.0);
            drawing.text((self.left - 7.0, self.lane_middle()), lane, beside);
        }
        if self.inactive_lane {
            drawing.rectangle((self.left, self.top), (self.left + INACTIVE, self.bottom), Colour::Lane, 1.0);
            let under = small.anchored(Horizontal::Center, Vertical::Top);
            drawing.text((self.left + INACTIVE / 2.0, self.bottom + 8.0), "not set", under);
        }
        self.draw_x_ticks(drawing, small);
        drawing.line(&[(left, bottom), (self.right, bottom)], Colour::Faded, 1.0, 1.0);
        let label = Type::new(self.text + 1.0);
        if !x_label.is_empty() {
            let middle = f64::midpoint(self.left, self.right);
            let below = self.bottom + 30.0 + if self.names_stand() { UPRIGHT } else { 0.0 };
            let words = label.fitted(x_label, self.right - self.left);
            drawing.text((middle, below), &words, label.anchored(Horizontal::Center, Vertical::Top));
        }
        if !y_label.is_empty() {
            let words = label.fitted(y_label, self.right - self.left);
            drawing.text((self.left, self.top - 14.0), &words, label.anchored(Horizontal::Left, Vertical::Bottom));
        }
    }

    fn draw_x_ticks(&self, drawing: &mut Drawing, style: Type) {
        let style = style.anchored(Horizontal::Center, Vertical::Top);
        let room = self.right - self.plot_left();
        let stand = self.names_stand();
        let slot = match &self.x {
            Axis::Names(names) => room / names.len().max(1) as f64,
            _ => f64::INFINITY,
        };
        // Where the label before has ended: none is laid over another.
        let mut free_from = if self.inactive_lane { self.left + INACTIVE } else { f64::NEG_INFINITY };
        for (value, label) in self.x.ticks((room / (self.text * 4.6)) as usize) {
            let x = self.across(value);
            drawing.line(&[(x, self.bottom), (x, self.bottom + 4.0)], Colour::Faded, 1.0, 1.0);
            if stand {
                let upright = style.anchored(Horizontal::Right, Vertical::Center);
                if x - self.text / 2.0 >= free_from {
                    drawing.upright((x, self.bottom + 8.0), &upright.fitted(&label, UPRIGHT), upright);
                    free_from = x + self.text / 2.0;
                }
                continue;
            }
            let label = style.fitted(&label, slot - 6.0);
            let half = style.width(&label) / 2.0;
            if x - half >= free_from + 4.0 {
                drawing.text((x, self.bottom + 8.0), &label, style);
                free_from = x + half;
            }
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

    #[test]
    fn forty_long_names_stand_below_their_axis_and_do_not_touch() {
        let names: Vec<String> = (0..40).map(|k| format!("Schedule(kind: Cosine, cycles: {k})")).collect();
        let panel = |names: Vec<String>| Panel {
            left: 60.0,
            top: 40.0,
            right: 780.0,
            bottom: 200.0,
            x: Axis::Names(names),
            y: Axis::linear(0.0, 1.0),
            lane: Some("failed"),
            inactive_lane: true,
            text: 10.0,
        };
        let mut drawing = Drawing::new(800, 320);
        panel(names).draw(&mut drawing, "", "accuracy");
        assert_eq!(drawing.faults(), Vec::<String>::new());
        assert!(drawing.texts().len() > 40);
        assert!(!panel(vec!["8".to_owned(), "16".to_owned()]).names_stand());
    }
}
