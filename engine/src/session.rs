//! Opening a study to work on it: starting it, continuing it, or asking more of it.

use std::path::Path;

use crate::{
    events::Event,
    folds::Fold,
    spec::StudySpec,
    store::{SqliteStore, Store, StoreError, StudyFolder, StudyLock, WorkerLock},
};

/// A study that this process may run workers for.
#[derive(Debug)]
pub struct Session {
    pub store: SqliteStore,
    pub folder: StudyFolder,
    pub opened: Opened,
    _lock: StudyLock,
}

/// What opening a study came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    Created,
    Continued,
    /// It had been asked for `trials` and `budget_seconds` before.
    Extended {
        trials: u32,
        budget_seconds: Option<u64>,
    },
}

impl Session {
    /// Opens the study in `folder`, or starts it there, and takes its lock; refused while a worker started by hand is alive. Work of workers that
    /// died is released, files nobody needs are removed. When it is refused, nothing that was there is changed.
    pub fn open(folder: StudyFolder, spec: &StudySpec, now: i64) -> Result<Session, StoreError> {
        let mut store = SqliteStore::open_or_create(&folder)?;
        let lock = StudyLock::acquire(&folder)?;
        let _alone = WorkerLock::alone(&folder)?;
        let opened = begin(&mut store, folder.root(), spec, now)?;
        folder.create()?;
        keep_names(&folder)?;
        remove_unneeded(&mut store, &folder)?;
        Ok(Session { store, folder, opened, _lock: lock })
    }
}

/// Starts, continues or extends the study in `store`; all workers it knows of are dead. `path` is for messages.
///
/// Trials and budget only ever grow: fewer than before change nothing. A study without a budget takes the first it is given, and one that
/// has a budget keeps it when none is given.
pub fn begin(store: &mut dyn Store, path: &Path, spec: &StudySpec, now: i64) -> Result<Opened, StoreError> {
    let Some(state) = store.state()? else {
        store.create(now, spec.clone())?;
        return Ok(Opened::Created);
    };
    if state.spec.space_hash != spec.space_hash {
        let differences = spec.space.difference(&state.spec.space);
        return Err(StoreError::OtherSpace { path: path.to_owned(), differences });
    }
    state.spec.check_inputs(path, &spec.data_hash, &spec.model_hash)?;
    let before = state.settings().clone();
    let mut wanted = spec.space.settings.clone();
    wanted.trials = wanted.trials.max(before.trials);
    // `None` is less than any.
    wanted.budget_seconds = wanted.budget_seconds.max(before.budget_seconds);
    store.commit(now, &mut |state| {
        let dead: Vec<String> = state.workers.keys().cloned().collect();
        let mut events = state.release(&dead, "its worker ended without a word", false);
        if wanted != before {
            events.push(Event::SettingsChanged(Box::new(wanted.clone())));
        }
        events
    })?;
    let (trials, budget_seconds) = (before.trials, before.budget_seconds);
    let more = (wanted.trials, wanted.budget_seconds) != (trials, budget_seconds);
    Ok(if more { Opened::Extended { trials, budget_seconds } } else { Opened::Continued })
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

/// Removes checkpoints that the study does not name, or no longer needs: a crash can leave them behind.
fn remove_unneeded(store: &mut dyn Store, folder: &StudyFolder) -> Result<(), StoreError> {
    let kept: Vec<_> = crate::store::study(store)?.kept_checkpoints().iter().map(|path| folder.absolute(path)).collect();
    let path = folder.checkpoints();
    let wrap = |source| StoreError::Io { path: path.clone(), action: "list the checkpoints", source };
    for entry in std::fs::read_dir(&path).map_err(wrap)? {
        let file = entry.map_err(wrap)?.path();
        let of_a_fold = file.is_dir() && file.file_name().is_some_and(|name| Fold::is_name(&name.to_string_lossy()));
        if of_a_fold || (file.is_file() && !kept.contains(&file)) {
            let removed = if of_a_fold { std::fs::remove_dir_all(&file) } else { std::fs::remove_file(&file) };
            removed.map_err(|source| StoreError::Io { path: file.clone(), action: "remove an old checkpoint", source })?;
        }
    }
    Ok(())
}
