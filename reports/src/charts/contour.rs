//! The plane of the two most important parameters: where the good trials are.

use super::{
    Chart, RIGHT,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    panel::{Panel, UPRIGHT},
    parameter_axis,
    scene::{Scene, crowd, failed, jitter},
    surface::{Colour, Drawing},
    titled,
};
use crate::{
    format,
    parameters::{Cell, ParameterColumn},
};

const HEIGHT: f64 = 520.0;
/// The shaded field's cells, across and up.
const CELLS: (usize, usize) = (48, 36);
/// Trials that have both parameters: of fewer there is nothing to shade.
const LEAST: usize = 10;

/// A trial that has both parameters.
struct Placed {
    trial: u32,
    /// Shares of the axes.
    at: (f64, f64),
    /// 1 for the first of the leaderboard, 0 for the last.
    standing: f64,
}

/// `None` where too few trials are there to tell which parameters matter.
pub(super) fn chart(scene: &Scene<'_>) -> Option<Chart> {
    let (first, second) = two_most_important(scene)?;
    let (x, y) = (parameter_axis::axis(first), parameter_axis::axis(second));
    let any_without = |one: &ParameterColumn, other: &ParameterColumn| {
        scene.tables.searched().any(|trial| has(other, trial.number) && !has(one, trial.number))
    };
    let panel = Panel {
        left: 128.0,
        top: 104.0,
        right: RIGHT,
        bottom: HEIGHT - 62.0,
        x,
        y,
        lane: any_without(second, first).then_some("not set"),
        inactive_lane: any_without(first, second),
        text: 11.0,
    };
    let placed = placed(scene, &panel, (first, second));
    if placed.len() < LEAST {
        return None;
    }
    let subtitle = format!("{} against {}, of {} that have both", second.path, first.path, format::counted(placed.len() as u64, "trial"));
    let below = if panel.names_stand() { UPRIGHT } else { 0.0 };
    let mut drawing = titled(HEIGHT + below, "The two most important parameters", &subtitle);
    shade(&mut drawing, &panel, &placed);
    panel.draw(&mut drawing, &first.path, &second.path);
    marks(&mut drawing, scene, &panel, (first, second));
    let mut legend = Legend::new("Trials nearby are");
    for (share, words) in [(0.95, "among the best"), (0.5, "in the middle"), (0.08, "among the worst")] {
        legend.entry(true, Mark::Bar { colour: Colour::Heat(share * HOTTEST) }, words);
    }
    legend.entry(true, Mark::Dot { colour: Colour::Ink, alpha: 1.0 }, "a trial");
    legend.entry(scene.best.is_some(), Mark::Star, "best trial");
    legend.entry(scene.marks_default() && has(first, 0) && has(second, 0), Mark::Diamond, "default recipe");
    legend.entry(scene.failures > 0, Mark::Cross, "failed");
    legend.draw(&mut drawing, 98.0);
    Some(Chart {
        name: "contour",
        title: "The two most important parameters",
        alt: format!("Where good trials are in the plane of {} and {}. {}.", first.path, second.path, where_good(&placed, &panel)),
        caption: "Each dot is a trial. The stronger the shade, the better the trials nearby stand on the leaderboard, failed ones as the last; where nothing is shaded nothing is known. \
             If the strong shade reaches an edge, widen the space there. Trials that do not have one of the two parameters are in the lanes."
            .to_owned(),
        drawing,
    })
}

/// The strongest shade still lets marks be seen.
const HOTTEST: f64 = 0.62;

fn has(parameter: &ParameterColumn, trial: u32) -> bool {
    parameter.cells.get(trial as usize).is_some_and(|cell| *cell != Cell::Inactive)
}

/// The second is one that enough trials have together with the first.
fn two_most_important<'a>(scene: &Scene<'a>) -> Option<(&'a ParameterColumn, &'a ParameterColumn)> {
    let tables = scene.tables;
    let known = tables.importance.iter().zip(&tables.parameters).filter_map(|(row, column)| Some((row.share?, column)));
    let mut ranked: Vec<(f64, &ParameterColumn)> = known.collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (_, first) = ranked.first()?;
    let with_first = tables.searched().filter(|trial| has(first, trial.number)).count();
    let together = |other: &ParameterColumn| tables.searched().filter(|trial| has(first, trial.number) && has(other, trial.number)).count();
    let second = ranked[1..].iter().map(|(_, column)| *column).find(|column| together(column) >= LEAST.max(with_first / 4))?;
    Some((*first, second))
}

/// Where `trial` lies on the axis of `parameter`, spread around a name; `None` where it does not have it.
fn place(parameter: &ParameterColumn, axis: &Axis, trial: u32, turn: u32) -> Option<f64> {
    let (share, spread) = parameter_axis::share(axis, parameter.cells.get(trial as usize)?)?;
    // Another spread up than across, or they would lie on a line.
    Some(share + 2.0 * jitter(trial.wrapping_mul(7).wrapping_add(turn)) * spread)
}

fn across(panel: &Panel, first: &ParameterColumn, trial: u32) -> Option<f64> {
    place(first, &panel.x, trial, 0)
}

fn up(panel: &Panel, second: &ParameterColumn, trial: u32) -> Option<f64> {
    place(second, &panel.y, trial, 3)
}

