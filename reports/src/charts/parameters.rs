//! Each parameter against the objective, in a panel of its own.

use super::{
    Chart, LEGEND,
    legend::Legend,
    marks::Mark,
    panel,
    panel::{Panel, UPRIGHT},
    parameter_axis,
    scene::{Scene, crowd, exceeds, failed, jitter},
    surface::{Colour, Drawing, Type},
    titled,
};
use crate::{
    parameters::{Cell, ParameterColumn},
    tables::TrialRow,
};

const COLUMNS: usize = 3;
/// More would be unreadable; the tables have all of them.
const SHOWN: usize = 30;
const TOP: f64 = 76.0;
const LEFT: f64 = 24.0;
const PANEL_HEIGHT: f64 = 232.0;

pub(super) fn chart(scene: &Scene<'_>) -> Chart {
    let tables = scene.tables;
    let shown = &tables.parameters[..tables.parameters.len().min(SHOWN)];
    let left_out = tables.parameters.len() - shown.len();
    let subtitle = match left_out {
        0 => scene.value_label(),
        more => format!("{}; {more} more parameters are in the tables", scene.value_label()),
    };
    let values = || tables.searched().filter(|trial| !failed(trial)).filter_map(TrialRow::last_value);
    let y = panel::value_axis(values(), scene.objective);
    let any_failed = scene.failures > 0;
    let panel = |parameter: &ParameterColumn| Panel {
        left: 0.0,
        top: 0.0,
        right: 0.0,
        bottom: 0.0,
        x: parameter_axis::axis(parameter),
        y: y.clone(),
        lane: any_failed.then_some("failed"),
        inactive_lane: parameter.cells.contains(&Cell::Inactive),
        text: 10.5,
    };
    let mut legend = Legend::new("Trained to");
    for (mark, name) in scene.rung_entries(|colour| Mark::Dot { colour, alpha: 1.0 }) {
        legend.entry(true, mark, name);
    }
    legend.entry(scene.best.is_some(), Mark::Star, "best trial");
    legend.entry(scene.marks_default(), Mark::Diamond, "default recipe");
    legend.entry(tables.searched().any(exceeds), Mark::Ring { colour: Colour::Faded }, "exceeds a constraint");
    legend.entry(any_failed, Mark::Cross, "failed");
    legend.entry(values().any(|value| panel::beyond(&y, value, scene.objective)), Mark::Beyond { up: false }, "beyond the scale");
    let (panels, bottom) = laid_out(shown.iter().map(panel).collect());
    let mut drawing = titled(bottom.max(TOP + legend.height() + 24.0), "Parameters", &subtitle);
    for (panel, parameter) in panels.iter().zip(shown) {
        let bold = Type::new(11.5).bold();
        drawing.text((panel.left - 34.0, panel.top - 20.0), &bold.fitted(&parameter.path, panel.right - panel.left + 34.0), bold);
        panel.draw(&mut drawing, "", "");
        dots(&mut drawing, scene, panel, parameter);
    }
    legend.draw(&mut drawing, TOP + 4.0);
    Chart {
        name: "parameters",
        title: "Parameters",
        alt: format!(
            "{} against the {} searched parameters: {}.",
            scene.value_label(),
            shown.len(),
            shown.iter().map(|parameter| parameter.path.as_str()).collect::<Vec<_>>().join(", ")
        ),
        caption: "A dot is a trial's last value against one of its parameters. Compare dots of one colour: they come after equal training. In the grey lane on \
             the left are trials that do not have the parameter (momentum under AdamW, say); in the lane below, those that failed."
            .to_owned(),
        drawing,
    }
}

