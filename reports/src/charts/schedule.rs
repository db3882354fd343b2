//! The learning rate of each block of the best trial while it trained, and when which block was thawed.

use std::ops::Range;

use super::{
    Chart, RIGHT,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    panel::Panel,
    scene::{Scene, examples_unit},
    surface::{Colour, Drawing, Horizontal, Point, Type, Vertical},
    titled,
};
use crate::{format, tables::LearningRateRow};

const TOP: f64 = 104.0;
/// Of the panel of rates.
const HIGH: f64 = 260.0;
const LEFT: f64 = 110.0;
/// Between the panel and the blocks' lanes.
const APART: f64 = 26.0;
/// What the lanes of many blocks share.
const LANES: f64 = 320.0;

/// A block's learning rates, by training examples seen; frozen is `None`.
struct Block<'a> {
    name: &'a str,
    rates: Vec<(f64, Option<f64>)>,
}

/// `None` before the best trial has an evaluation.
pub(super) fn chart(scene: &Scene<'_>) -> Option<Chart> {
    let rows = &scene.tables.learning_rates;
    let trial = rows.first()?.trial;
    let blocks = blocks(rows);
    let end = rows.iter().map(|row| row.examples).max().unwrap_or(1).max(1) as f64;
    let (unit, unit_name) = examples_unit(end);
    let highest = rows.iter().filter_map(|row| row.learning_rate).filter(|rate| rate.is_finite()).fold(0.0, f64::max);
    let lane = (LANES / blocks.len() as f64).clamp(9.0, 22.0);
    let lanes_top = TOP + HIGH + APART;
    let bottom = lanes_top + lane * blocks.len() as f64;
    let panel = Panel {
        left: LEFT,
        top: TOP,
        right: RIGHT,
        bottom: TOP + HIGH,
        x: Axis::linear(0.0, end / unit),
        y: Axis::linear(0.0, if highest > 0.0 { highest * 1.06 } else { 1.0 }),
        lane: None,
        inactive_lane: false,
        text: 11.0,
    };
    let always = blocks.iter().filter(|block| block.rates.iter().all(|(_, rate)| rate.is_some())).count();
    let never = blocks.iter().filter(|block| block.rates.iter().all(|(_, rate)| rate.is_none())).count();
    let subtitle = format!(
        "Trial {trial}: of {} {always} trained from the first evaluation on, {never} never; highest learning rate {}",
        format::counted(blocks.len() as u64, "block"),
        format::number(highest)
    );
    let groups = groups(&blocks);
    let mut drawing = titled(bottom + 58.0, "Course of the best trial", &subtitle);
    frame(&mut drawing, &panel, bottom, unit_name);
    for (members, _) in &groups {
        let colour = colour(&groups, members.start);
        for piece in pieces(&blocks[members.start], unit) {
            let points: Vec<Point> = piece.iter().map(|(x, rate)| panel.at(*x, *rate)).collect();
            drawing.line(&points, colour, 1.0, 2.2);
            for point in points.iter().filter(|_| points.len() <= 24) {
                drawing.mark(*point, Mark::Dot { colour, alpha: 1.0 }, 2.4);
            }
        }
    }
    lanes(&mut drawing, (&blocks, &groups), &panel, (lanes_top, lane), unit);
    let mut legend = Legend::new("Learning rate of");
    for (members, name) in groups.iter().rev() {
        legend.entry(true, Mark::Line { colour: colour(&groups, members.start), width: 2.4 }, name.clone());
    }
    legend.entry(never > 0 || always < blocks.len(), Mark::Pale { colour: Colour::Lane }, "frozen");
    legend.draw(&mut drawing, TOP - 6.0);
    Some(Chart {
        name: "schedule",
        title: "Course of the best trial",
        alt: format!("{subtitle}. {}", described(&blocks)),
        caption: "Above: the learning rate of each block at every evaluation, one line for blocks that have the same throughout. Below: a lane a block, the lowest block \
             at the bottom; it is filled while the block trains and empty while it is frozen."
            .to_owned(),
        drawing,
    })
}

/// Lowest first.
fn blocks(rows: &[LearningRateRow]) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for row in rows {
        let point = (row.examples as f64, row.learning_rate);
        match blocks.iter_mut().find(|block| block.name == row.block) {
            Some(block) => block.rates.push(point),
            None => blocks.push(Block { name: &row.block, rates: vec![point] }),
        }
    }
    blocks
}

