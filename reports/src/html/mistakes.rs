//! What the best training gets wrong: by class, by group, and how sure it is of it.

use serde::Serialize;

use crate::{
    fairness::{Gap, GroupShare, Measured, is_said_already},
    format,
    intervals::Share,
    predictions::Split,
    quality::{ClassQuality, Confused},
    tables::{Figures, Predicted, PredictionsRow, Tables},
};

/// With more classes the groups' table has accuracy alone, and the confusion is a list.
const FEW: usize = 6;
/// Classes and groups that are shown; `tables/` has all.
const SHOWN: usize = 60;
/// Confusions in the list.
const CONFUSIONS: usize = 15;

/// Of the best training on the split that tells most, in words.
#[derive(Debug, Default, Serialize)]
pub(super) struct Mistakes {
    about: String,
    /// Gaps between groups that are no chance.
    warnings: Vec<String>,
    sure: String,
    classes: Grid,
    confusion: Grid,
    groups: Grid,
    gaps: Grid,
    /// Files of predictions that could not be read.
    problems: Vec<String>,
}

/// A table: all columns but the first are numbers.
#[derive(Debug, Default, Serialize)]
struct Grid {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// What is left out.
    note: String,
}

/// `None` where there are no predictions at all.
pub(super) fn mistakes(tables: &Tables) -> Option<Mistakes> {
    let predicted = &tables.predicted;
    let problems = predicted.problems().map(|(row, why)| format!("artefacts/{}: {why}", row.file)).collect::<Vec<_>>();
    let Some((row, figures)) = predicted.of_best().and_then(|row| Some((row, row.found.as_ref().ok()?))) else {
        return (!problems.is_empty()).then(|| Mistakes { problems, ..Mistakes::default() });
    };
    let classes: Vec<&ClassQuality> = Predicted::of(&predicted.classes, row.trial, row.split).collect();
    let shares = predicted.shares_of(row.trial, row.split);
    let gaps = predicted.gaps_of(row.trial, row.split);
    let confused: Vec<&Confused> = Predicted::of(&predicted.confusion, row.trial, row.split).collect();
    Some(Mistakes {
        about: about(row, figures),
        warnings: warnings(&predicted.significant_gaps()),
        sure: sure(figures),
        confusion: confusion(&confused, &classes),
        groups: groups(&shares, &classes),
        gaps: gap_rows(&gaps),
        classes: class_rows(&classes),
        problems,
    })
}

fn about(row: &PredictionsRow, figures: &Figures) -> String {
    let split = match row.split {
        Split::Test => "the test split, which the search never saw",
        Split::Validation => "the validation split, by which it was chosen",
    };
    format!(
        "Predictions of trial {} for {split}: {} of {} right, {}.",
        row.trial,
        format::count(figures.accuracy.count),
        format::counted(figures.accuracy.of, "example"),
        share(figures.accuracy)
    )
}

fn sure(figures: &Figures) -> String {
    let accuracy = figures.accuracy.value().unwrap_or(f64::NAN);
    format!(
        "Its mean confidence is {:.3}, its accuracy {accuracy:.3}: it is {}. Expected calibration error {:.3}, Brier score {:.3}.",
        figures.confidence,
        figures.leaning().words(),
        figures.calibration_error,
        figures.brier
    )
}

fn share(share: Share) -> String {
    format::share(share).unwrap_or_default()
}

fn class_rows(classes: &[&ClassQuality]) -> Grid {
    let row = |class: &&ClassQuality| {
        let f1 = class.f1().map_or_else(String::new, |f1| format!("{f1:.3}"));
        vec![class.class.clone(), format::count(class.support), share(class.precision), share(class.recall), f1]
    };
    Grid {
        header: ["class", "examples", "precision", "recall", "F1"].map(str::to_owned).into(),
        rows: classes.iter().take(SHOWN).map(row).collect(),
        note: left_out(classes.len(), "classes"),
    }
}

fn left_out(all: usize, what: &str) -> String {
    if all > SHOWN { format!("The other {} {what} are in tables/.", all - SHOWN) } else { String::new() }
}

