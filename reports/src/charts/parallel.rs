//! Each trial as a line through all its parameters to its value.

use std::fmt::Write as _;

use super::{
    Chart, LEGEND,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    panel, parameter_axis,
    scene::{Scene, failed, jitter},
    surface::{Colour, Drawing, Horizontal, Point, Type, Vertical},
    titled,
};
use crate::{
    format,
    parameters::{Cell, ParameterColumn},
    tables::TrialRow,
};

const TOP: f64 = 128.0;
/// Of the axes.
const HIGH: f64 = 300.0;
/// From one row of axes to the next.
const ROW: f64 = HIGH + 116.0;
/// Below the axes: what has no place on them.
const LANE: f64 = 24.0;
const APART: f64 = 10.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = LEGEND - 66.0;
/// Of parameters, in a row.
const AXES: usize = 8;
/// More would be unreadable; the tables have all of them.
const SHOWN: usize = 3 * AXES;

/// An upright axis at `x` from `top` on.
struct Upright<'a> {
    x: f64,
    top: f64,
    axis: Axis,
    /// `None`: the objective's value.
    parameter: Option<&'a ParameterColumn>,
}

impl Upright<'_> {
    fn up(&self, share: f64) -> f64 {
        self.top + HIGH - share * HIGH
    }

    /// The middle of the lane.
    fn lane(&self) -> f64 {
        self.top + HIGH + APART + LANE / 2.0
    }

    /// Where `trial` crosses it.
    fn crossing(&self, scene: &Scene<'_>, trial: &TrialRow) -> Point {
        const AWAY: f64 = 0.8;
        let in_lane = self.lane() + jitter(trial.number) * LANE * AWAY;
        let Some(parameter) = self.parameter else {
            let value = trial.last_value().filter(|value| value.is_finite() && !failed(trial));
            return (self.x, value.map_or(in_lane, |value| self.up(self.axis.share(value))));
        };
        let cell = parameter.cells.get(trial.number as usize).unwrap_or(&Cell::Inactive);
        let y = parameter_axis::share(&self.axis, cell).map(|(share, spread)| {
            // The marks of the best and of the default recipe stand at their names.
            let spread = if trial.number == 0 || scene.is_best(trial.number) { 0.0 } else { spread };
            self.up(share) + 2.0 * jitter(trial.number) * spread * HIGH
        });
        (self.x, y.unwrap_or(in_lane))
    }
}

pub(super) fn chart(scene: &Scene<'_>) -> Chart {
    let tables = scene.tables;
    let shown = &tables.parameters[..tables.parameters.len().min(SHOWN)];
    let values = tables.searched().filter(|trial| !failed(trial)).filter_map(TrialRow::last_value);
    let value_axis = panel::value_axis(values, scene.objective);
    let per_row = shown.len().div_ceil(shown.len().div_ceil(AXES).max(1)).max(1);
    let rows: Vec<Vec<Upright<'_>>> =
        (0..).zip(shown.chunks(per_row)).map(|(row, chunk)| axes(chunk, TOP + f64::from(row) * ROW, &value_axis)).collect();
    let everywhere = |parameter: &ParameterColumn| {
        tables.searched().all(|trial| !matches!(parameter.cells.get(trial.number as usize), None | Some(Cell::Inactive)))
    };
    let conditional = shown.iter().filter(|parameter| !everywhere(parameter)).count() as u64;
    let left_out = tables.parameters.len() - shown.len();
    let mut subtitle = format!(
        "{} and {}",
        format::counted(tables.searched().count() as u64, "trial"),
        format::counted(shown.len() as u64, "searched parameter")
    );
    if conditional > 0 {
        let _ = write!(subtitle, ", {} of which not every trial has", format::count(conditional));
    }
    if left_out > 0 {
        let _ = write!(subtitle, "; {left_out} more are in the tables");
    }
    let legend = legend(scene);
    let height = (TOP + rows.len() as f64 * ROW - 60.0).max(TOP + legend.height() + 20.0);
    let mut drawing = titled(height, "Parallel coordinates", &subtitle);
    for row in &rows {
        lanes(&mut drawing, row);
        lines(&mut drawing, scene, row);
        for axis in row {
            draw_axis(&mut drawing, scene, axis);
        }
    }
    legend.draw(&mut drawing, TOP - 30.0);
    Chart {
        name: "parallel-coordinates",
        title: "Parallel coordinates",
        alt: format!(
            "A line a trial through {}, to its {}. {subtitle}.",
            shown.iter().map(|parameter| parameter.path.as_str()).collect::<Vec<_>>().join(", "),
            scene.value_label()
        ),
        caption: "A line is a trial: from left to right it crosses each axis where its value of that parameter is, and ends at its last value on the right. Where \
             strong lines that end high come through the same narrow place, that choice mattered. Lines in the lane below an axis are of trials that do not have the \
             parameter; those that end in the lane at the right have failed."
            .to_owned(),
        drawing,
    }
}

fn axes<'a>(parameters: &'a [ParameterColumn], top: f64, values: &Axis) -> Vec<Upright<'a>> {
    let apart = (RIGHT - LEFT) / parameters.len() as f64;
    let of = parameters.iter().enumerate().map(|(place, parameter)| Upright {
        x: LEFT + place as f64 * apart,
        top,
        axis: parameter_axis::axis(parameter),
        parameter: Some(parameter),
    });
    of.chain([Upright { x: RIGHT, top, axis: values.clone(), parameter: None }]).collect()
}

