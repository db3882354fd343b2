//! Cross-validation: a row a fold, and a row a trial.

use engine::{folds::Fold, record::StudyRecord};
use polars::prelude::{DataFrame, PolarsResult};

use super::{
    Tables, column,
    mean_of::{deviation, mean},
};

/// A fold that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldRow {
    pub trial: u32,
    /// From 0.
    pub fold: u32,
    pub of: u32,
    /// NaN where it failed.
    pub value: f64,
    pub steps: Option<u64>,
    pub seconds: Option<f64>,
    pub cause: Option<String>,
}

/// What the folds of a trial's config gave.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossRow {
    pub trial: u32,
    pub recipe: Option<String>,
    /// The trial's own value.
    pub value: f64,
    pub of: u32,
    /// Folds that have a value.
    pub folds: u32,
    /// Over these folds.
    pub mean: f64,
    /// Of one fold's value, around the mean (`n - 1`); `None` with fewer than two.
    pub deviation: Option<f64>,
    /// Mean of what each fold has above the default recipe's value on the same fold.
    pub above_default: Option<f64>,
    /// Standard error of that mean over the folds. They share training examples, so it is rather too small (Bengio & Grandvalet 2004).
    pub above_default_error: Option<f64>,
}

/// Those of the newest number of parts, by trial, then by part.
pub(super) fn folds(record: &StudyRecord) -> Vec<FoldRow> {
    let of = record.space.settings.folds;
    let newest = record.folds.iter().filter(|ended| of.is_none_or(|of| ended.fold.of == of));
    newest
        .map(|ended| {
            let Fold { trial, index, of } = ended.fold;
            let done = ended.outcome.as_ref().ok();
            FoldRow {
                trial,
                fold: index,
                of,
                value: done.map_or(f64::NAN, |folded| folded.value),
                steps: done.map(|folded| folded.steps),
                seconds: done.map(|folded| folded.seconds),
                cause: ended.outcome.as_ref().err().cloned(),
            }
        })
        .collect()
}

/// A row a trial, best mean first.
pub(super) fn crosses(record: &StudyRecord, folds: &[FoldRow]) -> Vec<CrossRow> {
    let mut trials: Vec<(u32, u32)> = folds.iter().map(|row| (row.trial, row.of)).collect();
    trials.dedup();
    let values = |trial: u32, of: u32| folds.iter().filter(move |row| row.trial == trial && row.of == of && row.value.is_finite());
    let mut rows: Vec<CrossRow> = trials
        .into_iter()
        .filter_map(|(trial, of)| {
            let own: Vec<f64> = values(trial, of).map(|row| row.value).collect();
            let mean = mean(&own)?;
            let default = |row: &FoldRow| values(0, of).find(|other| other.fold == row.fold).map(|other| row.value - other.value);
            let above: Vec<f64> = values(trial, of).filter(|_| trial != 0).filter_map(default).collect();
            Some(CrossRow {
                trial,
                recipe: record.trials[trial as usize].recipe.clone(),
                value: record.state.trials()[trial as usize].values.last().copied().unwrap_or(f64::NAN),
                of,
                folds: own.len() as u32,
                mean,
                deviation: deviation(&own),
                above_default: super::mean_of::mean(&above),
                above_default_error: deviation(&above).map(|deviation| deviation / (above.len() as f64).sqrt()),
            })
        })
        .collect();
    let objective = record.state.objective;
    rows.sort_by(|a, b| objective.cost(a.mean).total_cmp(&objective.cost(b.mean)).then(a.trial.cmp(&b.trial)));
    rows
}

pub(super) fn fold_frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.folds;
    let columns = vec![
        column("trial", rows, |row| row.trial),
        column("fold", rows, |row| row.fold),
        column("of", rows, |row| row.of),
        column("value", rows, |row| row.value),
        column("steps", rows, |row| row.steps),
        column("seconds", rows, |row| row.seconds),
        column("cause", rows, |row| row.cause.clone()),
    ];
    DataFrame::new(rows.len(), columns)
}

pub(super) fn cross_frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.cross_validation;
    let columns = vec![
        column("trial", rows, |row| row.trial),
        column("recipe", rows, |row| row.recipe.clone()),
        column("value", rows, |row| row.value),
        column("of", rows, |row| row.of),
        column("folds", rows, |row| row.folds),
        column("mean", rows, |row| row.mean),
        column("deviation", rows, |row| row.deviation),
        column("above_default", rows, |row| row.above_default),
        column("above_default_error", rows, |row| row.above_default_error),
    ];
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{sample_record, with_folds};

    #[test]
    fn means_deviations_and_what_is_gained_over_the_default_on_the_same_folds() {
        let mut record = sample_record(12, 3, 1);
        let best = record.state.incumbent().unwrap();
        assert_ne!(best, 0);
        with_folds(&mut record, 0, &[Some(0.80), Some(0.84), Some(0.85)]);
        with_folds(&mut record, best, &[Some(0.86), Some(0.88), None]);
        let tables = Tables::new(&record);
        assert_eq!(tables.folds.len(), 6);
        let failed = &tables.folds.iter().find(|row| row.value.is_nan()).unwrap();
        assert_eq!((failed.trial, failed.fold, failed.cause.as_deref()), (best, 2, Some("the loss became NaN")));
        let [first, default] = &tables.cross_validation[..] else { panic!("{:?}", tables.cross_validation) };
        let near = |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-12, "{found:?}, not {expected}");
        assert_eq!((first.trial, first.folds, first.of), (best, 2, 3));
        near(Some(first.mean), 0.87);
        near(first.deviation, 0.000_2f64.sqrt());
        near(first.above_default, 0.05);
        near(first.above_default_error, 0.01);
        assert_eq!((default.trial, default.above_default, default.above_default_error), (0, None, None));
        near(Some(default.mean), 0.83);
    }

    #[test]
    fn folds_of_another_number_of_parts_are_left_out() {
        let mut record = sample_record(12, 3, 1);
        with_folds(&mut record, 0, &[Some(0.80), Some(0.84)]);
        record.space.settings.folds = Some(5);
        assert_eq!(Tables::new(&record).folds, []);
    }
}