/// The whole of it where it is small, else what happens most often.
fn confusion(confused: &[&Confused], classes: &[&ClassQuality]) -> Grid {
    if classes.len() <= FEW {
        let count = |label: &str, predicted: &str| {
            confused.iter().find(|row| row.label == label && row.predicted == predicted).map_or(0, |row| row.count)
        };
        let header = std::iter::once("is".to_owned()).chain(classes.iter().map(|class| format!("predicted {}", class.class)));
        let row = |label: &&ClassQuality| {
            let counts = classes.iter().map(|predicted| format::count(count(&label.class, &predicted.class)));
            std::iter::once(label.class.clone()).chain(counts).collect()
        };
        return Grid { header: header.collect(), rows: classes.iter().map(row).collect(), note: String::new() };
    }
    let mut wrong: Vec<&&Confused> = confused.iter().filter(|row| row.label != row.predicted).collect();
    wrong.sort_by_key(|row| std::cmp::Reverse(row.count));
    let row = |row: &&&Confused| vec![format!("{} taken for {}", row.label, row.predicted), format::count(row.count)];
    Grid {
        header: ["most frequent mistakes", "examples"].map(str::to_owned).into(),
        rows: wrong.iter().take(CONFUSIONS).map(row).collect(),
        note: String::new(),
    }
}

/// What a measure is called where it is shown.
fn called(measured: Measured, class: Option<&str>) -> String {
    match (measured, class) {
        (Measured::FalsePositives, Some(class)) => format!("wrongly {class}"),
        (Measured::FalseNegatives, Some(class)) => format!("{class} missed"),
        _ => "accuracy".to_owned(),
    }
}

/// The names of statistics for what the columns are called.
fn rates(classes: &[&ClassQuality]) -> String {
    match classes {
        [a, b] => format!(
            "\u{201c}Wrongly {a}\u{201d} is the false-positive rate of {a}, which is the false-negative rate of {b}, and the other way round.",
            a = a.class,
            b = b.class
        ),
        _ => "\u{201c}Wrongly\u{201d} is the false-positive rate of a class: of what does not have it, the share it was predicted for. \u{201c}Missed\u{201d} is its false-negative rate."
            .to_owned(),
    }
}

fn groups(shares: &[&GroupShare], classes: &[&ClassQuality]) -> Grid {
    let find = |group: &str, measured: Measured, class: Option<&str>| {
        let fits = |row: &&&GroupShare| row.group == group && row.measured == measured && row.class.as_deref() == class;
        shares.iter().find(fits).map_or_else(String::new, |row| share(row.share))
    };
    let mut measures = vec![(Measured::Accuracy, None)];
    if classes.len() <= FEW {
        let rates = [Measured::FalsePositives, Measured::FalseNegatives].into_iter().filter(|rate| !is_said_already(*rate, classes.len()));
        measures.extend(rates.flat_map(|rate| classes.iter().map(move |class| (rate, Some(class.class.as_str())))));
    }
    let all: Vec<&&GroupShare> = shares.iter().filter(|row| row.measured == Measured::Accuracy).collect();
    let row = |row: &&&GroupShare| {
        let cells = measures.iter().map(|(measured, class)| find(&row.group, *measured, *class));
        [row.group.clone(), format::count(row.share.of)].into_iter().chain(cells).collect()
    };
    let header = measures.iter().map(|(measured, class)| called(*measured, *class));
    Grid {
        header: ["group", "examples"].map(str::to_owned).into_iter().chain(header).collect(),
        rows: all.iter().take(SHOWN).map(row).collect(),
        note: [if measures.len() > 1 && !all.is_empty() { rates(classes) } else { String::new() }, left_out(all.len(), "groups")]
            .join(" ")
            .trim()
            .to_owned(),
    }
}

fn gap_rows(gaps: &[&Gap]) -> Grid {
    // Their own intervals stand in the table of groups.
    let end = |(group, share): &(String, Share)| format!("{group}: {:.3}", share.value().unwrap_or(f64::NAN));
    let row = |gap: &&Gap| {
        vec![
            called(gap.measured, gap.class.as_deref()),
            end(&gap.higher),
            end(&gap.lower),
            format!("{:.1} points", gap.difference * 100.0),
            points(gap),
            match (gap.is_significant(), gap.largest) {
                (true, true) => "no chance",
                (true, false) => "no chance, though not the largest",
                (false, _) => "may be chance",
            }
            .to_owned(),
        ]
    };
    Grid {
        header: ["gap in", "higher", "lower", "difference", "interval", ""].map(str::to_owned).into(),
        rows: gaps.iter().take(SHOWN).map(row).collect(),
        note: String::new(),
    }
}

fn points(gap: &Gap) -> String {
    format!("{:.1} to {:.1} points", gap.low * 100.0, gap.high * 100.0)
}

