//! What can go wrong with a study's store, in words for its user.

use std::{io::ErrorKind, path::PathBuf};

use crate::study::Refused;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: not a study: {why}", path = path.display())]
    NotAStudy { path: PathBuf, why: String },
    #[error(
        "{path}: written by a newer Thawline (study format {found}; this program knows up to {known}): use that program, or another study folder; nothing was changed",
        path = path.display()
    )]
    NewerFormat { path: PathBuf, found: i64, known: i64 },
    #[error(
        "{path}: this study has format {found}, older than what this version works with (format {known})\n\
         Go on with the version that made it, or start a new study in another folder with --study",
        path = path.display()
    )]
    OlderFormat { path: PathBuf, found: i64, known: i64 },
    #[error(
        "{path}: this study was started with another space:\n{list}\nName a new folder with --study, or go back to the space and the options it was started with",
        path = path.display(),
        list = differences.iter().map(|d| format!("  {d}")).collect::<Vec<_>>().join("\n")
    )]
    OtherSpace { path: PathBuf, differences: Vec<String> },
    #[error(
        "{path}: what this study trains on has changed since it was started:\n{list}\nPut it back as it was, or start a new study in another folder with --study",
        path = path.display(),
        list = changed.iter().map(|c| format!("  {c}")).collect::<Vec<_>>().join("\n")
    )]
    InputsChanged { path: PathBuf, changed: Vec<String> },
    #[error("{path}: in use by another sweep{by}: wait for it to end, stop it, or work beside it with --join", path = path.display(), by = pid.as_ref().map(|p| format!(" (process {p})")).unwrap_or_default())]
    InUse { path: PathBuf, pid: Option<String> },
    #[error(
        "{path}: another process has kept it locked for a minute: if its sweep was stopped (Ctrl-Z), `fg` lets it go on; otherwise run the same command again",
        path = path.display()
    )]
    Busy { path: PathBuf },
    #[error("{path}: lies on a network file system ({kind}), where SQLite's locks cannot be relied on: put the study on a local disk", path = path.display())]
    NetworkFileSystem { path: PathBuf, kind: String },
    #[error("SQLite {found} is linked, but versions before {needed} can corrupt a study: build with the bundled SQLite")]
    OldSqlite { found: String, needed: &'static str },
    #[error("{path}: the disk is full: free some space and run the same command again; the study is safe up to its last event", path = path.display())]
    DiskFull { path: PathBuf },
    #[error("{path}: may not be written, which SQLite needs to do even to read it: check its owner and how the disk is mounted, or copy the study elsewhere", path = path.display())]
    NotWritable { path: PathBuf },
    #[error(
        "{path}: is a symbolic link: what a study writes and removes must lie in its own folder; put what it leads to in its place, or link the whole study folder",
        path = path.display()
    )]
    Link { path: PathBuf },
    #[error("{path}: event {seq} cannot be read: {why}", path = path.display())]
    Corrupt { path: PathBuf, seq: u64, why: String },
    #[error("{path}: failed to {action}: {source}{}", way_out(source), path = path.display())]
    Io { path: PathBuf, action: &'static str, source: std::io::Error },
    #[error(
        "{path}: failed to {action}: {source}{}",
        if source.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure) { ": the disk may be full, or fail; see to it, then run the same command again" } else { "" },
        path = path.display()
    )]
    Sqlite { path: PathBuf, action: &'static str, source: rusqlite::Error },
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// What to do about an error of the machine; empty for others.
fn way_out(error: &std::io::Error) -> &'static str {
    // EIO on every Unix, which has no kind of its own.
    const INPUT_OUTPUT: i32 = 5;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ": make room, then run the same command again",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            ": check whose it is and how the disk is mounted, or choose another folder"
        }
        _ if cfg!(unix) && error.raw_os_error() == Some(INPUT_OUTPUT) => {
            ": the disk does not do what it should; see to it, then run the same command again"
        }
        _ => "",
    }
}

impl StoreError {
    /// Whether the machine is at fault (disk, file system, library) rather than the study.
    pub fn is_environment(&self) -> bool {
        match self {
            StoreError::NetworkFileSystem { .. }
            | StoreError::OldSqlite { .. }
            | StoreError::DiskFull { .. }
            | StoreError::NotWritable { .. } => true,
            StoreError::Io { source, .. } => !way_out(source).is_empty(),
            StoreError::Sqlite { source, .. } => source.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure),
            _ => false,
        }
    }

    /// Whether the write came too late: the segment, or the whole worker, has been given up by the study meanwhile.
    pub fn is_stale(&self) -> bool {
        matches!(self, StoreError::Refused(Refused::Stale { .. } | Refused::WorkerGone { .. }))
    }
}
