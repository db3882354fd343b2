//! A store that lives as long as its handles: for tests and simulations.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Change, Store, StoreError, admit, fold, not_created};
use crate::{
    events::{Event, Logged},
    spec::StudySpec,
    study::StudyState,
};

/// Clones are handles on the same study.
#[derive(Debug, Default)]
pub struct MemoryStore {
    log: Arc<Mutex<Vec<Logged>>>,
    state: Option<StudyState>,
}

impl Clone for MemoryStore {
    fn clone(&self) -> MemoryStore {
        MemoryStore { log: Arc::clone(&self.log), state: None }
    }
}

impl MemoryStore {
    /// A study of these events, as if all later ones had never been committed.
    pub fn from_events(events: Vec<Logged>) -> MemoryStore {
        MemoryStore { log: Arc::new(Mutex::new(events)), state: None }
    }

    fn append(&mut self, log: &mut Vec<Logged>, at: i64, events: Vec<Event>) -> Result<(), StoreError> {
        let mut new = Vec::new();
        let mut keep = |logged: Logged, _: &StudyState| {
            new.push(logged);
            Ok(())
        };
        if let Err(error) = admit(&mut self.state, at, events, &mut keep) {
            self.state = None;
            return Err(error);
        }
        log.extend(new);
        Ok(())
    }

    fn catch_up(&mut self, log: &[Logged]) -> Result<(), StoreError> {
        let known = self.state.as_ref().map_or(0, |s| s.search.seq);
        for logged in &log[known as usize..] {
            fold(&mut self.state, logged)?;
        }
        Ok(())
    }
}

/// A panic inside a commit leaves the log as it was before, so a poisoned lock is no obstacle.
fn locked(log: &Mutex<Vec<Logged>>) -> MutexGuard<'_, Vec<Logged>> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for MemoryStore {
    fn create(&mut self, at: i64, spec: StudySpec) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.log);
        let mut log = locked(&shared);
        self.catch_up(&log)?;
        self.append(&mut log, at, vec![Event::Created(Box::new(spec))])
    }

    fn state(&mut self) -> Result<Option<&StudyState>, StoreError> {
        let shared = Arc::clone(&self.log);
        self.catch_up(&locked(&shared))?;
        Ok(self.state.as_ref())
    }

    fn commit(&mut self, at: i64, change: &mut Change<'_>) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.log);
        let mut log = locked(&shared);
        self.catch_up(&log)?;
        let events = change(self.state.as_ref().ok_or_else(not_created)?);
        self.append(&mut log, at, events)
    }

    fn page(&mut self, after: u64, most: usize) -> Result<Vec<Logged>, StoreError> {
        let log = locked(&self.log);
        Ok(log.get(usize::try_from(after).unwrap_or(usize::MAX)..).unwrap_or_default().iter().take(most).cloned().collect())
    }
}
