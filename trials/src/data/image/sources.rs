//! Where pictures lie: folders and tars with a folder a class, IDX pairs, Parquet.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{
    super::{error::DataError, parts::NAMED, table::bytes},
    idx::Idx,
    parquet,
};

/// A tar is read into memory whole: ten times as much as sets of images take that are trained on in memory.
const MAX_TAR_BYTES: u64 = 64 << 30;

/// Endings of images, those that cannot be decoded here among them: a file with such a name claims to be one.
const ENDINGS: [&str; 16] =
    ["jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "webp", "tif", "tiff", "ppm", "pgm", "pbm", "heic", "heif", "avif"];

/// How JPEG and PNG begin.
const BEGINNINGS: [&[u8]; 2] = [&[0xff, 0xd8, 0xff], &[0x89, b'P', b'N', b'G']];

/// What folders of splits are usually called, those for training first.
const TRAINING: [&str; 2] = ["train", "training"];
const SPLITS: [&str; 8] = ["val", "valid", "validation", "dev", "test", "testing", "eval", "evaluation"];

/// A picture that has not been decoded.
#[derive(Debug)]
pub(super) struct Picture {
    /// Within what was named: `daisy/7.jpg`, `row 7`.
    pub(super) name: String,
    pub(super) label: String,
    pub(super) data: Data,
}

/// What a path holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In an order that depends on nothing but their names.
    pub(super) pictures: Vec<Picture>,
    /// What was passed over, a line for each kind.
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Data {
    File(PathBuf),
    /// Links share theirs: many links to one large file take no room in a tar.
    Encoded(Arc<Vec<u8>>),
    Greys {
        height: usize,
        width: usize,
        values: Vec<u8>,
    },
    /// What stands there is no image that can be read, and why.
    Lost(String),
}

/// The pictures that `path` names.
///
/// `path` is a Parquet file; a folder with a folder for each class, or with the files of MNIST (of which it is those for training); a tar of
/// such folders, or `FILE.tar/FOLDER` for what lies in a folder of it; or an IDX file of images, beside which the one of labels lies.
///
/// In folders and tars an image is what its name says is one (see [`ENDINGS`], as torchvision's `ImageFolder` has it) or what begins as a
/// JPEG or PNG whatever its name. Other files, hidden ones, those of a tar that lead out of it, and images that lie in no class are passed over and
/// told.
pub(super) fn pictures(path: &Path) -> Result<Found, DataError> {
    let failed = |source| DataError::Read { file: path.to_owned(), source };
    let plain = |pictures| Found { pictures, notes: Vec::new() };
    if let Some(images) = of_mnist(path, "train") {
        return idx(&images).map(plain);
    }
    if path.is_dir() {
        return some(path, folder(path, Sorted::default())?);
    }
    // The tar may be followed by a folder within it.
    let file = path.ancestors().find(|ancestor| ancestor.is_file());
    let Some(file) = file else { return fs::metadata(path).map_err(failed).and_then(|_| some(path, Found::default())) };
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if name.contains("idx3-ubyte") && file == path {
        return idx(path).map(plain);
    }
    let ends_with = |ending: &str| file.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    if ends_with("parquet") && file == path {
        return some(path, plain(parquet::read(path, true)?));
    }
    if ends_with("tar") {
        let inner = path.strip_prefix(file).unwrap_or(Path::new(""));
        let found = tar(file, inner, Sorted::default()).map_err(|source| DataError::Read { file: file.to_owned(), source })?;
        return some(path, found);
    }
    Err(DataError::UnknownPictures { file: path.to_owned() })
}

/// The pictures that `path` names, whatever they show: those of a folder or tar, however deep in folders within it, of a Parquet file or an IDX file, or a
/// picture itself.
pub(super) fn unlabelled(path: &Path) -> Result<Found, DataError> {
    let failed = |source| DataError::Read { file: path.to_owned(), source };
    let plain = |pictures| Found { pictures, notes: Vec::new() };
    let sorted = Sorted { unlabelled: true, ..Sorted::default() };
    if path.is_dir() {
        return folder(path, sorted);
    }
    let file = path.ancestors().find(|ancestor| ancestor.is_file());
    let Some(file) = file else { return fs::metadata(path).map_err(failed).map(|_| Found::default()) };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ends_with = |ending: &str| file.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    if ends_with("tar") {
        let inner = path.strip_prefix(file).unwrap_or(Path::new(""));
        return tar(file, inner, sorted).map_err(|source| DataError::Read { file: file.to_owned(), source });
    }
    if file != path {
        return Err(DataError::UnknownPictures { file: path.to_owned() });
    }
    if name.to_lowercase().contains("idx3-ubyte") {
        return greys(path, &read_idx(path)?, |_| String::new()).map(plain);
    }
    if ends_with("parquet") {
        return parquet::read(path, false).map(plain);
    }
    let data = Data::File(path.to_owned());
    if claims_to_be_an_image(path) || begins_as_an_image(&data) {
        return Ok(plain(vec![Picture { name: name.into_owned(), label: String::new(), data }]));
    }
    Err(DataError::UnknownPictures { file: path.to_owned() })
}

/// Images for testing that lie beside those of `path`, as MNIST's do.
pub(super) fn given_test(path: &Path) -> Option<PathBuf> {
    of_mnist(path, "t10k")
}

/// The IDX file of images in the folder `path` that is for training (`train`) or testing (`t10k`).
fn of_mnist(path: &Path, part: &str) -> Option<PathBuf> {
    let name = format!("{part}-images-idx3-ubyte");
    [name.clone(), format!("{name}.gz")].into_iter().map(|name| path.join(name)).find(|file| file.is_file())
}

fn some(path: &Path, found: Found) -> Result<Found, DataError> {
    if found.pictures.is_empty() {
        return Err(DataError::NoRows { file: path.to_owned(), what: "holds no folder of images for any class (CLASS/IMAGE.jpg)" });
    }
    if let Some(splits) = splits(&found.pictures) {
        return Err(DataError::FolderOfSplits { file: path.to_owned(), splits });
    }
    Ok(found)
}

/// The folders of splits that stand where classes should: for training, validation and test, as far as they are there.
fn splits(pictures: &[Picture]) -> Option<[Option<String>; 3]> {
    // By label, whether each picture lies in a folder of its own there.
    let mut deep: BTreeMap<&str, bool> = BTreeMap::new();
    for picture in pictures {
        *deep.entry(&picture.label).or_insert(true) &= picture.name.matches('/').count() > 1;
    }
    let found = |names: &[&str]| {
        let mut folders = deep.iter().filter(|(label, deep)| **deep && names.iter().any(|name| label.eq_ignore_ascii_case(name)));
        folders.next().map(|(label, _)| (*label).to_owned())
    };
    let (validation, test) = SPLITS.split_at(4);
    let splits = [found(&TRAINING), found(validation), found(test)];
    let count = splits.iter().flatten().count();
    // A class may be called so too, but hardly two.
    (count > 1 || count == 1 && deep.len() == 1).then_some(splits)
}

/// The files of a folder or tar.
#[derive(Debug, Default)]
struct Sorted {
    /// By path: of one that stands twice in a tar the later one counts.
    pictures: BTreeMap<PathBuf, Picture>,
    /// Hidden files and folders, and files that are no images.
    litter: BTreeSet<String>,
    /// Images that lie in no class, where there are to be classes.
    loose: BTreeSet<String>,
    /// Paths in a tar that may lead out of it.
    outside: BTreeSet<String>,
    unlabelled: bool,
}

impl Sorted {
    /// The file `inner` of the folder or tar.
    fn put(&mut self, inner: PathBuf, data: Data) {
        let Some(parts) = parts(&inner) else {
            self.outside.insert(inner.display().to_string());
            return;
        };
        // What has no name in it is the folder or tar itself.
        let Some(class) = parts.first().cloned() else { return };
        let name = parts.join("/");
        if let Some(hidden) = hidden(&parts) {
            self.litter.insert(hidden);
        } else if !claims_to_be_an_image(&inner) && !begins_as_an_image(&data) {
            self.litter.insert(name);
        } else if parts.len() < 2 && !self.unlabelled {
            self.loose.insert(name);
        } else {
            self.pictures.insert(inner, Picture { name, label: class, data });
        }
    }

    fn found(self) -> Found {
        let mut pictures: Vec<Picture> = self.pictures.into_values().collect();
        pictures.sort_by(|a, b| a.name.cmp(&b.name));
        let told = |names: &BTreeSet<String>, one: &str, many: &str| {
            let shown: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
            let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
            let what = if names.len() == 1 { one } else { many };
            (!names.is_empty()).then(|| format!("passed over: {} {what} ({}{more})", names.len(), shown.join(", ")))
        };
        let litter = told(&self.litter, "file that is hidden or no image", "files that are hidden or no images");
        let loose = told(&self.loose, "image in no folder of a class", "images in no folder of a class");
        let outside = told(
            &self.outside,
            "file whose path has `..` in it or does not begin in the tar",
            "files whose paths have `..` in them or do not begin in the tar",
        );
        Found { pictures, notes: litter.into_iter().chain(loose).chain(outside).collect() }
    }
}

/// The names that make up `inner`; `None` where it leads elsewhere.
fn parts(inner: &Path) -> Option<Vec<String>> {
    inner
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| if let Component::Normal(name) = part { Some(name.to_string_lossy().into_owned()) } else { None })
        .collect()
}

