//! Finalists: once the search has ended its best configs are trained again with other seeds, and the best mean wins.
//!
//! The best of many measured values is measured too well: some of its lead is luck (the winner's curse). Other trainings of the same config are not chosen
//! for their values, so they temper the mean, of which the search's own value is still a part, and their spread tells how much the seed alone moves it.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    estimate,
    events::Event,
    state::{Phase, SearchState, TrialState},
    study::StudyState,
};

/// Who is to be trained how often; decided when the search ends, and anew when it has gone on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinalistsChosen {
    /// Complete trials of the search, best first.
    pub trials: Vec<u32>,
    /// Trainings of each in all: that of the search, and `seeds - 1` others.
    pub seeds: u32,
    /// Trials and seeds that would have been chosen, had there been more time.
    pub wanted: (usize, u32),
    /// Active time left of the budget.
    pub seconds_left: Option<f64>,
    /// Trainings that are new, in the order they are queued: first one of each finalist, then the next of each.
    pub added: Vec<Repeat>,
}

/// Another training of a finalist's config: a trial whose number, hence whose random streams, are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    pub number: u32,
    /// The trial of the search.
    pub parent: u32,
}

/// All finalists there ever were, and those that count now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Finalists {
    chosen: Option<FinalistsChosen>,
    /// The choice is to be made anew: the search has gone on, or others are wanted. The former one counts until then.
    open: bool,
    /// By parent, in the order they were added.
    repeats: BTreeMap<u32, Vec<u32>>,
}

/// How a finalist has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The trial of the search.
    pub trial: u32,
    /// Its trainings that count: as many as all finalists have come to the end of, the search's own first.
    pub trainings: Vec<Training>,
    /// Of the values of `trainings`, without those that failed.
    pub mean: f64,
    /// By how much the constraints are exceeded in the mean over the same trainings; 0 when none does.
    pub exceeded: f64,
    pub failed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    pub trial: u32,
    /// NaN where it failed, as is any value that is not finite.
    pub value: f64,
    /// By how much it exceeds the constraints, in shares of their limits.
    pub exceeded: f64,
}

/// The training that leaves the study: for production, and for the test split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Best {
    /// The training whose weights these are.
    pub trial: u32,
    /// The trial of the search whose config it has: often itself.
    pub of: u32,
    pub rule: Rule,
}

/// What made it the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub by: By,
    /// Whether the training that leaves keeps all constraints; `None`: there are none.
    pub feasible: Option<bool>,
    /// Of the trainings of its config that count, so many exceed a constraint.
    pub exceeding: usize,
    /// Another training in the study, of whatever config and however far, keeps all constraints.
    pub others_keep: bool,
    /// There is a second objective.
    pub second: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The first of the leaderboard.
    Search,
    /// The median training of the finalist with the best mean.
    Mean { finalists: usize, seeds: usize },
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            By::Search => write!(f, "the best value of the search")?,
            By::Mean { finalists: 1, seeds } => write!(f, "the median of {seeds} trainings of the only finalist")?,
            By::Mean { finalists, seeds } => write!(f, "the best mean of {finalists} finalists, its median training of {seeds}")?,
        }
        match (self.feasible, self.exceeding) {
            (None, _) => {}
            (Some(true), 0) => write!(f, ", among those that keep every constraint")?,
            (Some(true), exceeding) => write!(f, ", which keeps every constraint, unlike {exceeding} of these trainings")?,
            (Some(false), _) if self.others_keep => {
                write!(f, ", of what exceeds the constraints least: no finalist keeps them all with every seed")?;
            }
            (Some(false), _) => write!(f, ", of what exceeds the constraints least: none keeps them all")?,
        }
        if self.second { write!(f, "; the second objective only breaks ties") } else { Ok(()) }
    }
}

impl Finalists {
    /// Those of one choice, none of which had been trained again before.
    pub fn of(chosen: &FinalistsChosen) -> Finalists {
        let mut finalists = Finalists::default();
        finalists.choose(chosen);
        finalists
    }

    /// The trials of the search that are finalists, best of the search first; empty before they are chosen.
    pub fn trials(&self) -> &[u32] {
        self.chosen.as_ref().map_or(&[], |chosen| &chosen.trials)
    }

    /// The newest choice.
    pub fn chosen(&self) -> Option<&FinalistsChosen> {
        self.chosen.as_ref()
    }

    /// Whether there is a choice that stands.
    pub(crate) fn stand(&self) -> bool {
        self.chosen.is_some() && !self.open
    }

