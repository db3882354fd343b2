//! Taking every decision of a study again, to see that nothing but the recorded state led to it.

use crate::{
    dispatcher::propose,
    estimate,
    events::{Event, Logged},
    finalists::choosing,
    giving_up::giving_up,
    samplers, schedulers,
    store::StoreError,
    study::{PendingStart, Refused, StudyState},
    worker::WorkerError,
};

/// A decision that comes out differently now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub seq: u64,
    pub recorded: String,
    pub now: String,
}

/// Takes all decisions of `events` again, with the scheduler and the sampler that the study's settings name. Empty when all agree.
pub fn replay(events: &[Logged]) -> Result<Vec<Mismatch>, WorkerError> {
    let Some((first, rest)) = events.split_first() else {
        return Err(StoreError::from(Refused::OutOfOrder("a study without events".to_owned())).into());
    };
    let mut state = StudyState::begin(first).map_err(StoreError::from)?;
    let mut snapshot = state.search.clone();
    let mut mismatches = Vec::new();
    for logged in rest {
        let mut compare = |recorded: String, now: String| {
            if recorded != now {
                mismatches.push(Mismatch { seq: logged.seq, recorded, now });
            }
        };
        let again = |pending: &PendingStart| {
            let trial = propose(&state.spec.space, pending, &snapshot, &*samplers::build(state.settings().sampler, state.settings().seed))?;
            Ok::<_, WorkerError>(trial.map(|p| format!("{:?} {:?}", p.trial.assignment, p.trial.config)))
        };
        match (&logged.event, &state.pending) {
            (Event::Decided { action, .. }, _) => {
                let scheduler = schedulers::build(state.settings().scheduler);
                let now = schedulers::next(&*scheduler, &state.search).map_or("nothing".to_owned(), |action| format!("{action:?}"));
                compare(format!("{action:?}"), now);
                snapshot = state.search.clone();
            }
            (Event::TrialAdded(trial), Some(pending)) => {
                let recorded = format!("{:?} {:?}", trial.assignment, trial.config);
                compare(recorded, again(pending)?.unwrap_or("space exhausted".to_owned()));
            }
            (Event::SpaceExhausted { .. }, Some(pending)) => {
                compare("space exhausted".to_owned(), again(pending)?.unwrap_or("space exhausted".to_owned()));
            }
            (event @ Event::StartsClosed { .. }, _) => {
                let now = estimate::closing(&state, logged.at).map_or("starts stay open".to_owned(), |event| format!("{event:?}"));
                compare(format!("{event:?}"), now);
            }
            (event @ Event::FinalistsChosen(_), _) => {
                let now = choosing(&state, logged.at).map_or("no finalists".to_owned(), |event| format!("{event:?}"));
                compare(format!("{event:?}"), now);
            }
            (event @ Event::GivenUp { .. }, _) => {
                let now = giving_up(&state).map_or("the search goes on".to_owned(), |event| format!("{event:?}"));
                compare(format!("{event:?}"), now);
            }
            (event @ Event::CheckpointsDropped { .. }, _) => {
                let now = state.making_room().map_or("no checkpoint goes".to_owned(), |event| format!("{event:?}"));
                compare(format!("{event:?}"), now);
            }
            _ => {}
        }
        state.apply(logged).map_err(StoreError::from)?;
    }
    Ok(mismatches)
}
