//! Charts: each is one drawing, which comes out as PNG and SVG in a light and in a dark theme. Every number in them stands in a table.

mod axis;
mod best_so_far;
mod confusion;
mod contour;
mod distribution;
mod funnel;
mod groups;
mod importance;
mod learning_curves;
mod legend;
mod marks;
mod panel;
mod parallel;
mod parameter_axis;
mod parameters;
mod pictures;
mod reliability;
mod saved;
mod scene;
mod schedule;
mod surface;
mod timeline;
mod trade_off;

#[cfg(test)]
mod tests;

use search_spaces::settings::Objective;

use crate::{error::ReportError, tables::Tables};

use scene::Scene;
use surface::{Drawing, Type};

pub use pictures::{Pictures, pictures};
pub use surface::Theme;

/// A chart and the words that go with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Of its files, without the theme and what stands behind the dot.
    pub name: &'static str,
    pub title: &'static str,
    /// What it shows, for those who do not see it.
    pub alt: String,
    /// How to read it.
    pub caption: String,
    drawing: Drawing,
}

impl Chart {
    /// The same bytes for the same study.
    pub fn png(&self, theme: Theme) -> Result<Vec<u8>, ReportError> {
        self.drawing.png(theme).map_err(|reason| ReportError::Chart { chart: self.name, reason })
    }

    /// The same text for the same study.
    pub fn svg(&self, theme: Theme) -> Result<String, ReportError> {
        self.drawing.svg(theme, self.title, &self.alt).map_err(|reason| ReportError::Chart { chart: self.name, reason })
    }
}

/// All charts of a study with at least one trial, in the order they are read; none otherwise.
pub fn all(tables: &Tables, objective: Objective) -> Vec<Chart> {
    if tables.trials.is_empty() {
        return Vec::new();
    }
    let scene = Scene::new(tables, objective);
    let mut charts = vec![
        best_so_far::over_time(&scene),
        best_so_far::over_cost(&scene),
        learning_curves::chart(&scene),
        funnel::chart(&scene),
        distribution::chart(&scene),
        saved::chart(&scene),
    ];
    charts.extend(importance::chart(&scene));
    charts.extend(contour::chart(&scene));
    if !tables.parameters.is_empty() {
        charts.extend([parameters::chart(&scene), parallel::chart(&scene)]);
    }
    charts.extend(schedule::chart(&scene));
    if let Some(second) = tables.second {
        charts.extend(trade_off::chart(&scene, second));
    }
    charts.extend(confusion::chart(&scene));
    charts.extend(reliability::chart(&scene));
    charts.extend(groups::chart(&scene));
    charts.push(timeline::chart(&scene));
    charts
}

/// Charts that not every study has, or had from its beginning.
const OPTIONAL: [&str; 9] =
    ["importance", "contour", "parameters", "parallel-coordinates", "schedule", "trade-off", "confusion", "reliability", "groups"];

/// The files of charts that are not among `drawn`: an earlier state of the study may have left them.
pub(crate) fn left_over(drawn: &[Pictures]) -> Vec<String> {
    let missing = OPTIONAL.into_iter().filter(|name| drawn.iter().all(|pictures| pictures.chart.name != *name));
    missing.flat_map(|name| Theme::ALL.into_iter().flat_map(move |theme| pictures::file_names(name, theme))).collect()
}

/// Logical pixels: all charts are as wide, and have their legend in a column of their own on the right.
const WIDTH: u32 = 1080;
const LEGEND: f64 = 872.0;
/// Where the panels end on the right.
const RIGHT: f64 = LEGEND - 32.0;

/// A surface with a chart's title.
fn titled(height: f64, title: &str, subtitle: &str) -> Drawing {
    let room = f64::from(WIDTH) - 48.0;
    let mut drawing = Drawing::new(WIDTH, height.ceil() as u32);
    let (large, small) = (Type::new(17.0).bold(), Type::new(12.5).faded());
    drawing.text((24.0, 28.0), &large.fitted(title, room), large);
    drawing.text((24.0, 54.0), &small.fitted(subtitle, room), small);
    drawing
}
