//! Pictures of which nobody has said what they are.

use std::path::Path;

use super::{
    decode::{Decoded, Wanted},
    load,
    sources::{self, Found, Picture},
};
use crate::data::DataError;

/// The pictures at a place, in an order that depends on nothing but their names.
#[derive(Debug)]
pub struct Unlabelled {
    pictures: Vec<Picture>,
    notes: Vec<String>,
}

/// A picture that has not been decoded.
#[derive(Debug)]
pub(crate) struct Encoded(Picture);

impl Unlabelled {
    /// Finds those of a folder, a tar or a folder in one, a Parquet or an IDX file, or the one that `path` names.
    pub(crate) fn read(path: &Path) -> Result<Unlabelled, DataError> {
        let Found { pictures, notes } = sources::unlabelled(path)?;
        Ok(Unlabelled { pictures, notes })
    }

    pub(crate) fn len(&self) -> usize {
        self.pictures.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// In parts of `count` at most; each is let go of with its part.
    pub(crate) fn parts(self, count: usize) -> impl Iterator<Item = Vec<Encoded>> {
        let mut rest = self.pictures.into_iter().map(Encoded);
        std::iter::from_fn(move || Some(rest.by_ref().take(count).collect::<Vec<_>>()).filter(|part| !part.is_empty()))
    }
}

impl Encoded {
    /// Its name, and its pixels or why it cannot be read.
    pub(crate) fn decode(self, wanted: Wanted) -> (String, Result<Vec<u8>, String>) {
        (self.0.name, load::decode(self.0.data, wanted).map(|Decoded { pixels, .. }| pixels))
    }
}
