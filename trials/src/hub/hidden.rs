//! The hidden folder beside a model folder, in which that lies until it gets its name.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::HubError;

/// The name of the lock in it: the operating system gives it back when the process ends, however it ends.
const LOCK: &str = "lock";
/// Each time another process has just removed the folder.
const TRIES: u32 = 100;

/// The folder. Whoever holds it has it for itself; it goes with the value.
#[derive(Debug)]
pub(super) struct Hidden {
    folder: PathBuf,
    _lock: File,
}

impl Hidden {
    /// That of the model folder `to`, with nothing in it but the lock: what a process that was killed has left there is removed.
    pub(super) fn take(to: &Path) -> Result<Hidden, HubError> {
        let mut name = OsString::from(".");
        name.push(to.file_name().unwrap_or_default());
        name.push(".partial");
        let folder = to.with_file_name(name);
        let failed = |source| HubError::Write { path: folder.clone(), source };
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        for _ in 0..TRIES {
            let Some(lock) = open(&folder).map_err(failed)? else { continue };
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            // Whoever had the lock may have removed its file since that was opened: then this is the lock of nothing.
            if is_at(&lock, &folder.join(LOCK)).map_err(failed)? {
                let hidden = Hidden { folder, _lock: lock };
                clear(&hidden.folder).map_err(|source| HubError::Write { path: hidden.folder.clone(), source })?;
                return Ok(hidden);
            }
        }
        Err(HubError::InUse { path: to.to_owned() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Hidden {
    /// The lock goes last, and the folder only if it is empty then: once the lock has no name another process may take the folder. An error that is
    /// reported is the one that came first.
    fn drop(&mut self) {
        let _ = clear(&self.folder);
        let _ = fs::remove_file(self.folder.join(LOCK));
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The file of the lock in `folder`, made where it is not there; `None`: another process has removed the folder meanwhile.
fn open(folder: &Path) -> io::Result<Option<File>> {
    if let Err(error) = fs::create_dir(folder)
        && error.kind() != ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    let Some(found) = unless_gone(fs::symlink_metadata(folder))? else { return Ok(None) };
    // Through a link, somebody's own files would be removed.
    if !found.is_dir() {
        return Err(io::Error::new(ErrorKind::NotADirectory, "something else than a folder has this name: remove it"));
    }
    unless_gone(OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join(LOCK)))
}

/// Whether `path` is the name of `file` still.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (held, found) = (file.metadata()?, unless_gone(fs::metadata(path))?);
    Ok(found.is_some_and(|found| (found.dev(), found.ino()) == (held.dev(), held.ino())))
}

/// Whether `path` is the name of `file` still: what is open keeps its name here.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// Removes all that is in `folder` but the lock.
fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() != LOCK {
            let path = entry.path();
            if entry.file_type()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }?;
        }
    }
    Ok(())
}

fn unless_gone<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_second_is_refused_and_touches_nothing() {
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("new/model");
        let first = Hidden::take(&to).unwrap();
        let file = first.folder().join("file");
        fs::write(&file, "first").unwrap();
        let second = Hidden::take(&to).unwrap_err().to_string();
        insta::assert_snapshot!(second.replace(place.path().to_str().unwrap(), "DIR"), @"another process is writing DIR/new/model: wait for it, or choose another place");
        assert_eq!(fs::read(&file).unwrap(), b"first");
        drop(first);
        assert!(fs::read_dir(place.path().join("new")).unwrap().next().is_none());
    }

    #[test]
    fn what_a_killed_process_has_left_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let left = place.path().join(".model.partial");
        fs::create_dir_all(left.join("model")).unwrap();
        for name in [LOCK, "weights", "model/weights"] {
            fs::write(left.join(name), "").unwrap();
        }
        let hidden = Hidden::take(&place.path().join("model")).unwrap();
        assert_eq!((hidden.folder(), fs::read_dir(&left).unwrap().count()), (left.as_path(), 1));
        drop(hidden);
        assert!(!left.exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let own = place.path().join("own");
        fs::create_dir(&own).unwrap();
        fs::write(own.join("file"), "").unwrap();
        std::os::unix::fs::symlink(&own, place.path().join(".model.partial")).unwrap();
        assert!(matches!(Hidden::take(&place.path().join("model")), Err(HubError::Write { .. })));
        assert_eq!(fs::read_dir(&own).unwrap().count(), 1);
    }

    #[test]
    fn nobody_shares_it_while_others_come_and_go() {
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("model");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        match Hidden::take(&to) {
                            Ok(hidden) => {
                                let file = hidden.folder().join("file");
                                File::create_new(&file).unwrap();
                                assert!(file.exists());
                            }
                            Err(HubError::InUse { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                });
            }
        });
        assert!(fs::read_dir(place.path()).unwrap().next().is_none());
    }
}
