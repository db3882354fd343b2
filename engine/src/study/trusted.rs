//! What no event may say, whoever has written it: studies may come from strangers.
//!
//! Checked before an event is folded, so that whoever reads a study is safe from paths that lead out of its folder, and from numbers that no counting
//! comes to.

mod kept;

use std::path::{Component, Path};

use search_spaces::{domain::Assignment, draw::validate, space::Space};

pub(super) use kept::{check as check_kept, check_trial};

use super::{Refused, StudyState, refused::out_of_order};
use crate::{
    events::{Event, Logged, TrialAdded, WorkerInfo},
    folds::Fold,
    runner::{Checkpoint, Completed},
    spec::StudySpec,
    state::TrialKind,
    tested::Tested,
};

/// Steps, examples and bytes are counted up to here: far more than any machine comes to, and few enough to be added up.
const MAX_COUNT: u64 = 1 << 50;
/// The last millisecond of the year 9999.
const MAX_MILLIS: i64 = 253_402_300_799_999;
/// Slots, threads and rungs of anything.
const MAX_SLOTS: usize = 4096;
/// No file system takes longer paths.
const MAX_PATH_BYTES: usize = 4096;

/// Refuses a first event that no study begins with.
pub(super) fn check_first(spec: &StudySpec, at: i64) -> Result<(), Refused> {
    time(at)?;
    let wrong = |what: String| out_of_order(format!("no study has {what}: it is damaged, or not to be trusted"));
    if let Err(what) = spec.space.check().and_then(|()| spec.ladder.check()) {
        return wrong(what);
    }
    if !(1..=MAX_COUNT).contains(&spec.examples_per_epoch) || spec.ladder.horizon() > MAX_COUNT {
        return wrong(format!("{} examples in a pass and {} in all", spec.examples_per_epoch, spec.ladder.horizon()));
    }
    Ok(())
}

/// Refuses an event that may not follow anything.
pub(super) fn check(state: &StudyState, next: &Logged) -> Result<(), Refused> {
    time(next.at)?;
    let trials = state.search.trials().len();
    let known = |trial: u32| if (trial as usize) < trials { Ok(()) } else { out_of_order(format!("there is no trial {trial}")) };
    let fold = |fold: &Fold| {
        known(fold.trial)?;
        if fold.index < fold.of { Ok(()) } else { out_of_order(format!("there is no part {} of {}", fold.index, fold.of)) }
    };
    let seen = |seq: u64| if seq < next.seq { Ok(()) } else { out_of_order(format!("event {} cannot have seen event {seq}", next.seq)) };
    match &next.event {
        Event::SettingsChanged(settings) => settings.check().or_else(|what| out_of_order(format!("no settings have {what}"))),
        Event::WorkerStarted(info) => worker(info),
        Event::Stopped { millis } if !(0..=MAX_MILLIS).contains(millis) => out_of_order(format!("nobody stops for {millis} ms")),
        Event::Decided { upto_seq, .. } => seen(*upto_seq),
        Event::TrialAdded(added) => {
            seen(added.snapshot_seq)?;
            trial(added)
        }
        Event::Enqueued(enqueued) => place(&state.spec.space, enqueued.assignment.as_ref()),
        Event::Evaluated { evaluation, .. } => count("steps", evaluation.step),
        Event::Checkpointed { checkpoint: file, .. } => checkpoint(file),
        Event::SegmentCompleted { completed: segment, .. } => completed(segment),
        Event::FinalistsChosen(chosen) => chosen.trials.iter().try_for_each(|trial| {
            known(*trial)?;
            let again = state.search.trials()[*trial as usize].kind == TrialKind::Finalist;
            let twice = chosen.trials.iter().filter(|other| *other == trial).count() > 1;
            if again || twice { out_of_order(format!("trial {trial} cannot be a finalist again")) } else { Ok(()) }
        }),
        Event::FoldClaimed { fold: of, .. }
        | Event::FoldCompleted { fold: of, .. }
        | Event::FoldFailed { fold: of, .. }
        | Event::FoldLost { fold: of, .. } => fold(of),
        Event::Tested(tested) => known(tested.trial).and_then(|()| look(tested)),
        _ => Ok(()),
    }
}

fn time(at: i64) -> Result<(), Refused> {
    if (0..=MAX_MILLIS).contains(&at) { Ok(()) } else { out_of_order(format!("nothing happens {at} ms after 1970")) }
}

fn count(what: &str, number: u64) -> Result<(), Refused> {
    if number <= MAX_COUNT { Ok(()) } else { out_of_order(format!("nobody counts {number} {what}")) }
}

fn worker(info: &WorkerInfo) -> Result<(), Refused> {
    let WorkerInfo { worker, slots, threads, clock, .. } = info;
    if clock.as_ref().is_some_and(|clock| clock.offset.unsigned_abs() > MAX_MILLIS.unsigned_abs()) {
        return out_of_order(format!("worker {worker} cannot have such a clock"));
    }
    if (*slots).max(*threads) <= MAX_SLOTS {
        return Ok(());
    }
    out_of_order(format!("worker {worker} cannot have {slots} slots of {threads} threads: at most {MAX_SLOTS} are taken"))
}

fn trial(added: &TrialAdded) -> Result<(), Refused> {
    if added.kind == TrialKind::Finalist {
        return out_of_order(format!("trial {} cannot be a finalist's: those are added when finalists are chosen", added.number));
    }
    Ok(())
}

/// Its place may be none: what a sampler proposes may turn out to make no config.
fn place(space: &Space, assignment: Option<&Assignment>) -> Result<(), Refused> {
    let valid = assignment.map_or(Ok(()), |assignment| validate(&space.parameters, assignment));
    valid.or_else(|why| out_of_order(format!("its place is none of this space: {why}")))
}

fn checkpoint(file: &Checkpoint) -> Result<(), Refused> {
    inside(&file.path)?;
    count("steps", file.step)?;
    count("bytes", file.bytes)
}

fn completed(completed: &Completed) -> Result<(), Refused> {
    completed.checkpoint.iter().try_for_each(checkpoint)?;
    completed.predictions.iter().try_for_each(|path| inside(path))?;
    count("steps", completed.step)?;
    count("steps", completed.steps_trained)
}

/// Of the test split.
fn look(tested: &Tested) -> Result<(), Refused> {
    tested.predictions.iter().try_for_each(|path| inside(path))?;
    count("examples", tested.examples)
}

/// Whether a path that is joined to the study folder stays in it.
fn inside(path: &Path) -> Result<(), Refused> {
    let ordinary = path.components().all(|part| matches!(part, Component::Normal(_)));
    let text = path.as_os_str().as_encoded_bytes();
    if ordinary && !text.is_empty() && text.len() <= MAX_PATH_BYTES && !text.contains(&0) {
        return Ok(());
    }
    out_of_order(format!("the path \"{}\" leads out of the study folder: the study is not to be trusted", path.display()))
}

#[cfg(test)]
mod tests;