    /// Every training of a finalist's config that counts, the search's own first.
    pub fn trainings(&self, trial: u32) -> impl Iterator<Item = u32> + '_ {
        let seeds = self.chosen.as_ref().map_or(1, |chosen| chosen.seeds);
        let repeats = self.repeats.get(&trial).into_iter().flatten().copied();
        std::iter::once(trial).chain(repeats.take(seeds.saturating_sub(1) as usize))
    }

    /// Every further training of `trial`'s config there ever was.
    pub(crate) fn all_repeats(&self, trial: u32) -> impl Iterator<Item = u32> + '_ {
        self.repeats.get(&trial).into_iter().flatten().copied()
    }

    /// Every further training there ever was, behind the trial whose config it has.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.repeats.iter().flat_map(|(parent, repeats)| repeats.iter().map(move |repeat| (*parent, *repeat)))
    }

    /// Those that are not the search's own.
    pub fn repeats(&self) -> impl Iterator<Item = u32> + '_ {
        self.trials().iter().flat_map(|trial| self.trainings(*trial).skip(1))
    }

    /// Best first: what has no value at all is last and before it what exceeds the constraints; then by failures, by how much they are exceeded, by the mean, and as
    /// in the search. A limit comes before a failure, because what exceeds it cannot be used, however reliably it trains.
    pub fn standings(&self, search: &SearchState) -> Vec<Standing> {
        let ended = |trial: &u32| matches!(search.trials()[*trial as usize].phase, Phase::Complete | Phase::Failed { .. });
        let counts = self.trials().iter().map(|trial| self.trainings(*trial).take_while(ended).count()).min().unwrap_or(0);
        let standing = |trial: u32| {
            let training = |trial: u32| {
                let state = &search.trials()[trial as usize];
                let value = state.values.last().copied().filter(|value| state.phase == Phase::Complete && value.is_finite());
                Training { trial, value: value.unwrap_or(f64::NAN), exceeded: state.exceeded.last().copied().unwrap_or(0.0) }
            };
            let trainings: Vec<Training> = self.trainings(trial).take(counts).map(training).collect();
            let valued: Vec<&Training> = trainings.iter().filter(|training| !training.value.is_nan()).collect();
            let mean = |of: fn(&Training) -> f64| valued.iter().map(|training| of(training)).sum::<f64>() / valued.len() as f64;
            let (mean, exceeded) = (mean(|training| training.value), mean(|training| training.exceeded));
            Standing { trial, failed: trainings.len() - valued.len(), mean, exceeded, trainings }
        };
        let mut standings: Vec<Standing> = self.trials().iter().copied().map(standing).collect();
        let cost = |standing: &Standing| search.objective.cost(standing.mean);
        let place = |standing: &Standing| (standing.mean.is_nan(), standing.exceeded > 0.0, standing.failed);
        let finer = |a: &Standing, b: &Standing| a.exceeded.total_cmp(&b.exceeded).then(cost(a).total_cmp(&cost(b)));
        standings.sort_by(|a, b| place(a).cmp(&place(b)).then(finer(a, b)));
        standings
    }

    /// The finalists' best by their mean, if any was trained again; else the search's. `None` before any trial has a value.
    pub fn best(&self, search: &SearchState) -> Option<Best> {
        let standings = self.standings(search);
        let keeps = |trial: &TrialState| trial.values.len().checked_sub(1).is_some_and(|rung| search.cost(trial, rung).is_feasible());
        let rule = |by, trial: u32, exceeding| {
            let kept = keeps(&search.trials()[trial as usize]);
            let feasible = (!search.constraints.is_empty()).then_some(kept);
            let others_keep = feasible.is_some() && search.trials().iter().any(|other| other.number != trial && keeps(other));
            Rule { by, feasible, exceeding, others_keep, second: search.second.is_some() }
        };
        match standings.first().filter(|first| first.trainings.len() > 1) {
            None => search.incumbent().map(|trial| {
                let exceeds = search.trials()[trial as usize].exceeded.last().is_some_and(|share| *share > 0.0);
                Best { trial, of: trial, rule: rule(By::Search, trial, usize::from(exceeds)) }
            }),
            Some(first) => {
                let by = By::Mean { finalists: standings.len(), seeds: first.trainings.len() };
                let exceeding = first.valued().filter(|training| training.exceeded > 0.0).count();
                let best = |trial| Best { trial, of: first.trial, rule: rule(by, trial, exceeding) };
                first.median(search).map(best)
            }
        }
    }

    /// Takes note of a choice. Its `added` must be what [`choosing`] adds.
    pub(crate) fn choose(&mut self, chosen: &FinalistsChosen) {
        for repeat in &chosen.added {
            self.repeats.entry(repeat.parent).or_default().push(repeat.number);
        }
        (self.chosen, self.open) = (Some(chosen.clone()), false);
    }

    /// The search goes on, or other finalists are wanted.
    pub(crate) fn reopen(&mut self) {
        self.open = true;
    }
}

