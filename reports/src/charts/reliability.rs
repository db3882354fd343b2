//! Whether the best trial is right as often as it believes to be.

use super::{
    Chart, RIGHT,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    panel::Panel,
    scene::Scene,
    surface::{Colour, Drawing, Horizontal, Type, Vertical},
    titled,
};
use crate::{format, quality::Bin, tables::Predicted};

const TOP: f64 = 104.0;
const HIGH: f64 = 340.0;
/// Of the panel of counts below.
const COUNTS: f64 = 90.0;
const APART: f64 = 34.0;
const LEFT: f64 = 84.0;

/// `None` where no predictions are known.
pub(super) fn chart(scene: &Scene<'_>) -> Option<Chart> {
    let predicted = &scene.tables.predicted;
    let of = predicted.of_best()?;
    let figures = of.found.as_ref().ok()?;
    let bins: Vec<&Bin> = Predicted::of(&predicted.calibration, of.trial, of.split).filter(|bin| bin.right.of > 0).collect();
    if bins.is_empty() {
        return None;
    }
    let accuracy = figures.accuracy.value().unwrap_or(f64::NAN);
    let subtitle = format!(
        "Trial {} on the {} split: calibration error {:.3}; mean confidence {:.3}, accuracy {accuracy:.3}: {}",
        of.trial,
        of.split.name(),
        figures.calibration_error,
        figures.confidence,
        figures.leaning().words()
    );
    let panel = |top: f64, bottom: f64, y: Axis| Panel {
        left: LEFT,
        top,
        right: RIGHT,
        bottom,
        x: Axis::linear(0.0, 1.0),
        y,
        lane: None,
        inactive_lane: false,
        text: 11.0,
    };
    let upper = panel(TOP, TOP + HIGH, Axis::linear(0.0, 1.0));
    let most = bins.iter().map(|bin| bin.right.of).max().unwrap_or(1);
    let lower = panel(TOP + HIGH + APART, TOP + HIGH + APART + COUNTS, Axis::linear(0.0, most as f64 * 1.05));
    let mut drawing = titled(lower.bottom + 58.0, "Reliability diagram", &subtitle);
    draw_bins(&mut drawing, &upper, &bins);
    lower.draw(&mut drawing, "confidence: probability of the class predicted", "");
    // Below the labels of the ticks above.
    drawing.text((LEFT, lower.top - 2.0), "examples", Type::new(12.0).anchored(Horizontal::Left, Vertical::Bottom));
    for bin in &bins {
        let (from, to) = (lower.at(bin.above, bin.right.of as f64), lower.at(bin.up_to, 0.0));
        drawing.rectangle((from.0 + 1.0, from.1.min(to.1 - 1.0)), (to.0 - 1.0, to.1), Colour::Rung(0.5), 1.0);
    }
    let mut legend = Legend::new("By confidence");
    legend.entry(true, Mark::Bar { colour: Colour::Rung(0.5) }, "share that is right");
    legend.entry(true, Mark::Line { colour: Colour::Ink, width: 1.6 }, "its 95 % interval");
    legend.entry(true, Mark::Dot { colour: Colour::Best, alpha: 1.0 }, "mean confidence");
    legend.entry(true, Mark::Dashes { colour: Colour::Faded }, "as sure as right");
    legend.draw(&mut drawing, TOP - 6.0);
    let of_bins = bins.iter().filter_map(|bin| {
        let right = format::percent(bin.right.value()?);
        Some(format!("of {} with a confidence of {:.2} to {:.2}, {right} right", format::count(bin.right.of), bin.above, bin.up_to))
    });
    Some(Chart {
        name: "reliability",
        title: "Reliability diagram",
        alt: format!("{subtitle}. Examples: {}.", of_bins.collect::<Vec<_>>().join("; ")),
        caption: "A bar is a bin of confidence: it is as high as the share of its examples that are predicted right. Where it ends below the dashed line, the probabilities claim too \
             much; above it, too little. The calibration error is how far both are apart, over all bins by their examples. Bins with few examples have wide intervals."
            .to_owned(),
        drawing,
    })
}

fn draw_bins(drawing: &mut Drawing, panel: &Panel, bins: &[&Bin]) {
    panel.draw(drawing, "", "share that is predicted right");
    for bin in bins {
        let Some(share) = bin.right.value() else { continue };
        let (from, to) = (panel.at(bin.above, share), panel.at(bin.up_to, 0.0));
        drawing.rectangle((from.0 + 1.0, from.1.min(to.1 - 1.0)), (to.0 - 1.0, to.1), Colour::Rung(0.5), 1.0);
    }
    drawing.dashed(&[panel.at(0.0, 0.0), panel.at(1.0, 1.0)], Colour::Faded, 1.6);
    for bin in bins {
        let middle = panel.across(f64::midpoint(bin.above, bin.up_to));
        if let Some((low, high)) = bin.right.interval() {
            let (low, high) = (panel.up(low), panel.up(high));
            // Seen over the bar and over the ground.
            drawing.line(&[(middle, low), (middle, high)], Colour::Ground, 1.0, 3.6);
            drawing.line(&[(middle, low), (middle, high)], Colour::Ink, 1.0, 1.6);
            for end in [low, high] {
                drawing.line(&[(middle - 4.0, end), (middle + 4.0, end)], Colour::Ink, 1.0, 1.6);
            }
        }
        if let Some(confidence) = bin.confidence {
            let at = panel.at(confidence, confidence);
            drawing.mark(at, Mark::Dot { colour: Colour::Ground, alpha: 1.0 }, 4.4);
            drawing.mark(at, Mark::Dot { colour: Colour::Best, alpha: 1.0 }, 3.4);
        }
    }
}
