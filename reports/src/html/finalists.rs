//! Finalists and cross-validation in words.

use engine::record::StudyRecord;
use serde::Serialize;

use crate::{
    format,
    tables::{Behind, CrossRow, FinalistRow},
};

/// A finalist, in words.
#[derive(Debug, Serialize)]
pub(super) struct Finalist {
    rank: usize,
    trial: u32,
    recipe: Option<String>,
    mean: String,
    deviation: String,
    /// The value of each training, and its trial.
    trainings: Vec<(String, u32)>,
    behind: String,
    exported: Option<u32>,
}

impl Finalist {
    pub(super) fn new(record: &StudyRecord, row: &FinalistRow) -> Finalist {
        let metric = record.state.objective.metric;
        let show = |value| format::metric(metric, value);
        let behind = |behind: Behind| {
            let open = if behind.is_open() { ": may be chance" } else { "" };
            let difference = format::difference(metric, behind.difference, 0.0);
            format!("{difference} ({}){open}", format::differences(metric, behind.low, behind.high))
        };
        let exceeds = || if row.exceeds { "exceeds a constraint".to_owned() } else { String::new() };
        let value = |value: f64| if value.is_nan() { "failed".to_owned() } else { show(value) };
        Finalist {
            rank: row.rank,
            trial: row.trial,
            recipe: row.recipe.clone(),
            mean: show(row.mean),
            deviation: row.deviation.map(show).unwrap_or_default(),
            trainings: row.trainings.iter().map(|(trial, of)| (value(*of), *trial)).collect(),
            behind: row.behind.map_or_else(exceeds, behind),
            exported: row.exported,
        }
    }
}

/// A row of the cross-validation, in words.
#[derive(Debug, Serialize)]
pub(super) struct Crossed {
    trial: u32,
    recipe: Option<String>,
    value: String,
    folds: String,
    mean: String,
    deviation: String,
    above_default: String,
}

impl Crossed {
    pub(super) fn new(record: &StudyRecord, row: &CrossRow) -> Crossed {
        let metric = record.state.objective.metric;
        let show = |value| format::metric(metric, value);
        let above = row.above_default.map(|above| format::difference(metric, above, 0.0));
        let error = row
            .above_default_error
            .map(|error| format!(" (standard error {})", format::difference(metric, error, 0.0).trim_start_matches('+')));
        Crossed {
            trial: row.trial,
            recipe: row.recipe.clone(),
            value: show(row.value),
            folds: if row.folds < row.of { format!("{} of {}", row.folds, row.of) } else { row.of.to_string() },
            mean: show(row.mean),
            deviation: row.deviation.map(show).unwrap_or_default(),
            above_default: above.map(|above| above + &error.unwrap_or_default()).unwrap_or_default(),
        }
    }
}
