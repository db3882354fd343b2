//! The numbers behind the text: what won, what it gained, what it cost.

use engine::{record::StudyRecord, state::Phase, study::Dropped};
use search_spaces::{
    goals::{Constraint, Second},
    settings::{Metric, Objective},
};

use crate::tables::{Behind, FinalistRow, LeaderboardRow, Tables, TestRow, TrialRow};

#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub name: String,
    pub objective: Objective,
    pub seed: u64,
    pub planned: u32,
    pub counts: Counts,
    pub best: Option<Best>,
    pub default: Option<DefaultRecipe>,
    /// The last look at the test split.
    pub test: Option<Test>,
    /// Where there are constraints.
    pub constrained: Option<Constrained>,
    /// Where there is a second objective.
    pub trade_off: Option<TradeOff>,
    pub finished: bool,
    /// Optimizer steps trained in all.
    pub steps: u64,
    pub saved: Saved,
    /// To keep to the disk's limit.
    pub dropped: Dropped,
    /// Wall-clock seconds without breaks of over a minute in which nothing ran.
    pub active_seconds: f64,
    /// Slots that worked on it.
    pub slots: usize,
}

/// Trials by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub trials: usize,
    /// Reached the full length.
    pub full_length: usize,
    /// Early stopping ended them; their value is final.
    pub stopped_themselves: usize,
    /// Wait at a rung: a finished search has ended them there.
    pub paused: usize,
    pub running: usize,
    pub failed: usize,
}

impl Counts {
    pub fn complete(self) -> usize {
        self.full_length + self.stopped_themselves
    }
}

/// The first of the leaderboard.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    pub trial: u32,
    pub recipe: Option<String>,
    /// Of the objective's metric: the mean over its trainings, where it was trained again.
    pub value: f64,
    pub again: Option<Again>,
    /// The rung `value` was measured at.
    pub rung: usize,
    /// Not final: it is not complete.
    pub provisional: bool,
    /// What made it the best, or the training of its config that leaves the study.
    pub rule: String,
    /// The same trial's value at each rung.
    pub values: Vec<Option<f64>>,
}

/// What training a config with other seeds has shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Again {
    /// Configs that were compared so.
    pub finalists: usize,
    /// Trainings of each.
    pub seeds: usize,
    /// The value in the search.
    pub search_value: f64,
    /// Of one training, around the mean.
    pub deviation: Option<f64>,
    /// The training that leaves the study.
    pub exported: u32,
    /// Finalists that another seed might have put first, best first.
    pub rivals: Vec<u32>,
    /// Finalists and seeds that there would have been with more time, where there are fewer.
    pub wanted: Option<(usize, u32)>,
    /// Trainings that have not ended: `seeds` are those that all finalists have.
    pub open: usize,
}

/// What the test split has said of the best.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    pub row: TestRow,
    /// It was of a training that is no longer the best.
    pub outdated: bool,
    /// The search went on after the split had been looked at for the first time.
    pub reused: bool,
}

/// What the constraints have done.
#[derive(Debug, Clone, PartialEq)]
pub struct Constrained {
    pub constraints: Vec<Constraint>,
    /// Trials of the search that have a value and keep all constraints at their last rung, and how many have a value.
    pub kept: usize,
    pub of: usize,
    /// The best exceeds one: none keeps them all.
    pub best_exceeds: bool,
}

/// What there is to choose from beside the best by the first objective.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeOff {
    pub second: Second,
    /// From the best by the first objective to the best by the second: trial and both values.
    pub front: Vec<(u32, f64, f64)>,
    /// Trials with a final value that keep all constraints: those that the front is chosen from, unless they have no value of the second objective.
    pub candidates: usize,
}

