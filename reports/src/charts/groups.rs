//! How each group of the data fares with the best trial.

use std::fmt::Write as _;

use super::{
    Chart, RIGHT,
    axis::Axis,
    legend::Legend,
    marks::Mark,
    scene::Scene,
    surface::{Colour, Drawing, Horizontal, Type, Vertical},
    titled,
};
use crate::{
    fairness::{Gap, GroupShare, Measured},
    format,
    quality::ClassQuality,
    tables::{Predicted, PredictionsRow},
};

const TOP: f64 = 92.0;
const LEFT: f64 = 230.0;
const ROW: f64 = 24.0;
/// From the last row of a panel to the first of the next: ticks and a heading.
const APART: f64 = 70.0;
/// Of more groups those that fare worst are shown.
const SHOWN: usize = 25;

/// One measure of all groups.
struct Compared<'a> {
    heading: String,
    /// By name.
    rows: Vec<&'a GroupShare>,
    gap: Option<&'a Gap>,
    left_out: usize,
}

/// `None` where the data have no groups, or no predictions are known.
pub(super) fn chart(scene: &Scene<'_>) -> Option<Chart> {
    let predicted = &scene.tables.predicted;
    let of = predicted.of_best()?;
    let panels = compared(predicted, of);
    if panels.is_empty() {
        return None;
    }
    let gaps: Vec<String> = panels.iter().filter_map(|panel| panel.gap).map(in_words).collect();
    let subtitle = format!("Trial {} on the {} split; {}", of.trial, of.split.name(), summary(&panels));
    let high: f64 = panels.iter().map(|panel| panel.rows.len() as f64 * ROW + APART).sum();
    let mut legend = Legend::new("A group's");
    legend.entry(true, Mark::Dot { colour: Colour::Rung(0.5), alpha: 1.0 }, "share");
    legend.entry(true, Mark::Line { colour: Colour::Rung(0.5), width: 2.0 }, "its 95 % interval");
    let significant = panels.iter().any(|panel| panel.gap.is_some_and(Gap::is_significant));
    legend.entry(significant, Mark::Dot { colour: Colour::Failed, alpha: 1.0 }, "significantly apart");
    let mut drawing = titled((TOP + high + 8.0).max(TOP + legend.height() + 20.0), "Groups", &subtitle);
    let mut top = TOP + 22.0;
    for panel in &panels {
        draw_panel(&mut drawing, panel, top);
        top += panel.rows.len() as f64 * ROW + APART;
    }
    legend.draw(&mut drawing, TOP - 6.0);
    Some(Chart {
        name: "groups",
        title: "Groups",
        alt: format!("{subtitle}. {}", gaps.join(" ")),
        caption: "A dot is a group's share, the line through it the 95 % interval: it is wide where the group has few examples. Groups that are further apart than chance makes them, \
             with all comparisons allowed for, are marked; that others are not does not show that they fare alike."
            .to_owned(),
        drawing,
    })
}

/// Accuracy, and of both rates the class whose groups are furthest apart; with two classes, where both rates of the one are those of the other, the rates of wrong ones.
fn compared<'a>(predicted: &'a Predicted, of: &PredictionsRow) -> Vec<Compared<'a>> {
    let (gaps, shares) = (predicted.gaps_of(of.trial, of.split), predicted.shares_of(of.trial, of.split));
    let classes: Vec<&ClassQuality> = Predicted::of(&predicted.classes, of.trial, of.split).collect();
    let panel = |(measured, class): (Measured, Option<&str>)| {
        let fits = |gap: &&Gap| gap.measured == measured && (class.is_none() || gap.class.as_deref() == class);
        let widest = gaps.iter().copied().filter(fits).max_by(|a, b| {
            (a.is_significant(), a.difference).partial_cmp(&(b.is_significant(), b.difference)).unwrap_or(std::cmp::Ordering::Equal)
        });
        let class = class.or(widest.and_then(|gap| gap.class.as_deref())).map(str::to_owned);
        let of_these = |row: &&GroupShare| row.measured == measured && row.class == class && row.share.of > 0;
        let (rows, left_out) = shown(shares.iter().copied().filter(of_these).collect(), widest);
        let name = class.unwrap_or_default();
        let heading = match measured {
            Measured::Accuracy => "accuracy".to_owned(),
            Measured::FalsePositives => format!("false-positive rate of {name}: wrongly given to what does not have it"),
            Measured::FalseNegatives => format!("false-negative rate of {name}: missed where it is"),
        };
        Compared { heading, rows, gap: widest, left_out }
    };
    let measures = match &classes[..] {
        [a, b] => [(Measured::Accuracy, None), (Measured::FalsePositives, Some(&*a.class)), (Measured::FalsePositives, Some(&*b.class))],
        _ => [Measured::Accuracy, Measured::FalsePositives, Measured::FalseNegatives].map(|measured| (measured, None)),
    };
    measures.into_iter().map(panel).filter(|panel| !panel.rows.is_empty()).collect()
}

