//! The best full-length value over time and over what was spent, and every value that came in.

use super::{
    Chart, RIGHT,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    panel,
    panel::Panel,
    scene::{Scene, crowd, examples_unit, time_unit},
    surface::{Colour, Point},
    titled,
};
use crate::{format, tables::RungRow};

const HEIGHT: f64 = 500.0;

/// What lies along the horizontal axis.
struct Along {
    name: &'static str,
    title: &'static str,
    label: String,
    /// Divides `of`.
    unit: f64,
    of: fn(&RungRow) -> f64,
    /// Where the study has come to.
    end: f64,
    /// The same in words.
    spent: String,
    caption: &'static str,
}

pub(super) fn over_time(scene: &Scene<'_>) -> Chart {
    let end = scene.tables.active_seconds;
    let (unit, unit_name) = time_unit(end);
    let along = Along {
        name: "best-so-far",
        title: "Best so far, over time",
        label: format!("active time, {unit_name}"),
        unit,
        of: |row| row.at_seconds,
        end,
        spent: format!("{} of active time", format::duration(end)),
        caption: "",
    };
    chart(scene, &along)
}

pub(super) fn over_cost(scene: &Scene<'_>) -> Chart {
    let end = scene.tables.segments.iter().map(|segment| segment.examples).sum::<u64>();
    let (unit, unit_name) = examples_unit(end as f64);
    let along = Along {
        name: "best-so-far-by-cost",
        title: "Best so far, over cost",
        label: format!("{unit_name}, all trials together"),
        unit,
        of: |row| row.study_examples as f64,
        end: end as f64,
        spent: format!("{} training examples", format::count(end)),
        caption: " Cost is counted in training examples, those of all trials together: unlike time it does not depend on the machine or the number of slots.",
    };
    chart(scene, &along)
}

fn chart(scene: &Scene<'_>, along: &Along) -> Chart {
    let tables = scene.tables;
    let x = |row: &RungRow| (along.of)(row) / along.unit;
    let mut rows: Vec<&RungRow> = tables.rungs.iter().filter(|row| !row.carried || row.rung + 1 == scene.rungs).collect();
    rows.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds));
    let (failed, valued): (Vec<&RungRow>, Vec<&RungRow>) = rows.into_iter().partition(|row| row.value.is_nan());
    let panel = Panel {
        left: 84.0,
        top: 110.0,
        right: RIGHT,
        bottom: HEIGHT - 58.0,
        x: Axis::linear(0.0, (along.end / along.unit).max(1e-6) * 1.01),
        y: panel::value_axis(valued.iter().map(|row| row.value), scene.objective),
        lane: (!failed.is_empty()).then_some("failed"),
        inactive_lane: false,
        text: 11.0,
    };
    let beyond = |row: &RungRow| panel::beyond(&panel.y, row.value, scene.objective);
    let subtitle = match scene.best.and_then(|best| tables.trials.get(best as usize)) {
        Some(best) => format!("Best: {}, after {}", scene.trial_name(best), along.spent),
        None => format!("No trial has a value yet, after {}", along.spent),
    };
    let mut drawing = titled(HEIGHT, along.title, &subtitle);
    panel.draw(&mut drawing, &along.label, &scene.value_label());
    let default = tables.trials.first().and_then(|trial| trial.final_value).filter(|value| value.is_finite());
    if let Some(value) = default {
        let y = panel.up(value);
        drawing.dashed(&[(panel.across(0.0), y), (panel.right, y)], Colour::Ink, 1.4);
    }
    let line: Vec<Point> = steps(&valued, x, along.end / along.unit).iter().map(|(x, value)| panel.at(*x, *value)).collect();
    drawing.line(&line, Colour::Best, 1.0, 3.0);
    let (size, alpha) = crowd(valued.len() + failed.len());
    for row in &valued {
        let mark = if beyond(row) {
            Mark::Beyond { up: panel.y.share(row.value) > 0.5 }
        } else if row.exceeds {
            Mark::Ring { colour: scene.rung_colour(row.rung) }
        } else {
            Mark::Dot { colour: scene.rung_colour(row.rung), alpha }
        };
        drawing.mark(panel.at(x(row), row.value), mark, size);
    }
    for row in &failed {
        drawing.mark((panel.across(x(row)), panel.in_lane(row.trial, failed.len())), Mark::Cross, size.max(2.8));
    }
    if let Some(row) = valued.iter().rfind(|row| scene.is_best(row.trial)) {
        drawing.mark(panel.at(x(row), row.value), Mark::Star, 4.4);
    }
    let mut legend = Legend::new("A value at");
    for (mark, name) in scene.rung_entries(|colour| Mark::Dot { colour, alpha: 1.0 }) {
        legend.entry(true, mark, name);
    }
    legend.entry(!line.is_empty(), Mark::Line { colour: Colour::Best, width: 3.0 }, "best at full length");
    legend.entry(scene.best.is_some(), Mark::Star, "best trial");
    legend.entry(default.is_some(), Mark::Dashes { colour: Colour::Ink }, "default recipe");
    legend.entry(valued.iter().any(|row| row.exceeds), Mark::Ring { colour: Colour::Faded }, "exceeds a constraint");
    legend.entry(!failed.is_empty(), Mark::Cross, "failed");
    legend.entry(valued.iter().any(|row| beyond(row)), Mark::Beyond { up: false }, "beyond the scale");
    legend.draw(&mut drawing, 104.0);
    Chart {
        name: along.name,
        title: along.title,
        alt: format!(
            "{} at rungs over {}, {} of trials that failed. {subtitle}.",
            format::counted(valued.len() as u64, "value"),
            along.spent,
            format::counted(failed.len() as u64, "mark")
        ),
        caption: format!(
            "Each dot is a trial's value when it reached a rung: the stronger its blue, the longer it had been trained. The orange line is the best value \
             at full length until then; values from lower rungs are usually worse, because they come after less training.{}",
            along.caption
        ),
        drawing,
    }
}

/// Corners of the line of the best full-length value.
fn steps(valued: &[&RungRow], x: impl Fn(&RungRow) -> f64, end: f64) -> Vec<Point> {
    let mut corners: Vec<Point> = Vec::new();
    for row in valued {
        let Some(best) = row.best_so_far else { continue };
        match corners.last().copied() {
            Some((_, before)) if before == best => {}
            Some((_, before)) => corners.extend([(x(row), before), (x(row), best)]),
            None => corners.push((x(row), best)),
        }
    }
    if let Some((_, last)) = corners.last().copied() {
        corners.push((end, last));
    }
    corners
}
