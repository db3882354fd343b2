//! Freeze-thaw: which paused trial is worth going on with, or whether a new one is worth more.

mod scores;
mod worth;

use search_spaces::ladder::Ladder;

use self::{
    scores::{Scores, quantile},
    worth::Worth,
};
use crate::{
    schedulers::{
        Action, Scheduler,
        asha::Asha,
        rungs::{asynchronous, promote_to},
    },
    state::SearchState,
};

/// Promotion by what a trial's further course is worth. Freezing all trials and thawing the most promising one is the idea of Swersky, Snoek & Adams 2014,
/// "Freeze-Thaw Bayesian Optimization"; what is compared are indices as of Gittins 1979 and Weitzman 1979, "Optimal Search for the Best Alternative".
///
/// How good a trial is at a rung is a normal score: 0 is the middle of the latest trials there, 1 a standard deviation better. From rung to rung scores
/// change, by a correlation that is learned from the trials that have gone on ([`Scores`]). So it is known by how much a trial that waits can be expected
/// to beat the best so far at the top, going on from rung to rung as long as that is worth its cost, and the same of a new trial ([`Worth`]). Who waits
/// goes on if that gains more for its cost than starting another. Where early values say little, many go on from there; where they say much, few do.
///
/// To beat the best so far is to beat what the best of as many trials as there are is expected to come to, and somewhat more: with less,
/// the first trials would go to the top because nothing better was known.
///
/// A free slot is served as under [`Asha`], with these promotions, the most worthwhile first. Until [`SETTLED`] trials have reached the first rung
/// all is as under [`Asha`]: there is too little to learn correlations from, and on recorded curves its plain rule finds better configs then.
///
/// # Example
/// 100 trials have reached the first of the rungs 1, 3 and 9, and every other one has gone on from there. Of the fifty that wait the best three go on if values
/// at the second rung turn out to have a correlation of 0.95 with those at the first, and 44 if they have none.
#[derive(Debug, Clone, Copy, Default)]
pub struct FreezeThaw;

/// How much better than the best so far one has to be, in standard deviations.
const MARGIN: f64 = 0.5;
/// So many trials at the first rung, and what they say is worth more than a plain rule.
pub const SETTLED: usize = 40;
/// What a trial is expected to have lost for each rung it lacks, when the best so far is asked for.
const SHORT_OF_TOP: f64 = 0.3;

impl Scheduler for FreezeThaw {
    fn decide(&self, state: &SearchState, free: usize) -> Vec<Action> {
        if state.index().latest(0).take(SETTLED).count() < SETTLED {
            return Asha.decide(state, free);
        }
        asynchronous(state, free, promotions(state, free).into_iter())
    }

    /// As under `Asha`; how many exactly depends on what early values say.
    fn expected(&self, ladder: &Ladder, trials: usize) -> Vec<usize> {
        Asha.expected(ladder, trials)
    }
}

/// Those that go on, the most worthwhile first, at most `free`.
fn promotions(state: &SearchState, free: usize) -> Vec<Action> {
    let top = state.ladder.top();
    let index = state.index();
    let there = index.latest(0).take(scores::LATEST).count();
    if free == 0 || (0..top).all(|rung| index.waiting_at(rung).next().is_none()) {
        return Vec::new();
    }
    let scores = Scores::of(state);
    let from = |rung: usize| if rung == 0 { 0 } else { state.ladder.rungs[rung - 1] };
    let costs: Vec<f64> = (0..=top).map(|rung| (state.ladder.rungs[rung] - from(rung)) as f64).collect();
    let worth = Worth::of(&costs, &scores.correlations, best(state, &scores, there) + MARGIN);
    let mut found: Vec<(f64, u32, usize)> = Vec::new();
    for rung in 0..top {
        let waiting = scores.best_first(rung).map(|trial| (worth.of_going_on(rung, scores.at(trial, rung)), trial, rung));
        found.extend(waiting.take_while(|(worth, ..)| *worth > 0.0).take(free));
    }
    // Stable: of equals the one at the higher rung, then the better one there.
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.2.cmp(&a.2)));
    found.into_iter().take(free).map(|(_, trial, rung)| promote_to(trial, rung + 1)).collect()
}

