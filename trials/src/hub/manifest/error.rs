//! Why a manifest cannot be used.

use std::{io, path::PathBuf};

use super::FORMAT;

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error(
        "{} is missing: only folders that `thawline export` or `thawline train` wrote say what they claim",
        path.display()
    )]
    Missing { path: PathBuf },
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no manifest of a model: {problem}", path.display())]
    Broken { path: PathBuf, problem: String },
    #[error("{} has format {found}, this program reads {FORMAT}: use a newer one", path.display())]
    Newer { path: PathBuf, found: u64 },
}