/// Gives the panels their places, and says where the last ends. One whose names would have to stand gets a row of its own.
fn laid_out(mut panels: Vec<Panel>) -> (Vec<Panel>, f64) {
    let columns = COLUMNS.min(panels.len().max(1));
    let width = (LEGEND - LEFT - 8.0) / columns as f64;
    let (mut column, mut top, mut bottom) = (0, TOP, TOP);
    for panel in &mut panels {
        let place = |panel: &mut Panel, from: usize, columns: usize, top: f64| {
            panel.left = LEFT + from as f64 * width + 44.0;
            panel.right = LEFT + (from + columns) as f64 * width - 20.0;
            panel.top = top + 34.0;
            panel.bottom = top + PANEL_HEIGHT - 30.0;
        };
        place(panel, column, 1, top);
        let wide = panel.names_stand();
        if column == columns || (wide && column > 0) {
            (column, top) = (0, bottom);
        }
        place(panel, column, if wide { columns } else { 1 }, top);
        let below = if panel.names_stand() { UPRIGHT } else { 0.0 };
        bottom = top + PANEL_HEIGHT + below;
        column += 1;
        if wide {
            (column, top) = (0, bottom);
        }
    }
    (panels, bottom)
}

fn dots(drawing: &mut Drawing, scene: &Scene<'_>, panel: &Panel, parameter: &ParameterColumn) {
    const WIDEST: f64 = 45.0;
    let trials = scene.tables.searched();
    let (size, alpha) = crowd(trials.clone().count());
    let size = size * 0.9;
    let special = |trial: &TrialRow| trial.number == 0 || scene.is_best(trial.number);
    // The least trained first, so that they do not hide the others; the best and the default recipe last.
    let mut order: Vec<&TrialRow> = trials.collect();
    order.sort_by_key(|trial| (special(trial), scene.is_best(trial.number), trial.rungs_reached, trial.number));
    let (start, end) = panel.ends();
    for trial in order {
        let Some(cell) = parameter.cells.get(trial.number as usize) else { continue };
        let x = match parameter_axis::share(&panel.x, cell) {
            Some((share, spread)) => start + share * (end - start) + 2.0 * jitter(trial.number) * (spread * (end - start)).min(WIDEST),
            None => panel.inactive(jitter(trial.number)),
        };
        let (y, mark) = match trial.last_value() {
            _ if failed(trial) => (panel.in_lane(trial.number, scene.failures), Mark::Cross),
            Some(value) if value.is_finite() => {
                let colour = scene.trial_colour(trial);
                let mark = match () {
                    () if scene.is_best(trial.number) => Mark::Star,
                    () if trial.number == 0 => Mark::Diamond,
                    () if panel::beyond(&panel.y, value, scene.objective) => Mark::Beyond { up: panel.y.share(value) > 0.5 },
                    () if exceeds(trial) => Mark::Ring { colour },
                    () => Mark::Dot { colour, alpha },
                };
                (panel.up(value), mark)
            }
            _ => continue,
        };
        let size = match mark {
            Mark::Dot { .. } | Mark::Beyond { .. } => size,
            Mark::Cross => size.max(2.6),
            _ => size.max(3.4),
        };
        drawing.mark((x, y), mark, size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::axis::Axis;

    #[test]
    fn long_names_get_a_row_of_their_own() {
        let panel = |names: usize| Panel {
            left: 0.0,
            top: 0.0,
            right: 0.0,
            bottom: 0.0,
            x: Axis::Names((0..names).map(|k| format!("an option with a long name {k}")).collect()),
            y: Axis::linear(0.0, 1.0),
            lane: None,
            inactive_lane: false,
            text: 10.0,
        };
        let (panels, bottom) = laid_out([1, 40, 1, 1, 1, 1].map(panel).into());
        let rows: Vec<usize> = panels.iter().map(|one| panels.iter().filter(|other| other.top == one.top).count()).collect();
        assert_eq!(rows, [1, 1, 3, 3, 3, 1]);
        assert!(panels[1].right - panels[1].left > 700.0 && bottom > panels[5].bottom);
        assert!(panels.windows(2).all(|pair| pair[1].top >= pair[0].bottom || pair[1].left > pair[0].right));
    }
}
