//! What all charts have in common.

use std::{collections::BTreeSet, sync::Arc};

use engine::{
    record::{SegmentEnd, StudyRecord},
    state::Phase,
};
use search_spaces::{
    goals::Constraint,
    settings::{Direction, Metric, Objective},
};

use super::{
    surface::{Colour, Shape},
    *,
};
use crate::{
    fairness::{GroupShare, Measured},
    intervals::Share,
    parameters::{Cell, Scale},
    quality::{ClassQuality, Confused},
    tables::Of,
    testing::{running_record, sample_record, with_finalists, with_goals, with_predictions},
};

fn charts(record: &StudyRecord) -> Vec<Chart> {
    all(&Tables::new(record), record.state.objective)
}

fn named(record: &StudyRecord, name: &str) -> Chart {
    charts(record).into_iter().find(|chart| chart.name == name).unwrap_or_else(|| panic!("no chart {name}"))
}

/// Names with faults of all charts.
fn faults(record: &StudyRecord) -> Vec<String> {
    charts(record).iter().flat_map(|chart| chart.drawing.faults().into_iter().map(|fault| format!("{}: {fault}", chart.name))).collect()
}

fn has(chart: &Chart, wanted: Colour) -> bool {
    chart.drawing.shapes().iter().any(|shape| match shape {
        Shape::Rectangle { colour, .. } | Shape::Line { colour, .. } | Shape::Disc { colour, .. } | Shape::Polygon { colour, .. } => {
            *colour == wanted
        }
        Shape::Text { .. } => false,
    })
}

/// That a finished study of one objective has, in their order.
const ALWAYS: &str =
    "best-so-far best-so-far-by-cost learning-curves funnel distribution training-saved parameters parallel-coordinates schedule timeline";

#[test]
fn one_some_and_many_trials_have_all_charts_and_every_text_its_place() {
    for trials in [1, 2, 12, 1000] {
        for rungs in [1, 3] {
            let record = sample_record(trials, rungs, 1);
            let found = charts(&record);
            let names = found.iter().map(|chart| chart.name).filter(|name| !["importance", "contour"].contains(name));
            assert_eq!(names.collect::<Vec<_>>().join(" "), ALWAYS);
            assert_eq!(faults(&record), Vec::<String>::new(), "{trials} trials, {rungs} rungs");
            for chart in &found {
                assert!(chart.alt.len() > 30 && chart.caption.len() > 80 && chart.drawing.shapes().len() > 8, "{}", chart.name);
                assert!(chart.alt.ends_with('.') && !chart.alt.contains(".."), "{}", chart.alt);
            }
        }
    }
}

#[test]
fn failed_trials_have_marks_in_every_chart_about_trials() {
    let all_of_them = ["best-so-far", "best-so-far-by-cost", "learning-curves", "funnel", "distribution", "training-saved"];
    let names = all_of_them.into_iter().chain(["parallel-coordinates", "parameters", "timeline"]);
    let (some, none) = (sample_record(12, 3, 1), sample_record(1, 3, 1));
    for name in names {
        assert!(has(&named(&some, name), Colour::Failed), "{name}");
        assert!(!has(&named(&none, name), Colour::Failed), "{name}");
    }
}

#[test]
fn trials_without_a_parameter_are_shown_beside_its_axis() {
    let record = sample_record(12, 3, 1);
    for name in ["parameters", "parallel-coordinates"] {
        let chart = named(&record, name);
        assert!(chart.drawing.texts().iter().any(|(text, ..)| *text == "not set"), "{name}");
    }
    // As many marks in every panel as there are trials: none is dropped.
    let marks = |chart: &Chart| {
        chart
            .drawing
            .shapes()
            .iter()
            .filter(|shape| matches!(shape, Shape::Disc { .. } | Shape::Polygon { .. } | Shape::Line { width: 1.8, .. }))
            .count()
    };
    let parameters = Tables::new(&record).parameters.len();
    assert!(marks(&named(&record, "parameters")) >= 12 * parameters);
}

#[test]
fn the_same_study_has_the_same_bytes() {
    let draw = || pictures(charts(&sample_record(40, 3, 1))).unwrap();
    for (a, b) in draw().iter().zip(&draw()) {
        assert!(a.files().eq(b.files()), "{}", a.chart.name);
    }
}

