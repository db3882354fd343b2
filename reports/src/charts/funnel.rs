//! How many trials set out for each rung, and what became of them there.

use engine::state::Phase;
use search_spaces::settings::Rungs;

use super::{
    Chart, RIGHT,
    legend::Legend,
    marks::Mark,
    scene::Scene,
    surface::{Colour, Drawing, Horizontal, Type, Vertical},
    titled,
};
use crate::{
    format,
    tables::{RungRow, TrialRow},
};

const TOP: f64 = 86.0;
const LEFT: f64 = 176.0;
const ROW: f64 = 64.0;
const BAR: f64 = 28.0;

/// What became of a trial that set out for a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    InFull,
    WentOn,
    StoppedItself,
    /// Waits there, or was ended there.
    Paused,
    Running,
    Failed,
}

const FATES: [Fate; 6] = [Fate::InFull, Fate::WentOn, Fate::StoppedItself, Fate::Paused, Fate::Running, Fate::Failed];

impl Fate {
    fn mark(self) -> Mark {
        match self {
            Fate::InFull => Mark::Bar { colour: Colour::Rung(1.0) },
            Fate::WentOn => Mark::Bar { colour: Colour::Rung(0.5) },
            Fate::StoppedItself => Mark::Bar { colour: Colour::Again },
            Fate::Paused => Mark::Bar { colour: Colour::Lost },
            Fate::Running => Mark::Bar { colour: Colour::Running },
            Fate::Failed => Mark::Hatched { colour: Colour::Failed },
        }
    }

    fn words(self, finished: bool) -> &'static str {
        match self {
            Fate::InFull => "trained in full",
            Fate::WentOn => "went on",
            Fate::StoppedItself => "stopped early by itself",
            Fate::Paused if finished => "ended at the rung",
            Fate::Paused => "waiting at the rung",
            Fate::Running => "on the way to it",
            Fate::Failed => "failed on the way to it",
        }
    }
}

/// Of each rung, how many trials had each of [`FATES`].
fn fates(scene: &Scene<'_>) -> Vec<[usize; 6]> {
    let mut counts = vec![[0; 6]; scene.rungs];
    let mut count = |rung: usize, fate: Fate| {
        if let Some(counts) = counts.get_mut(rung) {
            counts[FATES.iter().position(|one| *one == fate).unwrap_or(0)] += 1;
        }
    };
    for rows in scene.tables.rungs.chunk_by(|a, b| a.trial == b.trial) {
        let Some(trial) = rows.first().and_then(|row| scene.tables.trials.get(row.trial as usize)) else { continue };
        for (place, row) in rows.iter().enumerate() {
            if let Some(fate) = fate(trial, row, &rows[..place], rows.get(place + 1)) {
                count(row.rung, fate);
            }
        }
    }
    for trial in scene.tables.searched() {
        if let Phase::Active { rung } = trial.phase {
            count(rung, Fate::Running);
        }
    }
    counts
}

/// `None` where it did not set out for the rung: a value that it has from below stands for it.
fn fate(trial: &TrialRow, row: &RungRow, before: &[RungRow], next: Option<&RungRow>) -> Option<Fate> {
    if row.carried {
        let first = before.last().is_none_or(|before| !before.carried);
        return (first && trial.stopped_early).then_some(Fate::StoppedItself);
    }
    Some(match trial.phase {
        Phase::Failed { .. } if row.value.is_nan() => Fate::Failed,
        Phase::Complete if !trial.stopped_early && next.is_none_or(|next| next.carried) => Fate::InFull,
        Phase::Paused { rung } if rung == row.rung => Fate::Paused,
        _ => Fate::WentOn,
    })
}

/// Of all trials, those that set out for their full length: for the last rung, or cheap enough to be trained in full before it, where rungs are of equal cost.
fn went_for_all(counts: &[[usize; 6]]) -> usize {
    let Some((last, below)) = counts.split_last() else { return 0 };
    last.iter().sum::<usize>() + below.iter().map(|[in_full, ..]| in_full).sum::<usize>()
}

