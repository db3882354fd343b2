//! Checkpoint files: safetensors, with the state that is not a tensor as JSON in the header.
//!
//! Written to a temporary file in the same folder, synced, renamed, and the folder synced; so a file under its final name is whole. It is
//! known by its length and blake3, which [`read`] checks before it believes a byte.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use candle_core::{DType, Tensor};
use engine::runner::Checkpoint;
use safetensors::{Dtype, tensor::Metadata};
use serde_json::{Map, Value, json};

/// Key and value of the header's entry that says what kind of safetensors file it is.
const KIND: (&str, &str) = ("thawline", "checkpoint 1");
const STATE: &str = "state";
/// Files are read into memory whole, whatever their events say of them.
const MAX_BYTES: u64 = 64 << 30;

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("cannot write the checkpoint {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot read the checkpoint {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the checkpoint {} has {found} bytes instead of {expected}: it is cut off or not the file that was written", path.display())]
    Length { path: PathBuf, expected: u64, found: u64 },
    #[error("the checkpoint {} does not have the blake3 it was written with: it is damaged", path.display())]
    Damaged { path: PathBuf },
    #[error("{} is not a checkpoint of this program: {reason}", path.display())]
    Foreign { path: PathBuf, reason: String },
    #[error("the checkpoint {} does not fit this trial: {reason}", path.display())]
    Unfit { path: PathBuf, reason: String },
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// A tensor to write; in the file it is `f32`.
#[derive(Debug)]
pub enum Array<'a> {
    Tensor(&'a Tensor),
    /// One-dimensional.
    Flat(Cow<'a, [f32]>),
}

impl Array<'_> {
    fn dims(&self) -> Vec<usize> {
        match self {
            Array::Tensor(tensor) => tensor.dims().to_vec(),
            Array::Flat(values) => vec![values.len()],
        }
    }

    fn values(&self) -> candle_core::Result<Cow<'_, [f32]>> {
        Ok(match self {
            Array::Tensor(tensor) => Cow::Owned(tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?),
            Array::Flat(values) => Cow::Borrowed(values.as_ref()),
        })
    }
}

/// Writes a checkpoint of `step` to `path`. The same contents give the same bytes.
pub fn write(path: &Path, step: u64, state: &str, arrays: &[(String, Array)]) -> Result<Checkpoint, CheckpointError> {
    let failed = |source| CheckpointError::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = crate::files::temporary(folder, ".checkpoint-").map_err(failed)?;

    let mut out = Hashed { out: BufWriter::with_capacity(1 << 20, file.as_file()), hasher: blake3::Hasher::new(), bytes: 0 };
    let header = header(state, arrays);
    out.write_all(&(header.len() as u64).to_le_bytes()).and_then(|()| out.write_all(&header)).map_err(failed)?;
    for (_, array) in arrays {
        out.write_all(bytemuck::cast_slice(&array.values()?)).map_err(failed)?;
    }
    out.flush().map_err(failed)?;
    let (blake3, bytes) = (out.hasher.finalize().to_hex().to_string(), out.bytes);
    drop(out);

    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(Checkpoint { path: path.to_owned(), step, blake3, bytes })
}

/// The JSON header of a safetensors file, padded so that the data is aligned.
fn header(state: &str, arrays: &[(String, Array)]) -> Vec<u8> {
    let mut entries = Map::new();
    let mut metadata = Map::new();
    metadata.insert(KIND.0.to_owned(), Value::from(KIND.1));
    metadata.insert(STATE.to_owned(), Value::from(state));
    entries.insert("__metadata__".to_owned(), Value::Object(metadata));
    let mut offset = 0;
    for (name, array) in arrays {
        let dims = array.dims();
        let end = offset + dims.iter().product::<usize>() * size_of::<f32>();
        entries.insert(name.clone(), json!({ "dtype": "F32", "shape": dims, "data_offsets": [offset, end] }));
        offset = end;
    }
    let mut header = Value::Object(entries).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}

struct Hashed<W> {
    out: W,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.out.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A checkpoint in memory.
#[derive(Debug)]
pub struct Contents {
    pub path: PathBuf,
    /// As it was given to [`write`].
    pub state: String,
    file: Vec<u8>,
    /// Where the header ends.
    data: usize,
    metadata: Metadata,
}

/// Reads the file of `checkpoint`, whole and unchanged.
pub fn read(checkpoint: &Checkpoint) -> Result<Contents, CheckpointError> {
    let path = &checkpoint.path;
    let failed = |source| CheckpointError::Read { path: path.clone(), source };
    let found = path.metadata().map_err(failed)?.len();
    if found != checkpoint.bytes {
        return Err(CheckpointError::Length { path: path.clone(), expected: checkpoint.bytes, found });
    }
    let file = crate::files::read(path, MAX_BYTES).map_err(failed)?;
    if *blake3::hash(&file).to_hex() != *checkpoint.blake3 {
        return Err(CheckpointError::Damaged { path: path.clone() });
    }
    parse(path, file)
}

pub(crate) fn parse(path: &Path, file: Vec<u8>) -> Result<Contents, CheckpointError> {
    let foreign = |reason: &str| CheckpointError::Foreign { path: path.to_owned(), reason: reason.to_owned() };
    let (header, metadata) = safetensors::SafeTensors::read_metadata(&file).map_err(|error| foreign(&error.to_string()))?;
    let entries = metadata.metadata().as_ref().ok_or_else(|| foreign("its header has no metadata"))?;
    match entries.get(KIND.0) {
        Some(kind) if kind == KIND.1 => {}
        Some(kind) => return Err(foreign(&format!("it says `{kind}`, this version reads `{}`", KIND.1))),
        None => return Err(foreign("it does not say what kind of file it is")),
    }
    let state = entries.get(STATE).cloned().ok_or_else(|| foreign("it holds no state"))?;
    Ok(Contents { path: path.to_owned(), state, data: header + size_of::<u64>(), metadata, file })
}

impl Contents {
    /// Shape and values of the tensor called `name`.
    pub fn get(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let info = self.metadata.info(name).filter(|info| info.dtype == Dtype::F32)?;
        let (start, end) = info.data_offsets;
        let bytes = self.file.get(self.data + start..self.data + end)?;
        Some((info.shape.clone(), bytemuck::pod_collect_to_vec(bytes)))
    }

