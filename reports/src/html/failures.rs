//! Failures by cause.

use std::collections::BTreeMap;

use engine::state::Phase;
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
    let mut by_cause: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for trial in tables.trials.iter().filter(|trial| matches!(trial.phase, Phase::Failed { .. })) {
        by_cause.entry(trial.cause.clone().unwrap_or_else(|| "no cause was recorded".to_owned())).or_default().push(trial.number);
    }
    let failure = |(cause, trials): (String, Vec<u32>)| {
        let mut named: Vec<String> = trials.iter().take(NAMED).map(u32::to_string).collect();
        if trials.len() > NAMED {
            named.push(format!("and {} more", trials.len() - NAMED));
        }
        Failure { cause, count: trials.len() as u64, trials: named.join(", ") }
    };
    let mut failures: Vec<Failure> = by_cause.into_iter().map(failure).collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    failures
}
