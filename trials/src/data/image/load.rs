//! From pictures in files to a task: found, split, decoded, and what was noticed on the way.

use std::{collections::BTreeMap, sync::Arc};

use rayon::prelude::*;
use search_spaces::data::{Files, ImageData, Location, Unreadable};

use super::{
    Images,
    decode::{Change, Decoded, Wanted},
    sources::{self, Data, Found, Picture},
};
use crate::{
    data::{
        Task,
        error::{DataError, Place},
        labels::Labels,
        parts::{Content, Division, Given, NAMED, Part, Parts, Row, Source},
        pixels::PixelFormat,
        report::{Contents, DataReport, FileReport, Kind, SplitReport, conflicts, shared},
    },
    files,
};

/// Of an encoded picture: the largest that is decoded takes as much without any compression.
const MAX_ENCODED_BYTES: u64 = 1 << 30;

/// The pictures of every split, not decoded yet.
#[derive(Debug)]
pub struct Pictures {
    parts: Parts<Picture>,
    files: Vec<FileReport>,
}

/// Finds and decodes the images. Every location in `data` must be a path by now.
///
/// The same files, `data` and format give the same task, whatever the number of threads.
pub fn load(data: &ImageData, format: &PixelFormat) -> Result<(Task, DataReport), DataError> {
    Pictures::read(data)?.decode(data, format)
}

impl Pictures {
    /// Finds the images of `data` and splits them. What is wrong with one file does not hide what is wrong with another.
    pub fn read(data: &ImageData) -> Result<Pictures, DataError> {
        let (mut files, mut errors) = (Vec::new(), Vec::new());
        let mut open = |location: &Location| match find(location) {
            Ok((source, notes)) => {
                files.push(FileReport { rows: source.rows.len() as u64, notes, ..FileReport::new(&source.file) });
                Some(source)
            }
            Err(error) => {
                errors.push(error);
                None
            }
        };
        let (train, validation, test) = match &data.files {
            Files::One(all) => {
                let test = if let Location::Path(path) = all { sources::given_test(path).map(Location::Path) } else { None };
                (open(all), None, test.as_ref().and_then(&mut open))
            }
            Files::Splits { train, validation, test } => {
                (open(train), validation.as_ref().and_then(&mut open), test.as_ref().and_then(&mut open))
            }
        };
        let how = Division { split: &data.split, max_train: data.max_train, max_validation: data.max_validation, label: "folder" };
        Ok(Pictures { parts: Given { train, validation, test }.divide(how, errors)?, files })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        [&self.parts.train, &self.parts.validation, &self.parts.test].iter().map(|part| part.source.rows.len()).sum()
    }

    /// Bytes of memory that they take once decoded for a model that takes `format`.
    pub fn bytes(&self, data: &ImageData, format: &PixelFormat) -> u64 {
        let side = data.side.unwrap_or(format.side) as u64;
        self.count() as u64 * side * side * format.channels() as u64
    }

    /// The images as a model reads them that takes `format`.
    pub fn decode(mut self, data: &ImageData, format: &PixelFormat) -> Result<(Task, DataReport), DataError> {
        let wanted = Wanted { side: data.side.unwrap_or(format.side), channels: format.channels() };
        let Parts { train, validation, test, labels } = self.parts;
        let mut unreadable = Vec::new();
        let mut decode = |part: Part<Picture>| Split::decode(part, wanted, &labels, &mut unreadable);
        let splits = [decode(train), decode(validation), decode(test)];
        unreadable.sort();
        for (file, found) in self.files.iter_mut().zip(by_file(&unreadable, data)) {
            file.dropped = found.len() as u64;
            file.notes.extend(found.iter().take(NAMED).map(|line| format!("left out: {line}")));
        }
        if !unreadable.is_empty() && data.unreadable == Unreadable::Reject {
            let first = unreadable.iter().take(NAMED).map(|(file, line)| format!("{}: {line}", file.display())).collect();
            return Err(DataError::UnreadableImages { first, total: unreadable.len() });
        }
        for split in &splits[..2] {
            if split.images.is_empty() {
                return Err(DataError::EmptySplit { split: split.name, reason: "none of its images can be read".to_owned() });
            }
        }
        let changes: BTreeMap<Change, u64> =
            splits.iter().flat_map(|split| &split.changes).fold(BTreeMap::new(), |mut sum, (change, count)| {
                *sum.entry(*change).or_default() += count;
                sum
            });
        if let Some(file) = self.files.first_mut() {
            file.notes.extend(changes.iter().map(|(change, count)| change.told(*count)));
        }
        let names = labels.names().to_vec();
        let contents: Vec<Contents<'_>> = splits.iter().map(|split| split.contents(&names)).collect();
        let reports = splits.iter().zip(&contents).filter(|(split, _)| !split.images.is_empty() || split.name != "test");
        let reports = reports.map(|(split, contents)| split.report(names.len(), contents)).collect();
        let decoded = splits.iter().flat_map(|split| &split.images).map(|image| image.len() as u64).sum();
        let report = DataReport {
            kind: Kind::Images,
            files: self.files,
            labels: names.clone(),
            splits: reports,
            shared: shared(&contents),
            decoded: Some(decoded),
        };
        drop(contents);
        let [train, validation, test] = splits.map(|split| {
            let mut pixels = Vec::with_capacity(split.images.iter().map(Vec::len).sum());
            // Each is let go of as it is copied, so that memory holds them once.
            split.images.into_iter().for_each(|image| pixels.extend_from_slice(&image));
            Arc::new(Images { pixels, labels: split.labels, rows: split.rows, side: wanted.side, format: format.clone() })
                as Arc<dyn crate::data::Examples>
        });
        Ok((Task { train, validation, test, labels: names, groups: Vec::new() }, report))
    }
}