/// Trial 0.
#[derive(Debug, Clone, PartialEq)]
pub struct DefaultRecipe {
    pub name: Option<String>,
    /// Its own final value, if it has one; the mean over its trainings, where it was trained again.
    pub final_value: Option<f64>,
    /// Its value at each rung; `None` and NaN where it has none.
    pub values: Vec<Option<f64>>,
    /// It exceeds a constraint.
    pub exceeds: bool,
    pub failed: bool,
}

/// What early termination saved, in optimizer steps. Counts trials that have ended by themselves or were ended at a rung; failed ones would say
/// nothing about it. Empty while the search goes on or may go on: whether a trial that waits at a rung ends there is not known before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Saved {
    pub steps_trained: u64,
    /// Steps had each of these trials run its full length.
    pub steps_full: u64,
}

impl Saved {
    /// Of the full-length training, in `[0, 1]`; `None` when no trial counts. Negative when lost work was repeated and nothing saved.
    pub fn share(self) -> Option<f64> {
        (self.steps_full > 0).then(|| 1.0 - self.steps_trained as f64 / self.steps_full as f64)
    }
}

impl Summary {
    pub fn new(record: &StudyRecord, tables: &Tables) -> Summary {
        let mut slots: Vec<&str> = tables.segments.iter().map(|segment| segment.slot.as_str()).collect();
        slots.sort_unstable();
        slots.dedup();
        Summary {
            name: record.name.clone(),
            objective: record.state.objective,
            seed: record.space.settings.seed,
            planned: record.state.planned,
            counts: counts(tables),
            best: best(record, tables),
            test: test(record, tables),
            constrained: constrained(record, tables),
            trade_off: tables.second.map(|second| trade_off(second, tables)),
            default: tables.trials.first().map(|trial| default_recipe(trial, tables)),
            finished: record.finished,
            steps: tables.trials.iter().map(|trial| trial.steps).sum(),
            saved: if record.finished { saved(tables) } else { Saved::default() },
            dropped: record.dropped,
            active_seconds: tables.active_seconds,
            slots: slots.len(),
        }
    }

    /// The best trial's and the default recipe's values after equal training: final ones if both have one, else at the highest rung both
    /// have reached (which is then given).
    pub fn against_default(&self) -> Option<(f64, f64, Option<usize>)> {
        let (best, default) = (self.best.as_ref()?, self.default.as_ref()?);
        if let (false, Some(value)) = (best.provisional, default.final_value) {
            return Some((best.value, value, None));
        }
        let finite = |value: &Option<f64>| value.filter(|value| value.is_finite());
        let mut at_rungs = best.values.iter().zip(&default.values).enumerate().rev();
        at_rungs.find_map(|(rung, (best, default))| Some((finite(best)?, finite(default)?, Some(rung))))
    }

    /// How much better the best value is than the default recipe's after equal training; above 0 is better, whatever the direction.
    pub fn gain(&self) -> Option<f64> {
        self.against_default().map(|(best, default, _)| self.objective.cost(default) - self.objective.cost(best))
    }
}

/// One standard error of a share measured on `n` examples.
pub fn standard_error(metric: Metric, value: f64, n: u64) -> Option<f64> {
    let is_share = metric == Metric::Accuracy && (0.0..=1.0).contains(&value) && n > 0;
    is_share.then(|| (value * (1.0 - value) / n as f64).sqrt())
}

fn counts(tables: &Tables) -> Counts {
    let mut counts = Counts { trials: tables.searched().count(), ..Counts::default() };
    for trial in tables.searched() {
        let count = match trial.phase {
            Phase::Complete if trial.stopped_early => &mut counts.stopped_themselves,
            Phase::Complete => &mut counts.full_length,
            Phase::Paused { .. } => &mut counts.paused,
            Phase::Active { .. } => &mut counts.running,
            Phase::Failed { .. } => &mut counts.failed,
        };
        *count += 1;
    }
    counts
}

