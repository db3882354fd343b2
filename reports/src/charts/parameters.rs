//! Each parameter against the objective, in a panel of its own.

use engine::state::Phase;

use super::{
    Chart, LEGEND, Scene,
    axis::Axis,
    canvas::{Canvas, Type},
    crowd, draw, jitter,
    marks::Mark,
    palette, panel,
    panel::Panel,
};
use crate::{
    ReportError,
    parameters::{Cell, ParameterColumn, Scale},
    tables::TrialRow,
};

const COLUMNS: usize = 3;
/// More would be unreadable; the tables have all of them.
const SHOWN: usize = 30;
const PANEL_HEIGHT: f64 = 236.0;

pub(super) fn chart(scene: &Scene<'_>) -> Result<Chart, ReportError> {
    let tables = scene.tables;
    let shown = &tables.parameters[..tables.parameters.len().min(SHOWN)];
    let columns = COLUMNS.min(shown.len());
    let rows = shown.len().div_ceil(columns);
    let left_out = tables.parameters.len() - shown.len();
    let subtitle = match left_out {
        0 => scene.value_label(),
        more => format!("{}; {more} more parameters are in the tables", scene.value_label()),
    };
    let height = (110.0 + rows as f64 * PANEL_HEIGHT).max(330.0) as u32;
    let values = || tables.searched().filter(|trial| !failed(trial)).filter_map(TrialRow::last_value);
    let y = panel::value_axis(values(), scene.objective);
    let any_beyond = values().any(|value| panel::beyond(&y, value, scene.objective));
    let any_failed = tables.searched().any(failed);
    let png = draw("parameters", height, "Parameters", &subtitle, |canvas| {
        let width = (LEGEND - 24.0) / columns as f64;
        for (index, parameter) in shown.iter().enumerate() {
            let (row, column) = (index / columns, index % columns);
            let left = 24.0 + column as f64 * width;
            let top = 84.0 + row as f64 * PANEL_HEIGHT;
            let name = canvas.fitted(&parameter.path, Type::new(13.0).bold(), width - 24.0);
            canvas.text((left, top + 8.0), &name, Type::new(13.0).bold());
            let panel = Panel {
                left: left + 46.0,
                top: top + 30.0,
                right: left + width - 24.0,
                bottom: top + PANEL_HEIGHT - 40.0,
                x: axis(parameter),
                y: y.clone(),
                failed_lane: any_failed,
                inactive_lane: parameter.cells.contains(&Cell::Inactive),
                text: 11.5,
            };
            panel.draw(canvas, "", "");
            dots(canvas, scene, &panel, parameter);
        }
        let mut entries = scene.rung_legend(|colour| Mark::Dot { colour, alpha: 1.0 });
        if scene.best.is_some() {
            entries.push((Mark::Star, "best trial".to_owned()));
        }
        if scene.best != Some(0) {
            entries.push((Mark::Diamond, "default recipe".to_owned()));
        }
        if tables.searched().any(|trial| trial.exceeded.is_some_and(|share| share > 0.0)) {
            entries.push((Mark::Ring { colour: palette::FADED }, "exceeds a constraint".to_owned()));
        }
        if any_failed {
            entries.push((Mark::Cross, "failed".to_owned()));
        }
        if any_beyond {
            entries.push((Mark::Beyond { up: false }, "beyond the scale".to_owned()));
        }
        canvas.legend((LEGEND, 98.0), "Trained to", &entries);
    })?;
    let caption = "A dot is a trial's last value against one of its parameters. Compare dots of one colour: they come after equal training. In the grey lane \
         on the left are trials that do not have the parameter (momentum under AdamW, say); in the lane below, those that failed.";
    Ok(Chart {
        name: "parameters",
        title: "Parameters",
        alt: format!(
            "{} against the {} searched parameters: {}.",
            scene.value_label(),
            shown.len(),
            shown.iter().map(|parameter| parameter.path.as_str()).collect::<Vec<_>>().join(", ")
        ),
        caption: caption.to_owned(),
        png,
    })
}

fn failed(trial: &TrialRow) -> bool {
    matches!(trial.phase, Phase::Failed { .. })
}

