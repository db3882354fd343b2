//! Files that appear whole or not at all.

use std::{io, path::Path};

use tempfile::{Builder, NamedTempFile};

/// A file in `folder` to be written and then renamed. A temporary file is private by default, what it becomes here is not; the user's
/// umask still applies.
pub fn temporary(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
