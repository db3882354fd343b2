//! How much of every trial's full length was trained, and what early termination has saved.

use std::collections::BTreeMap;

use engine::state::Phase;

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
use crate::{format, saving::share_saved, summary, tables::TrialRow};

const HEIGHT: f64 = 440.0;

/// Why a trial has not been trained further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    InFull,
    StoppedItself,
    Running,
    /// At this many rungs below the top.
    AtRung(usize),
    Failed,
}

/// A single bar is not as wide as the panel.
const FEWEST: usize = 12;

/// A trial's training in passes over the training data.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Trained {
    trial: u32,
    end: End,
    passes: f64,
    of: f64,
}

impl Trained {
    fn rest(&self) -> f64 {
        (self.of - self.passes).max(0.0)
    }
}

/// Longest trained first, those with the same end together.
fn trained(scene: &Scene<'_>) -> Vec<Trained> {
    let mut last_step: BTreeMap<u32, u64> = BTreeMap::new();
    for row in &scene.tables.curves {
        let step = last_step.entry(row.trial).or_default();
        *step = row.step.max(*step);
    }
    let of = |trial: &TrialRow| {
        let full = f64::from(trial.epochs);
        let share = last_step.get(&trial.number).map_or(0.0, |step| *step as f64 / trial.steps_full.max(1) as f64);
        let (end, share) = match trial.phase {
            Phase::Complete if trial.stopped_early => (End::StoppedItself, share),
            Phase::Complete => (End::InFull, 1.0),
            Phase::Active { .. } => (End::Running, share),
            Phase::Paused { rung } => (End::AtRung(scene.rungs.saturating_sub(rung + 1)), share),
            Phase::Failed { .. } => (End::Failed, share),
        };
        Trained { trial: trial.number, end, passes: full * share.min(1.0), of: full }
    };
    let mut trained: Vec<Trained> = scene.tables.searched().map(of).collect();
    trained.sort_by(|a, b| a.end.cmp(&b.end).then(b.passes.total_cmp(&a.passes)).then(b.of.total_cmp(&a.of)).then(a.trial.cmp(&b.trial)));
    trained
}

pub(super) fn chart(scene: &Scene<'_>) -> Chart {
    let bars = trained(scene);
    let total = |of: &dyn Fn(&Trained) -> f64| bars.iter().map(of).sum::<f64>();
    let (all, done) = (total(&|bar| bar.of), total(&|bar| bar.passes));
    let passes = |value: f64| if value < 1000.0 { format::significant(value, 3) } else { format::count(value.round() as u64) };
    let trained = format!("{} of {} passes over the training data were trained", passes(done), passes(all));
    // The same share as in the words of the report: of optimizer steps, failed trials apart.
    let saved = if scene.tables.finished { share_saved(summary::saved(scene.tables)) } else { None };
    let subtitle = match saved {
        Some(share) => format!("{share} of full-length training saved, failed trials apart; {trained}"),
        None => trained,
    };
    let longest = bars.iter().map(|bar| bar.of).fold(0.0, f64::max).max(1e-6);
    let panel = Panel {
        left: 84.0,
        top: 104.0,
        right: RIGHT,
        bottom: HEIGHT - 58.0,
        x: Axis::linear(0.0, bars.len().max(FEWEST) as f64),
        y: Axis::linear(0.0, longest * 1.03),
        lane: None,
        inactive_lane: false,
        text: 11.0,
    };
    let mut drawing = titled(HEIGHT, "Training saved", &subtitle);
    let small = Type::new(11.0).faded();
    for (value, label) in panel.y.ticks(6) {
        let y = panel.up(value);
        drawing.line(&[(panel.left, y), (panel.right, y)], Colour::Grid, 1.0, 1.0);
        drawing.text((panel.left - 7.0, y), &label, small.anchored(Horizontal::Right, Vertical::Center));
    }
    drawing.text(
        (panel.left, panel.top - 14.0),
        "passes over the training data (epochs)",
        Type::new(12.0).anchored(Horizontal::Left, Vertical::Bottom),
    );
    draw_bars(&mut drawing, scene, &panel, &bars);
    let numbers = if bars.len() <= NUMBERED { "a bar a trial, with its number" } else { "number of trials, those trained longest first" };
    let under = Type::new(12.0).anchored(Horizontal::Center, Vertical::Top);
    drawing.text((f64::midpoint(panel.left, panel.right), panel.bottom + 30.0), numbers, under);
    legend(scene, &bars).draw(&mut drawing, 98.0);
    Chart {
        name: "training-saved",
        title: "Training saved",
        alt: format!("How much of each trial's full length was trained. {subtitle}."),
        caption: "A bar is a trial: filled as far as it was trained, and empty up to its full length. The empty part of trials that were ended at a rung is what the \
             search has saved against training each of them in full; what failed trials did not train is not counted as saved."
            .to_owned(),
        drawing,
    }
}

const SPARED: Colour = Colour::Heat(0.08);

/// So many bars still have the trial's number below.
const NUMBERED: usize = 32;

fn colour(scene: &Scene<'_>, end: End) -> Colour {
    match end {
        End::InFull => Colour::Rung(1.0),
        End::StoppedItself => Colour::Again,
        End::Running => Colour::Running,
        End::AtRung(below) => scene.rung_colour(scene.rungs.saturating_sub(below + 1)),
        End::Failed => Colour::Failed,
    }
}