/// The domain, widened to recipes that lie outside it. A few integers are names, so that their dots can be spread.
fn axis(parameter: &ParameterColumn) -> Axis {
    const FEW: f64 = 9.0;
    let numbers = || parameter.cells.iter().filter_map(|cell| if let Cell::Number(value) = cell { Some(*value) } else { None });
    let lowest = |low: f64| numbers().fold(low, f64::min);
    let highest = |high: f64| numbers().fold(high, f64::max);
    match &parameter.scale {
        Scale::Linear { low, high } | Scale::Log { low, high } if parameter.integer && highest(*high) - lowest(*low) < FEW => {
            Axis::Names((lowest(*low) as i64..=highest(*high) as i64).map(|value| value.to_string()).collect())
        }
        Scale::Linear { low, high } => {
            let (low, high) = (lowest(*low), highest(*high));
            let air = (high - low) * 0.04;
            Axis::linear(low - air, high + air)
        }
        Scale::Log { low, high } => {
            let (low, high) = (lowest(*low), highest(*high));
            let air = if low > 0.0 { (high / low).powf(0.04) } else { 1.0 };
            Axis::log(low / air, high * air)
        }
        Scale::Categories(labels) => {
            let mut names = labels.clone();
            for cell in &parameter.cells {
                if let Cell::Category(label) = cell
                    && !names.contains(label)
                {
                    names.push(label.clone());
                }
            }
            Axis::Names(names)
        }
    }
}

fn dots(canvas: &mut Canvas<'_>, scene: &Scene<'_>, panel: &Panel, parameter: &ParameterColumn) {
    let trials = scene.tables.searched();
    let (size, alpha) = crowd(trials.clone().count());
    let size = size * 0.9;
    let strip = match &panel.x {
        Axis::Names(names) => 0.6 * (panel.right - panel.left) / names.len().max(1) as f64,
        _ => 0.0,
    };
    let special = |trial: &TrialRow| trial.number == 0 || Some(trial.number) == scene.best;
    // The least trained first, so that they do not hide the others; the best and the default recipe last.
    let mut order: Vec<&TrialRow> = trials.collect();
    order.sort_by_key(|trial| (special(trial), Some(trial.number) == scene.best, trial.rungs_reached, trial.number));
    for trial in order {
        let Some(cell) = parameter.cells.get(trial.number as usize) else { continue };
        let in_strip = |names: &[String], label: &str| {
            let index = names.iter().position(|name| name == label).unwrap_or(0);
            panel.across(index as f64) + jitter(trial.number) * strip.min(90.0)
        };
        let x = match (cell, &panel.x) {
            (Cell::Inactive, _) => panel.inactive(jitter(trial.number)),
            (Cell::Number(value), Axis::Names(names)) => in_strip(names, &value.to_string()),
            (Cell::Number(value), _) => panel.across(*value),
            (Cell::Category(label), Axis::Names(names)) => in_strip(names, label),
            (Cell::Category(_), _) => continue,
        };
        let (y, mark) = match trial.last_value() {
            _ if failed(trial) => (panel.failed(), Mark::Cross),
            Some(value) if value.is_finite() => {
                let mark = match () {
                    () if Some(trial.number) == scene.best => Mark::Star,
                    () if trial.number == 0 => Mark::Diamond,
                    () if panel::beyond(&panel.y, value, scene.objective) => Mark::Beyond { up: panel.y.share(value) > 0.5 },
                    () if trial.exceeded.is_some_and(|share| share > 0.0) => {
                        Mark::Ring { colour: scene.rung_colour(trial.rungs_reached.saturating_sub(1)) }
                    }
                    () => Mark::Dot { colour: scene.rung_colour(trial.rungs_reached.saturating_sub(1)), alpha },
                };
                (panel.up(value), mark)
            }
            _ => continue,
        };
        let size = if matches!(mark, Mark::Dot { .. } | Mark::Beyond { .. }) { size } else { size.max(3.4) };
        canvas.mark((x, y), mark, size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_outside_the_domain_is_still_on_the_axis() {
        let column = |scale: Scale, cells: Vec<Cell>| ParameterColumn { path: "x".to_owned(), scale, integer: false, cells };
        let outside = axis(&column(Scale::Log { low: 1e-5, high: 1e-3 }, vec![Cell::Number(1e-2)]));
        assert!(outside.share(1e-2) < 1.0 && outside.share(1e-3) < 0.8, "{outside:?}");
        let Axis::Names(names) = axis(&column(Scale::Categories(vec!["a".to_owned()]), vec![Cell::Category("b".to_owned())])) else {
            panic!("not an axis of names")
        };
        assert_eq!(names, ["a", "b"]);
        let few = ParameterColumn { integer: true, ..column(Scale::Linear { low: 1.0, high: 3.0 }, vec![Cell::Number(4.0)]) };
        assert_eq!(axis(&few), Axis::Names(["1", "2", "3", "4"].map(str::to_owned).into()));
    }
}