/// `1,780 examples`: that trials have seen at a rung.
fn examples(scene: &Scene<'_>, rung: usize) -> String {
    let count = format::count(scene.tables.ladder.get(rung).copied().unwrap_or(0));
    match scene.tables.rungs_of {
        // Those of a trial that trains every block: others come to the rung later.
        Rungs::EqualCost if rung + 1 < scene.rungs => format!("from {count} examples"),
        _ if scene.epochs().is_some() => format!("{count} examples"),
        _ => format!("up to {count} examples"),
    }
}

pub(super) fn chart(scene: &Scene<'_>) -> Chart {
    let tables = scene.tables;
    let counts = fates(scene);
    let set_out: Vec<usize> = counts.iter().map(|counts| counts.iter().sum()).collect();
    let most = set_out.iter().copied().max().unwrap_or(0).max(1) as f64;
    let any = |fate: usize| counts.iter().any(|counts| counts[fate] > 0);
    let mut legend = Legend::new("Of those that set out");
    for (index, fate) in FATES.iter().enumerate() {
        legend.entry(any(index), fate.mark(), fate.words(tables.finished));
    }
    let subtitle = format!(
        "{} of {} went for the full length",
        format::count(went_for_all(&counts) as u64),
        format::counted(tables.searched().count() as u64, "trial")
    );
    let height = (TOP + counts.len() as f64 * ROW + 18.0).max(TOP + legend.height() + 24.0);
    let mut drawing = titled(height, "Funnel of the rungs", &subtitle);
    for (rung, counts) in counts.iter().enumerate() {
        let y = TOP + rung as f64 * ROW;
        row(&mut drawing, scene, rung, counts, (y, (RIGHT - LEFT) / most));
    }
    legend.draw(&mut drawing, TOP - 4.0);
    let described: Vec<String> = counts.iter().enumerate().map(|(rung, counts)| described(scene, rung, counts)).collect();
    Chart {
        name: "funnel",
        title: "Funnel of the rungs",
        alt: format!("What became of the trials at each rung. {}.", described.join("; ")),
        caption: "A bar is a rung: as long as the number of trials that set out for it, and split by what became of them there. Where little is left of a bar in \
             the one below, the search has saved much training; where much is hatched, look for the cause among the failures."
            .to_owned(),
        drawing,
    }
}

fn row(drawing: &mut Drawing, scene: &Scene<'_>, rung: usize, counts: &[usize; 6], (y, a_trial): (f64, f64)) {
    let beside = Type::new(12.0).anchored(Horizontal::Right, Vertical::Center);
    drawing.text((LEFT - 12.0, y + 7.0), &scene.rung_name(rung), beside.bold());
    drawing.text(
        (LEFT - 12.0, y + 23.0),
        &beside.fitted(&examples(scene, rung), LEFT - 24.0),
        Type::new(11.0).faded().anchored(Horizontal::Right, Vertical::Center),
    );
    let mut x = LEFT;
    for (fate, count) in FATES.iter().zip(counts) {
        let (from, to) = ((x, y), (x + *count as f64 * a_trial, y + BAR));
        if *count == 0 {
            continue;
        }
        match fate.mark() {
            Mark::Hatched { colour } => drawing.hatched(from, to, colour),
            Mark::Bar { colour } => {
                // A gap between neighbours, where there is room for it; a hair at least.
                let end = (to.0 - 1.0).max(from.0 + 0.8);
                drawing.rectangle(from, (end, to.1), colour, 1.0);
                let number = format::count(*count as u64);
                let style = Type::new(12.0).bold().over(colour).anchored(Horizontal::Center, Vertical::Center);
                if style.width(&number) + 8.0 <= to.0 - from.0 {
                    drawing.text((f64::midpoint(from.0, to.0), y + BAR / 2.0), &number, style);
                }
            }
            _ => {}
        }
        x = to.0;
    }
    if x == LEFT {
        drawing.line(&[(LEFT, y), (LEFT, y + BAR)], Colour::Faded, 1.0, 1.0);
    }
    let small = Type::new(11.0).faded();
    drawing.text((LEFT, y + BAR + 13.0), &small.fitted(&words(scene, counts), RIGHT - LEFT), small);
}

