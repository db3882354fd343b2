//! Files that are there whole or not at all.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
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

/// Removes `path` if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), ReportError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ReportError::Write { path: path.to_owned(), source }),
        _ => Ok(()),
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
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
