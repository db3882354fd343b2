//! Both objectives of the trials that were trained in full, and the Pareto front among them.

use search_spaces::goals::{Measure, Second};

use super::{
    Chart, RIGHT,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    panel,
    panel::Panel,
    scene::{Scene, crowd},
    surface::{Colour, Point},
    titled,
};
use crate::{format, tables::LeaderboardRow};

const HEIGHT: f64 = 500.0;
/// An axis is logarithmic where its values differ by more than this factor.
const WIDE: f64 = 20.0;

/// `None` when no full-length trial has both values.
pub(super) fn chart(scene: &Scene<'_>, second: Second) -> Option<Chart> {
    let tables = scene.tables;
    let both = |row: &LeaderboardRow| {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        Some((row.trial, finite(row.measured.last().copied().flatten())?, finite(row.value)?))
    };
    let complete = || tables.leaderboard.iter().filter(|row| row.complete);
    let (exceeding, kept): (Vec<&LeaderboardRow>, Vec<&LeaderboardRow>) =
        complete().partition(|row| row.exceeded.is_some_and(|share| share > 0.0));
    let points = |rows: &[&LeaderboardRow]| -> Vec<(u32, f64, f64)> { rows.iter().copied().filter_map(both).collect() };
    let (exceeding, kept) = (points(&exceeding), points(&kept));
    let all = || exceeding.iter().chain(&kept);
    all().next()?;
    let name = second.measure.name();
    let panel = Panel {
        left: 84.0,
        top: 110.0,
        right: RIGHT,
        bottom: HEIGHT - 58.0,
        x: axis(all().map(|(_, x, _)| *x)),
        y: with_front(panel::value_axis(all().map(|(_, _, y)| *y), scene.objective), tables.pareto.iter().map(|row| row.value)),
        lane: None,
        inactive_lane: false,
        text: 11.0,
    };
    let subtitle = format!("{} on the Pareto front", format::counted(tables.pareto.len() as u64, "trial"));
    let mut drawing = titled(HEIGHT, "Trade-off", &subtitle);
    panel.draw(&mut drawing, &axis_label(second), &scene.value_label());
    let line = front_line(tables.pareto.iter().map(|row| panel.at(row.second, row.value)));
    drawing.line(&line, Colour::Best, 1.0, 2.4);
    let (size, alpha) = crowd(kept.len() + exceeding.len());
    let on_front = |trial: u32| tables.pareto.iter().any(|row| row.trial == trial);
    for (_, x, y) in &exceeding {
        drawing.mark(panel.at(*x, *y), Mark::Ring { colour: Colour::Faded }, size);
    }
    for (trial, x, y) in &kept {
        let (colour, alpha) = if on_front(*trial) { (Colour::Rung(1.0), 1.0) } else { (Colour::Lost, alpha) };
        drawing.mark(panel.at(*x, *y), Mark::Dot { colour, alpha }, size * 1.15);
    }
    let marked = |trial: Option<u32>| all().find(|point| Some(point.0) == trial).map(|(_, x, y)| panel.at(*x, *y));
    let default = marked(Some(0)).filter(|_| scene.marks_default());
    if let Some(at) = default {
        drawing.mark(at, Mark::Diamond, 4.4);
    }
    if let Some(at) = marked(scene.best) {
        drawing.mark(at, Mark::Star, 4.4);
    }
    let mut legend = Legend::new("Full length");
    legend.entry(true, Mark::Dot { colour: Colour::Rung(1.0), alpha: 1.0 }, "on the front");
    legend.entry(kept.len() > tables.pareto.len(), Mark::Dot { colour: Colour::Lost, alpha: 1.0 }, "beaten in both");
    legend.entry(!exceeding.is_empty(), Mark::Ring { colour: Colour::Faded }, "exceeds a constraint");
    legend.entry(marked(scene.best).is_some(), Mark::Star, "best trial");
    legend.entry(default.is_some(), Mark::Diamond, "default recipe");
    legend.draw(&mut drawing, 104.0);
    let shown: Vec<String> = tables
        .pareto
        .iter()
        .map(|row| format!("trial {}: {} and {}", row.trial, scene.show(row.value), format::measure(second.measure, row.second)))
        .collect();
    Some(Chart {
        name: "trade-off",
        title: "Trade-off",
        alt: format!("{} against {name}; on the front are {}.", scene.objective.metric.name(), shown.join(", ")),
        caption: format!(
            "Each dot is a trial that was trained in full. Of those on the orange line none is beaten in both {} and {name}: which of them is worth its price is for you to say. The others are beaten in both by some trial on the line.",
            scene.objective.metric.name()
        ),
        drawing,
    })
}

/// The same axis, widened to the values of the front, however far from the rest they are.
fn with_front(axis: Axis, values: impl Iterator<Item = f64>) -> Axis {
    let Axis::Linear { low, high } = axis else { return axis };
    let air = (high - low) * 0.04;
    values.fold(Axis::Linear { low, high }, |axis, value| match axis {
        Axis::Linear { low, high } => Axis::Linear { low: low.min(value - air), high: high.max(value + air) },
        axis => axis,
    })
}

/// Some air at both ends; logarithmic where a linear one would press most values into a corner.
fn axis(values: impl Iterator<Item = f64> + Clone) -> Axis {
    let (low, high) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max));
    if low > 0.0 && high > WIDE * low {
        let air = (high / low).powf(0.05);
        return Axis::log(low / air, high * air);
    }
    let air = (high - low) * 0.05;
    Axis::linear(low - air, high + air)
}

fn axis_label(second: Second) -> String {
    let better = if second.direction == search_spaces::settings::Direction::Minimize { "lower" } else { "higher" };
    match second.measure {
        Measure::CheckpointBytes => format!("checkpoint, bytes ({better} is better)"),
        measure => format!("{} ({better} is better)", measure.name().replace('_', " ")),
    }
}

/// Corners of the steps between the points of the front: between two nothing is known to be better than the one with less of both.
fn front_line(points: impl Iterator<Item = Point>) -> Vec<Point> {
    let mut corners: Vec<Point> = Vec::new();
    for (x, y) in points {
        // From the best by the first objective on: the next is worse by it, and better by the second.
        if let Some((before, _)) = corners.last().copied() {
            corners.push((before, y));
        }
        corners.push((x, y));
    }
    corners
}
