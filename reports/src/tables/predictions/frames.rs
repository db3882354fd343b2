//! The rows of predictions as frames.

use polars::prelude::{DataFrame, PolarsResult};

use super::{super::column, Figures, PredictionsRow};
use crate::{intervals::Share, quality::ClassQuality, tables::Tables};

pub(in crate::tables) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.predicted.files;
    let figure = |of: fn(&Figures) -> f64| move |row: &PredictionsRow| row.found.as_ref().ok().map(of);
    let end = |high: bool| {
        move |row: &PredictionsRow| {
            let (low, top) = row.found.as_ref().ok()?.accuracy.interval()?;
            Some(if high { top } else { low })
        }
    };
    let columns = vec![
        column("trial", rows, |row| row.trial),
        column("of", rows, |row| row.of),
        column("split", rows, |row| row.split.name()),
        column("best", rows, |row| row.best),
        column("default", rows, |row| row.default),
        column("detailed", rows, |row| row.detailed),
        column("examples", rows, |row| row.found.as_ref().ok().map(|found| found.accuracy.of)),
        column("accuracy", rows, figure(|found| found.accuracy.value().unwrap_or(f64::NAN))),
        column("accuracy_low", rows, end(false)),
        column("accuracy_high", rows, end(true)),
        column("macro_f1", rows, figure(|found| found.macro_f1)),
        column("matthews", rows, figure(|found| found.matthews)),
        column("loss", rows, figure(|found| found.loss)),
        column("confidence", rows, figure(|found| found.confidence)),
        column("calibration_error", rows, figure(|found| found.calibration_error)),
        column("brier", rows, figure(|found| found.brier)),
        column("file", rows, |row| row.file.clone()),
        column("problem", rows, |row| row.found.as_ref().err().cloned()),
    ];
    DataFrame::new(rows.len(), columns)
}

pub(in crate::tables) fn class_frame(tables: &Tables) -> PolarsResult<DataFrame> {
    type Of = fn(&ClassQuality) -> Share;
    let rows = &tables.predicted.classes;
    let mut columns = vec![
        column("trial", rows, |row| row.trial),
        column("split", rows, |row| row.split.name()),
        column("class", rows, |row| row.row.class.clone()),
        column("support", rows, |row| row.row.support),
        column("predicted", rows, |row| row.row.predicted),
        column("f1", rows, |row| row.row.f1()),
    ];
    let shares: [(&str, Of); 4] = [
        ("precision", |class| class.precision),
        ("recall", |class| class.recall),
        ("false_positive_rate", |class| class.false_positives),
        ("false_negative_rate", |class| class.false_negatives),
    ];
    for (name, of) in shares {
        columns.push(column(name, rows, |row| of(&row.row).value()));
        columns.push(column(format!("{name}_low"), rows, |row| of(&row.row).interval().map(|(low, _)| low)));
        columns.push(column(format!("{name}_high"), rows, |row| of(&row.row).interval().map(|(_, high)| high)));
    }
    DataFrame::new(rows.len(), columns)
}

pub(in crate::tables) fn confusion_frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.predicted.confusion;
    let columns = vec![
        column("trial", rows, |row| row.trial),
        column("split", rows, |row| row.split.name()),
        column("label", rows, |row| row.row.label.clone()),
        column("predicted", rows, |row| row.row.predicted.clone()),
        column("count", rows, |row| row.row.count),
    ];
    DataFrame::new(rows.len(), columns)
}

pub(in crate::tables) fn calibration_frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.predicted.calibration;
    let columns = vec![
        column("trial", rows, |row| row.trial),
        column("split", rows, |row| row.split.name()),
        column("above", rows, |row| row.row.above),
        column("up_to", rows, |row| row.row.up_to),
        column("examples", rows, |row| row.row.right.of),
        column("confidence", rows, |row| row.row.confidence),
        column("accuracy", rows, |row| row.row.right.value()),
        column("accuracy_low", rows, |row| row.row.right.interval().map(|(low, _)| low)),
        column("accuracy_high", rows, |row| row.row.right.interval().map(|(_, high)| high)),
    ];
    DataFrame::new(rows.len(), columns)
}

pub(in crate::tables) fn group_frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.predicted.groups;
    let columns = vec![
        column("trial", rows, |row| row.trial),
        column("split", rows, |row| row.split.name()),
        column("group", rows, |row| row.row.group.clone()),
        column("measure", rows, |row| row.row.measured.name()),
        column("class", rows, |row| row.row.class.clone()),
        column("examples", rows, |row| row.row.share.of),
        column("count", rows, |row| row.row.share.count),
        column("value", rows, |row| row.row.share.value()),
        column("low", rows, |row| row.row.share.interval().map(|(low, _)| low)),
        column("high", rows, |row| row.row.share.interval().map(|(_, high)| high)),
    ];
    DataFrame::new(rows.len(), columns)
}

pub(in crate::tables) fn gap_frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.predicted.gaps;
    let columns = vec![
        column("trial", rows, |row| row.trial),
        column("split", rows, |row| row.split.name()),
        column("measure", rows, |row| row.row.measured.name()),
        column("class", rows, |row| row.row.class.clone()),
        column("higher", rows, |row| row.row.higher.0.clone()),
        column("higher_value", rows, |row| row.row.higher.1.value()),
        column("lower", rows, |row| row.row.lower.0.clone()),
        column("lower_value", rows, |row| row.row.lower.1.value()),
        column("difference", rows, |row| row.row.difference),
        column("low", rows, |row| row.row.low),
        column("high", rows, |row| row.row.high),
        column("comparisons", rows, |row| row.row.comparisons as u32),
        column("significant", rows, |row| row.row.is_significant()),
        column("largest", rows, |row| row.row.largest),
    ];
    DataFrame::new(rows.len(), columns)
}