/// Those that fare worst, and the two of the gap, by name; and how many more there are.
fn shown<'a>(mut rows: Vec<&'a GroupShare>, gap: Option<&Gap>) -> (Vec<&'a GroupShare>, usize) {
    let left_out = rows.len().saturating_sub(SHOWN);
    if left_out > 0 {
        let of_gap = |row: &GroupShare| gap.is_some_and(|gap| [&gap.higher.0, &gap.lower.0].contains(&&row.group));
        let badness =
            |row: &GroupShare| row.share.value().map_or(0.0, |value| if row.measured == Measured::Accuracy { value } else { -value });
        rows.sort_by(|a, b| of_gap(b).cmp(&of_gap(a)).then(badness(a).total_cmp(&badness(b))));
        rows.truncate(SHOWN);
        rows.sort_by(|a, b| a.group.cmp(&b.group));
    }
    (rows, left_out)
}

fn summary(panels: &[Compared<'_>]) -> String {
    let significant = panels.iter().filter(|panel| panel.gap.is_some_and(Gap::is_significant)).count();
    let left_out = panels.iter().map(|panel| panel.left_out).max().unwrap_or(0);
    let mut words = match significant {
        0 if panels.iter().all(|panel| panel.gap.is_none()) => "there are not two groups of enough examples to be compared".to_owned(),
        0 => "no gap is more than chance would make it".to_owned(),
        _ => format!("{} more than chance would make it", if significant == 1 { "one gap is" } else { "some gaps are" }),
    };
    if left_out > 0 {
        let _ = write!(words, "; {left_out} more groups are in the tables");
    }
    words
}

fn in_words(gap: &Gap) -> String {
    let value = |share: crate::intervals::Share| share.value().map_or_else(|| "unknown".to_owned(), |value| format!("{value:.3}"));
    format!(
        "{} in {}{} are {} with {} and {} with {} ({}).",
        if gap.largest { "The furthest apart" } else { "Significantly apart, though others are further," },
        gap.measured.name().replace('_', " "),
        gap.class.as_ref().map_or_else(String::new, |class| format!(" of {class}")),
        gap.higher.0,
        value(gap.higher.1),
        gap.lower.0,
        value(gap.lower.1),
        if gap.is_significant() { "significant" } else { "may be chance" }
    )
}

fn draw_panel(drawing: &mut Drawing, panel: &Compared<'_>, top: f64) {
    let bottom = top + panel.rows.len() as f64 * ROW;
    let bold = Type::new(12.0).bold().anchored(Horizontal::Left, Vertical::Bottom);
    drawing.text((24.0, top - 9.0), &bold.fitted(&panel.heading, RIGHT - 24.0), bold);
    let ends = || panel.rows.iter().filter_map(|row| row.share.interval()).flat_map(|(low, high)| [low, high]);
    let (low, high) = (ends().fold(f64::INFINITY, f64::min), ends().fold(f64::NEG_INFINITY, f64::max));
    let air = ((high - low) * 0.05).max(0.005);
    let axis = Axis::linear((low - air).max(0.0), (high + air).min(1.0));
    let across = |value: f64| LEFT + axis.share(value) * (RIGHT - LEFT);
    for (value, label) in axis.ticks(8) {
        let x = across(value);
        drawing.line(&[(x, top), (x, bottom)], Colour::Grid, 1.0, 1.0);
        drawing.text((x, bottom + 8.0), &label, Type::new(11.0).faded().anchored(Horizontal::Center, Vertical::Top));
    }
    let apart = panel.gap.filter(|gap| gap.is_significant());
    for (place, row) in panel.rows.iter().enumerate() {
        let y = top + (place as f64 + 0.5) * ROW;
        let marked = apart.is_some_and(|gap| [&gap.higher.0, &gap.lower.0].contains(&&row.group));
        let colour = if marked { Colour::Failed } else { Colour::Rung(0.5) };
        let beside = Type::new(11.5).anchored(Horizontal::Right, Vertical::Center);
        let beside = if marked { beside.bold() } else { beside };
        let words = format!("{} ({})", row.group, format::count(row.share.of));
        drawing.text((LEFT - 10.0, y), &beside.fitted(&words, LEFT - 30.0), beside);
        if let Some((low, high)) = row.share.interval() {
            drawing.line(&[(across(low), y), (across(high), y)], colour, 1.0, 2.0);
        }
        if let Some(value) = row.share.value() {
            drawing.mark((across(value), y), Mark::Dot { colour, alpha: 1.0 }, 4.4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fairness,
        intervals::Share,
        predictions::{Predictions, Split},
        quality,
        tables::Of,
        testing::{predictions, sample_record, with_predictions},
    };

    fn of<T>(rows: Vec<T>) -> Vec<Of<T>> {
        rows.into_iter().map(|row| Of { trial: 3, split: Split::Test, row }).collect()
    }

    /// The panels of what is said of `predictions`.
    fn panels(predictions: &Predictions, check: impl FnOnce(&[Compared<'_>])) {
        let folder = tempfile::tempdir().unwrap();
        let mut record = sample_record(5, 2, 1);
        with_predictions(&mut record, folder.path(), &[]);
        let mut predicted = crate::tables::Tables::read(&record).predicted;
        let row = PredictionsRow { trial: 3, split: Split::Test, ..predicted.files[0].clone() };
        let groups = fairness::shares(predictions);
        predicted.classes = of(quality::classes(predictions));
        predicted.gaps = of(fairness::gaps(&groups));
        predicted.groups = of(groups);
        check(&compared(&predicted, &row));
    }

    /// Of each group so many examples, and how many of them are wrong.
    fn groups(groups: &[(&'static str, u32, u32)]) -> Predictions {
        let rows = groups.iter().flat_map(|(group, all, wrong)| {
            (0..*all).map(move |k| {
                let label = k % 2;
                let predicted = if k < *wrong { 1 - label } else { label };
                (label, if predicted == 0 { vec![0.9, 0.1] } else { vec![0.1, 0.9] }, Some(*group))
            })
        });
        predictions(&["no", "yes"], rows.collect::<Vec<_>>().into_iter())
    }

    #[test]
    fn of_two_classes_the_rates_are_those_of_wrong_ones() {
        panels(&groups(&[("mail", 400, 20), ("web", 400, 200)]), |panels| {
            let headings: Vec<&str> = panels.iter().map(|panel| panel.heading.as_str()).collect();
            insta::assert_snapshot!(headings.join("\n"), @"
            accuracy
            false-positive rate of no: wrongly given to what does not have it
            false-positive rate of yes: wrongly given to what does not have it
            ");
            assert_eq!(summary(panels), "some gaps are more than chance would make it");
            assert!(
                panels
                    .iter()
                    .all(|panel| panel.gap.is_some_and(|gap| gap.class.is_none() || panel.heading.contains(gap.class.as_deref().unwrap())))
            );
        });
    }

    #[test]
    fn where_nothing_was_compared_no_gap_is_denied() {
        panels(&groups(&[("mail", 6, 1), ("web", 400, 200)]), |panels| {
            assert_eq!(summary(panels), "there are not two groups of enough examples to be compared");
        });
    }

    #[test]
    fn of_many_groups_the_two_of_the_gap_are_among_those_shown() {
        let row = |group: String, right| GroupShare { group, measured: Measured::Accuracy, class: None, share: Share::new(right, 100) };
        let rows: Vec<GroupShare> = (0..40).map(|k| row(format!("group {k:02}"), 50 + k)).collect();
        let gap = Gap {
            measured: Measured::Accuracy,
            class: None,
            higher: (rows[39].group.clone(), rows[39].share),
            lower: (rows[0].group.clone(), rows[0].share),
            difference: 0.39,
            low: 0.1,
            high: 0.6,
            comparisons: 780,
            largest: true,
        };
        let (found, left_out) = shown(rows.iter().collect(), Some(&gap));
        let mut expected: Vec<&GroupShare> = rows[..24].iter().collect();
        expected.push(&rows[39]);
        assert_eq!((found, left_out), (expected, 15));
    }
}
