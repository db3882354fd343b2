//! What ran on which slot, when.

use super::{
    Chart, RIGHT,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    scene::{Scene, time_unit},
    surface::{Colour, Drawing, Horizontal, Point, Type, Vertical},
    titled,
};
use crate::{
    format,
    tables::{End, SegmentRow},
};

/// What the rows of many slots share.
const ROWS: f64 = 900.0;
const LEFT: f64 = 110.0;
const TOP: f64 = 88.0;

pub(super) fn chart(scene: &Scene<'_>) -> Chart {
    let tables = scene.tables;
    let mut slots: Vec<&str> = tables.segments.iter().map(|segment| segment.slot.as_str()).collect();
    slots.sort_unstable();
    slots.dedup();
    let (unit, unit_name) = time_unit(tables.active_seconds);
    let row = (ROWS / slots.len().max(1) as f64).clamp(8.0, 44.0);
    let bottom = TOP + slots.len().max(1) as f64 * row;
    let legend = legend(scene);
    let height = (bottom + 58.0).max(TOP + legend.height() + 20.0);
    let right = RIGHT;
    let axis = Axis::linear(0.0, (tables.active_seconds / unit).max(1e-6));
    let across = |seconds: f64| LEFT + axis.share(seconds / unit) * (right - LEFT);
    let busy: f64 = tables.segments.iter().map(|segment| segment.to_seconds - segment.from_seconds).sum();
    let share = busy / (tables.active_seconds * slots.len() as f64);
    let segments = format::counted(tables.segments.len() as u64, "segment");
    let time = format::duration(tables.active_seconds);
    let subtitle =
        if share.is_finite() { format!("{segments} in {time}; slots busy {} of it", format::percent(share.min(1.0))) } else { segments };
    let mut drawing = titled(height, "Time line of slots", &subtitle);
    for (value, label) in axis.ticks(8) {
        let x = across(value * unit);
        drawing.line(&[(x, TOP), (x, bottom)], Colour::Grid, 1.0, 1.0);
        drawing.text((x, bottom + 8.0), &label, Type::new(11.0).faded().anchored(Horizontal::Center, Vertical::Top));
    }
    let label = Type::new(12.0).anchored(Horizontal::Center, Vertical::Top);
    drawing.text((f64::midpoint(LEFT, right), bottom + 30.0), &format!("active time, {unit_name}"), label);
    let beside = Type::new(11.0).anchored(Horizontal::Right, Vertical::Center);
    for (index, slot) in slots.iter().enumerate() {
        let y = TOP + (index as f64 + 0.5) * row;
        // Low rows have a name only now and then.
        if row >= 14.0 || index.is_multiple_of((14.0 / row).ceil() as usize) {
            drawing.text((LEFT - 10.0, y), &beside.fitted(slot, LEFT - 24.0), beside);
        }
        for segment in tables.segments.iter().filter(|segment| segment.slot == *slot) {
            let (from, to) = (across(segment.from_seconds), across(segment.to_seconds));
            bar(&mut drawing, scene, segment, ((from, y - row * 0.34), (to, y + row * 0.34)));
        }
    }
    for at in &tables.breaks {
        let x = across(*at);
        drawing.dashed(&[(x, TOP - 8.0), (x, bottom)], Colour::Ink, 1.4);
    }
    legend.draw(&mut drawing, TOP - 4.0);
    Chart {
        name: "timeline",
        title: "Time line of slots",
        alt: format!("What ran on {}: {subtitle}.", format::counted(slots.len() as u64, "slot")),
        caption: "A bar is a segment: one trial's training from one rung to the next, with the trial's number where it fits. Gaps are slots that had nothing to do. \
             Active time leaves out breaks of over a minute in which nothing ran."
            .to_owned(),
        drawing,
    }
}

fn legend(scene: &Scene<'_>) -> Legend {
    let segments = &scene.tables.segments;
    let any = |end: End| segments.iter().any(|segment| segment.end == end);
    let mut legend = Legend::new("Training to");
    for (mark, name) in scene.rung_entries(|colour| Mark::Bar { colour }) {
        legend.entry(true, mark, name);
    }
    legend.entry(any(End::Failed), Mark::Hatched { colour: Colour::Failed }, "failed");
    legend.entry(any(End::Lost), Mark::Hatched { colour: Colour::Lost }, "lost, ran again");
    legend.entry(segments.iter().any(|segment| segment.parent.is_some()), Mark::Bar { colour: Colour::Again }, "again, other seed");
    legend.entry(any(End::Running), Mark::Bar { colour: Colour::Running }, "running");
    legend.entry(!scene.tables.breaks.is_empty(), Mark::Dashes { colour: Colour::Ink }, "continued later");
    legend
}

fn bar(drawing: &mut Drawing, scene: &Scene<'_>, segment: &SegmentRow, ((from, top), (to, bottom)): (Point, Point)) {
    // At least a hair, so that nothing is left out; a gap between neighbours where there is room for it.
    let to = if to - from > 3.0 { to - 0.8 } else { to.max(from + 0.5) };
    let style = Type::new(11.0).anchored(Horizontal::Center, Vertical::Center);
    let colour = match segment.end {
        End::Running => Colour::Running,
        _ if segment.parent.is_some() => Colour::Again,
        _ => scene.rung_colour(segment.rung),
    };
    let style = match segment.end {
        End::Completed | End::Running => {
            drawing.rectangle((from, top), (to, bottom), colour, 1.0);
            style.over(colour)
        }
        End::Failed | End::Lost => {
            drawing.hatched((from, top), (to, bottom), if segment.end == End::Failed { Colour::Failed } else { Colour::Lost });
            style
        }
    };
    let number = segment.parent.unwrap_or(segment.trial).to_string();
    if style.width(&number) + 6.0 <= to - from && bottom - top >= 12.0 {
        drawing.text((f64::midpoint(from, to), f64::midpoint(top, bottom)), &number, style);
    }
}
