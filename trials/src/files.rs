//! Files that appear whole or not at all, and files that are read whole or not at all.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    path::Path,
};

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

/// The bytes of a regular file that has at most `limit`.
///
/// Files come from strangers: one may be a link to a device that never ends, or have a hole that takes no room on disk and all there is in memory.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    check(path, limit)?;
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64, limit)) } else { Ok(bytes) }
}

/// Refuses what [`read`] does, without opening it, which would wait for a pipe's other end.
pub(crate) fn check(path: &Path, limit: u64) -> io::Result<()> {
    let metadata = path.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder; the path of a file is needed"));
    }
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file, and is needed more than once"));
    }
    if metadata.len() > limit { Err(too_large(metadata.len(), limit)) } else { Ok(()) }
}

fn too_large(bytes: u64, limit: u64) -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, format!("it has {bytes} bytes; at most {limit} are read into memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_the_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        insta::assert_snapshot!(read(&path, 3).unwrap_err(), @"it has 4 bytes; at most 3 are read into memory");
        insta::assert_snapshot!(read(folder.path(), 9).unwrap_err(), @"it is a folder; the path of a file is needed");
        assert_eq!(read(&folder.path().join("none"), 9).unwrap_err().kind(), ErrorKind::NotFound);
        // Takes no room on disk.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        insta::assert_snapshot!(read(&path, 1 << 30).unwrap_err(), @"it has 1099511627776 bytes; at most 1073741824 are read into memory");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_to_a_device_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        insta::assert_snapshot!(read(&path, 9).unwrap_err(), @"it is no regular file, and is needed more than once");
    }
}
