//! What the test split says of the training that leaves the study.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{state::Phase, study::StudyState};

/// One look at the test split, which the search has never seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// The training whose weights were evaluated.
    pub trial: u32,
    /// In the test split.
    pub examples: u64,
    /// As of an [`Evaluation`](crate::runner::Evaluation).
    #[serde(with = "crate::numbers")]
    pub metrics: BTreeMap<String, f64>,
    /// The objective's metric, and the ends of its 95 % interval over other test splits of that size (percentile bootstrap; Efron & Tibshirani
    /// 1993, chapter 13).
    #[serde(with = "crate::numbers")]
    pub value: f64,
    #[serde(with = "crate::numbers")]
    pub low: f64,
    #[serde(with = "crate::numbers")]
    pub high: f64,
    /// Of the test split, in the study's `artefacts/`; `None` in studies of before it was kept.
    #[serde(default)]
    pub predictions: Option<PathBuf>,
}

/// A look, and what the search was then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    pub tested: Tested,
    /// Trials of the search that had been started.
    pub searched: usize,
}

impl StudyState {
    /// The training to be evaluated on the test split, once the finalists are chosen and trained: the best, unless it was the last to be evaluated.
    /// Studies without finalists leave the test split alone.
    pub fn untested(&self) -> Option<u32> {
        let settled = self.settings().finalists > 0 && self.finalists.stand() && self.repeats_open() == 0;
        let best = self.best().filter(|_| settled)?.trial;
        let complete = self.search.trials()[best as usize].phase == Phase::Complete;
        let known = self.looks.last().is_some_and(|look| look.tested.trial == best);
        (complete && !known).then_some(best)
    }
}