impl Standing {
    fn valued(&self) -> impl Iterator<Item = &Training> {
        self.trainings.iter().filter(|training| !training.value.is_nan())
    }

    /// The training in the middle of those with a value that keep the constraints, or of all where none does; of two the worse, so that no more is claimed than
    /// what is typical.
    fn median(&self, search: &SearchState) -> Option<u32> {
        let mut valued: Vec<&Training> = self.valued().collect();
        if valued.iter().any(|training| training.exceeded == 0.0) {
            valued.retain(|training| training.exceeded == 0.0);
        }
        let cost = |training: &Training| search.objective.cost(training.value);
        valued.sort_by(|a, b| cost(a).total_cmp(&cost(b)).then(a.trial.cmp(&b.trial)));
        valued.get(valued.len() / 2).map(|training| training.trial)
    }
}

impl StudyState {
    pub fn best(&self) -> Option<Best> {
        self.finalists.best(&self.search)
    }

    /// Trainings of finalists that are wanted and have not ended; none before the finalists are chosen.
    pub fn repeats_open(&self) -> usize {
        self.repeats_wanted().filter(|trial| self.is_open(*trial)).count()
    }

    /// Trainings of finalists that are to be there; none while the choice is open.
    pub(crate) fn repeats_wanted(&self) -> impl Iterator<Item = u32> + '_ {
        self.finalists.repeats().filter(|_| self.finalists.stand())
    }

    /// Complete trials of the search whose values are finite, best first.
    pub(crate) fn best_complete(&self) -> impl Iterator<Item = u32> + '_ {
        let complete = |trial: &TrialState| trial.phase == Phase::Complete && trial.values.last().is_some_and(|value| value.is_finite());
        self.search.best_first(complete).into_iter()
    }

    pub(crate) fn is_open(&self, trial: u32) -> bool {
        matches!(self.search.trials()[trial as usize].phase, Phase::Active { .. })
    }
}

/// The event that chooses the finalists of a search that has ended; `None` when they are chosen, none are wanted, or no trial is complete.
///
/// With a budget as many further trainings as fit into what is left of it, judged by what those configs have taken before: of two ways to have
/// equally many the one with more finalists.
pub(crate) fn choosing(state: &StudyState, now: i64) -> Option<Event> {
    let settings = state.settings();
    if settings.finalists == 0 || state.finalists.stand() {
        return None;
    }
    let best: Vec<u32> = state.best_complete().take(settings.finalists as usize).collect();
    if best.is_empty() {
        return None;
    }
    let seconds_left = settings.budget_seconds.map(|budget| (budget as f64 - state.active_millis(now) as f64 / 1000.0).max(0.0));
    let slots = state.workers.values().map(|worker| worker.slots).sum();
    let fits = |trials: usize, seeds: u32| {
        let begun =
            |trial: &u32| state.finalists.all_repeats(*trial).take(seeds as usize - 1).filter(|repeat| state.is_open(*repeat)).count();
        let begun = best[..trials].iter().flat_map(|trial| std::iter::repeat_n(*trial, begun(trial)));
        let trainings = begun.chain(missing(&state.finalists, &best[..trials], seeds));
        let needed = estimate::trainings_seconds(state, trainings, slots);
        seconds_left.is_none_or(|left| needed <= left)
    };
    let wanted = (best.len(), settings.finalist_seeds);
    let ways = (1..=best.len()).flat_map(|trials| (1..=settings.finalist_seeds).map(move |seeds| (trials, seeds)));
    let room = ways.filter(|(trials, seeds)| fits(*trials, *seeds));
    let (trials, seeds) = room.max_by_key(|(trials, seeds)| (trials * (*seeds as usize - 1), *trials)).unwrap_or((1, 1));
    let next = state.search.trials().len() as u32;
    let added = (next..).zip(missing(&state.finalists, &best[..trials], seeds)).map(|(number, parent)| Repeat { number, parent }).collect();
    let trials = best[..trials].to_vec();
    Some(Event::FinalistsChosen(Box::new(FinalistsChosen { trials, seeds, wanted, seconds_left, added })))
}

