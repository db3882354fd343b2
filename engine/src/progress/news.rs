//! What has happened between two looks at a study.

use std::collections::BTreeSet;

use super::Incumbent;
use crate::{finalists::FinalistsChosen, state::Phase, study::StudyState};

/// Something that matters to whoever watches.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// There is a best trial, or it is another, or it has another value.
    Best(Incumbent),
    /// By its own fault; trainings of finalists too.
    Failed { trial: u32, cause: String },
    /// What is left of the budget is kept for taking the best to the top: these are all the trials there will be.
    StartsClosed { trials: u32 },
    /// Every config drawn has failed: there will be no others.
    GivenUp { trials: u32 },
    /// The first trial that is as good as was asked for.
    TargetReached { trial: u32 },
    /// The search has ended: these are trained with other seeds, so often in all.
    Finalists { trials: Vec<u32>, seeds: u32 },
    /// The best and the default recipe are trained on so many parts of the data.
    Folds { folds: usize },
}

/// What news are told from.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    best: Option<(u32, f64)>,
    incumbent: Option<Incumbent>,
    failed: BTreeSet<u32>,
    closed: bool,
    gave_up_at: u32,
    target: Option<u32>,
    finalists: Option<FinalistsChosen>,
    folds: usize,
}

impl Known {
    pub(super) fn of(state: &StudyState, incumbent: Option<Incumbent>, folds: usize) -> Known {
        let failed = state.search.trials().iter().filter(|trial| matches!(trial.phase, Phase::Failed { .. }));
        Known {
            best: incumbent.map(|best| (best.trial, best.value)),
            incumbent,
            failed: failed.map(|trial| trial.number).collect(),
            closed: state.closed_from.is_some(),
            gave_up_at: state.gave_up_at,
            target: state.target_reached,
            finalists: state.finalists.chosen().cloned(),
            folds,
        }
    }

    /// What is known now and was not `before`.
    pub(super) fn since(&self, before: &Known, state: &StudyState) -> Vec<News> {
        let mut news: Vec<News> = self.incumbent.filter(|_| self.best != before.best).map(News::Best).into_iter().collect();
        news.extend(self.failed.difference(&before.failed).map(|trial| {
            let cause = state.trials[*trial as usize].cause.clone();
            News::Failed { trial: *trial, cause: cause.unwrap_or_else(|| "no cause is recorded".to_owned()) }
        }));
        let trials = state.search.searched().len() as u32;
        if self.closed && !before.closed {
            news.push(News::StartsClosed { trials });
        }
        if self.gave_up_at > before.gave_up_at {
            news.push(News::GivenUp { trials });
        }
        if let Some(trial) = self.target.filter(|_| self.target != before.target) {
            news.push(News::TargetReached { trial });
        }
        if let Some(chosen) =
            self.finalists.as_ref().filter(|chosen| Some(*chosen) != before.finalists.as_ref() && !chosen.added.is_empty())
        {
            news.push(News::Finalists { trials: chosen.trials.clone(), seeds: chosen.seeds });
        }
        if self.folds > 0 && before.folds == 0 {
            news.push(News::Folds { folds: self.folds });
        }
        news
    }
}