/// `333 set out: 111 went on, 222 ended at the rung`.
fn words(scene: &Scene<'_>, counts: &[usize; 6]) -> String {
    let total = counts.iter().sum::<usize>();
    if total == 0 {
        return "none set out".to_owned();
    }
    let shown = FATES.iter().zip(counts).filter(|(_, count)| **count > 0);
    let parts: Vec<String> =
        shown.map(|(fate, count)| format!("{} {}", format::count(*count as u64), fate.words(scene.tables.finished))).collect();
    format!("{} set out: {}", format::count(total as u64), parts.join(", "))
}

fn described(scene: &Scene<'_>, rung: usize, counts: &[usize; 6]) -> String {
    format!("{}: {}", scene.rung_name(rung), words(scene, counts))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::{record::StudyRecord, state::TrialState};

    use super::*;
    use crate::{
        tables::Tables,
        testing::{running_record, sample_record},
    };

    #[test]
    fn every_trial_has_one_end() {
        for (record, trials) in [(sample_record(12, 3, 1), 12), (running_record(40, 4, 1), 40), (sample_record(1, 1, 1), 1)] {
            let tables = Tables::new(&record);
            let counts = fates(&Scene::new(&tables, record.state.objective));
            let set_out: Vec<usize> = counts.iter().map(|counts| counts.iter().sum()).collect();
            assert_eq!(set_out[0], trials);
            // As many set out for a rung as went on from the one below.
            for rung in 1..counts.len() {
                assert_eq!(set_out[rung], counts[rung - 1][1], "{counts:?}");
            }
            let ended: usize = counts.iter().map(|counts| counts.iter().sum::<usize>() - counts[1]).sum();
            assert_eq!(ended, trials);
        }
    }

    #[test]
    fn one_failed_and_one_stopped_itself() {
        let record = sample_record(12, 3, 1);
        let tables = Tables::new(&record);
        let counts = fates(&Scene::new(&tables, record.state.objective));
        assert_eq!(counts.iter().map(|counts| counts[2]).sum::<usize>(), 1);
        let failed = tables.trials.iter().filter(|trial| matches!(trial.phase, Phase::Failed { .. })).count();
        assert_eq!(counts.iter().map(|counts| counts[5]).sum::<usize>(), failed);
    }

    #[test]
    fn a_cheap_trial_is_trained_in_full_before_the_last_rung_of_equal_cost() {
        let mut record = sample_record(12, 3, 1);
        let of = |record: &StudyRecord| {
            let tables = Tables::new(record);
            fates(&Scene::new(&tables, record.state.objective))
        };
        let before = of(&record);
        let full = |trial: &&TrialState| trial.phase == Phase::Complete && trial.stopped_at.is_none();
        let cheap = record.state.trials().iter().find(full).unwrap().number;
        record.state.ladder.kind = Rungs::EqualCost;
        // Its last segment was the one to rung 1: that it has its value at rung 2 too is the state's doing.
        record.segments.retain(|segment| (segment.trial, segment.rung) != (cheap, 2));
        let counts = of(&record);
        assert_eq!((counts[1][0], counts[2][0]), (1, before[2][0] - 1));
        assert_eq!(counts[2].iter().sum::<usize>(), before[2].iter().sum::<usize>() - 1, "it did not set out for it");
        assert_eq!(went_for_all(&counts), went_for_all(&before));
    }

    #[test]
    fn how_many_examples_a_rung_has_depends_on_what_trials_have_in_common_there() {
        let mut record = sample_record(12, 3, 1);
        let said = |record: &StudyRecord| {
            let tables = Tables::new(record);
            let scene = Scene::new(&tables, record.state.objective);
            [0, 2].map(|rung| examples(&scene, rung))
        };
        assert_eq!(said(&record), ["594 examples", "5,340 examples"]);
        record.state.ladder.kind = Rungs::EqualCost;
        assert_eq!(said(&record), ["from 594 examples", "5,340 examples"]);
        record.state.ladder.kind = Rungs::EqualData;
        record.state.change(3, |trial| Arc::make_mut(&mut trial.config).epochs = 2);
        assert_eq!(said(&record), ["up to 594 examples", "up to 5,340 examples"]);
    }
}
