//! What the trials of generated studies predict.

use std::{collections::BTreeSet, path::Path};

use engine::{
    record::StudyRecord,
    streams::{Purpose, stream},
};
use rand::RngExt;

use crate::predictions::{Predictions, Split};

/// The classes of the generated studies.
pub const LABELS: [&str; 5] = ["business", "entertainment", "politics", "sport", "tech"];
/// Examples in their validation and their test split.
const PREDICTED: usize = 445;
/// Files that are written for the best of the leaderboard.
const FILES: usize = 25;

/// Predictions for examples: the label, weights of the classes, and the group.
pub fn predictions<'a>(labels: &[&str], examples: impl Iterator<Item = (u32, Vec<f64>, Option<&'a str>)>) -> Predictions {
    let mut csv = Vec::new();
    write_predictions(&mut csv, "test", labels, examples.collect());
    Predictions::parse(&csv, Split::Test).expect("generated predictions can be read")
}

/// As trials write them. The class with the highest weight is predicted, the first of equals.
fn write_predictions(to: impl std::io::Write, split: &str, labels: &[&str], examples: Vec<(u32, Vec<f64>, Option<&str>)>) {
    let grouped = examples.iter().any(|(_, _, group)| group.is_some());
    let mut writer = csv::Writer::from_writer(to);
    let names = ["split", "row", "label", "predicted"].map(str::to_owned).into_iter();
    let probabilities = labels.iter().map(|label| format!("probability of {label}"));
    let mut write = |row: Vec<String>| writer.write_record(row).expect("generated predictions can be written");
    write(names.chain(probabilities).chain(grouped.then(|| "group".to_owned())).collect());
    for (row, (label, weights, group)) in examples.into_iter().enumerate() {
        let sum: f64 = weights.iter().sum();
        let highest = weights.iter().copied().fold(0.0, f64::max);
        let predicted = weights.iter().position(|weight| *weight == highest).unwrap_or(0);
        let first = [split.to_owned(), row.to_string(), labels[label as usize].to_owned(), labels[predicted].to_owned()];
        let probabilities = weights.iter().map(|weight| (weight / sum).to_string());
        write(first.into_iter().chain(probabilities).chain(grouped.then(|| group.unwrap_or_default().to_owned())).collect());
    }
    writer.flush().expect("generated predictions can be written");
}

/// Leaves in `artefacts`, an existing folder, what the best, the default recipe and the finalists predict, with accuracies as in the record: on the validation split, and on
/// the test split of the last look. Of several groups the last does worse.
pub fn with_predictions(record: &mut StudyRecord, artefacts: &Path, groups: &[&str]) {
    let best = record.state.leaderboard().into_iter().take(FILES);
    let finalists = record.finalists.repeats();
    let trials: BTreeSet<u32> = best.chain(finalists).chain((!record.trials.is_empty()).then_some(0)).collect();
    let write = |path: &Path, split, trial, accuracy| {
        let file = std::fs::File::create(path).expect("the folder of the artefacts may be written to");
        write_predictions(file, split, &LABELS, predicted(record.space.settings.seed, trial, accuracy, groups));
    };
    let mut written = Vec::new();
    for trial in trials {
        let accuracy = record.state.trials()[trial as usize].values.iter().copied().rfind(|value| value.is_finite());
        if let Some(accuracy) = accuracy {
            let path = artefacts.join(format!("trial-{trial}-predictions.csv"));
            write(&path, "validation", trial, accuracy);
            written.push((trial, path));
        }
    }
    if let Some(look) = record.looks.last() {
        let path = artefacts.join(format!("trial-{}-predictions-test.csv", look.tested.trial));
        write(&path, "test", look.tested.trial, look.tested.value);
        let accuracy = (look.tested.value * PREDICTED as f64).round() / PREDICTED as f64;
        if let Some(look) = record.looks.last_mut() {
            look.tested.predictions = Some(path);
            look.tested.metrics.insert("accuracy".to_owned(), accuracy);
        }
    }
    for (trial, path) in written {
        record.trials[trial as usize].predictions = Some(path);
    }
}

/// What a training predicts that has this accuracy. Some examples are harder than others, for whatever training.
fn predicted<'a>(seed: u64, trial: u32, accuracy: f64, groups: &[&'a str]) -> Vec<(u32, Vec<f64>, Option<&'a str>)> {
    let (mut of_data, mut of_trial) = (stream(seed, 0, Purpose::DataSplit), stream(seed, trial, Purpose::DataOrder));
    let mut examples: Vec<(u32, f64, Option<&str>)> = (0..PREDICTED)
        .map(|index| {
            let group = groups.get(index % groups.len().max(1)).copied();
            let harder = if groups.len() > 1 && group == groups.last().copied() { 0.25 } else { 0.0 };
            let hard: f64 = of_data.random_range(0.0..1.0) + of_trial.random_range(0.0..0.5) + harder;
            (index as u32 % LABELS.len() as u32, hard, group)
        })
        .collect();
    let mut order: Vec<usize> = (0..PREDICTED).collect();
    order.sort_by(|a, b| examples[*b].1.total_cmp(&examples[*a].1));
    let wrong = PREDICTED - (accuracy * PREDICTED as f64).round() as usize;
    let mut found = Vec::new();
    let is_wrong: BTreeSet<usize> = order.into_iter().take(wrong).collect();
    for (index, (label, hard, group)) in examples.drain(..).enumerate() {
        let predicted = if is_wrong.contains(&index) { (label + 1 + (hard * 97.0) as u32 % 4) % LABELS.len() as u32 } else { label };
        let sure = (1.05 - 0.35 * hard).clamp(0.4, 0.995);
        let weight = |class| if class == predicted { sure } else { (1.0 - sure) / (LABELS.len() - 1) as f64 };
        found.push((label, (0..LABELS.len() as u32).map(weight).collect(), group));
    }
    found
}