#[test]
fn pictures_have_both_themes_and_both_forms() {
    let [drawn] = &pictures(vec![named(&sample_record(12, 3, 1), "funnel")]).unwrap()[..] else { panic!("not one") };
    let names: Vec<String> = drawn.files().map(|(name, _)| name).collect();
    assert_eq!(names, ["funnel.png", "funnel.svg", "funnel-dark.png", "funnel-dark.svg"]);
    let corner = |theme| image::load_from_memory(drawn.png(theme)).unwrap().to_rgb8().get_pixel(0, 0).0;
    assert_eq!((corner(Theme::Light), corner(Theme::Dark)), ([255, 255, 255], [29, 35, 45]));
    let image = image::load_from_memory(drawn.png(Theme::Light)).unwrap().to_rgb8();
    assert_eq!(image.width(), 2 * WIDTH);
    assert!(image.pixels().map(|pixel| pixel.0).collect::<BTreeSet<_>>().len() > 40);
    for theme in Theme::ALL {
        let svg = drawn.svg(theme);
        assert!(
            svg.contains("<title>Funnel of the rungs</title>") && svg.contains(">rung 0</text>") || svg.contains("rung 0\n</text>"),
            "{svg}"
        );
        assert!(drawn.png(theme).len() < 100_000);
    }
}

#[test]
fn a_second_objective_has_a_chart_of_its_own() {
    let mut record = sample_record(40, 3, 1);
    with_goals(&mut record, vec![Constraint::GroupGap(0.045)]);
    let trade_off = named(&record, "trade-off");
    let front: Vec<u32> = record.state.front();
    assert!(front.iter().all(|trial| trade_off.alt.contains(&format!("trial {trial}: "))), "{}", trade_off.alt);
    assert_eq!(faults(&record), Vec::<String>::new());
    // Nobody keeps it: all are drawn, and there is no front.
    with_goals(&mut record, vec![Constraint::TrainableParameters(1)]);
    assert!(named(&record, "trade-off").drawing.shapes().len() > 20);
    // No trial has been trained in full.
    for trial in 0..record.state.trials().len() {
        record.state.change(trial as u32, |trial| (trial.values, trial.phase) = (vec![0.5], Phase::Paused { rung: 0 }));
    }
    assert!(charts(&record).iter().all(|chart| chart.name != "trade-off"));
}

fn all_failed(mut record: StudyRecord) -> StudyRecord {
    for trial in 0..record.state.trials().len() {
        record.state.change(trial as u32, |trial| (trial.values, trial.phase) = (vec![f64::NAN], Phase::Failed { rung: 0 }));
    }
    for segment in &mut record.segments {
        segment.end = Some(SegmentEnd::Failed { cause: "the loss became NaN".to_owned() });
    }
    record
}

#[test]
fn odd_studies_are_drawn_too() {
    let mut without_segments = sample_record(6, 6, 1);
    without_segments.segments.clear();
    without_segments.evaluations.clear();
    let mut nothing_finished = running_record(3, 3, 1);
    for trial in 0..3 {
        nothing_finished.state.change(trial, |trial| (trial.values, trial.phase) = (vec![], Phase::Active { rung: 0 }));
    }
    let mut loss = sample_record(30, 2, 1);
    loss.state.objective = Objective { metric: Metric::Loss, direction: Direction::Minimize };
    let mut endless = sample_record(12, 1, 1);
    endless.state.change(5, |trial| trial.values = vec![f64::INFINITY]);
    let mut other_lengths = sample_record(12, 3, 1);
    other_lengths.state.change(4, |trial| Arc::make_mut(&mut trial.config).epochs = 7);
    let mut many_slots = sample_record(200, 3, 1);
    for (index, segment) in many_slots.segments.iter_mut().enumerate() {
        segment.slot = format!("cuda:{}/{} of a machine with a long name", index % 8, index % 16);
    }
    let mut finalists = sample_record(30, 3, 1);
    let best: Vec<u32> = finalists.state.leaderboard().into_iter().take(2).collect();
    with_finalists(&mut finalists, &[(best[0], &[Some(0.9), None]), (best[1], &[Some(0.91), Some(0.92)])]);
    let studies = vec![
        ("all failed", all_failed(sample_record(4, 2, 1))),
        ("one failed", all_failed(sample_record(1, 3, 1))),
        ("many failed", all_failed(sample_record(1000, 3, 1))),
        ("without segments", without_segments),
        ("nothing finished", nothing_finished),
        ("loss", loss),
        ("endless", endless),
        ("other lengths", other_lengths),
        ("running", running_record(12, 3, 1)),
        ("many rungs", sample_record(300, 7, 1)),
        ("many slots", many_slots),
        ("finalists", finalists),
    ];
    for (name, record) in studies {
        assert_eq!(faults(&record), Vec::<String>::new(), "{name}");
        for chart in charts(&record) {
            assert!(chart.svg(Theme::Dark).is_ok(), "{name}: {}", chart.name);
        }
    }
}