/// The path up to the part that the system hides, if there is one.
fn hidden(parts: &[String]) -> Option<String> {
    let at = parts.iter().position(|part| part.starts_with('.') || part == "__MACOSX")?;
    Some(parts[..=at].join("/"))
}

fn claims_to_be_an_image(path: &Path) -> bool {
    path.extension().is_some_and(|found| ENDINGS.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
}

fn begins_as_an_image(data: &Data) -> bool {
    let begins = |bytes: &[u8]| BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning));
    match data {
        Data::File(path) => {
            let mut bytes = Vec::new();
            File::open(path).and_then(|file| file.take(8).read_to_end(&mut bytes)).is_ok() && begins(&bytes)
        }
        Data::Encoded(bytes) => begins(bytes),
        Data::Greys { .. } | Data::Lost(_) => false,
    }
}

fn folder(root: &Path, mut sorted: Sorted) -> Result<Found, DataError> {
    let mut open = vec![root.to_owned()];
    // A link may lead back up.
    let mut seen = BTreeSet::new();
    while let Some(folder) = open.pop() {
        let failed = |source| DataError::Read { file: folder.clone(), source };
        if !seen.insert(folder.canonicalize().map_err(failed)?) {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let inner = path.strip_prefix(root).unwrap_or(&path).to_owned();
            // Of what a link leads to.
            let about = fs::metadata(&path);
            if about.as_ref().is_ok_and(fs::Metadata::is_dir) {
                if let Some(hidden) = parts(&inner).and_then(|parts| hidden(&parts)) {
                    sorted.litter.insert(hidden);
                } else {
                    open.push(path);
                }
                continue;
            }
            // Reading a pipe would wait for ever.
            let data = match about {
                Ok(about) if about.is_file() => Data::File(path),
                Ok(_) => Data::Lost("it is not a file".to_owned()),
                Err(error) => Data::Lost(error.to_string()),
            };
            sorted.put(inner, data);
        }
    }
    Ok(sorted.found())
}

