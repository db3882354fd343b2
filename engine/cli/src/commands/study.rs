//! Study folders as commands meet them.

use std::path::Path;

use engine::{
    record::StudyRecord,
    store::{SqliteStore, Store as _, StoreError, StudyFolder},
};

use crate::exit::Error;

/// The folder as an absolute path: what trains in it is told paths below it.
pub(super) fn folder(path: &Path) -> Result<StudyFolder, Error> {
    let path = std::path::absolute(path).map_err(|e| Error::usage(format!("{}: {e}", path.display())))?;
    Ok(StudyFolder::new(path))
}

/// Opens a study that must have been started.
pub(super) fn open(path: &Path) -> Result<(StudyFolder, SqliteStore), Error> {
    let folder = folder(path)?;
    let mut store = SqliteStore::open(&folder).map_err(store_error)?;
    if store.state().map_err(store_error)?.is_none() {
        return Err(Error::input(format!("{}: this study was never started: run `thawline sweep` again", path.display())));
    }
    Ok((folder, store))
}

/// The study in `folder`, if one has been started there. One that this program cannot read is refused here, before minutes or hours go into what would
/// come next.
pub(super) fn open_if_there(folder: &StudyFolder) -> Result<Option<SqliteStore>, Error> {
    // A disk that was full may have left an empty file.
    if folder.database().metadata().is_ok_and(|file| file.len() == 0) || !folder.database().exists() {
        return Ok(None);
    }
    match SqliteStore::open(folder) {
        Ok(store) => Ok(Some(store)),
        // Its creation was cut short, and has been undone just now.
        Err(_) if folder.database().metadata().is_ok_and(|file| file.len() == 0) => Ok(None),
        Err(error) => Err(store_error(error)),
    }
}

/// Everything in a study.
pub(super) fn read(path: &Path) -> Result<(StudyFolder, StudyRecord), Error> {
    let (folder, mut store) = open(path)?;
    let record = StudyRecord::read(&mut store, &folder).map_err(store_error)?;
    Ok((folder, record))
}

pub(super) fn store_error(error: StoreError) -> Error {
    if error.is_environment() { Error::environment(error) } else { Error::input(error) }
}
