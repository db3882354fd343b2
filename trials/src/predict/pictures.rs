//! Images without labels.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Id, NAMED, Part, PredictError};
use crate::data::{
    DataError,
    image::{Images, Unlabelled, Wanted},
    pixels::PixelFormat,
};

/// Images that are decoded at a time: eight batches.
const PART: usize = 512;

/// The images of a folder, tar or file, and how a model reads them.
#[derive(Debug)]
pub struct Pictures {
    path: PathBuf,
    found: Unlabelled,
    format: PixelFormat,
    /// Leave out what cannot be read.
    drops: bool,
}

impl Pictures {
    /// Finds the images at `path`: those in a folder or tar, in whatever folders within it; one image; the rows of a Parquet file; or those of an IDX
    /// file. With `drops` those that cannot be read are left out.
    pub fn read(path: &Path, format: PixelFormat, drops: bool) -> Result<Pictures, PredictError> {
        let found = Pictures::find(path)?;
        if found.is_empty() {
            return Err(DataError::NoRows { file: path.to_owned(), what: "holds no image" }.into());
        }
        Ok(Pictures { path: path.to_owned(), found, format, drops })
    }

    /// Only finds them.
    pub fn find(path: &Path) -> Result<Unlabelled, DataError> {
        Unlabelled::read(path)
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        self.found.notes().iter().map(|note| format!("{}: {note}", self.path.display())).collect()
    }

    pub(super) fn parts(self, take: &mut Part<'_>) -> Result<(), PredictError> {
        let wanted = Wanted { side: self.format.side, channels: self.format.channels() };
        let mut unreadable: Vec<String> = Vec::new();
        let mut first = 0;
        for part in self.found.parts(PART) {
            let decoded: Vec<_> = part.into_par_iter().map(|picture| picture.decode(wanted)).collect();
            let (mut pixels, mut ids): (Vec<u8>, Vec<Id>) = (Vec::new(), Vec::new());
            for (row, (name, decoded)) in (first..).zip(decoded) {
                match decoded {
                    Ok(image) => {
                        pixels.extend_from_slice(&image);
                        ids.push((row, Some(name)));
                    }
                    Err(why) => unreadable.push(format!("{name}: {why}")),
                }
                first = row + 1;
            }
            // Once one is refused the rest is only read, so that all of them can be named.
            if ids.is_empty() || (!self.drops && !unreadable.is_empty()) {
                continue;
            }
            let rows = ids.iter().map(|(row, _)| *row).collect();
            let images = Images { pixels, labels: vec![0; ids.len()], rows, side: wanted.side, format: self.format.clone() };
            if !take(&images, ids)? {
                return Ok(());
            }
        }
        if unreadable.is_empty() || (self.drops && (unreadable.len() as u64) < first) {
            return Ok(());
        }
        let total = unreadable.len();
        Err(PredictError::Unreadable { file: self.path, first: unreadable.into_iter().take(NAMED).collect(), total })
    }
}