/// A reader that notes when there was nothing left to read.
struct Watched<R> {
    inner: R,
    ended: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(to)?;
        self.ended |= count == 0 && !to.is_empty();
        Ok(count)
    }
}

fn tar(file: &Path, inner: &Path, mut sorted: Sorted) -> io::Result<Found> {
    crate::files::check(file, MAX_TAR_BYTES)?;
    let mut files: BTreeMap<PathBuf, Arc<Vec<u8>>> = BTreeMap::new();
    let mut reader = Watched { inner: io::BufReader::new(File::open(file)?), ended: false };
    let plain = |path: &Path| -> PathBuf { path.components().filter(|part| *part != Component::CurDir).collect() };
    let mut linked = BTreeSet::new();
    let mut archive = tar::Archive::new(&mut reader);
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.header().entry_type().is_hard_link() {
            linked.extend(entry.link_name()?.map(|name| plain(&name)));
        }
    }
    if reader.ended {
        let why = "it is cut short: a tar ends with blocks of zeros that are not there; copy or fetch it again";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
    }
    let mut archive = tar::Archive::new(io::BufReader::new(File::open(file)?));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = plain(&entry.path()?);
        let kind = entry.header().entry_type();
        let data = if kind.is_file() {
            // Not by the size that the header claims.
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            let bytes = Arc::new(bytes);
            if linked.contains(&path) {
                files.insert(path.clone(), Arc::clone(&bytes));
            }
            Data::Encoded(bytes)
        } else if kind.is_hard_link() {
            let target = entry.link_name()?.map(|name| plain(&name)).unwrap_or_default();
            let lost = || Data::Lost(format!("it is a link to {}, which does not come before it", target.display()));
            files.get(&target).cloned().map_or_else(lost, Data::Encoded)
        } else if kind.is_symlink() {
            Data::Lost("it is a symbolic link, which is not followed in a tar".to_owned())
        } else {
            continue;
        };
        let Ok(within) = path.strip_prefix(inner) else { continue };
        // Of a file that was named itself nothing is left; it has its own name, as beside a tar.
        let within = if within.as_os_str().is_empty() { path.file_name().map(Path::new) } else { Some(within) };
        if let Some(within) = within {
            sorted.put(within.to_owned(), data);
        }
    }
    Ok(sorted.found())
}