/// Those that have a value or have failed.
fn placed(scene: &Scene<'_>, panel: &Panel, (first, second): (&ParameterColumn, &ParameterColumn)) -> Vec<Placed> {
    let rows = &scene.tables.leaderboard;
    let last = rows.len().saturating_sub(1).max(1) as f64;
    let judged = rows.iter().filter(|row| row.value.is_some() || scene.tables.trials.get(row.trial as usize).is_some_and(failed));
    let of = judged.filter_map(|row| {
        let at = (across(panel, first, row.trial)?, up(panel, second, row.trial)?);
        Some(Placed { trial: row.trial, at, standing: 1.0 - (row.rank - 1) as f64 / last })
    });
    of.collect()
}

/// The mean standing of the trials around a place, by a Gaussian kernel (Nadaraya and Watson, 1964), and how much they weigh together.
fn standing(placed: &[Placed], at: (f64, f64)) -> (f64, f64) {
    // Scott's rule for two dimensions, of values spread over the axis.
    let width = 0.29 * (placed.len() as f64).powf(-1.0 / 6.0);
    let (mut sum, mut weight) = (0.0, 0.0);
    for one in placed {
        let distance = (one.at.0 - at.0).powi(2) + (one.at.1 - at.1).powi(2);
        let near = (-distance / (2.0 * width * width)).exp();
        sum += near * one.standing;
        weight += near;
    }
    (sum / weight.max(f64::MIN_POSITIVE), weight)
}

fn shade(drawing: &mut Drawing, panel: &Panel, placed: &[Placed]) {
    /// Of a trial: with less nothing is known of a place.
    const KNOWN: f64 = 0.25;
    let ((left, right), (top, bottom)) = (panel.ends(), (panel.top, panel.plot_bottom()));
    let (wide, high) = ((right - left) / CELLS.0 as f64, (bottom - top) / CELLS.1 as f64);
    for row in 0..CELLS.1 {
        // Neighbours of one shade are one rectangle.
        let shades: Vec<Option<u8>> = (0..CELLS.0)
            .map(|column| {
                let at = ((column as f64 + 0.5) / CELLS.0 as f64, 1.0 - (row as f64 + 0.5) / CELLS.1 as f64);
                let (standing, weight) = standing(placed, at);
                (weight >= KNOWN).then_some((standing.clamp(0.0, 1.0) * 10.0).round() as u8)
            })
            .collect();
        let mut column = 0;
        for run in shades.chunk_by(|a, b| a == b) {
            let (from, to) = (left + column as f64 * wide, left + (column + run.len()) as f64 * wide);
            column += run.len();
            if let Some(Some(shade)) = run.first() {
                let y = top + row as f64 * high;
                drawing.rectangle((from, y), (to, y + high), Colour::Heat(f64::from(*shade) / 10.0 * HOTTEST), 1.0);
            }
        }
    }
}

fn marks(drawing: &mut Drawing, scene: &Scene<'_>, panel: &Panel, (first, second): (&ParameterColumn, &ParameterColumn)) {
    let (size, _) = crowd(scene.tables.searched().count());
    let ((left, right), (top, bottom)) = (panel.ends(), (panel.top, panel.plot_bottom()));
    let mut order: Vec<_> = scene.tables.searched().collect();
    order.sort_by_key(|trial| (scene.is_best(trial.number), trial.number == 0, trial.number));
    for trial in order {
        let number = trial.number;
        let (across, up) = (across(panel, first, number), up(panel, second, number));
        if across.is_none() && up.is_none() {
            continue;
        }
        let x = across.map_or_else(|| panel.inactive(jitter(number)), |share| left + share * (right - left));
        let y = up.map_or_else(|| panel.lane_middle(), |share| bottom - share * (bottom - top));
        let mark = match () {
            () if scene.is_best(number) => Mark::Star,
            () if number == 0 => Mark::Diamond,
            () if failed(trial) => Mark::Cross,
            () => Mark::Dot { colour: Colour::Ink, alpha: 0.85 },
        };
        let size = if matches!(mark, Mark::Dot { .. }) { size * 0.62 } else { size.max(3.4) };
        drawing.mark((x, y), mark, size);
    }
}

/// Where the best tenth is, in words.
fn where_good(placed: &[Placed], panel: &Panel) -> String {
    let mut best: Vec<&Placed> = placed.iter().collect();
    best.sort_by(|a, b| b.standing.total_cmp(&a.standing).then(a.trial.cmp(&b.trial)));
    best.truncate((placed.len() / 10).max(1));
    let middle = |of: fn(&Placed) -> f64| {
        let mut shares: Vec<f64> = best.iter().map(|one| of(one)).collect();
        shares.sort_by(f64::total_cmp);
        shares[shares.len() / 2]
    };
    let words = |axis: &Axis, share: f64| {
        let ticks = axis.ticks(200);
        let nearest = ticks.iter().min_by(|a, b| (axis.share(a.0) - share).abs().total_cmp(&(axis.share(b.0) - share).abs()));
        nearest.map_or_else(String::new, |(_, label)| label.clone())
    };
    format!(
        "The best {} are around {} across and {} up",
        format::counted(best.len() as u64, "trial"),
        words(&panel.x, middle(|one| one.at.0)),
        words(&panel.y, middle(|one| one.at.1))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_as_good_as_the_trials_around_it() {
        let of = |trial: u32, at: (f64, f64), standing: f64| Placed { trial, at, standing };
        let placed = [of(0, (0.1, 0.1), 1.0), of(1, (0.12, 0.1), 0.9), of(2, (0.9, 0.9), 0.0)];
        let (good, weight) = standing(&placed, (0.1, 0.1));
        assert!(good > 0.9 && weight > 1.5);
        assert!(standing(&placed, (0.9, 0.9)).0 < 0.05);
        assert!(standing(&placed, (0.1, 0.95)).1 < 0.01);
    }
}
