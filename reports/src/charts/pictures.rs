//! Charts as the pictures that are written and embedded.

use rayon::prelude::{IntoParallelRefIterator, ParallelIterator};

use super::{Chart, Theme};
use crate::error::ReportError;

/// A chart in every form it has.
#[derive(Debug, Clone)]
pub struct Pictures {
    pub chart: Chart,
    /// By theme, in the order of [`Theme::ALL`].
    png: [Vec<u8>; 2],
    svg: [String; 2],
}

impl Pictures {
    pub fn png(&self, theme: Theme) -> &[u8] {
        &self.png[theme as usize]
    }

    pub fn svg(&self, theme: Theme) -> &str {
        &self.svg[theme as usize]
    }

    /// File names and contents.
    pub fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        Theme::ALL.into_iter().flat_map(|theme| {
            let [png, svg] = file_names(self.chart.name, theme);
            [(png, self.png(theme)), (svg, self.svg(theme).as_bytes())]
        })
    }
}

pub(super) fn file_names(chart: &str, theme: Theme) -> [String; 2] {
    ["png", "svg"].map(|kind| format!("{chart}{}.{kind}", theme.suffix()))
}

/// Draws all of them, as many at a time as there are threads.
pub fn pictures(charts: Vec<Chart>) -> Result<Vec<Pictures>, ReportError> {
    let tasks: Vec<(&Chart, Theme)> = charts.iter().flat_map(|chart| Theme::ALL.map(|theme| (chart, theme))).collect();
    let drawn: Vec<(Vec<u8>, String)> =
        tasks.par_iter().map(|(chart, theme)| Ok((chart.png(*theme)?, chart.svg(*theme)?))).collect::<Result<_, ReportError>>()?;
    let mut drawn = drawn.into_iter();
    let of = |chart: Chart| {
        let (light, dark) = (drawn.next()?, drawn.next()?);
        Some(Pictures { chart, png: [light.0, dark.0], svg: [light.1, dark.1] })
    };
    Ok(charts.into_iter().filter_map(of).collect())
}
