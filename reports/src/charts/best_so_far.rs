//! The best full-length value over time, and every value that came in.

use super::{Chart, LEGEND, Scene, axis::Axis, crowd, draw, marks::Mark, palette, panel, panel::Panel, time_unit};
use crate::{ReportError, tables::RungRow};

const HEIGHT: u32 = 500;

pub(super) fn chart(scene: &Scene<'_>) -> Result<Chart, ReportError> {
    let tables = scene.tables;
    let (unit, unit_name) = time_unit(tables.active_seconds);
    let time = |seconds: f64| seconds / unit;
    let mut rows: Vec<&RungRow> = tables.rungs.iter().filter(|row| !row.carried || row.rung + 1 == scene.rungs).collect();
    rows.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds));
    let (failed, valued): (Vec<&RungRow>, Vec<&RungRow>) = rows.into_iter().partition(|row| row.value.is_nan());
    let panel = Panel {
        left: 84.0,
        top: 110.0,
        right: LEGEND - 40.0,
        bottom: f64::from(HEIGHT) - 62.0,
        x: Axis::linear(0.0, time(tables.active_seconds).max(1e-6) * 1.01),
        y: panel::value_axis(valued.iter().map(|row| row.value), scene.objective),
        failed_lane: !failed.is_empty(),
        inactive_lane: false,
        text: 13.0,
    };
    let default = tables.trials.first().and_then(|trial| trial.final_value);
    let subtitle = match scene.best.and_then(|best| tables.trials.get(best as usize)) {
        Some(best) => format!("Best: {}", scene.trial_name(best)),
        None => "No trial has a value yet".to_owned(),
    };
    let steps = steps(&valued, tables.active_seconds);
    let png = draw("best-so-far", HEIGHT, "Best so far", &subtitle, |canvas| {
        panel.draw(canvas, &format!("active time, {unit_name}"), &scene.value_label());
        if let Some(value) = default.filter(|value| value.is_finite()) {
            let y = panel.up(value);
            canvas.dashed((panel.across(0.0), y), (panel.right, y), palette::DEFAULT, 1.4);
        }
        let (size, alpha) = crowd(valued.len() + failed.len());
        for row in &valued {
            let at = panel.at(time(row.at_seconds), row.value);
            let mark = if panel::beyond(&panel.y, row.value, scene.objective) {
                Mark::Beyond { up: panel.y.share(row.value) > 0.5 }
            } else if row.exceeds {
                Mark::Ring { colour: scene.rung_colour(row.rung) }
            } else {
                Mark::Dot { colour: scene.rung_colour(row.rung), alpha }
            };
            canvas.mark(at, mark, size);
        }
        for row in &failed {
            canvas.mark((panel.across(time(row.at_seconds)), panel.failed()), Mark::Cross, 4.2);
        }
        let line: Vec<(f64, f64)> = steps.iter().map(|(seconds, value)| panel.at(time(*seconds), *value)).collect();
        canvas.line(&line, palette::BEST, 1.0, 3.0);
        if let Some(row) = valued.iter().rfind(|row| Some(row.trial) == scene.best) {
            canvas.mark(panel.at(time(row.at_seconds), row.value), Mark::Star, 4.4);
        }
        let mut entries = scene.rung_legend(|colour| Mark::Dot { colour, alpha: 1.0 });
        if !line.is_empty() {
            entries.push((Mark::Line { colour: palette::BEST, width: 3.0 }, "best at full length".to_owned()));
        }
        if scene.best.is_some() {
            entries.push((Mark::Star, "best trial".to_owned()));
        }
        if default.is_some() {
            entries.push((Mark::Dashes { colour: palette::DEFAULT }, "default recipe".to_owned()));
        }
        if valued.iter().any(|row| row.exceeds) {
            entries.push((Mark::Ring { colour: palette::FADED }, "exceeds a constraint".to_owned()));
        }
        if !failed.is_empty() {
            entries.push((Mark::Cross, "failed".to_owned()));
        }
        if valued.iter().any(|row| panel::beyond(&panel.y, row.value, scene.objective)) {
            entries.push((Mark::Beyond { up: false }, "beyond the scale".to_owned()));
        }
        canvas.legend((LEGEND, 116.0), "A value at", &entries);
    })?;
    let caption = "Each dot is a trial's value when it reached a rung: the darker, the longer it had been trained. The orange line is the best value at \
         full length until then; values from lower rungs are usually worse, because they come after less training.";
    Ok(Chart {
        name: "best-so-far",
        title: "Best so far",
        alt: format!(
            "{} values at rungs over {:.0} {unit_name} of active time, {} failed trials. {subtitle}.",
            valued.len(),
            time(tables.active_seconds),
            failed.len()
        ),
        caption: caption.to_owned(),
        png,
    })
}

/// Corners of the line of the best full-length value.
fn steps(valued: &[&RungRow], end: f64) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for row in valued {
        let Some(best) = row.best_so_far else { continue };
        match corners.last().copied() {
            Some((_, before)) if before == best => {}
            Some((_, before)) => corners.extend([(row.at_seconds, before), (row.at_seconds, best)]),
            None => corners.push((row.at_seconds, best)),
        }
    }
    if let Some((_, last)) = corners.last().copied() {
        corners.push((end, last));
    }
    corners
}
