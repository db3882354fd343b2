//! What the schedulers share: who ranks where at a rung, the baseline, and the last resort at the end.

use search_spaces::ladder::Ladder;

use crate::{
    schedulers::Action,
    state::{Phase, SearchState, Standing, TrialKind, TrialState, eta, in_order},
};

/// Trial 0 when it is a recipe: the default that the report compares the search with.
///
/// It always runs its full length, beside the competition: it takes nobody's place at a rung and is not counted there.
pub(crate) fn baseline(state: &SearchState) -> Option<&TrialState> {
    state.trials().first().filter(|trial| trial.kind == TrialKind::Recipe)
}

/// Every trial of the search but the baseline.
pub(crate) fn competitors(state: &SearchState) -> impl DoubleEndedIterator<Item = &TrialState> + ExactSizeIterator + Clone {
    state.searched().skip(usize::from(baseline(state).is_some()))
}

/// Trials that there will be in all: never fewer than there are, however far `planned` was lowered.
pub(super) fn planned(state: &SearchState) -> usize {
    (state.planned as usize).max(state.searched().len())
}

/// New trials up to the planned number, which may learn from everything known by now. There may be any number of them.
pub(super) fn starts(state: &SearchState) -> impl Iterator<Item = Action> {
    let next = state.trials().len();
    (0..planned(state) - state.searched().len()).map(move |more| Action::Start { learn_from: (next + more) as u32 })
}

/// Those of `members` that have reached `rung`, best first ([`in_order`]), ties by number.
pub(super) fn ranking<'a>(state: &SearchState, members: impl IntoIterator<Item = &'a TrialState>, rung: usize) -> Vec<&'a TrialState> {
    let reached = members.into_iter().filter(|trial| trial.values.len() > rung);
    let standing = |trial: &TrialState| Standing { cost: state.cost(trial, rung), number: trial.number };
    in_order(state.second.is_some(), reached.map(|trial| (standing(trial), trial)).collect()).collect()
}

/// Whether the trial waits at `rung` with a value worth going on from.
pub(super) fn may_go_on(state: &SearchState, trial: &TrialState, rung: usize) -> bool {
    trial.phase == Phase::Paused { rung } && rung < state.ladder.top() && state.cost(trial, rung).is_finite()
}

pub(super) fn promote(trial: &TrialState, rung: usize) -> Action {
    promote_to(trial.number, rung + 1)
}

pub(super) fn promote_to(trial: u32, rung: usize) -> Action {
    Action::Promote { trial, rung }
}

/// The baseline's next step, when it waits.
pub(super) fn promote_baseline(state: &SearchState) -> Option<Action> {
    let trial = baseline(state)?;
    let Phase::Paused { rung } = trial.phase else { return None };
    may_go_on(state, trial, rung).then(|| promote(trial, rung))
}

/// Whether a segment of anyone but the baseline is queued or runs.
pub(super) fn competes(state: &SearchState) -> bool {
    let beside = baseline(state).map(|trial| trial.number);
    state.index().active().any(|trial| Some(trial) != beside)
}

pub(super) fn any_active<'a>(trials: impl IntoIterator<Item = &'a TrialState>) -> bool {
    trials.into_iter().any(|trial| matches!(trial.phase, Phase::Active { .. }))
}

/// What free slots do when promotions come as soon as they are known: promotions first, in the order given; then the baseline's next step;
/// then new trials, which may learn from everything known by now; when nothing of the competition runs any more, the last resort.
pub(super) fn asynchronous(state: &SearchState, free: usize, promotions: impl Iterator<Item = Action>) -> Vec<Action> {
    let mut actions: Vec<Action> = promotions.take(free).collect();
    let promoted = actions.len();
    actions.extend(starts(state).take(free));
    if actions.is_empty() && !competes(state) {
        actions.extend(last_resort(state, &competitors(state)));
    }
    actions.splice(promoted..promoted, promote_baseline(state));
    actions.truncate(free);
    actions
}

/// How many of `entrants` are left after so many halvings; one of them at least.
pub(super) fn survivors(ladder: &Ladder, entrants: usize, halvings: usize) -> usize {
    let rule = eta(ladder).checked_pow(halvings as u32).map_or(0, |share| entrants / share);
    rule.max(entrants.min(1))
}