fn test(record: &StudyRecord, tables: &Tables) -> Option<Test> {
    let (first, row) = (tables.test.first()?, tables.test.last()?.clone());
    let outdated = record.best().is_none_or(|best| best.trial != row.trial);
    let reused = tables.test.len() > 1 || record.state.searched().len() > first.searched;
    Some(Test { row, outdated, reused })
}

fn constrained(record: &StudyRecord, tables: &Tables) -> Option<Constrained> {
    if tables.constraints.is_empty() {
        return None;
    }
    let valued = tables.leaderboard.iter().filter(|row| row.value.is_some_and(f64::is_finite));
    let exceeds = |row: &&LeaderboardRow| row.exceeded.is_some_and(|share| share > 0.0);
    let (exceeding, kept): (Vec<_>, Vec<_>) = valued.partition(exceeds);
    Some(Constrained {
        constraints: tables.constraints.clone(),
        kept: kept.len(),
        of: kept.len() + exceeding.len(),
        best_exceeds: record.best().is_some_and(|best| best.rule.feasible == Some(false)),
    })
}

fn trade_off(second: Second, tables: &Tables) -> TradeOff {
    let keeps =
        |row: &&LeaderboardRow| row.complete && row.value.is_some_and(f64::is_finite) && row.exceeded.is_none_or(|share| share == 0.0);
    TradeOff {
        second,
        front: tables.pareto.iter().map(|row| (row.trial, row.value, row.second)).collect(),
        candidates: tables.leaderboard.iter().filter(keeps).count(),
    }
}

impl DefaultRecipe {
    /// The highest rung it has a value at.
    pub fn last_rung(&self) -> Option<usize> {
        self.values.iter().rposition(|value| value.is_some_and(f64::is_finite))
    }
}

fn is_open(record: &StudyRecord, trial: u32) -> bool {
    matches!(record.state.trials()[trial as usize].phase, Phase::Active { .. })
}

fn again(record: &StudyRecord, tables: &Tables) -> Option<Again> {
    let winner = tables.finalists.first()?;
    let open = |row: &&FinalistRow| row.behind.is_some_and(Behind::is_open);
    let chosen = record.finalists.chosen()?;
    Some(Again {
        finalists: tables.finalists.len(),
        seeds: winner.trainings.len(),
        search_value: winner.value,
        deviation: winner.deviation,
        exported: winner.exported?,
        rivals: tables.finalists.iter().filter(open).map(|row| row.trial).collect(),
        wanted: Some(chosen.wanted).filter(|wanted| *wanted != (chosen.trials.len(), chosen.seeds)),
        open: record.finalists.repeats().filter(|trial| is_open(record, *trial)).count(),
    })
}

fn best(record: &StudyRecord, tables: &Tables) -> Option<Best> {
    let first = tables.leaderboard.first()?;
    let trial = tables.trials.get(first.trial as usize)?;
    let value = first.value.filter(|value| value.is_finite())?;
    let failed = matches!(trial.phase, Phase::Failed { .. });
    (!failed).then(|| Best {
        trial: first.trial,
        recipe: first.recipe.clone(),
        value: first.mean.map_or(value, |(mean, _)| mean),
        again: again(record, tables),
        rung: first.rung.unwrap_or(0),
        provisional: !first.complete,
        rule: record.best().map(|best| best.rule.to_string()).unwrap_or_default(),
        values: trial.values.clone(),
    })
}

/// Its mean, where it was among the finalists: that compares with theirs.
fn default_recipe(trial: &TrialRow, tables: &Tables) -> DefaultRecipe {
    let again = tables.finalists.iter().find(|row| row.trial == trial.number).map(|row| row.mean);
    DefaultRecipe {
        name: trial.recipe.clone(),
        final_value: again.or(trial.final_value),
        values: trial.values.clone(),
        exceeds: trial.exceeded.is_some_and(|share| share > 0.0),
        failed: matches!(trial.phase, Phase::Failed { .. }),
    }
}

