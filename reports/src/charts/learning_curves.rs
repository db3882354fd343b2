//! Every trial's curve, with the rungs.

use std::collections::BTreeMap;

use engine::state::Phase;
use search_spaces::settings::Rungs;

use super::{
    Chart, LEGEND, Scene,
    axis::Axis,
    canvas::{Canvas, Horizontal, Type, Vertical},
    draw,
    marks::Mark,
    palette, panel,
    panel::Panel,
};
use crate::{
    ReportError, format,
    tables::{CurveRow, TrialRow},
};

const HEIGHT: u32 = 560;

/// A trial's evaluations as places along the horizontal axis and values.
type Curve = Vec<(f64, f64)>;

pub(super) fn chart(scene: &Scene<'_>) -> Result<Chart, ReportError> {
    let tables = scene.tables;
    // Where `epochs` is searched, a rung is the same share of each trial's own length.
    let epochs = tables.trials.first().map(|trial| trial.epochs);
    let same = tables.searched().all(|trial| Some(trial.epochs) == epochs);
    let length = if same { f64::from(epochs.unwrap_or(1)) } else { 1.0 };
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
    let failed = of(|trial| matches!(trial.phase, Phase::Failed { .. }));
    let at_a_rung = if tables.finished { "ended at a rung" } else { "waiting at a rung" };
    let subtitle = format!(
        "{}: {complete} complete, {ended} {at_a_rung}, {failed} failed",
        format::counted(tables.searched().count() as u64, "trial")
    );
    let panel = Panel {
        left: 84.0,
        top: 124.0,
        right: LEGEND - 40.0,
        bottom: f64::from(HEIGHT) - 62.0,
        x,
        y: panel::value_axis(ranked(), scene.objective),
        failed_lane: failed > 0,
        inactive_lane: false,
        text: 13.0,
    };
    let x_label = if same { "passes over the training data (epochs)" } else { "share of each trial's full length" };
    let png = draw("learning-curves", HEIGHT, "Learning curves", &subtitle, |canvas| {
        panel.draw(canvas, x_label, "");
        canvas.text((panel.left, panel.top - 32.0), &scene.value_label(), Type::new(14.0));
        for (rung, &x) in rungs.iter().enumerate() {
            let across = panel.across(x);
            canvas.dashed((across, panel.top - 4.0), (across, panel.bottom), scene.rung_colour(rung), 1.2);
            let name = if scene.rungs > 4 && rung + 1 < scene.rungs { rung.to_string() } else { scene.rung_name(rung) };
            let style = Type { colour: palette::FADED, ..Type::new(12.0) }.anchored(Horizontal::Center, Vertical::Bottom);
            canvas.text((across, panel.top - 8.0), &name, style);
        }
        draw_curves(canvas, scene, &panel, &curves);
        let running = tables.searched().count() as u64 - complete - ended - failed;
        let default = scene.best != Some(0);
        let entries = [
            (complete > 0, Mark::Dot { colour: scene.rung_colour(scene.rungs - 1), alpha: 1.0 }, "complete"),
            (ended > 0, Mark::Ring { colour: scene.rung_colour(scene.rungs / 2) }, at_a_rung),
            (running > 0, Mark::Play, "running"),
            (failed > 0, Mark::Cross, "failed"),
            (scene.best.is_some(), Mark::Line { colour: palette::BEST, width: 3.0 }, "best trial"),
            (default, Mark::Line { colour: palette::DEFAULT, width: 2.4 }, "default recipe"),
            (true, Mark::Dashes { colour: palette::FADED }, "rungs"),
        ];
        let shown = entries.into_iter().filter(|(shown, ..)| *shown);
        let entries: Vec<(Mark, String)> = shown.map(|(_, mark, words)| (mark, words.to_owned())).collect();
        canvas.legend((LEGEND, 130.0), "A curve ends", &entries);
    })?;
    let equal_cost = match tables.rungs_of {
        Rungs::EqualData => "",
        Rungs::EqualCost => {
            " The rungs are of equal cost: they are drawn where a trial that trains every block reaches them, and others come to them later."
        }
    };
    let caption = "Dashed verticals are the rungs, where trials wait and only the best of them go on. A curve that ends in a ring came to that one; the darker its \
         blue, the further. The best trial and the default recipe have their marks where they have the value they are ranked by. Failed trials have a cross in the lane below, at the last evaluation they reached.";
    Ok(Chart {
        name: "learning-curves",
        title: "Learning curves",
        alt: format!("Learning curves of {subtitle}."),
        caption: format!("{caption}{equal_cost}"),
        png,
    })
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
fn draw_curves(canvas: &mut Canvas<'_>, scene: &Scene<'_>, panel: &Panel, curves: &[(u32, Curve)]) {
    let trials = &scene.tables.trials;
    let (alpha, width, crowd) = match curves.len() {
        0..=40 => (1.0, 1.5, 0.0),
        41..=200 => (0.45, 1.2, 0.8),
        _ => (0.12, 1.0, 0.4),
    };
    let special = |number: u32| number == 0 || Some(number) == scene.best;
    let mut plain: Vec<&(u32, Curve)> = curves.iter().filter(|(number, _)| !special(*number)).collect();
    plain.sort_by_key(|(number, _)| trials[*number as usize].rungs_reached);
    for (number, curve) in &plain {
        let trial = &trials[*number as usize];
        let colour = match trial.phase {
            Phase::Failed { .. } => palette::FAILED,
            _ => scene.rung_colour(trial.rungs_reached.saturating_sub(1)),
        };
        // The few that went on stay visible among the many that did not.
        let further = trial.rungs_reached as f64 / scene.rungs.max(1) as f64;
        canvas.line(&finite(panel, curve), colour, alpha + (1.0 - alpha) * further * further * crowd, width);
    }
    for (number, curve) in &plain {
        end_mark(canvas, scene, panel, &trials[*number as usize], curve);
    }
    let default = curves.iter().find(|(number, _)| *number == 0 && scene.best != Some(0));
    let best = curves.iter().find(|(number, _)| Some(*number) == scene.best);
    for ((number, curve), colour, width) in
        default.map(|c| (c, palette::DEFAULT, 2.4)).into_iter().chain(best.map(|c| (c, palette::BEST, 3.2)))
    {
        canvas.line(&finite(panel, curve), colour, 1.0, width);
        end_mark(canvas, scene, panel, &trials[*number as usize], curve);
    }
}

fn finite(panel: &Panel, curve: &Curve) -> Vec<(f64, f64)> {
    curve.iter().filter(|(_, value)| value.is_finite()).map(|(x, value)| panel.at(*x, *value)).collect()
}

/// Where a trial has the value it is ranked by: with `keep: Best` that may be before its end.
fn kept<'a>(scene: &Scene<'_>, trial: &TrialRow, curve: &'a Curve) -> Option<&'a (f64, f64)> {
    let mut rows = scene.tables.curves.iter().filter(|row| row.trial == trial.number);
    let index = rows.position(|row| Some(row.step) == trial.best_step)?;
    curve.get(index).filter(|(_, value)| value.is_finite())
}

fn end_mark(canvas: &mut Canvas<'_>, scene: &Scene<'_>, panel: &Panel, trial: &TrialRow, curve: &Curve) {
    let size: f64 = if scene.tables.searched().count() > 200 { 2.6 } else { 4.2 };
    let last = curve.iter().rfind(|(_, value)| value.is_finite());
    let colour = scene.rung_colour(trial.rungs_reached.saturating_sub(1));
    if matches!(trial.phase, Phase::Failed { .. }) {
        let x = curve.last().map_or(f64::NEG_INFINITY, |(x, _)| *x);
        canvas.mark((panel.across(x), panel.failed()), Mark::Cross, size.max(3.4));
        return;
    }
    let special = trial.number == 0 || Some(trial.number) == scene.best;
    let Some(&(x, value)) = kept(scene, trial, curve).filter(|_| special).or(last) else { return };
    let size = if special { 4.2 } else { size };
    let mark = match trial.phase {
        _ if Some(trial.number) == scene.best => Mark::Star,
        _ if trial.number == 0 => Mark::Diamond,
        _ if panel::beyond(&panel.y, value, scene.objective) => Mark::Beyond { up: panel.y.share(value) > 0.5 },
        Phase::Complete => Mark::Dot { colour, alpha: 1.0 },
        Phase::Active { .. } => Mark::Play,
        _ => Mark::Ring { colour },
    };
    canvas.mark(panel.at(x, value), mark, size);
}
