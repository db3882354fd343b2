//! Charts as PNG. Every number in them stands in a table.

mod axis;
mod best_so_far;
mod canvas;
mod learning_curves;
mod marks;
mod palette;
mod panel;
mod parameters;
mod timeline;
mod trade_off;

use plotters::style::RGBColor;
use search_spaces::settings::Objective;

use crate::{
    error::ReportError,
    format,
    tables::{Tables, TrialRow},
};

use canvas::{Canvas, Type};
use marks::Mark;

/// A drawn chart and the words that go with it.
#[derive(Debug, Clone)]
pub struct Chart {
    /// The file's name without `.png`.
    pub name: &'static str,
    pub title: &'static str,
    /// What it shows, for those who do not see it.
    pub alt: String,
    /// How to read it.
    pub caption: String,
    pub png: Vec<u8>,
}

/// All charts of a study with at least one trial; none otherwise.
pub fn all(tables: &Tables, objective: Objective) -> Result<Vec<Chart>, ReportError> {
    if tables.trials.is_empty() {
        return Ok(Vec::new());
    }
    let scene = Scene::new(tables, objective);
    let mut charts = vec![best_so_far::chart(&scene)?, learning_curves::chart(&scene)?];
    if !tables.parameters.is_empty() {
        charts.push(parameters::chart(&scene)?);
    }
    if let Some(second) = tables.second {
        charts.extend(trade_off::chart(&scene, second)?);
    }
    charts.push(timeline::chart(&scene)?);
    Ok(charts)
}

/// What every chart needs to know.
struct Scene<'a> {
    tables: &'a Tables,
    objective: Objective,
    /// The first of the leaderboard, if it has a value.
    best: Option<u32>,
    rungs: usize,
}

/// Logical pixels: all charts are as wide, and have their legend in a column of their own on the right.
const WIDTH: u32 = 1080;
const LEGEND: f64 = 880.0;

impl<'a> Scene<'a> {
    fn new(tables: &'a Tables, objective: Objective) -> Scene<'a> {
        let best = tables.leaderboard.first().filter(|row| row.value.is_some_and(f64::is_finite)).map(|row| row.trial);
        Scene { tables, objective, best, rungs: tables.ladder.len() }
    }

    /// `accuracy on the validation split`, with the direction where it is not the usual one.
    fn value_label(&self) -> String {
        let name = self.objective.metric.name();
        match name {
            "loss" => "loss on the validation split (lower is better)".to_owned(),
            _ => format!("{name} on the validation split"),
        }
    }

    fn show(&self, value: f64) -> String {
        format::metric(self.objective.metric, value)
    }

    fn rung_colour(&self, rung: usize) -> RGBColor {
        palette::rung(rung, self.rungs)
    }

    /// `rung 1 (593 examples)`; the last is the full length.
    fn rung_name(&self, rung: usize) -> String {
        if rung + 1 == self.rungs { "full length".to_owned() } else { format!("rung {rung}") }
    }

    fn rung_legend(&self, mark: impl Fn(RGBColor) -> Mark) -> Vec<(Mark, String)> {
        (0..self.rungs).map(|rung| (mark(self.rung_colour(rung)), self.rung_name(rung))).collect()
    }

    /// `trial 7 (0.912)`.
    fn trial_name(&self, trial: &TrialRow) -> String {
        let value = trial.last_value().map_or_else(|| "no value".to_owned(), |value| self.show(value));
        format!("trial {} ({value})", trial.number)
    }
}

/// A chart with its title; everything else is painted on it.
fn draw(name: &'static str, height: u32, title: &str, subtitle: &str, paint: impl FnOnce(&mut Canvas<'_>)) -> Result<Vec<u8>, ReportError> {
    let drawn = canvas::draw(WIDTH, height, |canvas| {
        canvas.text((24.0, 30.0), title, Type::new(20.0).bold());
        canvas.text((24.0, 55.0), subtitle, Type::new(14.0).faded());
        paint(canvas);
    });
    drawn.map_err(|reason| ReportError::Chart { chart: name, reason })
}

/// Seconds in the unit that reads best up to `total`: what to divide by, and its name.
fn time_unit(total: f64) -> (f64, &'static str) {
    match total {
        _ if total < 240.0 => (1.0, "seconds"),
        _ if total < 4.0 * 3600.0 => (60.0, "minutes"),
        _ => (3600.0, "hours"),
    }
}

/// A place in [-0.5, 0.5] that spreads neighbours apart, the same for the same trial every time (the golden ratio's multiples).
fn jitter(trial: u32) -> f64 {
    (f64::from(trial) * 0.618_033_988_749_895 + 0.5).fract() - 0.5
}