/// Neighbours that have the same rates throughout, with a name for all; those that never train are none.
fn groups(blocks: &[Block<'_>]) -> Vec<(Range<usize>, String)> {
    let mut groups = Vec::new();
    let mut depth = 0;
    for run in blocks.chunk_by(|a, b| a.rates == b.rates) {
        if run.iter().any(|block| block.rates.iter().any(|(_, rate)| rate.is_some())) {
            let name = match run {
                [one] => one.name.to_owned(),
                [first, .., last] => format!("{} to {}", first.name, last.name),
                [] => String::new(),
            };
            groups.push((depth..depth + run.len(), name));
        }
        depth += run.len();
    }
    groups
}

/// That of the group the block is in; the deeper, the paler.
fn colour(groups: &[(Range<usize>, String)], depth: usize) -> Colour {
    let group = groups.iter().position(|(blocks, _)| blocks.contains(&depth)).unwrap_or(0);
    Colour::rung(group, groups.len())
}

/// Lines without what lies between, where the block is frozen.
fn pieces(block: &Block<'_>, unit: f64) -> Vec<Vec<Point>> {
    let thawed = block.rates.split(|(_, rate)| rate.is_none()).filter(|piece| !piece.is_empty());
    thawed
        .map(|piece| piece.iter().filter_map(|(examples, rate)| Some((examples / unit, rate.filter(|rate| rate.is_finite())?))).collect())
        .collect()
}

fn frame(drawing: &mut Drawing, panel: &Panel, bottom: f64, unit: &str) {
    let small = Type::new(11.0).faded();
    for (value, label) in panel.y.ticks(6) {
        let y = panel.up(value);
        drawing.line(&[(panel.left, y), (panel.right, y)], Colour::Grid, 1.0, 1.0);
        drawing.text((panel.left - 7.0, y), &label, small.anchored(Horizontal::Right, Vertical::Center));
    }
    for (value, label) in panel.x.ticks(8) {
        let x = panel.across(value);
        drawing.line(&[(x, panel.top), (x, bottom)], Colour::Grid, 1.0, 1.0);
        drawing.text((x, bottom + 8.0), &label, small.anchored(Horizontal::Center, Vertical::Top));
    }
    let label = Type::new(12.0);
    drawing.text((panel.left, panel.top - 14.0), "learning rate", label.anchored(Horizontal::Left, Vertical::Bottom));
    drawing.line(&[(panel.left, panel.bottom), (panel.right, panel.bottom)], Colour::Faded, 1.0, 1.0);
    let words = format!("{unit} seen");
    drawing.text((f64::midpoint(panel.left, panel.right), bottom + 30.0), &words, label.anchored(Horizontal::Center, Vertical::Top));
}

fn lanes(
    drawing: &mut Drawing,
    (blocks, groups): (&[Block<'_>], &[(Range<usize>, String)]),
    panel: &Panel,
    (top, lane): (f64, f64),
    unit: f64,
) {
    let beside = Type::new(10.5).faded().anchored(Horizontal::Right, Vertical::Center);
    for (depth, block) in blocks.iter().enumerate() {
        let y = top + (blocks.len() - 1 - depth) as f64 * lane;
        let (from, to) = (y + lane * 0.14, y + lane * 0.86);
        // Low lanes have a name only now and then.
        if lane >= 12.0 || depth.is_multiple_of((12.0 / lane).ceil() as usize) {
            drawing.text((panel.left - 10.0, y + lane / 2.0), &beside.fitted(block.name, LEFT - 22.0), beside);
        }
        drawing.rectangle((panel.left, from), (panel.right, to), Colour::Lane, 1.0);
        drawing.outline((panel.left, from), (panel.right, to), Colour::Faded, 0.6);
        // What an evaluation says holds since the one before.
        let mut before = 0.0;
        for run in block.rates.chunk_by(|a, b| a.1.is_some() == b.1.is_some()) {
            let Some((until, rate)) = run.last().copied() else { continue };
            if rate.is_some() {
                let (left, right) = (panel.across(before / unit), panel.across(until / unit));
                drawing.rectangle((left, from), (right, to), colour(groups, depth), 1.0);
            }
            before = until;
        }
    }
}

fn described(blocks: &[Block<'_>]) -> String {
    let of = blocks.iter().map(|block| {
        let trained = block.rates.iter().filter(|(_, rate)| rate.is_some()).count();
        match trained {
            0 => format!("{} is frozen throughout", block.name),
            _ if trained == block.rates.len() => format!("{} trains throughout", block.name),
            _ => format!("{} trains at {trained} of {} evaluations", block.name, block.rates.len()),
        }
    });
    format!("{}.", of.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_with_the_same_course_are_one_line_and_frozen_ones_none() {
        let row = |examples: u64, block: &str, learning_rate: Option<f64>| LearningRateRow {
            trial: 3,
            step: examples / 16,
            examples,
            block: block.to_owned(),
            learning_rate,
        };
        let rows: Vec<LearningRateRow> = [(160, None), (320, Some(1e-4)), (480, Some(5e-5))]
            .into_iter()
            .flat_map(|(at, gradual)| {
                [row(at, "embeddings", None), row(at, "layer.0", gradual), row(at, "layer.1", Some(1e-4)), row(at, "head", Some(1e-4))]
            })
            .collect();
        let blocks = blocks(&rows);
        assert_eq!(groups(&blocks), [(1..2, "layer.0".to_owned()), (2..4, "layer.1 to head".to_owned())]);
        assert_eq!(pieces(&blocks[0], 1.0), Vec::<Vec<Point>>::new());
        assert_eq!(pieces(&blocks[1], 10.0), [vec![(32.0, 1e-4), (48.0, 5e-5)]]);
        assert_eq!(
            described(&blocks),
            "embeddings is frozen throughout, layer.0 trains at 2 of 3 evaluations, layer.1 trains throughout, head trains throughout."
        );
    }
}
