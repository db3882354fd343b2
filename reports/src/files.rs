//! Files that are there whole or not at all.

use std::{
    fs::File,
    io::{self, Write},
    panic,
    path::{Path, PathBuf},
    thread,
};

use crate::error::ReportError;

pub(crate) fn create_dir(dir: &Path) -> Result<(), ReportError> {
    std::fs::create_dir_all(dir).map_err(|source| ReportError::Write { path: dir.to_owned(), source })
}

/// Replaces `path` in one go: a temporary file beside it, synced, then renamed.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<PathBuf, ReportError> {
    replace(path, bytes).map_err(|source| ReportError::Write { path: path.to_owned(), source })?;
    Ok(path.to_owned())
}

/// Puts a folder of `entries`, by their paths within it, in the place of `dir`: they are written beside it first, and what was there goes last.
pub(crate) fn replace_dir(dir: &Path, entries: impl Iterator<Item = (PathBuf, Vec<u8>)>) -> Result<(), ReportError> {
    let failed = |source| ReportError::Write { path: dir.to_owned(), source };
    let parent = parent(dir);
    create_dir(parent)?;
    let beside = |prefix| tempfile::Builder::new().prefix(prefix).tempdir_in(parent).map_err(failed);
    let new = beside(".report-")?;
    let whole = new.path().join("whole");
    std::fs::create_dir(&whole).map_err(failed)?;
    write_all(&whole, &entries.collect::<Vec<_>>()).map_err(failed)?;
    // What goes is removed with `old`.
    let old = beside(".former-")?;
    match std::fs::rename(dir, old.path().join("former")) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(failed(source)),
        _ => {}
    }
    std::fs::rename(&whole, dir).map_err(failed)
}

/// Writes `entries` below `dir` and syncs them, which takes hardly longer for many at a time than for one.
fn write_all(dir: &Path, entries: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
    const AT_A_TIME: usize = 16;
    let write = |(name, bytes): &(PathBuf, Vec<u8>)| {
        let path = dir.join(name);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let mut file = File::create(&path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    thread::scope(|scope| {
        let parts = entries.chunks(entries.len().div_ceil(AT_A_TIME).max(1));
        let writers: Vec<_> = parts.map(|part| scope.spawn(move || part.iter().try_for_each(write))).collect();
        writers.into_iter().try_for_each(|writer| writer.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
    })
}

/// Removes `path` if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), ReportError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ReportError::Write { path: path.to_owned(), source }),
        _ => Ok(()),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = parent(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".report-");
    // A temporary file is private by default; a report is not. The user's umask still applies.
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
