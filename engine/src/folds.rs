//! Cross-validation: once the search has ended and its finalists are trained, the configs of its best trials are trained on other splits.

use std::collections::BTreeMap;

use search_spaces::settings::Settings;
use serde::{Deserialize, Serialize};

use crate::{
    events::Event,
    state::Phase,
    study::{CRASHES, Refused, StudyState},
};

/// Complete trials whose weights are kept, and whose configs are cross-validated, in a study that wants no finalists.
const BEST: u32 = 3;

/// Trainings that cross-validation may take: of the best trials and the default recipe.
pub fn most_trainings(settings: &Settings) -> u32 {
    settings.folds.map_or(0, |of| (best(settings) + 1) * of)
}

pub(crate) fn best(settings: &Settings) -> u32 {
    if settings.finalists == 0 { BEST } else { settings.finalists }
}

/// One training of a trial's config, on all training and validation examples but part `index` of `of`, which it is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fold {
    pub trial: u32,
    /// From 0.
    pub index: u32,
    pub of: u32,
}

impl Fold {
    /// Of the folder that holds its checkpoints while it trains.
    pub fn name(self) -> String {
        format!("fold-{}-{}-of-{}", self.trial, self.index, self.of)
    }

    /// Whether a folder is one of a fold.
    pub(crate) fn is_name(name: &str) -> bool {
        name.starts_with("fold-")
    }
}

/// What training a fold came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Folded {
    /// The objective's metric on the part left out, of the weights that `keep` asks for.
    #[serde(with = "crate::numbers")]
    pub value: f64,
    pub steps: u64,
    pub seconds: f64,
}

/// How far a fold has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FoldRun {
    /// Worker and slot while it runs. It has no checkpoints: one that is lost starts again.
    claim: Option<(String, String)>,
    crashes: u32,
    /// The result, or why there is none.
    pub outcome: Option<Result<Folded, String>>,
}

impl FoldRun {
    /// The worker and the slot that run it.
    pub fn claim(&self) -> Option<(&str, &str)> {
        self.claim.as_ref().map(|(worker, slot)| (worker.as_str(), slot.as_str()))
    }
}

/// All folds that have ever been started.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Folds(BTreeMap<Fold, FoldRun>);

impl Folds {
    pub fn iter(&self) -> impl Iterator<Item = (Fold, &FoldRun)> {
        self.0.iter().map(|(fold, run)| (*fold, run))
    }

    /// Those that `worker` runs.
    pub(crate) fn claims_of<'a>(&'a self, worker: &'a str) -> impl Iterator<Item = Fold> + 'a {
        self.iter().filter(move |(_, run)| run.claim.as_ref().is_some_and(|(by, _)| by == worker)).map(|(fold, _)| fold)
    }

    fn is_suspect(&self, fold: Fold) -> bool {
        self.0.get(&fold).is_some_and(|run| run.crashes > 0)
    }

    pub(crate) fn claim(&mut self, fold: Fold, worker: &str, slot: &str) -> Result<(), Refused> {
        let run = self.0.entry(fold).or_default();
        if run.claim.is_some() || run.outcome.is_some() {
            return Err(Refused::OutOfOrder(format!("{} is running or done already", fold.name())));
        }
        run.claim = Some((worker.to_owned(), slot.to_owned()));
        Ok(())
    }

    /// Ends the claim that `worker` holds.
    pub(crate) fn end(&mut self, fold: Fold, worker: &str, outcome: Option<Result<Folded, String>>, crashed: bool) -> Result<(), Refused> {
        let run = self.0.get_mut(&fold).filter(|run| run.claim.as_ref().is_some_and(|(by, _)| by == worker));
        let Some(run) = run else { return Err(Refused::WorkerGone { worker: worker.to_owned() }) };
        run.claim = None;
        run.crashes = run.crashes.saturating_add(u32::from(crashed));
        run.outcome = outcome;
        Ok(())
    }

    /// The events that release what a dead worker held. A fold that was running when its worker crashed for the second time has failed.
    pub(crate) fn release(&self, worker: &str, cause: &str, to_blame: &dyn Fn(&str) -> bool) -> Vec<Event> {
        let released = self.claims_of(worker).map(|fold| {
            let run = self.0.get(&fold);
            let (worker, crashes) = (worker.to_owned(), run.map_or(0, |run| run.crashes));
            let crashed = run.and_then(|run| run.claim.as_ref()).is_some_and(|(_, slot)| to_blame(slot));
            if crashed && crashes.saturating_add(1) >= CRASHES {
                let cause = format!("took its worker down {CRASHES} times, the last time thus: {cause}");
                Event::FoldFailed { fold, worker, cause }
            } else {
                Event::FoldLost { fold, worker, cause: cause.to_owned(), crashed }
            }
        });
        released.collect()
    }
}

/// What a slot can do about the folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextFold {
    Run(Fold),
    /// All that is left runs already, or must run alone.
    Wait,
}

impl StudyState {
    /// The best complete trials of the search, best first: the finalists, once they are chosen.
    pub fn best_trials(&self) -> Vec<u32> {
        match self.finalists.chosen() {
            Some(chosen) => chosen.trials.clone(),
            None => self.best_complete().take(best(self.settings()) as usize).collect(),
        }
    }

    /// The folds that the settings ask for, best trial first; none before the search has ended. The default recipe stands beside the
    /// best, for comparison.
    pub fn folds_wanted(&self) -> Vec<Fold> {
        let Some(of) = self.settings().folds.filter(|_| self.is_finished()) else { return Vec::new() };
        let mut trials = self.best_trials();
        let default = self.search.trials().first().filter(|trial| trial.phase == Phase::Complete).map(|trial| trial.number);
        trials.extend(default.filter(|trial| !trials.contains(trial)));
        trials.into_iter().flat_map(|trial| (0..of).map(move |index| Fold { trial, index, of })).collect()
    }

    /// For a slot of `worker`, of which others are `busy`. There are open ones.
    pub(crate) fn next_fold(&self, worker: &str, busy: bool) -> NextFold {
        let run = |fold: &Fold| self.folds.0.get(fold);
        let mut open = self.folds_wanted();
        open.retain(|fold| run(fold).is_none_or(|run| run.outcome.is_none()));
        // As with segments: one whose worker died runs alone in its worker.
        if self.folds.claims_of(worker).any(|fold| self.folds.is_suspect(fold)) {
            return NextFold::Wait;
        }
        open.retain(|fold| run(fold).is_none_or(|run| run.claim.is_none()));
        let suspect = open.iter().find(|fold| self.folds.is_suspect(**fold));
        match (suspect, open.first()) {
            (Some(_), _) if busy => NextFold::Wait,
            (Some(fold), _) | (None, Some(fold)) => NextFold::Run(*fold),
            (None, None) => NextFold::Wait,
        }
    }

    /// Folds that are wanted and have not ended.
    pub fn folds_open(&self) -> usize {
        let ended = |fold: &Fold| self.folds.0.get(fold).is_some_and(|run| run.outcome.is_some());
        self.folds_wanted().iter().filter(|fold| !ended(fold)).count()
    }
}