#[test]
fn forty_options_and_long_names_have_their_places() {
    let mut tables = Tables::new(&sample_record(60, 3, 1));
    let labels: Vec<String> = (0..40).map(|k| format!("LastBlocks(k: {k}, of: \"a long name\")")).collect();
    for parameter in tables.parameters.iter_mut().take(2) {
        parameter.path = format!("a_parameter.Of_a_Variant.{}_with_a_name_that_is_much_longer_than_any_of_ours", parameter.path);
        parameter.scale = Scale::Categories(labels.clone());
        for (index, cell) in parameter.cells.iter_mut().enumerate() {
            *cell = Cell::Category(labels[index % 40].clone());
        }
    }
    let many: Vec<_> = tables.parameters.iter().cycle().take(40).cloned().collect();
    for parameters in [tables.parameters.clone(), many] {
        tables.parameters = parameters;
        let objective = sample_record(1, 1, 1).state.objective;
        for chart in all(&tables, objective) {
            assert_eq!(chart.drawing.faults(), Vec::<String>::new(), "{}", chart.name);
        }
    }
}

/// A study with predictions of four groups.
fn predicting(trials: u32) -> Tables {
    let mut record = sample_record(trials, 3, 1);
    let dir = tempfile::tempdir().unwrap();
    with_predictions(&mut record, dir.path(), &["agency", "blog", "radio", "press"]);
    Tables::read(&record)
}

#[test]
fn what_the_best_trial_predicts_has_charts_with_any_number_of_classes_and_groups() {
    let objective = sample_record(1, 1, 1).state.objective;
    let mut tables = predicting(40);
    let best = tables.predicted.of_best().unwrap();
    let (trial, split) = (best.trial, best.split);
    for (classes, groups) in [(5, 4), (2, 1), (77, 60), (1000, 7)] {
        let share = |index: u64| Share::new(90 - index % 40, 100);
        let name = |index: u64| format!("the {index}. of some classes with long names");
        let of_class = |index: u64| ClassQuality {
            class: name(index),
            support: 100,
            predicted: 100,
            precision: share(index),
            recall: share(index),
            false_positives: share(index),
            false_negatives: share(index),
        };
        let pair = |label: u64, predicted: u64, count| Confused { label: name(label), predicted: name(predicted), count };
        let confused = |index: u64| [pair(index, index, 90), pair(index, (index * 7 + 1) % classes, 3 + index % 7)];
        let of_group = |index: u64| GroupShare {
            group: format!("a group with a name that is long, number {index}"),
            measured: Measured::Accuracy,
            class: None,
            share: share(index),
        };
        if classes > 5 {
            tables.predicted.classes = (0..classes).map(|index| Of { trial, split, row: of_class(index) }).collect();
            tables.predicted.confusion = (0..classes).flat_map(confused).map(|row| Of { trial, split, row }).collect();
            tables.predicted.groups = (0..groups).map(|index| Of { trial, split, row: of_group(index) }).collect();
        }
        let found: Vec<Chart> =
            all(&tables, objective).into_iter().filter(|chart| ["confusion", "reliability", "groups"].contains(&chart.name)).collect();
        assert_eq!(found.len(), 3, "{classes} classes");
        for chart in found {
            assert_eq!(chart.drawing.faults(), Vec::<String>::new(), "{}: {classes} classes, {groups} groups", chart.name);
        }
    }
}

#[test]
fn too_few_trials_have_no_importance_and_no_contour() {
    let names = |trials: u32| charts(&sample_record(trials, 3, 1)).iter().map(|chart| chart.name).collect::<Vec<_>>();
    for name in ["importance", "contour"] {
        assert!(!names(12).contains(&name) && names(200).contains(&name), "{name}");
    }
}

#[test]
fn files_of_charts_that_are_no_more_are_named() {
    let drawn = pictures(vec![named(&sample_record(12, 3, 1), "parameters")]).unwrap();
    let left = left_over(&drawn);
    assert!(left.contains(&"contour-dark.svg".to_owned()) && !left.iter().any(|name| name.starts_with("parameters")));
    assert_eq!(left.len(), 4 * (OPTIONAL.len() - 1));
}

#[test]
fn no_trial_no_chart_and_no_parameter_no_slice() {
    assert_eq!(charts(&sample_record(0, 3, 1)), []);
    let mut record = sample_record(3, 1, 1);
    record.space.parameters.clear();
    assert!(charts(&record).iter().all(|chart| !["parameters", "parallel-coordinates"].contains(&chart.name)));
}
