//! Opening a study to work on it: starting it, continuing it, or asking more of it.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use crate::{
    clock::{Clock, wall_millis},
    events::{Event, WorkerInfo},
    folds::Fold,
    runner::UNFINISHED,
    spec::StudySpec,
    store::{SqliteStore, Store, StoreError, StudyFolder, StudyLock},
    study::StudyState,
};

const WITHOUT_A_WORD: &str = "its worker ended without a word";

/// A study that this process may run workers for.
#[derive(Debug)]
pub struct Session {
    pub store: SqliteStore,
    pub folder: StudyFolder,
    pub opened: Opened,
    lock: Option<StudyLock>,
}

/// What opening a study came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    Created,
    Continued,
    /// Another process sweeps it.
    Joined,
    /// It had been asked for `trials` and `budget_seconds` before.
    Extended {
        trials: u32,
        budget_seconds: Option<u64>,
    },
}

impl Session {
    /// Opens the study in `folder`, or starts it there, and takes its lock. Work of workers that died is released; files nobody needs are removed, unless other
    /// workers are alive. When it is refused, nothing that was there is changed.
    pub fn open_or_create(folder: StudyFolder, spec: &StudySpec) -> Result<Session, StoreError> {
        Session::open(SqliteStore::open_or_create(&folder)?, folder, spec)
    }

    /// The same, with `store` as the handle on the study in `folder`.
    pub fn open(mut store: SqliteStore, folder: StudyFolder, spec: &StudySpec) -> Result<Session, StoreError> {
        let lock = StudyLock::acquire(&folder)?;
        let now = store.state()?.map_or_else(wall_millis, |state| Clock::Study.now(state));
        let dead: Vec<WorkerInfo> = store
            .state()?
            .into_iter()
            .flat_map(|state| state.workers.values())
            .filter(|worker| !folder.is_alive(worker))
            .cloned()
            .collect();
        let opened = begin_beside(&mut store, folder.root(), spec, now, &|worker| !dead.contains(worker))?;
        for worker in &dead {
            folder.bury(worker);
        }
        folder.create()?;
        keep_names(&folder)?;
        if crate::store::study(&mut store)?.workers.is_empty() {
            remove_unneeded(&mut store, &folder)?;
        }
        Ok(Session { store, folder, opened, lock: Some(lock) })
    }

    /// Opens the study in `folder`, which another process sweeps, to work on it too: nothing of it is changed.
    pub fn join(folder: StudyFolder, spec: &StudySpec) -> Result<Session, StoreError> {
        let mut store = SqliteStore::open(&folder)?;
        let state = crate::store::study(&mut store)?;
        check_same(state, folder.root(), spec)?;
        Ok(Session { store, folder, opened: Opened::Joined, lock: None })
    }