fn draw_bars(drawing: &mut Drawing, scene: &Scene<'_>, panel: &Panel, bars: &[Trained]) {
    let wide = panel.across(1.0) - panel.across(0.0);
    let gap = if wide >= 6.0 { wide.min(40.0) * 0.16 } else { 0.0 };
    let base = panel.up(0.0);
    let mut index = 0;
    // Bars without gaps between them are one where they are alike.
    let alike = |a: &Trained, b: &Trained| gap == 0.0 && (a.end, a.passes, a.of) == (b.end, b.passes, b.of);
    for run in bars.chunk_by(|a, b| alike(a, b)) {
        let bar = run[0];
        let (from, to) = (panel.across(index as f64) + gap, panel.across((index + run.len()) as f64) - gap);
        index += run.len();
        let (done, full) = (panel.up(bar.passes), panel.up(bar.of));
        if bar.rest() > 0.0 {
            drawing.rectangle((from, full), (to, done), if bar.end == End::Failed { Colour::Lane } else { SPARED }, 1.0);
        }
        if bar.end == End::Failed {
            drawing.hatched((from, done.min(base - 1.0)), (to, base), Colour::Failed);
        } else {
            drawing.rectangle((from, done), (to, base), colour(scene, bar.end), 1.0);
        }
        if gap > 0.0 {
            drawing.outline((from, full), (to, base), Colour::Faded, 0.8);
        }
        if bars.len() <= NUMBERED {
            let small = Type::new(10.5).faded().anchored(Horizontal::Center, Vertical::Top);
            drawing.text((f64::midpoint(from, to), base + 8.0), &bar.trial.to_string(), small);
        }
    }
    if gap == 0.0 {
        outline_of_all(drawing, panel, bars);
    }
    for (value, label) in panel.x.ticks(8).into_iter().filter(|_| bars.len() > NUMBERED) {
        let x = panel.across(value);
        drawing.line(&[(x, base), (x, base + 4.0)], Colour::Faded, 1.0, 1.0);
        let small = Type::new(11.0).faded().anchored(Horizontal::Center, Vertical::Top);
        drawing.text((x, base + 8.0), &label, small);
    }
    drawing.line(&[(panel.left, base), (panel.right, base)], Colour::Faded, 1.0, 1.0);
}

/// Where bars have no outlines of their own: the full lengths as one line.
fn outline_of_all(drawing: &mut Drawing, panel: &Panel, bars: &[Trained]) {
    let mut line = Vec::new();
    for (index, bar) in bars.iter().enumerate() {
        let (from, to, y) = (panel.across(index as f64), panel.across((index + 1) as f64), panel.up(bar.of));
        if line.last().is_none_or(|(_, before)| *before != y) {
            line.push((from, y));
        } else {
            line.pop();
        }
        line.push((to, y));
    }
    drawing.line(&line, Colour::Faded, 1.0, 1.2);
}

fn legend(scene: &Scene<'_>, bars: &[Trained]) -> Legend {
    let any = |end: End| bars.iter().any(|bar| bar.end == end);
    let mut legend = Legend::new("Trained");
    let bar = |end: End| Mark::Bar { colour: colour(scene, end) };
    legend.entry(any(End::InFull), bar(End::InFull), "in full");
    legend.entry(any(End::StoppedItself), bar(End::StoppedItself), "until it stopped itself");
    legend.entry(any(End::Running), bar(End::Running), "so far, still running");
    for below in 1..=scene.rungs {
        let rung = scene.rungs.saturating_sub(below + 1);
        let words = if scene.tables.finished { format!("to rung {rung}, ended there") } else { format!("to rung {rung}, waits there") };
        legend.entry(any(End::AtRung(below)), bar(End::AtRung(below)), words);
    }
    legend.entry(any(End::Failed), Mark::Hatched { colour: Colour::Failed }, "until it failed");
    let spared = |bar: &&Trained| bar.rest() > 0.0 && bar.end != End::Failed;
    legend.entry(bars.iter().any(|bar| spared(&bar)), Mark::Pale { colour: SPARED }, "not trained");
    legend
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{charts::scene::failed, tables::Tables, testing::sample_record};

    #[test]
    fn what_was_trained_and_what_was_not_make_the_full_lengths() {
        let record = sample_record(30, 3, 1);
        let tables = Tables::new(&record);
        let bars = trained(&Scene::new(&tables, record.state.objective));
        assert_eq!(bars.len(), 30);
        assert!(bars.iter().all(|bar| bar.passes >= 0.0 && (bar.passes + bar.rest() - 3.0).abs() < 1e-9), "{bars:?}");
        assert!(bars.iter().filter(|bar| bar.end == End::InFull).all(|bar| bar.rest() == 0.0));
        // One that waits at rung 0 has trained a ninth.
        let first = bars.iter().find(|bar| bar.end == End::AtRung(2)).unwrap();
        assert!((first.passes - 1.0 / 3.0).abs() < 0.01, "{first:?}");
        assert!(bars.is_sorted_by(|a, b| a.end <= b.end));
        let failures = tables.searched().filter(|trial| failed(trial)).count();
        assert_eq!(bars.iter().filter(|bar| bar.end == End::Failed).count(), failures);
    }
}
