//! Every trial's curve, with the rungs.

use std::collections::BTreeMap;

use engine::state::Phase;
use search_spaces::settings::Rungs;

use super::{
    Chart, RIGHT,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    panel,
    panel::Panel,
    scene::{Scene, failed},
    surface::{Colour, Drawing, Horizontal, Point, Type, Vertical},
    titled,
};
use crate::{
    format,
    tables::{CurveRow, TrialRow},
};

const HEIGHT: f64 = 540.0;

/// A trial's evaluations as places along the horizontal axis and values.
type Curve = Vec<Point>;

pub(super) fn chart(scene: &Scene<'_>) -> Chart {
    let tables = scene.tables;
    let epochs = scene.epochs();
    let length = epochs.map_or(1.0, f64::from);
    let horizon = tables.ladder.last().copied().unwrap_or(1) as f64;
    let rungs: Vec<f64> = tables.ladder.iter().map(|examples| *examples as f64 / horizon * length).collect();
    let curves = curves(scene, length);
    let ranked = || curves.iter().flat_map(|(_, curve)| curve.iter().map(|(_, value)| *value));
    let first = curves.iter().filter_map(|(_, curve)| curve.first()).map(|(x, _)| *x).fold(f64::INFINITY, f64::min);
    // Many rungs crowd at the left of a straight axis.
    let x = if scene.rungs > 4 { Axis::log(first.min(rungs[0]) * 0.9, length * 1.02) } else { Axis::linear(0.0, length * 1.02) };
    let of = |phase: fn(&TrialRow) -> bool| tables.searched().filter(|trial| phase(trial)).count() as u64;
    let complete = of(|trial| trial.phase == Phase::Complete);
    let ended = of(|trial| matches!(trial.phase, Phase::Paused { .. }));
    let stopped = of(|trial| trial.phase == Phase::Complete && trial.stopped_early);
    let failures = scene.failures as u64;
    let at_a_rung = if tables.finished { "ended at a rung" } else { "waiting at a rung" };
    let subtitle = format!(
        "{}: {complete} complete, {ended} {at_a_rung}, {failures} failed",
        format::counted(tables.searched().count() as u64, "trial")
    );
    let panel = Panel {
        left: 84.0,
        top: 124.0,
        right: RIGHT,
        bottom: HEIGHT - 58.0,
        x,
        y: panel::value_axis(ranked(), scene.objective),
        lane: (failures > 0).then_some("failed"),
        inactive_lane: false,
        text: 11.0,
    };
    let x_label = if epochs.is_some() { "passes over the training data (epochs)" } else { "share of each trial's full length" };
    let mut drawing = titled(HEIGHT, "Learning curves", &subtitle);
    panel.draw(&mut drawing, x_label, "");
    drawing.text((panel.left, panel.top - 36.0), &scene.value_label(), Type::new(12.0));
    // Names of rungs that come too close are left out, that of the full length never.
    let style = Type::new(11.0).faded().anchored(Horizontal::Center, Vertical::Bottom);
    let mut free_to = f64::INFINITY;
    for (rung, &x) in rungs.iter().enumerate().rev() {
        let across = panel.across(x);
        drawing.dashed(&[(across, panel.top - 4.0), (across, panel.bottom)], scene.rung_colour(rung), 1.2);
        let name = scene.rung_name(rung);
        let half = style.width(&name) / 2.0;
        if across + half < free_to {
            drawing.text((across, panel.top - 9.0), &name, style);
            free_to = across - half - 6.0;
        }
    }
    draw_curves(&mut drawing, scene, &panel, &curves);
    let running = tables.searched().count() as u64 - complete - ended - failures;
    let mut legend = Legend::new("A curve ends");
    legend.entry(complete > stopped, Mark::Dot { colour: Colour::Rung(1.0), alpha: 1.0 }, "complete");
    legend.entry(stopped > 0, Mark::Square { colour: Colour::Rung(1.0) }, "stopped itself");
    legend.entry(ended > 0, Mark::Ring { colour: scene.rung_colour(scene.rungs / 2) }, at_a_rung);
    legend.entry(running > 0, Mark::Play, "running");
    legend.entry(failures > 0, Mark::Cross, "failed");
    legend.entry(scene.best.is_some(), Mark::Line { colour: Colour::Best, width: 3.0 }, "best trial");
    legend.entry(scene.marks_default(), Mark::Dashes { colour: Colour::Ink }, "default recipe");
    legend.entry(true, Mark::Dashes { colour: Colour::Faded }, "rungs");
    legend.draw(&mut drawing, 118.0);
    let equal_cost = match tables.rungs_of {
        Rungs::EqualData => "",
        Rungs::EqualCost => {
            " The rungs are of equal cost: they are drawn where a trial that trains every block reaches them, and others come to them later."
        }
    };
    let caption = "Dashed verticals are the rungs, where trials wait and only the best of them go on. A curve that ends in a ring came to that one; the stronger \
         its blue, the further. The best trial and the default recipe have their marks where they have the value they are ranked by. Failed trials have a cross in the lane below, at the last evaluation they reached.";
    Chart {
        name: "learning-curves",
        title: "Learning curves",
        alt: format!("Learning curves of {subtitle}."),
        caption: format!("{caption}{equal_cost}"),
        drawing,
    }
}

