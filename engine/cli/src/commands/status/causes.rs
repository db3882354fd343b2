//! Failures by what they have in common.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Failure;
use crate::progress::text;

/// Causes that differ in numbers alone, such as the step at which it happened, are one.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Cause {
    /// Of the first.
    pub(super) cause: String,
    pub(super) trials: Vec<u32>,
}

/// The most common first.
pub(super) fn by_cause(failures: &[Failure]) -> Vec<Cause> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut causes: Vec<Cause> = Vec::new();
    for Failure { trial, cause } in failures {
        let place = *places.entry(text::without_numbers(cause)).or_insert(causes.len());
        match causes.get_mut(place) {
            Some(known) => known.trials.push(*trial),
            None => causes.push(Cause { cause: cause.clone(), trials: vec![*trial] }),
        }
    }
    // Stable: ties in the order in which they came up.
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.trials.len()));
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_numbers_alone_is_one_cause() {
        let failure = |(trial, cause): (u32, &str)| Failure { trial, cause: cause.to_owned() };
        let failures: Vec<Failure> = [(2, "a panic"), (3, "NaN at step 12"), (9, "NaN at step 7")].map(failure).into();
        let cause = |cause: &str, trials: &[u32]| Cause { cause: cause.to_owned(), trials: trials.to_vec() };
        assert_eq!(by_cause(&failures), [cause("NaN at step 12", &[3, 9]), cause("a panic", &[2])]);
    }
}
