//! What no state may say that was kept in rows: they come from where the events come from, and nothing has led to them one by one.

use super::{MAX_MILLIS, checkpoint, completed, count, place, time, worker};
use crate::{
    clock::Base,
    finalists::Finalists,
    state::{Phase, TrialKind, TrialState},
    study::{Claim, Refused, StudyState, TrialProgress, refused::out_of_order},
};

/// How often anything may have happened that is counted one by one.
const MAX_TIMES: u32 = 1 << 30;

/// Refuses a trial that no events lead to, before it is added to those before it; `top` is the highest rung.
pub(in crate::study) fn check_trial(top: usize, trial: &TrialState, progress: &TrialProgress) -> Result<(), Refused> {
    let number = trial.number;
    let finalist = trial.kind == TrialKind::Finalist;
    let reached = trial.values.len();
    let fits = match trial.phase {
        // A finalist passes by the lower rungs.
        Phase::Active { rung } => rung <= top && (reached == rung || finalist && (rung, reached) == (top, 0)),
        Phase::Failed { rung } => rung <= top && (reached == rung + 1 || finalist && (rung, reached) == (top, 1)),
        Phase::Paused { rung } => rung < top && reached == rung + 1 && !finalist,
        Phase::Complete => reached == top + 1,
    };
    let goals = trial.exceeded.len().max(trial.second.len()) <= reached;
    let ended = progress.completed.last().is_some() || matches!(trial.phase, Phase::Active { .. } | Phase::Failed { .. });
    if !(fits && goals && ended) || trial.stopped_at.is_some_and(|rung| rung > top) {
        return out_of_order(format!("trial {number} cannot be {:?} with {reached} values", trial.phase));
    }
    if trial.parent.is_some() != finalist || trial.parent.is_some_and(|parent| parent >= number) {
        return out_of_order(format!("trial {number} cannot be another training of {:?}", trial.parent));
    }
    if let Some(Claim { rung, at, from_step, last_step, saved, .. }) = &progress.claim {
        if trial.phase != (Phase::Active { rung: *rung }) || from_step > last_step {
            return out_of_order(format!("trial {number}, now {:?}, cannot be running to rung {rung}", trial.phase));
        }
        time(*at)?;
        count("steps", *last_step)?;
        saved.map_or(Ok(()), |(step, at)| count("steps", step).and_then(|()| time(at)))?;
    }
    if progress.crashes > MAX_TIMES {
        return out_of_order(format!("trial {number} cannot have taken its worker down {} times", progress.crashes));
    }
    let steps = [progress.steps_trained, progress.furthest_step, progress.dropped_step];
    steps.into_iter().chain(progress.noted.keys().copied()).try_for_each(|steps| count("steps", steps))?;
    count("claims", progress.fence)?;
    progress.checkpoint.iter().chain(&progress.before).try_for_each(checkpoint)?;
    progress.completed.iter().try_for_each(|(rung, _, segment)| {
        if *rung > top {
            return out_of_order(format!("trial {number} cannot have come to rung {rung}"));
        }
        completed(segment)
    })
}

/// Refuses a state that no events lead to, of trials that have been checked.
pub(in crate::study) fn check(state: &StudyState) -> Result<(), Refused> {
    let trials = state.search.trials();
    let known = |number: u32| trials.get(number as usize).map_or_else(|| out_of_order(format!("there is no trial {number}")), Ok);
    time(state.last_at)?;
    state.settings().check().or_else(|what| out_of_order(format!("no settings have {what}")))?;
    state.workers.values().try_for_each(worker)?;
    if state.clock.as_ref().is_some_and(|Base { offset, .. }| offset.unsigned_abs() > MAX_MILLIS.unsigned_abs()) {
        return out_of_order("no study has such a clock".to_owned());
    }
    if !(0..=MAX_MILLIS).contains(&state.active_millis) {
        return out_of_order(format!("nobody works for {} ms", state.active_millis));
    }
    if state.workers_started > MAX_TIMES {
        return out_of_order(format!("no study has had {} workers", state.workers_started));
    }
    count("checkpoints", state.dropped.checkpoints)?;
    count("steps", state.dropped.steps)?;
    for number in state.queue.iter().chain(&state.suspects) {
        let phase = known(*number)?.phase;
        if !matches!(phase, Phase::Active { .. }) {
            return out_of_order(format!("trial {number}, now {phase:?}, cannot wait for a slot"));
        }
    }
    if let Some(number) = state.queue.iter().find(|number| state.trials[**number as usize].claim.is_some()) {
        return out_of_order(format!("trial {number} cannot wait for a slot: it runs"));
    }
    if let Some(pending) = &state.pending {
        if pending.number as usize != trials.len() || pending.upto_seq >= state.search.seq {
            return out_of_order(format!("trial {} cannot be the next, from event {}", pending.number, pending.upto_seq));
        }
        place(&state.spec.space, pending.enqueued.as_ref().and_then(|enqueued| enqueued.assignment.as_ref()))?;
    }
    if !state.enqueued.is_sound() {
        return out_of_order("more configs cannot have been started than were enqueued".to_owned());
    }
    state.enqueued.waiting().iter().try_for_each(|enqueued| place(&state.spec.space, enqueued.assignment.as_ref()))?;
    for (fold, _) in state.folds.iter() {
        known(fold.trial)?;
        if fold.index >= fold.of {
            return out_of_order(format!("there is no part {} of {}", fold.index, fold.of));
        }
    }
    state.looks.iter().try_for_each(|look| known(look.tested.trial).and_then(|_| super::look(&look.tested)))?;
    state.target_reached.map_or(Ok(()), |trial| known(trial).map(|_| ()))?;
    finalists(&state.finalists, &known)
}

fn finalists<'a>(finalists: &Finalists, known: &dyn Fn(u32) -> Result<&'a TrialState, Refused>) -> Result<(), Refused> {
    for parent in finalists.trials() {
        let phase = known(*parent)?.phase;
        if phase != Phase::Complete {
            return out_of_order(format!("trial {parent}, now {phase:?}, cannot be a finalist"));
        }
    }
    for (parent, repeat) in finalists.all() {
        known(parent)?;
        if known(repeat)?.parent != Some(parent) {
            return out_of_order(format!("trial {repeat} is no training of finalist {parent}"));
        }
    }
    Ok(())
}