    /// Of all tensors, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.metadata.tensors().into_keys().collect();
        names.sort();
        names
    }

    pub(crate) fn unfit(&self, reason: impl std::fmt::Display) -> CheckpointError {
        CheckpointError::Unfit { path: self.path.clone(), reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    fn written(folder: &Path) -> Checkpoint {
        let weights = Tensor::arange(0f32, 6., &Device::Cpu).unwrap().reshape((2, 3)).unwrap();
        let arrays = [
            ("weights/a".to_owned(), Array::Tensor(&weights)),
            ("moments/a".to_owned(), Array::Flat(Cow::Borrowed(&[f32::MIN_POSITIVE, -0.0]))),
        ];
        write(&folder.join("trial-0-step-3.ckpt"), 3, r#"{"step":3}"#, &arrays).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = written(folder.path());
        let contents = read(&checkpoint).unwrap();
        assert_eq!(contents.state, r#"{"step":3}"#);
        assert_eq!(contents.get("weights/a"), Some((vec![2, 3], vec![0., 1., 2., 3., 4., 5.])));
        let (shape, values) = contents.get("moments/a").unwrap();
        assert_eq!((shape, values.iter().map(|v| v.to_bits()).collect()), (vec![2], vec![f32::MIN_POSITIVE.to_bits(), (-0f32).to_bits()]));
        assert_eq!(contents.get("weights/b"), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
        assert_eq!(written(folder.path()), checkpoint, "the same contents, the same bytes");
        // It is a safetensors file for everybody.
        let file = fs::read(&checkpoint.path).unwrap();
        assert_eq!(safetensors::SafeTensors::deserialize(&file).unwrap().tensor("weights/a").unwrap().shape(), [2, 3]);
    }

    #[test]
    fn damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = written(folder.path());
        let whole = fs::read(&checkpoint.path).unwrap();
        let error = |bytes: &[u8]| {
            fs::write(&checkpoint.path, bytes).unwrap();
            read(&checkpoint).unwrap_err().to_string().replace(&folder.path().display().to_string(), "F")
        };
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        insta::assert_snapshot!(error(&flipped), @"the checkpoint F/trial-0-step-3.ckpt does not have the blake3 it was written with: it is damaged");
        assert!(error(&whole[..whole.len() - 1]).contains("it is cut off or not the file that was written"));
        assert!(error(&[]).contains("has 0 bytes instead of"));
        fs::remove_file(&checkpoint.path).unwrap();
        assert!(matches!(read(&checkpoint), Err(CheckpointError::Read { .. })));
    }

    fn named(path: &Path, bytes: &[u8]) -> Checkpoint {
        fs::write(path, bytes).unwrap();
        Checkpoint { path: path.to_owned(), step: 0, blake3: blake3::hash(bytes).to_hex().to_string(), bytes: bytes.len() as u64 }
    }

    #[test]
    fn foreign_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = |header: &str| {
            let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
            let error = read(&named(&folder.path().join("x.ckpt"), &bytes)).unwrap_err();
            error.to_string().replace(&folder.path().display().to_string(), "F")
        };
        insta::assert_snapshot!(error("{}"), @"F/x.ckpt is not a checkpoint of this program: its header has no metadata");
        insta::assert_snapshot!(error(r#"{"__metadata__":{"format":"pt"}}"#), @"F/x.ckpt is not a checkpoint of this program: it does not say what kind of file it is");
        insta::assert_snapshot!(error(r#"{"__metadata__":{"thawline":"checkpoint 9"}}"#), @"F/x.ckpt is not a checkpoint of this program: it says `checkpoint 9`, this version reads `checkpoint 1`");
    }

    #[test]
    fn a_full_folder_or_a_missing_one_is_an_error() {
        let missing = Path::new("no/such/folder/trial-0-step-1.ckpt");
        assert!(
            write(missing, 1, "{}", &[])
                .unwrap_err()
                .to_string()
                .starts_with("cannot write the checkpoint no/such/folder/trial-0-step-1.ckpt: ")
        );
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 0u64..300) {
            for bytes in [bytes.clone(), [&size.to_le_bytes()[..], b"{\"a\":{\"dtype\":\"F32\",\"shape\":[9],\"data_offsets\":[0,36]}}", &bytes].concat()] {
                if let Ok(contents) = parse(Path::new("x"), bytes) {
                    contents.get("a");
                }
            }
        }
    }
}