/// What cannot be read of each file that `data` names, in their order.
fn by_file<'a>(unreadable: &'a [(std::path::PathBuf, String)], data: &ImageData) -> Vec<Vec<&'a String>> {
    let mut paths = match &data.files {
        Files::One(one) => vec![Some(one)],
        Files::Splits { train, validation, test } => vec![Some(train), validation.as_ref(), test.as_ref()],
    };
    paths.retain(Option::is_some);
    let of = |location: &Location| match location {
        Location::Path(path) => unreadable.iter().filter(|(file, _)| file == path).map(|(_, line)| line).collect(),
        Location::Asset(_) => Vec::new(),
    };
    paths.into_iter().flatten().map(of).collect()
}

/// The pictures at a place, and what was noticed there.
fn find(location: &Location) -> Result<(Source<Picture>, Vec<String>), DataError> {
    let path = match location {
        Location::Path(path) => path,
        Location::Asset(name) => return Err(DataError::NotFetched { name: name.clone() }),
    };
    let Found { pictures, notes } = sources::pictures(path)?;
    let rows = pictures.into_iter().enumerate().map(|(index, picture)| Row {
        place: Place::Row(index as u64),
        index: index as u64,
        label: picture.label.clone(),
        content: picture,
    });
    Ok((Source { file: path.clone(), rows: rows.collect() }, notes))
}

impl Content for Picture {
    const KIND: Kind = Kind::Images;

    fn told(&self, _place: Place) -> String {
        format!("of {}", self.name)
    }
}

/// A decoded split.
struct Split {
    name: &'static str,
    images: Vec<Vec<u8>>,
    labels: Vec<u32>,
    rows: Vec<u64>,
    /// Before it was sampled.
    before: usize,
    sampled: usize,
    changes: Vec<(Change, u64)>,
}

impl Split {
    fn decode(part: Part<Picture>, wanted: Wanted, labels: &Labels, unreadable: &mut Vec<(std::path::PathBuf, String)>) -> Split {
        let Part { name, source, before } = part;
        let sampled = source.rows.len();
        let decoded: Vec<_> = source
            .rows
            .into_par_iter()
            .map(|row| {
                let label = labels.index(&row.label).unwrap_or_default();
                (decode(row.content.data, wanted).map_err(|why| format!("{}: {why}", row.content.name)), label, row.index)
            })
            .collect();
        let mut split = Split { name, images: Vec::new(), labels: Vec::new(), rows: Vec::new(), before, sampled, changes: Vec::new() };
        for (decoded, label, row) in decoded {
            match decoded {
                Ok(Decoded { pixels, changes }) => {
                    split.images.push(pixels);
                    split.labels.push(label);
                    split.rows.push(row);
                    split.changes.extend(changes.into_iter().map(|change| (change, 1)));
                }
                Err(line) => unreadable.push((source.file.clone(), line)),
            }
        }
        split
    }

    /// For comparing: images by the hash of their pixels.
    fn contents<'a>(&self, names: &'a [String]) -> Contents<'a> {
        let rows = self.images.par_iter().zip(&self.labels).map(|(image, &label)| {
            let name = names.get(label as usize).map_or("", String::as_str);
            (blake3::hash(image).to_hex().to_string(), name)
        });
        Contents { name: self.name, rows: rows.collect() }
    }

    fn report(&self, classes: usize, contents: &Contents<'_>) -> SplitReport {
        let mut by_label = vec![0; classes];
        for label in &self.labels {
            by_label[*label as usize] += 1;
        }
        SplitReport {
            name: self.name.to_owned(),
            examples: self.images.len() as u64,
            left_out: (self.before - self.sampled) as u64,
            by_label,
            tokens: None,
            conflicts: conflicts(contents),
        }
    }
}

pub(super) fn decode(data: Data, wanted: Wanted) -> Result<Decoded, String> {
    match data {
        Data::File(path) => files::read(&path, MAX_ENCODED_BYTES).map_err(|e| e.to_string()).and_then(|bytes| wanted.decode(&bytes)),
        Data::Encoded(bytes) => wanted.decode(&bytes),
        Data::Greys { height, width, values } => wanted.greys(values, height, width),
        Data::Lost(why) => Err(why),
    }
}

impl Change {
    fn told(self, count: u64) -> String {
        let images = if count == 1 { "image" } else { "images" };
        match self {
            Change::GreyToColour => format!("{count} grey {images} taken as colour"),
            Change::ColourToGrey => format!("{count} colour {images} taken as grey"),
            Change::Opaque => format!("{count} {images} with transparency, which was left out"),
            Change::Turned => format!("{count} {images} turned as the camera noted (EXIF)"),
        }
    }
}
