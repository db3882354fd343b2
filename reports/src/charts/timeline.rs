//! What ran on which slot, when.

use super::{
    Chart, LEGEND, Scene,
    axis::Axis,
    canvas::{Canvas, Horizontal, Type, Vertical},
    draw,
    marks::Mark,
    palette, time_unit,
};
use crate::{
    ReportError, format,
    tables::{End, SegmentRow},
};

const ROW: f64 = 46.0;
const BAR: f64 = 30.0;
const LEFT: f64 = 110.0;
const TOP: f64 = 96.0;

pub(super) fn chart(scene: &Scene<'_>) -> Result<Chart, ReportError> {
    let tables = scene.tables;
    let mut slots: Vec<&str> = tables.segments.iter().map(|segment| segment.slot.as_str()).collect();
    slots.sort_unstable();
    slots.dedup();
    let (unit, unit_name) = time_unit(tables.active_seconds);
    let bottom = TOP + slots.len().max(1) as f64 * ROW;
    let entries = entries(scene);
    let legend_bottom = TOP + 22.0 * (entries.len() as f64 + 1.5);
    let height = (bottom + 66.0).max(legend_bottom) as u32;
    let right = LEGEND - 40.0;
    let axis = Axis::linear(0.0, (tables.active_seconds / unit).max(1e-6));
    let across = |seconds: f64| LEFT + axis.share(seconds / unit) * (right - LEFT);
    let busy: f64 = tables.segments.iter().map(|segment| segment.to_seconds - segment.from_seconds).sum();
    let share = busy / (tables.active_seconds * slots.len() as f64);
    let segments = format::counted(tables.segments.len() as u64, "segment");
    let time = format::duration(tables.active_seconds);
    let subtitle =
        if share.is_finite() { format!("{segments} in {time}; slots busy {} of it", format::percent(share.min(1.0))) } else { segments };
    let png = draw("timeline", height, "Time line of slots", &subtitle, |canvas| {
        for (value, label) in axis.ticks(8) {
            let x = across(value * unit);
            canvas.line(&[(x, TOP), (x, bottom)], palette::GRID, 1.0, 1.0);
            canvas.text((x, bottom + 8.0), &label, Type::new(13.0).faded().anchored(Horizontal::Center, Vertical::Top));
        }
        let label = Type::new(14.0).anchored(Horizontal::Center, Vertical::Top);
        canvas.text((f64::midpoint(LEFT, right), bottom + 28.0), &format!("active time, {unit_name}"), label);
        for (row, slot) in slots.iter().enumerate() {
            let y = TOP + (row as f64 + 0.5) * ROW;
            let name = canvas.fitted(slot, Type::new(13.0), LEFT - 34.0);
            canvas.text((LEFT - 10.0, y), &name, Type::new(13.0).anchored(Horizontal::Right, Vertical::Center));
            for segment in tables.segments.iter().filter(|segment| segment.slot == *slot) {
                bar(canvas, scene, segment, (across(segment.from_seconds), across(segment.to_seconds)), y);
            }
        }
        for at in &tables.breaks {
            let x = across(*at);
            canvas.dashed((x, TOP - 8.0), (x, bottom), palette::INK, 1.4);
        }
        canvas.legend((LEGEND, TOP + 6.0), "Training to", &entries);
    })?;
    let caption = "A bar is a segment: one trial's training from one rung to the next, with the trial's number where it fits. Active time leaves out breaks of over \
         a minute in which nothing ran.";
    Ok(Chart {
        name: "timeline",
        title: "Time line of slots",
        alt: format!("What ran on {}: {subtitle}.", format::counted(slots.len() as u64, "slot")),
        caption: caption.to_owned(),
        png,
    })
}

fn entries(scene: &Scene<'_>) -> Vec<(Mark, String)> {
    let mut entries = scene.rung_legend(|colour| Mark::Bar { colour });
    let any = |end: End| scene.tables.segments.iter().any(|segment| segment.end == end);
    for (end, colour, words) in [(End::Failed, palette::FAILED, "failed"), (End::Lost, palette::LOST, "lost, ran again")] {
        if any(end) {
            entries.push((Mark::Hatched { colour }, words.to_owned()));
        }
    }
    if scene.tables.segments.iter().any(|segment| segment.parent.is_some()) {
        entries.push((Mark::Bar { colour: palette::AGAIN }, "again, other seed".to_owned()));
    }
    if any(End::Running) {
        entries.push((Mark::Bar { colour: palette::RUNNING }, "running".to_owned()));
    }
    if !scene.tables.breaks.is_empty() {
        entries.push((Mark::Dashes { colour: palette::INK }, "continued later".to_owned()));
    }
    entries
}

fn bar(canvas: &mut Canvas<'_>, scene: &Scene<'_>, segment: &SegmentRow, (from, to): (f64, f64), y: f64) {
    // At least a hair, so that nothing is left out; a gap between neighbours where there is room for it.
    let to = if to - from > 3.0 { to - 0.8 } else { to.max(from + 0.5) };
    let (top, bottom) = (y - BAR / 2.0, y + BAR / 2.0);
    let again = segment.parent.is_some();
    let colour = if again { palette::AGAIN } else { scene.rung_colour(segment.rung) };
    let on_dark = !again && (segment.rung * 2 >= scene.rungs || scene.rungs == 1);
    let ink = match segment.end {
        End::Completed | End::Running if on_dark => palette::WHITE,
        _ => palette::INK,
    };
    match segment.end {
        End::Completed => canvas.rectangle((from, top), (to, bottom), colour, 1.0),
        End::Running => canvas.rectangle((from, top), (to, bottom), palette::RUNNING, 1.0),
        End::Failed => canvas.hatched((from, top), (to, bottom), palette::FAILED),
        End::Lost => canvas.hatched((from, top), (to, bottom), palette::LOST),
    }
    let style = Type { colour: if segment.end == End::Running { palette::WHITE } else { ink }, ..Type::new(12.0) };
    let number = segment.parent.unwrap_or(segment.trial).to_string();
    if canvas.width(&number, style) + 6.0 <= to - from {
        canvas.text((f64::midpoint(from, to), y), &number, style.anchored(Horizontal::Center, Vertical::Center));
    }
}
