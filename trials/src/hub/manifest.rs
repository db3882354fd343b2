//! `thawline.json`: what a model folder claims, and everything that is needed to check it or to train the model again.
//!
//! Bit identity is promised for one program on one kind of CPU, device and number of threads. [`Made`] says which those were, [`Tolerance`] how
//! near a value must come elsewhere.

mod claim;
mod contradictions;
mod data;
mod error;
mod files;
mod input;
mod made;
mod measured;
#[cfg(test)]
mod tests;
mod tolerance;

use std::{collections::BTreeMap, io, path::Path};

use search_spaces::claim::ConfigFile;
use serde::{Deserialize, Serialize};

pub use self::{
    claim::{Claim, Test},
    data::{DataFile, DataHashes, SplitName, Splits, TrainedOn},
    error::ManifestError,
    files::{Hashed, hashes},
    input::Input,
    made::Made,
    measured::{Evaluated, Measured},
    tolerance::Tolerance,
};

/// Its name in the folder.
pub const FILE: &str = "thawline.json";
/// What this program writes. A file with another number is refused: what it says may mean something else.
pub const FORMAT: u32 = 1;
/// It names labels and files; nothing in it grows with the data.
const MAX_BYTES: u64 = 64 << 20;

/// Everything in the file, in its order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this file: [`FORMAT`].
    pub format: u32,
    /// What the search had measured; `None` for what no study found.
    pub claim: Option<Claim>,
    /// What the weights in this folder gave when they were read back from it, before it got its name.
    pub measured: Measured,
    pub tolerance: Tolerance,
    /// Label names by class index.
    pub labels: Vec<String>,
    pub input: Input,
    /// Which examples it was trained on.
    pub trained_on: TrainedOn,
    /// As `thawline train` takes it, but as JSON: with the data at their places it trains the model again.
    pub config: ConfigFile,
    pub data: DataHashes,
    /// Of the pre-trained weights, however they are stored: the blake3 that a study keeps of them, in hex.
    pub base_blake3: String,
    pub made: Made,
    /// Every file of the folder that the model is read from, by name. What people may add or edit (README.md, this file) is not among them.
    pub files: BTreeMap<String, Hashed>,
}

impl Manifest {
    /// Reads that of the model folder `folder`. It may come from a stranger: the config in it is one that a file can hold, and what it says of one thing in two
    /// places agrees.
    pub fn read(folder: &Path) -> Result<Manifest, ManifestError> {
        let path = folder.join(FILE);
        let bytes = crate::files::read(&path, MAX_BYTES).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ManifestError::Missing { path: path.clone() },
            _ => ManifestError::Read { path: path.clone(), source },
        })?;
        Manifest::parse(&path, &bytes)
    }

    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest, ManifestError> {
        #[derive(Deserialize)]
        struct Head {
            format: u64,
        }
        let broken = |problem: String| ManifestError::Broken { path: path.to_owned(), problem };
        let head: Head = serde_json::from_slice(bytes).map_err(|e| broken(e.to_string()))?;
        if head.format == 0 {
            return Err(broken("there is no format 0".to_owned()));
        }
        if head.format > u64::from(FORMAT) {
            return Err(ManifestError::Newer { path: path.to_owned(), found: head.format });
        }
        let mut manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| broken(e.to_string()))?;
        let text = manifest.config.to_ron().map_err(|e| broken(e.to_string()))?;
        // Relative places are below the folder that whoever wrote it stood in, which nobody knows now.
        let root = path.parent().unwrap_or(Path::new("/")).join("config");
        manifest.config = ConfigFile::parse(&root, &text).map_err(|problems| broken(format!("its config: {problems}")))?;
        if let Some(problem) = manifest.contradiction() {
            return Err(broken(problem));
        }
        Ok(manifest)
    }

    /// As the file holds it.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}
