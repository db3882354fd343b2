//! How much each parameter has to do with being among the best.

use std::fmt::Write as _;

use super::{
    Chart, RIGHT,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    parameter_axis::brief,
    scene::Scene,
    surface::{Colour, Drawing, Horizontal, Type, Vertical},
    titled,
};
use crate::{format, importance::Importance};

const TOP: f64 = 88.0;
const LEFT: f64 = 250.0;
const ROW: f64 = 26.0;
const BAR: f64 = 15.0;
/// Room for a bar's figure.
const FIGURE: f64 = 44.0;
/// More would be unreadable; the tables have all of them.
const SHOWN: usize = 30;

/// `None` where too few trials are there to tell.
pub(super) fn chart(scene: &Scene<'_>) -> Option<Chart> {
    let mut rows: Vec<(&Importance, f64)> = scene.tables.importance.iter().filter_map(|row| Some((row, row.share?))).collect();
    if rows.is_empty() {
        return None;
    }
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    let left_out = rows.len().saturating_sub(SHOWN);
    rows.truncate(SHOWN);
    let beyond: Vec<String> = rows.iter().filter(|(row, _)| row.is_beyond_chance()).map(|(row, _)| brief(&row.path)).collect();
    let mut subtitle = match &beyond[..] {
        [] => "None matters more than chance alone would make it".to_owned(),
        _ => format!("More than chance alone would make: {}", beyond.join(", ")),
    };
    if left_out > 0 {
        let _ = write!(subtitle, "; {left_out} more are in the tables");
    }
    let ends = rows.iter().flat_map(|(row, share)| [Some(*share), row.chance]).flatten().filter(|share| share.is_finite());
    let axis = Axis::linear(0.0, ends.fold(0.05, f64::max));
    let across = |share: f64| LEFT + axis.share(share) * (RIGHT - LEFT - FIGURE);
    let bottom = TOP + ROW * rows.len() as f64;
    let mut legend = Legend::new("Importance");
    legend.entry(!beyond.is_empty(), Mark::Bar { colour: Colour::Rung(0.5) }, "beyond chance");
    legend.entry(beyond.len() < rows.len(), Mark::Bar { colour: Colour::Lost }, "may be chance");
    legend.entry(true, Mark::Dashes { colour: Colour::Ink }, "where chance ends");
    let mut drawing = titled((bottom + 58.0).max(TOP + legend.height() + 20.0), "Importance of parameters", &subtitle);
    for (value, _) in axis.ticks(6) {
        let x = across(value);
        drawing.line(&[(x, TOP), (x, bottom)], Colour::Grid, 1.0, 1.0);
        let under = Type::new(11.0).faded().anchored(Horizontal::Center, Vertical::Top);
        drawing.text((x, bottom + 8.0), &format::percent(value), under);
    }
    let under = Type::new(12.0).anchored(Horizontal::Center, Vertical::Top);
    drawing.text((f64::midpoint(LEFT, RIGHT - FIGURE), bottom + 30.0), "share of the importance of all parameters", under);
    for (place, (row, share)) in rows.iter().enumerate() {
        bar(&mut drawing, row, *share, TOP + (place as f64 + 0.5) * ROW, &across);
    }
    legend.draw(&mut drawing, TOP - 4.0);
    let shares: Vec<String> = rows.iter().map(|(row, share)| format!("{} {}", row.path, format::percent(*share))).collect();
    Some(Chart {
        name: "importance",
        title: "Importance of parameters",
        alt: format!("Importance by PED-ANOVA: {}. {subtitle}.", shares.join(", ")),
        caption: "How far a parameter's values among the best trials are spread otherwise than among all (PED-ANOVA). Bars that end before the dash could as well come from chance: \
             do not narrow the space by them. A parameter that only some trials have counts by the share of the best that have it."
            .to_owned(),
        drawing,
    })
}

fn bar(drawing: &mut Drawing, row: &Importance, share: f64, y: f64, across: &impl Fn(f64) -> f64) {
    let name = Type::new(11.5).anchored(Horizontal::Right, Vertical::Center);
    drawing.text((LEFT - 10.0, y), &name.fitted(&row.path, LEFT - 30.0), name);
    let colour = if row.is_beyond_chance() { Colour::Rung(0.5) } else { Colour::Lost };
    let end = across(share).max(LEFT + 1.0);
    drawing.rectangle((LEFT, y - BAR / 2.0), (end, y + BAR / 2.0), colour, 1.0);
    let chance = row.chance.map(across);
    if let Some(x) = chance {
        drawing.line(&[(x, y - BAR / 2.0 - 3.0), (x, y + BAR / 2.0 + 3.0)], Colour::Ground, 1.0, 4.0);
        drawing.dashed(&[(x, y - BAR / 2.0 - 3.0), (x, y + BAR / 2.0 + 3.0)], Colour::Ink, 1.6);
    }
    let after = chance.map_or(end, |chance| end.max(chance));
    drawing.text((after + 7.0, y), &format::percent(share), Type::new(11.0));
}