fn warnings(significant: &[&Gap]) -> Vec<String> {
    let warning = |gap: &&Gap| {
        let what = match gap.measured {
            Measured::Accuracy => "The accuracy".to_owned(),
            measured => format!("The rate of \u{201c}{}\u{201d}", called(measured, gap.class.as_deref())),
        };
        format!(
            "{what} differs between groups: {:.3} for {} and {:.3} for {}, {:.1} points apart (95 % interval {}, corrected for {}).",
            gap.higher.1.value().unwrap_or(f64::NAN),
            gap.higher.0,
            gap.lower.1.value().unwrap_or(f64::NAN),
            gap.lower.0,
            gap.difference * 100.0,
            points(gap),
            format::counted(gap.comparisons as u64, "comparison")
        )
    };
    significant.iter().map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sample_record, with_predictions};

    #[test]
    fn without_predictions_there_is_nothing_to_say() {
        assert!(mistakes(&Tables::new(&sample_record(12, 3, 1))).is_none());
    }

    #[test]
    fn classes_groups_and_gaps_are_told_with_their_intervals() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = sample_record(12, 3, 1);
        with_predictions(&mut record, folder.path(), &["agency", "blog"]);
        let tables = Tables::read(&record);
        let found = mistakes(&tables).unwrap();
        let best = record.best().unwrap().trial;
        assert!(found.about.starts_with(&format!("Predictions of trial {best} for the validation split")), "{}", found.about);
        let (row, figures) = tables.predicted.of_best().and_then(|row| Some((row, row.found.as_ref().ok()?))).unwrap();
        assert!(found.about.contains(&share(figures.accuracy)));
        let classes = Predicted::of(&tables.predicted.classes, row.trial, row.split).count();
        assert_eq!((found.classes.rows.len(), found.confusion.rows.len()), (classes, classes));
        assert_eq!(found.groups.rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["agency", "blog"]);
        assert!(found.groups.rows.iter().all(|row| row.len() == found.groups.header.len()));
        assert!(found.gaps.rows.iter().all(|row| row.len() == found.gaps.header.len()));
        assert_eq!(found.warnings.is_empty(), found.gaps.rows.iter().all(|row| row[5] == "may be chance"));
    }

    #[test]
    fn a_gap_that_is_no_chance_is_a_warning() {
        let gap = |measured, class: Option<&str>, low, largest| Gap {
            measured,
            class: class.map(str::to_owned),
            higher: ("women".to_owned(), Share::new(90, 100)),
            lower: ("Muslims".to_owned(), Share::new(60, 100)),
            difference: 0.3,
            low,
            high: 0.45,
            comparisons: 21,
            largest,
        };
        let gaps = [
            gap(Measured::Accuracy, None, 0.15, true),
            gap(Measured::FalsePositives, Some("hateful"), -0.1, true),
            gap(Measured::FalsePositives, Some("hateful"), 0.1, false),
        ];
        let gaps: Vec<&Gap> = gaps.iter().collect();
        insta::assert_snapshot!(warnings(&[gaps[0], gaps[2]]).join("\n"), @"
        The accuracy differs between groups: 0.900 for women and 0.600 for Muslims, 30.0 points apart (95 % interval 15.0 to 45.0 points, corrected for 21 comparisons).
        The rate of \u{201c}wrongly hateful\u{201d} differs between groups: 0.900 for women and 0.600 for Muslims, 30.0 points apart (95 % interval 10.0 to 45.0 points, corrected for 21 comparisons).
        ");
        let verdicts: Vec<String> = gap_rows(&gaps).rows.into_iter().map(|mut row| row.remove(5)).collect();
        assert_eq!(verdicts, ["no chance", "may be chance", "no chance, though not the largest"]);
    }

    #[test]
    fn of_two_classes_each_rate_is_there_once_under_both_its_names() {
        let none = Share::new(0, 0);
        let class = |class: &str| ClassQuality {
            class: class.to_owned(),
            support: 0,
            predicted: 0,
            precision: none,
            recall: none,
            false_positives: none,
            false_negatives: none,
        };
        let (a, b) = (class("hateful"), class("benign"));
        let rate = |measured, class: Option<&str>| GroupShare {
            group: "women".to_owned(),
            measured,
            class: class.map(str::to_owned),
            share: Share::new(5, 10),
        };
        let shares = [
            rate(Measured::Accuracy, None),
            rate(Measured::FalsePositives, Some("hateful")),
            rate(Measured::FalsePositives, Some("benign")),
        ];
        let grid = groups(&shares.iter().collect::<Vec<_>>(), &[&a, &b]);
        assert_eq!(grid.header, ["group", "examples", "accuracy", "wrongly hateful", "wrongly benign"]);
        insta::assert_snapshot!(grid.note, @"\u{201c}Wrongly hateful\u{201d} is the false-positive rate of hateful, which is the false-negative rate of benign, and the other way round.");
    }
}