/// The score at the top of the best so far, or what it is expected to be with so many trials.
fn best(state: &SearchState, scores: &Scores<'_>, there: usize) -> f64 {
    let top = state.ladder.top();
    let expected = quantile(1.0 - 0.5 / there as f64);
    let at = |rung: usize| Some(scores.highest(rung)? - SHORT_OF_TOP * (top - rung) as f64);
    (0..=top).filter_map(at).fold(expected, f64::max)
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::{
        samplers::fixtures::{activate, reach, start, study},
        state::TrialKind,
        streams::{Purpose, stream},
    };

    /// `trials` trials at the first of the rungs 1, 3, 9, of which every other one, `promoted` of them from the best down, has gone on to the
    /// second, where their values have this correlation with the first ones.
    fn waiting(trials: u32, promoted: u32, correlation: f64) -> SearchState {
        let mut state = study(1000, 3, 3);
        let mut rng = stream(5, 0, Purpose::DataOrder);
        for number in 0..trials {
            start(&mut state, TrialKind::Search, None);
            reach(&mut state, number as usize, f64::from(number));
        }
        for number in (0..trials).step_by(2).take(promoted as usize) {
            activate(&mut state, number as usize, 1);
            let first = scores::quantile((f64::from(number) + 0.5) / f64::from(trials));
            let noise: f64 = StandardNormal.sample(&mut rng);
            reach(&mut state, number as usize, correlation * first + (1.0 - correlation * correlation).sqrt() * noise);
        }
        state
    }

    fn go_on(state: &SearchState, to: usize) -> Vec<u32> {
        let promoted = promotions(state, 1000).into_iter().filter_map(|action| match action {
            Action::Promote { trial, rung } => (rung == to).then_some(trial),
            Action::Start { .. } => None,
        });
        promoted.collect()
    }

    #[test]
    fn the_plain_rule_decides_until_there_is_something_to_learn_from() {
        let of = |scheduler: &dyn Scheduler, trials| scheduler.decide(&waiting(trials, 0, 0.0), 1000);
        assert_eq!(of(&FreezeThaw, SETTLED as u32 - 1), of(&Asha, SETTLED as u32 - 1));
        let settled = waiting(SETTLED as u32, 0, 0.0);
        assert_eq!(FreezeThaw.decide(&settled, 3), promotions(&settled, 3));
        assert_ne!(of(&FreezeThaw, SETTLED as u32), of(&Asha, SETTLED as u32));
    }

    #[test]
    fn the_best_go_on() {
        let first = go_on(&waiting(40, 0, 0.0), 1);
        assert_eq!(first, (0..first.len() as u32).collect::<Vec<_>>(), "the best, in order");
        assert!((2..10).contains(&first.len()), "{first:?}");
    }

    #[test]
    fn more_go_on_where_early_values_have_said_little() {
        // Of the fifty that still wait.
        let of = |correlation| go_on(&waiting(100, 50, correlation), 1).len();
        let (little, much) = (of(0.0), of(0.95));
        assert!(little > 40 && (1..6).contains(&much), "{little} and {much}");
    }

    #[test]
    fn the_latest_trials_say_what_a_score_is() {
        let few = waiting(scores::LATEST as u32, 0, 0.0);
        let many = waiting(3 * scores::LATEST as u32, 0, 0.0);
        let scores = Scores::of(&many);
        assert_eq!(scores.at(2 * scores::LATEST as u32, 0), Scores::of(&few).at(0, 0), "the best of the latest");
        assert!(scores.at(0, 0) > scores.at(2 * scores::LATEST as u32, 0), "older ones still have a place");
    }
}