fn legend(scene: &Scene<'_>) -> Legend {
    let mut legend = Legend::new("Trained to");
    for (mark, name) in scene.rung_entries(|colour| Mark::Line { colour, width: 2.0 }) {
        legend.entry(true, mark, name);
    }
    legend.entry(scene.best.is_some(), Mark::Line { colour: Colour::Best, width: 3.0 }, "best trial");
    legend.entry(scene.marks_default(), Mark::Dashes { colour: Colour::Ink }, "default recipe");
    legend.entry(scene.failures > 0, Mark::Line { colour: Colour::Failed, width: 1.4 }, "failed");
    legend
}

/// One lane right through, so that the line of a trial that has none of the parameters is not lost between them.
fn lanes(drawing: &mut Drawing, row: &[Upright<'_>]) {
    let (Some(first), Some(last)) = (row.first(), row.last()) else { return };
    let y = first.lane();
    drawing.rectangle((first.x - 8.0, y - LANE / 2.0), (last.x + 8.0, y + LANE / 2.0), Colour::Lane, 1.0);
    let small = Type::new(10.5).faded();
    drawing.text((first.x - 14.0, y), "not set", small.anchored(Horizontal::Right, Vertical::Center));
    drawing.text((last.x + 14.0, y), "failed", small);
}

fn lines(drawing: &mut Drawing, scene: &Scene<'_>, row: &[Upright<'_>]) {
    let (alpha, width): (f64, f64) = match scene.tables.searched().count() {
        0..=40 => (0.9, 1.5),
        41..=200 => (0.45, 1.2),
        _ => (0.16, 1.0),
    };
    let special = |trial: &TrialRow| trial.number == 0 || scene.is_best(trial.number);
    // Failed ones first, then the further the later; the default recipe and the best last.
    let mut order: Vec<&TrialRow> = scene.tables.searched().collect();
    order.sort_by_key(|trial| (special(trial), scene.is_best(trial.number), !failed(trial), trial.rungs_reached, trial.number));
    for trial in order {
        let points: Vec<Point> = row.iter().map(|axis| axis.crossing(scene, trial)).collect();
        let (colour, alpha, width) = match () {
            () if scene.is_best(trial.number) => (Colour::Best, 1.0, 3.0),
            () if trial.number == 0 => (Colour::Ink, 1.0, 2.4),
            () if failed(trial) => (Colour::Failed, (alpha * 1.5).min(1.0), width),
            () => {
                // The few that went on stay visible among the many that did not.
                let further = trial.rungs_reached as f64 / scene.rungs.max(1) as f64;
                (scene.trial_colour(trial), alpha + (1.0 - alpha) * further * further * 0.6, width)
            }
        };
        if trial.number == 0 && !scene.is_best(0) {
            drawing.dashed(&points, colour, width);
        } else {
            drawing.line(&points, colour, alpha, width);
        }
        if let (true, Some(end)) = (failed(trial), points.last()) {
            drawing.mark(*end, Mark::Cross, 3.2);
        }
    }
    let best = scene.best.and_then(|best| scene.tables.trials.get(best as usize));
    if let Some(end) = best.and_then(|best| row.last().map(|axis| axis.crossing(scene, best))) {
        drawing.mark(end, Mark::Star, 4.0);
    }
}

fn draw_axis(drawing: &mut Drawing, scene: &Scene<'_>, axis: &Upright<'_>) {
    let (top, bottom) = (axis.top, axis.top + HIGH);
    drawing.line(&[(axis.x, top), (axis.x, bottom)], Colour::Faded, 1.0, 1.2);
    let small = Type::new(10.5).faded();
    let room = 92.0;
    let mut free_to = f64::INFINITY;
    for (value, label) in axis.axis.ticks(7) {
        let y = axis.up(axis.axis.share(value));
        drawing.line(&[(axis.x - 3.0, y), (axis.x + 3.0, y)], Colour::Faded, 1.0, 1.0);
        if y + 6.0 > free_to {
            continue;
        }
        free_to = y - 6.0;
        let label = small.fitted(&label, room - 30.0);
        // On a ground of its own, among the lines.
        let (left, wide) = (axis.x + 6.0, small.width(&label));
        drawing.rectangle((left - 1.5, y - 6.5), (left + wide + 1.5, y + 6.5), Colour::Ground, 0.75);
        drawing.text((left, y), &label, Type { fill: Type::new(1.0).fill, ..small });
    }
    let (name, owner) = match axis.parameter {
        Some(parameter) => parameter_axis::name_and_owner(&parameter.path),
        None => (scene.objective.metric.name(), "value"),
    };
    let bold = Type::new(11.0).bold().anchored(Horizontal::Center, Vertical::Bottom);
    drawing.text((axis.x, top - 12.0), &bold.fitted(name, room), bold);
    let faded = Type::new(10.5).faded().anchored(Horizontal::Center, Vertical::Bottom);
    // The last part of a long one says the most.
    let owner = if faded.width(owner) > room { owner.rsplit('.').next().unwrap_or(owner) } else { owner };
    drawing.text((axis.x, top - 27.0), &faded.fitted(owner, room), faded);
}
