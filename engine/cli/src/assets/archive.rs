//! Reading files out of wheels (zip) and source packages (tar.gz) that nobody here has vetted.
//!
//! Entries are handed out one by one under names that are known to stay inside a folder, and never more bytes than asked for: a small
//! archive can hold a huge file.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path},
};

use super::AssetFile;

/// Of a package: a small one may hold names, or files that are passed over, of any length. Ten times as much as those that are fetched.
const MAX_UNPACKED_BYTES: u64 = 1 << 30;

/// Calls `take` with the name and content of each regular file of the archive for which `wanted` says a limit in bytes.
pub(super) fn for_each(
    archive: &Path,
    wanted: &dyn Fn(&str) -> Option<u64>,
    take: &mut dyn FnMut(&str, &mut dyn Read) -> Result<(), String>,
) -> Result<(), String> {
    let file = File::open(archive).map_err(|e| format!("cannot open {}: {e}", archive.display()))?;
    let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let broken = |e: &dyn std::fmt::Display| format!("{name} is not a readable archive: {e}");
    if name.ends_with(".tar.gz") {
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file).take(MAX_UNPACKED_BYTES));
        for entry in tar.entries().map_err(|e| broken(&e))? {
            let mut entry = entry.map_err(|e| broken(&e))?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let (regular, size) = (entry.header().entry_type().is_file(), entry.size());
            offer(&name, &path, regular, size, &mut entry, wanted, take)?;
        }
    } else {
        let mut zip = zip::ZipArchive::new(file).map_err(|e| broken(&e))?;
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).map_err(|e| broken(&e))?;
            let path = entry.name().map_err(|e| broken(&e))?.into_owned();
            let (regular, size) = (entry.is_file(), entry.size());
            offer(&name, &path, regular, size, &mut entry, wanted, take)?;
        }
    }
    Ok(())
}

fn offer(
    archive: &str,
    path: &str,
    regular: bool,
    size: u64,
    content: &mut dyn Read,
    wanted: &dyn Fn(&str) -> Option<u64>,
    take: &mut dyn FnMut(&str, &mut dyn Read) -> Result<(), String>,
) -> Result<(), String> {
    let leaves = path.contains('\\') || !Path::new(path).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if leaves {
        return Err(format!("{archive} holds the path `{path}`, which leads out of its folder: it is not to be trusted"));
    }
    let Some(limit) = wanted(path).filter(|_| regular) else { return Ok(()) };
    if size > limit {
        return Err(format!("{archive}: `{path}` says it has {size} bytes, more than the {limit} it may have"));
    }
    // The size in the header is a claim; reading stops one byte past the limit whatever it says.
    let mut bounded = content.take(limit + 1);
    take(path, &mut bounded)?;
    if bounded.limit() == 0 {
        return Err(format!("{archive}: `{path}` has more than the {limit} bytes it may have"));
    }
    Ok(())
}

/// Writes those `files` that lie in `folder` of the archive to the folder `to`.
pub(super) fn extract(archive: &Path, to: &Path, files: &[AssetFile], folder: &str) -> Result<(), String> {
    let find = |path: &str| files.iter().find(|file| path.strip_prefix(folder).and_then(|p| p.strip_prefix('/')) == Some(file.name));
    for_each(archive, &|path| find(path).map(|file| file.bytes), &mut |path, content| {
        let Some(file) = find(path) else { return Ok(()) };
        let mut out = fs::File::create(to.join(file.name)).map_err(|e| format!("cannot write {}: {e}", file.name))?;
        io::copy(content, &mut out).map_err(|e| format!("cannot unpack {}: {e}", file.name))?;
        Ok(())
    })
}