fn read_idx(file: &Path) -> Result<Idx, DataError> {
    Idx::read(&bytes(file)?).map_err(|reason| DataError::Idx { file: file.to_owned(), reason })
}

fn idx(path: &Path) -> Result<Vec<Picture>, DataError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(name.replace("images", "labels").replace("idx3", "idx1"));
    let (images, labels) = (read_idx(path)?, read_idx(&beside)?);
    let (&[count, ..], &[labelled]) = (&images.shape[..], &labels.shape[..]) else {
        let reason = "images are three-dimensional and their labels one-dimensional".to_owned();
        return Err(DataError::Idx { file: path.to_owned(), reason });
    };
    if count != labelled {
        let reason = format!("{count} images, but {} has {labelled} labels", beside.display());
        return Err(DataError::Idx { file: path.to_owned(), reason });
    }
    let pictures = greys(path, &images, |row| labels.values.get(row).map_or_else(String::new, u8::to_string))?;
    if pictures.is_empty() { some(path, Found::default()).map(|found| found.pictures) } else { Ok(pictures) }
}

/// The images of the file `path`, with the label that `label` gives to a row.
fn greys(path: &Path, images: &Idx, label: impl Fn(usize) -> String) -> Result<Vec<Picture>, DataError> {
    let &[_, height, width] = &images.shape[..] else {
        let reason = "images are three-dimensional and their labels one-dimensional".to_owned();
        return Err(DataError::Idx { file: path.to_owned(), reason });
    };
    if images.item() == 0 {
        return Ok(Vec::new());
    }
    let pictures = images.values.chunks_exact(images.item()).enumerate().map(|(row, values)| Picture {
        name: format!("image {row}"),
        label: label(row),
        data: Data::Greys { height, width, values: values.to_vec() },
    });
    Ok(pictures.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_a_tar_share_what_they_lead_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        let mut archive = tar::Builder::new(File::create(&path).unwrap());
        let mut header = tar::Header::new_gnu();
        header.set_size(1000);
        header.set_cksum();
        archive.append_data(&mut header, "cat/0.png", &[7; 1000][..]).unwrap();
        for index in 1..4 {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Link);
            header.set_size(0);
            archive.append_link(&mut header, format!("cat/{index}.png"), "cat/0.png").unwrap();
        }
        archive.finish().unwrap();
        let found = tar(&path, Path::new(""), Sorted::default()).unwrap().pictures;
        let bytes = |picture: &Picture| if let Data::Encoded(bytes) = &picture.data { Arc::clone(bytes) } else { panic!("{picture:?}") };
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|picture| Arc::ptr_eq(&bytes(picture), &bytes(&found[0]))));
    }

    #[test]
    fn a_picture_in_a_tar_can_be_named_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        let mut archive = tar::Builder::new(File::create(&path).unwrap());
        // The first has no name in the tar.
        for name in ["./", "cat/0.png", "cat/1.png"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(4);
            archive.append_data(&mut header, name, &b"\x89PNG"[..]).unwrap();
        }
        archive.finish().unwrap();
        let names = |path: &Path| -> Vec<String> { unlabelled(path).unwrap().pictures.into_iter().map(|picture| picture.name).collect() };
        assert_eq!(names(&path), ["cat/0.png", "cat/1.png"]);
        assert_eq!(names(&path.join("cat/1.png")), ["1.png"]);
        assert!(names(&path.join("cat/2.png")).is_empty());
        // For training it lies in no class.
        let refused = pictures(&path.join("cat/1.png")).unwrap_err().to_string();
        insta::assert_snapshot!(refused.replace(folder.path().to_str().unwrap(), "DIR"), @"DIR/a.tar/cat/1.png holds no folder of images for any class (CLASS/IMAGE.jpg)");
    }

    #[test]
    fn what_leads_out_of_a_tar_is_told() {
        let mut sorted = Sorted { unlabelled: true, ..Sorted::default() };
        for inner in ["../evil.png", "/evil.png", "cat/../dog.png", "cat/good.png", "."] {
            sorted.put(PathBuf::from(inner), Data::Lost(String::new()));
        }
        let found = sorted.found();
        assert_eq!(found.pictures.iter().map(|picture| picture.name.as_str()).collect::<Vec<_>>(), ["cat/good.png"]);
        insta::assert_snapshot!(found.notes.join("\n"), @"passed over: 3 files whose paths have `..` in them or do not begin in the tar (../evil.png, /evil.png, cat/../dog.png)");
    }
}