pub(crate) fn saved(tables: &Tables) -> Saved {
    let counted = tables.searched().filter(|trial| matches!(trial.phase, Phase::Complete | Phase::Paused { .. }));
    counted.fold(Saved::default(), |sum, trial| Saved {
        steps_trained: sum.steps_trained + trial.steps,
        steps_full: sum.steps_full + trial.steps_full,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{running_record, sample_record};

    fn summary(record: &StudyRecord) -> Summary {
        Summary::new(record, &Tables::new(record))
    }

    #[test]
    fn the_best_is_a_complete_trial_even_if_a_paused_one_has_a_higher_value() {
        let mut record = sample_record(12, 3, 1);
        let paused = record.state.trials().iter().position(|t| matches!(t.phase, Phase::Paused { .. })).unwrap();
        record.state.change(paused as u32, |trial| trial.values.fill(0.999));
        let best = summary(&record).best.unwrap();
        assert!(!best.provisional);
        let highest =
            record.state.trials().iter().filter(|t| t.phase == Phase::Complete).map(|t| *t.values.last().unwrap()).fold(0.0, f64::max);
        assert_eq!(best.value, highest);
    }

    #[test]
    fn saved_steps_leave_out_failed_trials() {
        let record = sample_record(12, 3, 1);
        let found = summary(&record).saved;
        let counts = |trial: u32| matches!(record.state.trials()[trial as usize].phase, Phase::Complete | Phase::Paused { .. });
        let trained: u64 = record.segments.iter().filter(|s| counts(s.trial)).map(|s| s.steps_trained).sum();
        assert_eq!(found.steps_trained, trained);
        assert!(found.share().unwrap() > 0.2, "{found:?}");
    }

    #[test]
    fn what_is_saved_is_not_known_before_the_search_has_ended() {
        let found = summary(&running_record(12, 3, 1));
        assert_eq!((found.counts.running, found.saved.share()), (1, None));
        // Interrupted: nothing runs, and the trials that wait at a rung may still go on.
        let mut record = sample_record(12, 3, 1);
        record.finished = false;
        let found = summary(&record);
        assert!(found.counts.paused > 0 && found.steps > 0);
        assert_eq!(found.saved.share(), None);
    }

    #[test]
    fn without_a_final_value_of_the_default_recipe_equal_rungs_are_compared() {
        let mut record = sample_record(12, 3, 1);
        record.state.change(0, |default| (default.values, default.phase) = (vec![0.5], Phase::Paused { rung: 0 }));
        let found = summary(&record);
        let best = found.best.clone().unwrap();
        assert_eq!(found.against_default(), Some((best.values[0].unwrap(), 0.5, Some(0))));
        assert!(found.gain().unwrap() > 0.0);
    }

    #[test]
    fn an_empty_study_has_no_best() {
        let record = sample_record(0, 3, 1);
        let found = summary(&record);
        assert_eq!((found.best.clone(), found.default.clone(), found.saved.share(), found.gain()), (None, None, None, None));
    }

    #[test]
    fn lower_is_better_for_a_loss() {
        let mut record = sample_record(6, 1, 1);
        record.state.objective = Objective { metric: Metric::Loss, direction: search_spaces::settings::Direction::Minimize };
        let lowest =
            record.state.trials().iter().filter_map(|t| t.values.last()).copied().filter(|v| v.is_finite()).fold(f64::MAX, f64::min);
        let found = summary(&record);
        assert_eq!(found.best.as_ref().unwrap().value, lowest);
        assert!(found.gain().unwrap() >= 0.0);
    }

    #[test]
    fn standard_error_of_an_accuracy() {
        assert!((standard_error(Metric::Accuracy, 0.9, 900).unwrap() - 0.01).abs() < 1e-12);
        assert_eq!(standard_error(Metric::Matthews, 0.9, 900), None);
        assert_eq!(standard_error(Metric::Accuracy, 0.9, 0), None);
    }
}
