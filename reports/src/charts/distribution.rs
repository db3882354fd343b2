//! How values are distributed at each rung.

use super::{
    Chart, RIGHT,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    panel,
    panel::Panel,
    scene::Scene,
    surface::{Colour, Point},
    titled,
};
use crate::{format, tables::RungRow};
use search_spaces::settings::Direction;

const HEIGHT: f64 = 460.0;

/// The trials that set out for a rung: those with a value there, best first, and how many have failed.
struct Rung {
    values: Vec<f64>,
    failed: usize,
}

impl Rung {
    fn of(scene: &Scene<'_>, rung: usize) -> Rung {
        let here = || scene.tables.rungs.iter().filter(|row| row.rung == rung);
        let mut values: Vec<f64> = here().map(|row: &RungRow| row.value).filter(|value| !value.is_nan()).collect();
        values.sort_by(|a, b| scene.objective.cost(*a).total_cmp(&scene.objective.cost(*b)));
        Rung { failed: here().count() - values.len(), values }
    }

    fn trials(&self) -> usize {
        self.values.len() + self.failed
    }

    /// Corners from the best value to the worst: the share of the trials that are at least that good.
    fn corners(&self) -> Vec<Point> {
        let all = self.trials().max(1) as f64;
        let steps = (0u32..)
            .zip(&self.values)
            .flat_map(|(before, value)| [(*value, f64::from(before) / all), (*value, f64::from(before + 1) / all)]);
        steps.collect()
    }
}

pub(super) fn chart(scene: &Scene<'_>) -> Chart {
    let rungs: Vec<Rung> = (0..scene.rungs).map(|rung| Rung::of(scene, rung)).collect();
    let y_text = "share of the trials that are at least as good";
    let panel = Panel {
        left: 84.0,
        top: 104.0,
        right: RIGHT,
        bottom: HEIGHT - 58.0,
        x: panel::value_axis(rungs.iter().flat_map(|rung| rung.values.iter().copied()), scene.objective),
        y: Axis::linear(0.0, 1.0),
        lane: None,
        inactive_lane: false,
        text: 11.0,
    };
    let top = rungs.last().map_or(0, |rung| rung.values.len());
    let failed = rungs.iter().map(|rung| rung.failed).sum::<usize>();
    let median = |values: &[f64]| values.get(values.len() / 2).copied();
    let full = rungs.last().map(|rung| &rung.values[..]).unwrap_or_default();
    let subtitle = match (full.first(), median(full)) {
        (Some(best), Some(median)) => format!(
            "{} with a final value: the best {}, the median {}",
            format::counted(top as u64, "trial"),
            scene.show(*best),
            scene.show(median)
        ),
        _ => "No trial has a final value yet".to_owned(),
    };
    let mut drawing = titled(HEIGHT, "Distribution of values", &subtitle);
    panel.draw(&mut drawing, &scene.value_label(), y_text);
    let worst = match scene.objective.direction {
        Direction::Maximize => panel.left,
        Direction::Minimize => panel.right,
    };
    let mut legend = Legend::new("Trials at");
    let default = scene.tables.trials.first().and_then(|trial| trial.final_value).filter(|value| value.is_finite());
    if let Some(value) = default {
        let x = panel.across(value);
        drawing.dashed(&[(x, panel.top), (x, panel.bottom)], Colour::Ink, 1.4);
    }
    for (index, rung) in rungs.iter().enumerate() {
        let colour = scene.rung_colour(index);
        let width = if index + 1 == scene.rungs { 2.8 } else { 1.8 };
        let mut line: Vec<Point> = rung.corners().iter().map(|(value, share)| panel.at(*value, *share)).collect();
        if let Some((_, y)) = line.last().copied() {
            // What failed is worse than any value: the line never reaches 1.
            line.push((worst, y));
            if rung.failed > 0 {
                drawing.mark((worst, y), Mark::Cross, 4.2);
            }
        } else if rung.failed > 0 {
            drawing.mark((worst, panel.up(0.0)), Mark::Cross, 4.2);
        }
        drawing.line(&line, colour, 1.0, width);
        if let (true, Some((x, y))) = (rung.values.len() <= 12, line.first()) {
            drawing.mark((*x, *y), Mark::Dot { colour, alpha: 1.0 }, 3.0);
        }
        legend.entry(true, Mark::Line { colour, width }, format!("{} ({})", scene.rung_name(index), format::count(rung.trials() as u64)));
    }
    if let Some(best) = scene.best.and_then(|best| scene.tables.trials.get(best as usize)).and_then(|best| best.final_value) {
        drawing.mark((panel.across(best), panel.bottom - 9.0), Mark::Star, 4.4);
        legend.entry(true, Mark::Star, "best trial");
    }
    legend.entry(default.is_some(), Mark::Dashes { colour: Colour::Ink }, "default recipe");
    legend.entry(failed > 0, Mark::Cross, "the rest has failed");
    legend.draw(&mut drawing, 98.0);
    let by_rung: Vec<String> = rungs
        .iter()
        .enumerate()
        .map(|(index, rung)| {
            let middle = median(&rung.values).map_or_else(|| "no value".to_owned(), |value| format!("median {}", scene.show(value)));
            format!("{}: {}, {} failed, {middle}", scene.rung_name(index), format::counted(rung.trials() as u64, "trial"), rung.failed)
        })
        .collect();
    Chart {
        name: "distribution",
        title: "Distribution of values",
        alt: format!("Distribution of the values at each rung. {}.", by_rung.join("; ")),
        caption: "A line is a rung: go up from a value to read which share of the trials there is at least that good. A steep piece is where many trials are alike; \
             where the line of the full length ends far beyond the default recipe, the search has paid. Failed trials count as worse than any value, so a line that ends in a cross stays below 1."
            .to_owned(),
        drawing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_rise_with_every_value_and_leave_room_for_the_failed() {
        let rung = Rung { values: vec![0.9, 0.8, 0.8], failed: 1 };
        assert_eq!(rung.corners(), [(0.9, 0.0), (0.9, 0.25), (0.8, 0.25), (0.8, 0.5), (0.8, 0.5), (0.8, 0.75)]);
        assert_eq!(Rung { values: vec![], failed: 2 }.corners(), []);
    }
}