fn curves(scene: &Scene<'_>, length: f64) -> Vec<(u32, Curve)> {
    let metric = scene.objective.metric.name();
    let mut by_trial: BTreeMap<u32, Curve> = scene.tables.searched().map(|trial| (trial.number, Curve::new())).collect();
    for row in &scene.tables.curves {
        let Some(trial) = scene.tables.trials.get(row.trial as usize) else { continue };
        let x = row.step as f64 / trial.steps_full.max(1) as f64 * length;
        if let Some(curve) = by_trial.get_mut(&row.trial) {
            curve.push((x, value(row, metric)));
        }
    }
    by_trial.into_iter().collect()
}

fn value(row: &CurveRow, metric: &str) -> f64 {
    row.metrics.get(metric).copied().unwrap_or(f64::NAN)
}

/// Those that were ended early first, the default recipe and the best last.
fn draw_curves(drawing: &mut Drawing, scene: &Scene<'_>, panel: &Panel, curves: &[(u32, Curve)]) {
    let trials = &scene.tables.trials;
    let (alpha, width, crowd) = match curves.len() {
        0..=40 => (1.0, 1.5, 0.0),
        41..=200 => (0.45, 1.2, 0.8),
        _ => (0.12, 1.0, 0.4),
    };
    let special = |number: u32| number == 0 || scene.is_best(number);
    let mut plain: Vec<&(u32, Curve)> = curves.iter().filter(|(number, _)| !special(*number)).collect();
    plain.sort_by_key(|(number, _)| trials[*number as usize].rungs_reached);
    for (number, curve) in &plain {
        let trial = &trials[*number as usize];
        let colour = match trial.phase {
            Phase::Failed { .. } => Colour::Failed,
            _ => scene.trial_colour(trial),
        };
        // The few that went on stay visible among the many that did not.
        let further = trial.rungs_reached as f64 / scene.rungs.max(1) as f64;
        drawing.line(&finite(panel, curve), colour, alpha + (1.0 - alpha) * further * further * crowd, width);
    }
    let size = if curves.len() > 200 { 2.6 } else { 4.2 };
    for (number, curve) in &plain {
        end_mark(drawing, scene, panel, &trials[*number as usize], curve, size);
    }
    let default = curves.iter().find(|(number, _)| *number == 0 && scene.best != Some(0));
    let best = curves.iter().find(|(number, _)| Some(*number) == scene.best);
    if let Some((number, curve)) = default {
        drawing.dashed(&finite(panel, curve), Colour::Ink, 2.4);
        end_mark(drawing, scene, panel, &trials[*number as usize], curve, size);
    }
    if let Some((number, curve)) = best {
        drawing.line(&finite(panel, curve), Colour::Best, 1.0, 3.2);
        end_mark(drawing, scene, panel, &trials[*number as usize], curve, size);
    }
}

fn finite(panel: &Panel, curve: &Curve) -> Vec<Point> {
    curve.iter().filter(|(_, value)| value.is_finite()).map(|(x, value)| panel.at(*x, *value)).collect()
}

/// Where a trial has the value it is ranked by: with `keep: Best` that may be before its end.
fn kept<'a>(scene: &Scene<'_>, trial: &TrialRow, curve: &'a Curve) -> Option<&'a (f64, f64)> {
    let mut rows = scene.tables.curves.iter().filter(|row| row.trial == trial.number);
    let index = rows.position(|row| Some(row.step) == trial.best_step)?;
    curve.get(index).filter(|(_, value)| value.is_finite())
}

/// `size` is that of the marks of most trials.
fn end_mark(drawing: &mut Drawing, scene: &Scene<'_>, panel: &Panel, trial: &TrialRow, curve: &Curve, size: f64) {
    let last = curve.iter().rfind(|(_, value)| value.is_finite());
    let colour = scene.trial_colour(trial);
    if failed(trial) {
        let x = curve.last().map_or(f64::NEG_INFINITY, |(x, _)| *x);
        drawing.mark((panel.across(x), panel.in_lane(trial.number, scene.failures)), Mark::Cross, size.max(2.8));
        return;
    }
    let special = trial.number == 0 || Some(trial.number) == scene.best;
    let kept = if special { kept(scene, trial, curve) } else { None };
    let Some(&(x, value)) = kept.or(last) else { return };
    let size = if special { 4.2 } else { size };
    let mark = match trial.phase {
        _ if Some(trial.number) == scene.best => Mark::Star,
        _ if trial.number == 0 => Mark::Diamond,
        _ if panel::beyond(&panel.y, value, scene.objective) => Mark::Beyond { up: panel.y.share(value) > 0.5 },
        Phase::Complete if trial.stopped_early => Mark::Square { colour },
        Phase::Complete => Mark::Dot { colour, alpha: 1.0 },
        Phase::Active { .. } => Mark::Play,
        _ => Mark::Ring { colour },
    };
    drawing.mark(panel.at(x, value), mark, size);
}