/// Many marks are drawn smaller and paler, so that a thousand still show where they are dense.
fn crowd(trials: usize) -> (f64, f64) {
    match trials {
        0..=40 => (4.4, 1.0),
        41..=200 => (3.4, 0.85),
        _ => (2.5, 0.6),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use engine::{record::StudyRecord, state::Phase};
    use search_spaces::{
        goals::Constraint,
        settings::{Direction, Metric},
    };

    use super::*;
    use crate::testing::{running_record, sample_record, with_goals};

    fn charts(record: &StudyRecord) -> Vec<Chart> {
        all(&Tables::new(record), record.state.objective).unwrap()
    }

    fn colours(chart: &Chart) -> BTreeSet<[u8; 3]> {
        let image = image::load_from_memory(&chart.png).unwrap().to_rgb8();
        assert_eq!(image.width(), 2 * WIDTH, "{}", chart.name);
        assert!(image.height() > 300, "{}", chart.name);
        image.pixels().map(|pixel| pixel.0).collect()
    }

    #[test]
    fn charts_of_one_some_and_many_trials_are_drawn() {
        for trials in [1, 12, 300] {
            let found = charts(&sample_record(trials, 3, 1));
            assert_eq!(
                found.iter().map(|chart| chart.name).collect::<Vec<_>>(),
                ["best-so-far", "learning-curves", "parameters", "timeline"]
            );
            for chart in &found {
                // White, text, grid and at least the colours of three rungs, each with its smoothed edges.
                assert!(colours(chart).len() > 40, "{} of {trials}", chart.name);
            }
        }
    }

    #[test]
    fn failed_trials_are_shown() {
        let has_failed = |chart: &Chart| colours(chart).contains(&[palette::FAILED.0, palette::FAILED.1, palette::FAILED.2]);
        assert!(charts(&sample_record(12, 3, 1)).iter().all(has_failed));
        assert!(!charts(&sample_record(1, 3, 1)).iter().any(has_failed));
    }

    #[test]
    fn a_second_objective_has_a_chart_of_its_own() {
        let mut record = sample_record(40, 3, 1);
        with_goals(&mut record, vec![Constraint::GroupGap(0.045)]);
        let found = charts(&record);
        let trade_off = found.iter().find(|chart| chart.name == "trade-off").unwrap();
        assert!(colours(trade_off).len() > 40);
        let front: Vec<u32> = record.state.front();
        assert!(front.iter().all(|trial| trade_off.alt.contains(&format!("trial {trial}: "))), "{}", trade_off.alt);
        // Nobody keeps it: all are drawn, and there is no front.
        with_goals(&mut record, vec![Constraint::TrainableParameters(1)]);
        let alone = charts(&record);
        assert!(colours(alone.iter().find(|chart| chart.name == "trade-off").unwrap()).len() > 20);
        // No trial has been trained in full.
        for trial in 0..record.state.trials().len() {
            record.state.change(trial as u32, |trial| (trial.values, trial.phase) = (vec![0.5], Phase::Paused { rung: 0 }));
        }
        assert!(charts(&record).iter().all(|chart| chart.name != "trade-off"));
    }

    #[test]
    fn odd_studies_are_drawn_too() {
        let mut all_failed = sample_record(4, 2, 1);
        for trial in 0..all_failed.state.trials().len() {
            all_failed.state.change(trial as u32, |trial| (trial.values, trial.phase) = (vec![f64::NAN], Phase::Failed { rung: 0 }));
        }
        let mut without_segments = sample_record(6, 6, 1);
        without_segments.segments.clear();
        without_segments.evaluations.clear();
        let mut loss = sample_record(30, 2, 1);
        loss.state.objective = Objective { metric: Metric::Loss, direction: Direction::Minimize };
        let mut endless = sample_record(12, 1, 1);
        endless.state.change(5, |trial| trial.values = vec![f64::INFINITY]);
        let mut other_lengths = sample_record(12, 3, 1);
        other_lengths.state.change(4, |trial| Arc::make_mut(&mut trial.config).epochs = 7);
        let mut no_parameters = sample_record(3, 1, 1);
        no_parameters.space.parameters.clear();
        for record in [all_failed, without_segments, loss, endless, other_lengths, running_record(12, 3, 1)] {
            assert!(charts(&record).iter().all(|chart| colours(chart).len() > 20));
        }
        assert_eq!(charts(&no_parameters).len(), 3);
        assert!(charts(&sample_record(0, 3, 1)).is_empty());
    }
}