    /// Takes over a study that was joined, if its sweep has ended meanwhile.
    pub fn take_over(&mut self) -> Result<bool, StoreError> {
        match StudyLock::acquire(&self.folder) {
            Ok(lock) => self.lock = Some(lock),
            Err(StoreError::InUse { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}

/// Starts, continues or extends the study in `store`; all workers it knows of are dead. `path` is for messages.
///
/// Trials and budget only ever grow: fewer than before change nothing. A study without a budget takes the first it is given, and one that
/// has a budget keeps it when none is given.
pub fn begin(store: &mut dyn Store, path: &Path, spec: &StudySpec, now: i64) -> Result<Opened, StoreError> {
    begin_beside(store, path, spec, now, &|_| false)
}

/// The same, where some workers may be `alive`.
fn begin_beside(
    store: &mut dyn Store,
    path: &Path,
    spec: &StudySpec,
    now: i64,
    alive: &dyn Fn(&WorkerInfo) -> bool,
) -> Result<Opened, StoreError> {
    let Some(state) = store.state()? else {
        store.create(now, spec.clone())?;
        return Ok(Opened::Created);
    };
    check_same(state, path, spec)?;
    let before = state.settings().clone();
    let mut wanted = spec.space.settings.clone();
    wanted.trials = wanted.trials.max(before.trials);
    // `None` is less than any.
    wanted.budget_seconds = wanted.budget_seconds.max(before.budget_seconds);
    store.commit(now, &mut |state| {
        let dead: Vec<String> = state.workers.values().filter(|worker| !alive(worker)).map(|worker| worker.worker.clone()).collect();
        let mut events = state.release(&dead, WITHOUT_A_WORD, false);
        if wanted != before {
            events.push(Event::SettingsChanged(Box::new(wanted.clone())));
        }
        events
    })?;
    // The limit may be another than before.
    if crate::store::study(store)?.making_room().is_some() {
        store.commit(now, &mut |state| state.making_room().into_iter().collect())?;
    }
    let (trials, budget_seconds) = (before.trials, before.budget_seconds);
    let more = (wanted.trials, wanted.budget_seconds) != (trials, budget_seconds);
    Ok(if more { Opened::Extended { trials, budget_seconds } } else { Opened::Continued })
}

fn check_same(state: &StudyState, path: &Path, spec: &StudySpec) -> Result<(), StoreError> {
    if state.spec.space_hash != spec.space_hash {
        let differences = spec.space.difference(&state.spec.space);
        return Err(StoreError::OtherSpace { path: path.to_owned(), differences });
    }
    state.spec.check_inputs(path, &spec.data_hash, &spec.model_hash)
}

/// Releases the work of those of `suspects` that are dead: whoever started them may be dead, too.
pub(crate) fn release_dead(store: &mut dyn Store, folder: &StudyFolder, suspects: &[WorkerInfo], now: i64) -> Result<(), StoreError> {
    let dead: Vec<&WorkerInfo> = suspects.iter().filter(|worker| !folder.is_alive(worker)).collect();
    if dead.is_empty() {
        return Ok(());
    }
    store.commit(now, &mut |state| {
        let there = dead.iter().map(|worker| &worker.worker).filter(|name| state.workers.contains_key(*name));
        state.release(&there.cloned().collect::<Vec<_>>(), WITHOUT_A_WORD, true)
    })?;
    for worker in dead {
        folder.bury(worker);
    }
    Ok(())
}

/// Waits until the names of the study's folder and of those in it are on the disk: SQLite sees to the names of its own files only, and a cut of the power
/// could take the whole study, or all of its checkpoints, with whatever had been written to them.
fn keep_names(folder: &StudyFolder) -> Result<(), StoreError> {
    let sync = |path: &Path| std::fs::File::open(path).and_then(|folder| folder.sync_all());
    sync(folder.root()).map_err(|source| StoreError::Io { path: folder.root().to_owned(), action: "sync the study folder", source })?;
    // Some of these may have been made for the study. Where one is not ours to sync, the system does it in its own time.
    folder.root().ancestors().skip(1).for_each(|above| drop(sync(above)));
    Ok(())
}

/// Removes checkpoints that the study does not name, or no longer needs, and files that were never finished: a crash can leave them behind. Nobody
/// else may be at work.
pub(crate) fn remove_unneeded(store: &mut dyn Store, folder: &StudyFolder) -> Result<(), StoreError> {
    let (folds, mut checkpoints): (Vec<PathBuf>, Vec<PathBuf>) = listed(&folder.checkpoints())?.into_iter().partition(|path| path.is_dir());
    crate::store::study(store)?.leave_out_kept(folder, &mut checkpoints);
    let unfinished = listed(&folder.artefacts())?.into_iter().filter(|path| path.is_file() && name(path).starts_with(UNFINISHED));
    let folds = folds.into_iter().filter(|path| Fold::is_name(&name(path)));
    for path in checkpoints.into_iter().chain(folds).chain(unfinished) {
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(|source| StoreError::Io { path, action: "remove a file that nobody needs", source })?;
    }
    Ok(())
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    entries.map_err(|source| StoreError::Io { path: folder.to_owned(), action: "list its files", source })
}

fn name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}