/// How many of so many competitors are to be trained in full, so that there are `finalists`: one in `eta` at most, or nothing would be saved.
pub(crate) fn for_the_top(ladder: &Ladder, finalists: u32, competitors: usize) -> usize {
    (competitors / eta(ladder)).max(competitors.min(1)).min(finalists as usize)
}

/// The next step in taking as many to the top as [`for_the_top`] says, once no new trial is to come: at every rung, from the lowest up, the best so
/// many that have not failed must have gone on. Nobody is taken further while others are on their way to where he stands.
///
/// Whatever the rule of the scheduler: halving leaves one for the top, and one cannot be compared.
pub(super) fn drain(state: &SearchState) -> Option<Action> {
    let most = for_the_top(&state.ladder, state.finalists, competitors(state).len());
    if most < 2 || planned(state) > state.searched().len() {
        return None;
    }
    let beside = baseline(state).map(|trial| trial.number);
    let active = state.index().active().filter(|trial| Some(*trial) != beside);
    let targets = active.filter_map(|trial| match state.trials()[trial as usize].phase {
        Phase::Active { rung } => Some(rung),
        Phase::Paused { .. } | Phase::Complete | Phase::Failed { .. } => None,
    });
    let settled = targets.min().unwrap_or(usize::MAX).min(state.ladder.top());
    (0..settled).find_map(|rung| {
        let best = ranking(state, competitors(state).filter(|trial| is_alive(state, trial)), rung).into_iter().take(most);
        best.into_iter().find(|trial| may_go_on(state, trial, rung)).map(|trial| promote(trial, rung))
    })
}

/// The next step towards a trial that is trained in full and keeps the constraints, where none of the competition is and one that waits keeps them so far: the best of
/// those at the highest rung goes on.
///
/// Who must have gone on is judged at each rung, but what is measured changes on the way: the gap between groups, or the seconds of a pass once more thaws.
/// So all who went on may exceed at the top what others behind them keep, and what exceeds a limit cannot be used. One goes on at a time, and as
/// many as it takes, as in place of those that fail ([`last_resort`]).
pub(crate) fn keeping_resort(state: &SearchState) -> Option<Action> {
    if state.constraints.is_empty() {
        return None;
    }
    let keeps = |trial: &&TrialState| {
        let reached = trial.values.len();
        reached > 0 && is_alive(state, trial) && state.cost(trial, reached - 1).is_feasible()
    };
    let keeping: Vec<&TrialState> = competitors(state).filter(keeps).collect();
    if keeping.iter().any(|trial| trial.phase == Phase::Complete) {
        return None;
    }
    (0..state.ladder.top()).rev().find_map(|rung| {
        let waiting = keeping.iter().copied().filter(|trial| may_go_on(state, trial, rung));
        ranking(state, waiting, rung).first().map(|best| promote(best, rung))
    })
}

/// Whether nothing of the competition runs, nor is any new trial to come.
pub(super) fn is_settled(state: &SearchState) -> bool {
    planned(state) <= state.searched().len() && !competes(state)
}

/// Whether it has not failed, nor got a value that is not finite.
fn is_alive(state: &SearchState, trial: &TrialState) -> bool {
    (0..trial.values.len()).all(|rung| state.cost(trial, rung).is_finite())
}

/// What to do when nothing of `members` runs and nothing goes on by the rule: at every rung, from the highest down, the best that
/// has not failed since, nor got a value that is not finite, must have gone on. Hence some trial ends with a full-length value unless all of them failed, and nobody is left
/// behind who was the best at his rung.
pub(crate) fn last_resort<'a>(state: &'a SearchState, members: &(impl Iterator<Item = &'a TrialState> + Clone)) -> Option<Action> {
    (0..state.ladder.top()).rev().find_map(|rung| {
        let alive = members.clone().filter(|trial| is_alive(state, trial));
        let best = ranking(state, alive, rung).into_iter().next()?;
        may_go_on(state, best, rung).then(|| promote(best, rung))
    })
}