/// The parents of the trainings that are still to be added, a seed of each finalist after the other.
fn missing<'a>(finalists: &'a Finalists, trials: &'a [u32], seeds: u32) -> impl Iterator<Item = u32> + Clone + 'a {
    let there = |trial: &u32| finalists.repeats.get(trial).map_or(0, Vec::len);
    (1..seeds as usize).flat_map(move |seed| trials.iter().copied().filter(move |trial| there(trial) < seed))
}

#[cfg(test)]
mod tests {
    use search_spaces::goals::Constraint;

    use super::*;
    use crate::{
        samplers::fixtures::{start, study},
        state::TrialKind,
    };

    /// Lower is better. Of each config its trainings: value and excess, the search's own first; NaN is a failure.
    fn trained(configs: &[&[(f64, f64)]]) -> (Finalists, SearchState) {
        let mut state = study(9, 3, 1);
        state.constraints = vec![Constraint::GroupGap(0.1)];
        let mut added = Vec::new();
        for seed in 0..configs[0].len() {
            for (parent, trainings) in (0..).zip(configs) {
                let (number, (value, exceeded)) = (state.trials().len() as u32, trainings[seed]);
                start(&mut state, if seed == 0 { TrialKind::Search } else { TrialKind::Finalist }, None);
                state.change(number, |trial| {
                    (trial.values, trial.exceeded) = (vec![value], if value.is_nan() { Vec::new() } else { vec![exceeded] });
                    trial.phase = if value.is_nan() { Phase::Failed { rung: 0 } } else { Phase::Complete };
                });
                if seed > 0 {
                    added.push(Repeat { number, parent });
                }
            }
        }
        let (trials, seeds) = ((0..configs.len() as u32).collect(), configs[0].len() as u32);
        let chosen = FinalistsChosen { trials, seeds, wanted: (configs.len(), seeds), seconds_left: None, added };
        (Finalists::of(&chosen), state)
    }

    #[test]
    fn what_keeps_the_constraints_wins_though_a_seed_of_it_fails() {
        let (finalists, search) =
            trained(&[&[(0.1, 0.5); 3], &[(0.3, 0.0), (0.4, 0.0), (f64::NAN, 0.0)], &[(0.1, 0.2), (f64::NAN, 0.0), (0.1, 0.2)]]);
        let order: Vec<u32> = finalists.standings(&search).iter().map(|standing| standing.trial).collect();
        assert_eq!(order, [1, 0, 2], "of those that exceed it by failures");
        let best = finalists.best(&search).unwrap();
        assert_eq!((best.of, best.rule.feasible), (1, Some(true)));
        assert_eq!(best.rule.to_string(), "the best mean of 3 finalists, its median training of 3, among those that keep every constraint");
    }

    #[test]
    fn the_training_that_leaves_keeps_the_constraints_if_one_of_the_winner_does() {
        let (finalists, search) = trained(&[&[(0.1, 0.0), (0.3, 0.0), (0.2, 0.1)]]);
        let best = finalists.best(&search).unwrap();
        assert_eq!((best.trial, best.rule.feasible), (1, Some(true)), "the worse of the two that do");
        let rule = "the median of 3 trainings of the only finalist, which keeps every constraint, unlike 1 of these trainings";
        assert_eq!(best.rule.to_string(), rule);
        // None does: the one in the middle of all.
        let (finalists, search) = trained(&[&[(0.1, 0.1), (0.2, 0.3), (0.3, 0.2)]]);
        let best = finalists.best(&search).unwrap();
        assert_eq!((best.trial, best.rule.feasible), (1, Some(false)));
        assert!(best.rule.to_string().ends_with(": none keeps them all"), "{}", best.rule);
    }

    #[test]
    fn that_none_keeps_the_constraints_is_said_of_the_whole_search() {
        let (finalists, mut search) = trained(&[&[(0.1, 0.1), (0.2, 0.3)]]);
        start(&mut search, TrialKind::Search, None);
        search.change(2, |trial| (trial.values, trial.exceeded, trial.phase) = (vec![0.3], vec![0.0], Phase::Complete));
        let best = finalists.best(&search).unwrap();
        assert!(best.rule.to_string().ends_with(": no finalist keeps them all with every seed"), "{}", best.rule);
    }
}
