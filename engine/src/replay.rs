//! Taking every decision of a study again, to see that nothing but the recorded state led to it.

use std::sync::Arc;

use crate::{
    dispatcher::propose,
    estimate,
    events::{Event, Logged},
    finalists::choosing,
    giving_up::giving_up,
    samplers, schedulers,
    state::SearchState,
    store::{Store, StoreError, each_event},
    study::{PendingStart, Refused, StudyState},
    worker::WorkerError,
};

/// A decision that comes out differently now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The number of the event that recorded it.
    pub seq: u64,
    pub recorded: String,
    pub now: String,
}

/// What taking the decisions of a log again came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    pub events: u64,
    pub decisions: u64,
    /// In the order of the log; each on the recorded state, so that one does not lead to another.
    pub mismatches: Vec<Mismatch>,
}

/// Takes all decisions of the study in `store` again, with the scheduler and the sampler that its settings name. `show` is told how many events there
/// have been, after each.
pub fn replay(store: &mut dyn Store, mut show: impl FnMut(u64)) -> Result<Replayed, WorkerError> {
    let mut replay = Replay { state: None, snapshot: None, found: Replayed::default() };
    each_event(store, |logged| {
        replay.take(logged)?;
        show(replay.found.events);
        Ok::<_, WorkerError>(())
    })?;
    if replay.state.is_none() {
        return Err(StoreError::from(Refused::OutOfOrder("a study without events".to_owned())).into());
    }
    Ok(replay.found)
}

struct Replay {
    state: Option<StudyState>,
    /// The search as it was when the start that is pending was decided, if it has changed since.
    snapshot: Option<Arc<SearchState>>,
    found: Replayed,
}

impl Replay {
    fn take(&mut self, logged: &Logged) -> Result<(), WorkerError> {
        self.found.events += 1;
        let Some(state) = &mut self.state else {
            self.state = Some(StudyState::begin(logged).map_err(StoreError::from)?);
            return Ok(());
        };
        if let Some((recorded, now)) = again(state, self.snapshot.as_deref(), logged)? {
            self.found.decisions += 1;
            if recorded != now {
                self.found.mismatches.push(Mismatch { seq: logged.seq, recorded, now });
            }
        }
        let pending = state.pending.is_some();
        let carries_out = matches!(logged.event, Event::TrialAdded(_) | Event::SpaceExhausted { .. });
        if pending && !carries_out && self.snapshot.is_none() {
            self.snapshot = Some(Arc::clone(&state.search));
        }
        state.apply(logged).map_err(StoreError::from)?;
        if state.pending.is_none() {
            self.snapshot = None;
        }
        Ok(())
    }
}

/// The decision that `logged` records, and what it would be now, on the `state` before it; `None`: it records none.
fn again(state: &StudyState, snapshot: Option<&SearchState>, logged: &Logged) -> Result<Option<(String, String)>, WorkerError> {
    let proposed = |pending: &PendingStart| {
        let sampler = samplers::build(state.settings().sampler, state.settings().seed);
        let proposal = propose(&state.spec.space, pending, snapshot.unwrap_or(&state.search), &*sampler)?;
        let told = proposal.map(|p| format!("{:?} {:?}", p.trial.assignment, p.trial.config));
        Ok::<_, WorkerError>(told.unwrap_or("space exhausted".to_owned()))
    };
    let noted = |event: Option<Event>, otherwise: &str| event.map_or(otherwise.to_owned(), |event| format!("{event:?}"));
    let recorded = || format!("{:?}", logged.event);
    Ok(Some(match (&logged.event, &state.pending) {
        (Event::Decided { action, .. }, _) => {
            let scheduler = schedulers::build(state.settings().scheduler);
            let now = schedulers::next(&*scheduler, &state.search).map_or("nothing".to_owned(), |action| format!("{action:?}"));
            (format!("{action:?}"), now)
        }
        (Event::TrialAdded(trial), Some(pending)) => (format!("{:?} {:?}", trial.assignment, trial.config), proposed(pending)?),
        (Event::SpaceExhausted { .. }, Some(pending)) => ("space exhausted".to_owned(), proposed(pending)?),
        (Event::StartsClosed { .. }, _) => (recorded(), noted(estimate::closing(state, logged.at), "starts stay open")),
        (Event::FinalistsChosen(_), _) => (recorded(), noted(choosing(state, logged.at), "no finalists")),
        (Event::CheckpointsDropped { .. }, _) => (recorded(), noted(state.making_room(), "no checkpoint goes")),
        (Event::GivenUp { .. }, _) => (recorded(), noted(giving_up(state), "the search goes on")),
        _ => return Ok(None),
    }))
}
