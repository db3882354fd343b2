//! Where a study's events are kept.

#[cfg(test)]
mod contract;
mod error;
mod folded;
mod folder;
mod memory;
mod schema;
mod sqlite;
mod trusted;

pub use error::StoreError;
pub use folder::{StudyFolder, StudyLock, WorkerLock};
pub use memory::MemoryStore;
pub use schema::FORMAT;
pub use sqlite::SqliteStore;

use crate::{
    events::{Event, Logged},
    spec::StudySpec,
    study::StudyState,
};

/// One handle on one study.
///
/// # Truth
/// The events are the truth, in one linear order; [`StudyState`] is their fold. Whatever else a store keeps (rows for other programs to
/// read) changes in the same transaction as the events and could be rebuilt from them.
///
/// # Transactions
/// `commit` holds the study's write lock from before `change` sees the state until its events are durable or refused, so what
/// `change` decides is decided on the newest state. All events of one `commit` become visible together, with the same time, or none does.
/// `change` must be quick and must not use the store.
///
/// # Refusals
/// An event that may not follow (an older fence, a worker that is gone, another result for a segment that is complete) gives
/// [`StoreError::Refused`] and nothing of that commit is kept. A completion with the content already known is accepted and not kept twice, so that
/// a commit whose outcome is unknown can be repeated.
///
/// # Several handles
/// Any number of handles, in one process or several, may be open on a study; each sees the others' commits on its next call.
///
/// # Values
/// Floats come back as they went in, also those that are not finite.
pub trait Store: Send {
    /// Starts the study. Refused when it has been started already.
    fn create(&mut self, at: i64, spec: StudySpec) -> Result<(), StoreError>;

    /// The study up to its newest event; `None` before it is created.
    fn state(&mut self) -> Result<Option<&StudyState>, StoreError>;

    /// Appends the events that `change` answers to the newest state, at time `at` (milliseconds since 1970).
    fn commit(&mut self, at: i64, change: &mut Change<'_>) -> Result<(), StoreError>;

    /// The `most` events that follow event `after`, in order; fewer, and none, at the end.
    fn page(&mut self, after: u64, most: usize) -> Result<Vec<Logged>, StoreError>;

    /// All events after number `after`, in order. Those of a large study fill the memory: see [`each_event`].
    fn events(&mut self, after: u64) -> Result<Vec<Logged>, StoreError> {
        self.page(after, usize::MAX)
    }
}

pub type Change<'a> = dyn FnMut(&StudyState) -> Vec<Event> + 'a;

/// Hands the events to `take`, in order, with no more than a page of them in memory at a time; those committed meanwhile too.
pub fn each_event<E: From<StoreError>>(store: &mut dyn Store, mut take: impl FnMut(&Logged) -> Result<(), E>) -> Result<(), E> {
    const PAGE: usize = 10_000;
    let mut after = 0;
    loop {
        let page = store.page(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        page.iter().try_for_each(&mut take)?;
    }
}

/// The state of a study that must have been created.
pub fn study(store: &mut dyn Store) -> Result<&StudyState, StoreError> {
    store.state()?.ok_or_else(not_created)
}

fn not_created() -> StoreError {
    crate::study::Refused::OutOfOrder("the study has not been created".to_owned()).into()
}

/// Folds `events` after `state` and hands each that is new to `keep`, with the state after it. After an error `state` has to be folded anew.
fn admit(state: &mut Option<StudyState>, at: i64, events: Vec<Event>, keep: &mut Keep<'_>) -> Result<(), StoreError> {
    for event in events {
        let next = Logged { seq: state.as_ref().map_or(0, |s| s.search.seq) + 1, at, event };
        if fold(state, &next)?
            && let Some(state) = state
        {
            keep(next, state)?;
        }
    }
    Ok(())
}

type Keep<'a> = dyn FnMut(Logged, &StudyState) -> Result<(), StoreError> + 'a;

fn fold(state: &mut Option<StudyState>, next: &Logged) -> Result<bool, crate::study::Refused> {
    if let Some(state) = state {
        return state.apply(next);
    }
    *state = Some(StudyState::begin(next)?);
    Ok(true)
}
