//! Hyperband: several ways of halving at once.

use search_spaces::ladder::Ladder;

use crate::{
    schedulers::{
        Action, Scheduler,
        rungs::{asynchronous, competitors, may_go_on, promote, ranking, survivors},
    },
    state::{Phase, SearchState, TrialState, eta},
};

/// Hyperband (Li et al. 2018) with asynchronous brackets (Li et al. 2020).
///
/// Bracket *b* lets everybody go as far as rung *b* and halves by promotion from there on, among its own. The first bracket trusts early values
/// most, the last one trains everything in full. Trials belong to brackets in rounds, in the order of their numbers: with *s* halvings left of
/// at most *S* a bracket has `ceil((S + 1) / (s + 1) * eta^s)` of a round, so that all brackets cost about the same. A free slot is
/// served as under [`Asha`](super::asha::Asha), and the baseline runs beside all brackets.
///
/// # Example
/// `eta` 3 and 3 rungs: of each 17 trials the first 9 are halved at rungs 0 and 1, the next 5 at rung 1, and the last 3 run their full length.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hyperband;

impl Scheduler for Hyperband {
    fn decide(&self, state: &SearchState, free: usize) -> Vec<Action> {
        let sizes = sizes(&state.ladder);
        let mut members: Vec<Vec<&TrialState>> = vec![Vec::new(); sizes.len()];
        for (index, trial) in competitors(state).enumerate() {
            members[bracket(&sizes, index)].push(trial);
        }
        let promotions = (0..state.ladder.top()).rev().flat_map(|rung| {
            let of_bracket = |(bracket, members): (usize, &Vec<&TrialState>)| -> Vec<Action> {
                let may = |trial: &&TrialState| may_go_on(state, trial, rung);
                if rung < bracket {
                    let waiting = members.iter().copied().filter(|trial| trial.phase == Phase::Paused { rung });
                    return waiting.filter(may).map(|trial| promote(trial, rung)).collect();
                }
                let ranked = ranking(state, members.iter().copied(), rung);
                let places = ranked.len() / eta(&state.ladder);
                ranked.into_iter().take(places).filter(may).map(|trial| promote(trial, rung)).collect()
            };
            members.iter().enumerate().flat_map(of_bracket).collect::<Vec<_>>()
        });
        asynchronous(state, free, promotions)
    }

    fn expected(&self, ladder: &Ladder, trials: usize) -> Vec<usize> {
        let sizes = sizes(ladder);
        let round: usize = sizes.iter().fold(0, |sum, size| sum.saturating_add(*size));
        let mut expected = vec![0; ladder.rungs.len()];
        let mut left = trials % round;
        for (bracket, size) in sizes.into_iter().enumerate() {
            let of_last_round = left.min(size);
            left -= of_last_round;
            for (rung, expected) in expected.iter_mut().enumerate() {
                let halvings = rung.saturating_sub(bracket);
                *expected += survivors(ladder, trials / round * size + of_last_round, halvings);
            }
        }
        expected
    }
}

/// Trials of each bracket in a round.
fn sizes(ladder: &Ladder) -> Vec<usize> {
    let most = ladder.top();
    let size = |bracket: usize| {
        let left = most - bracket;
        let power = eta(ladder).saturating_pow(left as u32);
        power.saturating_mul(most + 1).div_ceil(left + 1)
    };
    (0..=most).map(size).collect()
}

/// The bracket of competitor number `index`.
fn bracket(sizes: &[usize], index: usize) -> usize {
    let round = sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size));
    let mut place = index % round;
    let found = sizes.iter().position(|size| {
        let here = place < *size;
        place = place.saturating_sub(*size);
        here
    });
    found.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_has_brackets_of_about_equal_cost() {
        let ladder = Ladder { eta: 3, rungs: vec![1, 3, 9], ..Ladder::default() };
        assert_eq!(sizes(&ladder), [9, 5, 3]);
        let brackets: Vec<usize> = (0..20).map(|index| bracket(&[9, 5, 3], index)).collect();
        assert_eq!(brackets, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 0, 0, 0]);
        // 9 and 5 and 3; 3 of the first bracket, all of the others; 1 of each halved one, and the 3.
        assert_eq!(Hyperband.expected(&ladder, 17), [17, 3 + 5 + 3, 1 + 1 + 3]);
        assert_eq!(Hyperband.expected(&ladder, 0), [0, 0, 0]);
        assert_eq!(sizes(&Ladder { eta: 3, rungs: vec![5], ..Ladder::default() }), [1]);
    }
}
