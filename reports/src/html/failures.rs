//! Failures by cause.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::tables::Tables;

#[derive(Debug, Serialize)]
pub(super) struct Failure {
    cause: String,
    count: u64,
    trials: String,
}

/// By cause, the most frequent first.
pub(super) fn failures(tables: &Tables) -> Vec<Failure> {
    const NAMED: usize = 12;
    let mut by_cause: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for row in &tables.failures {
        by_cause.entry(&row.cause).or_default().push(row.trial);
    }
    let failure = |(cause, trials): (&str, Vec<u32>)| {
        let mut named: Vec<String> = trials.iter().take(NAMED).map(u32::to_string).collect();
        if trials.len() > NAMED {
            named.push(format!("and {} more", trials.len() - NAMED));
        }
        Failure { cause: cause.to_owned(), count: trials.len() as u64, trials: named.join(", ") }
    };
    let mut failures: Vec<Failure> = by_cause.into_iter().map(failure).collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{tables::FailureRow, testing::sample_record};

    #[test]
    fn the_rows_of_the_table_are_grouped_by_cause() {
        let mut tables = Tables::new(&sample_record(12, 3, 1));
        let row = tables.failures[0].clone();
        let with = |trial: u32, cause: &str| FailureRow { trial, cause: cause.to_owned(), ..row.clone() };
        tables.failures = std::iter::once(with(0, "too little memory")).chain((1..15).map(|trial| with(trial, "NaN"))).collect();
        let found: Vec<(String, u64, String)> =
            failures(&tables).into_iter().map(|failure| (failure.cause, failure.count, failure.trials)).collect();
        let expected = [("NaN", 14, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, and 2 more"), ("too little memory", 1, "0")];
        assert_eq!(found, expected.map(|(cause, count, trials)| (cause.to_owned(), count, trials.to_owned())));
    }
}
