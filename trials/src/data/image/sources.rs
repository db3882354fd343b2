//! Where pictures lie: folders and tars with a folder a class, IDX pairs, Parquet.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use super::{super::error::DataError, idx::Idx, parquet};

/// A picture that has not been decoded.
#[derive(Debug)]
pub(super) struct Picture {
    /// Within what was named: `daisy/7.jpg`, `row 7`.
    pub(super) name: String,
    pub(super) label: String,
    pub(super) data: Data,
}

#[derive(Debug)]
pub(super) enum Data {
    File(PathBuf),
    Encoded(Vec<u8>),
    Greys {
        height: usize,
        width: usize,
        values: Vec<u8>,
    },
    /// What stands there is no image that can be read, and why.
    Lost(String),
}

/// The pictures that `path` names, in an order that depends on nothing but their names.
///
/// `path` is a Parquet file; a folder with a folder for each class, or with the files of MNIST (of which it is those for training); a tar of such folders, or `FILE.tar/FOLDER` for what lies in a folder of it; or an IDX
/// file of images, beside which the one of labels lies.
pub(super) fn pictures(path: &Path) -> Result<Vec<Picture>, DataError> {
    let failed = |source| DataError::Read { file: path.to_owned(), source };
    if let Some(images) = of_mnist(path, "train") {
        return idx(&images);
    }
    if path.is_dir() {
        return folder(path).map_err(failed).and_then(|pictures| some(path, pictures));
    }
    // The tar may be followed by a folder within it.
    let file = path.ancestors().find(|ancestor| ancestor.is_file());
    let Some(file) = file else { return fs::metadata(path).map_err(failed).and_then(|_| some(path, Vec::new())) };
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if name.contains("idx3-ubyte") && file == path {
        return idx(path);
    }
    let ends_with = |ending: &str| file.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    if ends_with("parquet") && file == path {
        return some(path, parquet::read(path)?);
    }
    if ends_with("tar") {
        let inner = path.strip_prefix(file).unwrap_or(Path::new(""));
        return some(path, tar(file, inner).map_err(failed)?);
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

fn some(path: &Path, pictures: Vec<Picture>) -> Result<Vec<Picture>, DataError> {
    if pictures.is_empty() {
        return Err(DataError::NoRows { file: path.to_owned(), what: "holds no folder of images for any class (CLASS/IMAGE.jpg)" });
    }
    Ok(pictures)
}

/// Class and name of `cat/7.jpg`; `None` for what lies in no class, and for what the system hides.
fn placed(inner: &Path) -> Option<(String, String)> {
    let parts: Option<Vec<String>> = inner
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| if let Component::Normal(name) = part { Some(name.to_string_lossy().into_owned()) } else { None })
        .collect();
    let parts = parts?;
    if parts.len() < 2 || parts.iter().any(|part| part.starts_with('.')) {
        return None;
    }
    Some((parts[0].clone(), parts.join("/")))
}

fn folder(root: &Path) -> io::Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    let mut open = vec![root.to_owned()];
    // A link may lead back up.
    let mut seen = BTreeSet::new();
    while let Some(folder) = open.pop() {
        if !seen.insert(folder.canonicalize()?) {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            // Of what a link leads to.
            let about = fs::metadata(&path);
            if about.as_ref().is_ok_and(fs::Metadata::is_dir) {
                open.push(path);
            } else if let Some((label, name)) = path.strip_prefix(root).ok().and_then(placed) {
                // Reading a pipe would wait for ever.
                let data = match about {
                    Ok(about) if about.is_file() => Data::File(path),
                    Ok(_) => Data::Lost("it is not a file".to_owned()),
                    Err(error) => Data::Lost(error.to_string()),
                };
                pictures.push(Picture { name, label, data });
            }
        }
    }
    pictures.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(pictures)
}

fn tar(file: &Path, inner: &Path) -> io::Result<Vec<Picture>> {
    // By name: of a name that stands there twice the later one counts.
    let mut pictures = BTreeMap::new();
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    let mut archive = tar::Archive::new(io::BufReader::new(File::open(file)?));
    let plain = |path: &Path| -> PathBuf { path.components().filter(|part| *part != Component::CurDir).collect() };
    let mut linked = BTreeSet::new();
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.header().entry_type().is_hard_link() {
            linked.extend(entry.link_name()?.map(|name| plain(&name)));
        }
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
            if linked.contains(&path) {
                files.insert(path.clone(), bytes.clone());
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
        if let Some((label, name)) = path.strip_prefix(inner).ok().and_then(placed) {
            pictures.insert(name.clone(), Picture { name, label, data });
        }
    }
    Ok(pictures.into_values().collect())
}

fn idx(path: &Path) -> Result<Vec<Picture>, DataError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(name.replace("images", "labels").replace("idx3", "idx1"));
    let read = |file: &Path| {
        let bytes = fs::read(file).map_err(|source| DataError::Read { file: file.to_owned(), source })?;
        Idx::read(&bytes).map_err(|reason| DataError::Idx { file: file.to_owned(), reason })
    };
    let (images, labels) = (read(path)?, read(&beside)?);
    let (&[count, height, width], &[labelled]) = (&images.shape[..], &labels.shape[..]) else {
        let reason = "images are three-dimensional and their labels one-dimensional".to_owned();
        return Err(DataError::Idx { file: path.to_owned(), reason });
    };
    if count != labelled {
        let reason = format!("{count} images, but {} has {labelled} labels", beside.display());
        return Err(DataError::Idx { file: path.to_owned(), reason });
    }
    if images.item() == 0 {
        return some(path, Vec::new());
    }
    let pictures = images.values.chunks_exact(images.item()).zip(&labels.values).enumerate().map(|(row, (values, label))| Picture {
        name: format!("image {row}"),
        label: label.to_string(),
        data: Data::Greys { height, width, values: values.to_vec() },
    });
    some(path, pictures.collect())
}
