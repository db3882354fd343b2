//! The files of a model folder, by their hashes.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{super::HubError, FILE, Manifest};
use crate::files;

/// A file's length and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    pub bytes: u64,
    /// In hex.
    pub blake3: String,
}

impl Hashed {
    /// Of a regular file, of any length.
    pub fn of(path: &Path) -> io::Result<Hashed> {
        files::check(path, u64::MAX)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(path)?)?;
        Ok(Hashed { bytes: hasher.count(), blake3: hasher.finalize().to_hex().to_string() })
    }

    /// That `path`, which is this now, was `before`.
    pub fn told(&self, path: &Path, before: &Hashed) -> String {
        if self.bytes != before.bytes {
            return format!("{} has {} bytes, not {}", path.display(), self.bytes, before.bytes);
        }
        format!("{} has the blake3 {}, not {}", path.display(), self.blake3, before.blake3)
    }
}

impl Manifest {
    /// What of the folder is no longer what the manifest says, a line each: files that are missing or changed, and files that a model would be read from
    /// in place of those.
    pub fn changed(&self, folder: &Path) -> Result<Vec<String>, HubError> {
        let mut lines = Vec::new();
        for (name, before) in &self.files {
            let path = folder.join(name);
            // A stranger's name may lead out of the folder.
            if Path::new(name).file_name().is_none_or(|plain| plain != name.as_str()) {
                lines.push(format!("{name:?} is not the name of a file in the folder"));
                continue;
            }
            // What has another length is not read: it may be as long as anything.
            let length = fs::metadata(&path).map(|found| found.len()).ok().filter(|bytes| path.is_file() && *bytes != before.bytes);
            match length.map_or_else(|| Hashed::of(&path), |bytes| Ok(Hashed { bytes, blake3: String::new() })) {
                Ok(now) if now == *before => {}
                Ok(now) => lines.push(now.told(&path, before)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    lines.push(format!("{} is missing: its blake3 was {}", path.display(), before.blake3));
                }
                Err(source) => return Err(HubError::Read { path, source }),
            }
        }
        for name in names(folder)? {
            if is_read(&name) && !self.files.contains_key(&name) {
                lines.push(format!("{} was not there: a model may be read from it", folder.join(name).display()));
            }
        }
        Ok(lines)
    }
}

/// Whether a model may be read from a file of this name, here or by transformers.
fn is_read(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    name != FILE && matches!(ending, "json" | "txt" | "safetensors" | "bin" | "py" | "model" | "jinja")
}

/// The hashes of every file in `folder` that a model is read from.
pub fn hashes(folder: &Path) -> Result<BTreeMap<String, Hashed>, HubError> {
    let mut found = BTreeMap::new();
    for name in names(folder)?.into_iter().filter(|name| is_read(name)) {
        let path = folder.join(&name);
        found.insert(name, Hashed::of(&path).map_err(|source| HubError::Read { path, source })?);
    }
    Ok(found)
}

/// Names of the files in `folder`, in order.
fn names(folder: &Path) -> Result<Vec<String>, HubError> {
    let failed = |source| HubError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
