//! Looks at the test split, and how much better the search had made its best config out to be.

use std::collections::BTreeMap;

use engine::record::StudyRecord;
use polars::prelude::{DataFrame, PolarsResult};

use super::{Tables, column};

/// One look at the test split.
#[derive(Debug, Clone, PartialEq)]
pub struct TestRow {
    /// The training whose weights were evaluated.
    pub trial: u32,
    /// The trial of the search whose config it has.
    pub of: u32,
    pub examples: u64,
    /// Of the objective's metric.
    pub value: f64,
    /// The ends of its 95 % interval; `None` where it has none.
    pub interval: Option<(f64, f64)>,
    /// What the search had found for the config.
    pub search_value: f64,
    /// How much better that was than `value`: above 0 is too good, whatever the direction.
    pub overestimate: f64,
    /// Its 95 % interval: the search's value is a figure that stands, so the uncertainty is that of the test split.
    pub overestimate_interval: Option<(f64, f64)>,
    /// Trials of the search that had been started by then.
    pub searched: usize,
    pub metrics: BTreeMap<String, f64>,
}

/// In the order of the looks.
pub(super) fn rows(record: &StudyRecord) -> Vec<TestRow> {
    let cost = |value: f64| record.state.objective.cost(value);
    let looks = record.looks.iter().map(|look| {
        let tested = &look.tested;
        let of = record.state.trials()[tested.trial as usize].parent.unwrap_or(tested.trial);
        let search_value = record.state.trials()[of as usize].values.last().copied().unwrap_or(f64::NAN);
        let interval = Some((tested.low, tested.high)).filter(|(low, high)| low.is_finite() && high.is_finite());
        let over = |value: f64| cost(value) - cost(search_value);
        let ends = interval.map(|(low, high)| (over(low), over(high)));
        TestRow {
            trial: tested.trial,
            of,
            examples: tested.examples,
            value: tested.value,
            interval,
            search_value,
            overestimate: over(tested.value),
            overestimate_interval: ends.map(|(a, b)| (a.min(b), a.max(b))),
            searched: look.searched,
            metrics: tested.metrics.clone(),
        }
    });
    looks.collect()
}

pub(super) fn frame(tables: &Tables) -> PolarsResult<DataFrame> {
    let rows = &tables.test;
    let mut columns = vec![
        column("trial", rows, |row| row.trial),
        column("of", rows, |row| row.of),
        column("examples", rows, |row| row.examples),
        column("value", rows, |row| row.value),
        column("low", rows, |row| row.interval.map(|(low, _)| low)),
        column("high", rows, |row| row.interval.map(|(_, high)| high)),
        column("search_value", rows, |row| row.search_value),
        column("overestimate", rows, |row| row.overestimate),
        column("overestimate_low", rows, |row| row.overestimate_interval.map(|(low, _)| low)),
        column("overestimate_high", rows, |row| row.overestimate_interval.map(|(_, high)| high)),
        column("searched", rows, |row| row.searched as u32),
    ];
    let metrics = rows.first().map(|row| row.metrics.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    columns.extend(metrics.iter().map(|name| column(format!("test_{name}"), rows, |row| row.metrics.get(name).copied())));
    DataFrame::new(rows.len(), columns)
}

#[cfg(test)]
mod tests {
    use search_spaces::settings::{Direction, Metric, Objective};

    use super::*;
    use crate::testing::{sample_record, with_finalists, with_test};

    #[test]
    fn the_overestimate_is_what_the_search_had_more() {
        let mut record = sample_record(12, 3, 1);
        let best = record.state.incumbent().unwrap();
        with_finalists(&mut record, &[(best, &[Some(0.9), Some(0.91)])]);
        record.state.change(best, |trial| *trial.values.last_mut().unwrap() = 0.95);
        let repeat = record.finalists.trainings(best).nth(2).unwrap();
        with_test(&mut record, repeat, (0.92, 0.90, 0.94));
        let near = |row: &TestRow, expected: [f64; 3]| {
            let (low, high) = row.overestimate_interval.unwrap();
            for (found, expected) in [row.overestimate, low, high].into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
            }
        };
        let row = Tables::new(&record).test.pop().unwrap();
        assert_eq!((row.trial, row.of, row.search_value, row.interval), (repeat, best, 0.95, Some((0.90, 0.94))));
        near(&row, [0.03, 0.01, 0.05]);
        // Where less is better the same figures are better than promised.
        record.state.objective = Objective { metric: Metric::Loss, direction: Direction::Minimize };
        near(&Tables::new(&record).test[0], [-0.03, -0.05, -0.01]);
    }
}
