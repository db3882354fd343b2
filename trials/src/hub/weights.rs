//! The tensors of a model folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

use super::{HubError, read_json};

/// A file is read into memory whole: twenty times as much as the largest that is of use here.
const MAX_FILE_BYTES: u64 = 32 << 30;

/// Some tensors of a model folder, as `f32`, under today's names without the prefix `bert.`, `resnet.` or `mobilenet_v2.`:
/// `encoder.layer.0.output.LayerNorm.weight`.
#[derive(Debug)]
pub struct Weights {
    /// The file that says which tensors there are, for messages.
    listing: PathBuf,
    device: Device,
    tensors: BTreeMap<String, Found>,
}

#[derive(Debug)]
struct Found {
    file: PathBuf,
    /// Its name in the file.
    name: String,
    shape: Vec<usize>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Float(Vec<f32>),
    /// Of another type, named.
    Other(String),
}

impl Weights {
    /// Reads every tensor of `model` whose name, without the prefix, `wanted` takes: of that file, or of the folder's `model.safetensors`, else of
    /// the shards that its `model.safetensors.index.json` names.
    pub fn read(model: &Path, device: &Device, wanted: impl Fn(&str) -> bool) -> Result<Weights, HubError> {
        let folder = model;
        let single = if model.is_file() { model.to_owned() } else { folder.join("model.safetensors") };
        let index = folder.join("model.safetensors.index.json");
        let (listing, files) = if !single.exists() && index.exists() {
            let files = shards(&index)?.into_iter().map(|file| folder.join(file)).collect();
            (index, files)
        } else {
            (single.clone(), vec![single])
        };
        let mut tensors = BTreeMap::new();
        for file in files {
            read_file(&file, &wanted, &mut tensors)?;
        }
        Ok(Weights { listing, device: device.clone(), tensors })
    }

    /// The file that says which tensors there are.
    pub fn listing(&self) -> &Path {
        &self.listing
    }

    /// The shape of the tensor `name`, if there is one.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|found| found.shape.as_slice())
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Refuses a folder in which a tensor is left whose name begins with `prefix`.
    pub fn none_left(&self, prefix: &str) -> Result<(), HubError> {
        match self.tensors.iter().find(|(name, _)| name.starts_with(prefix)) {
            Some((_, Found { file, name, .. })) => Err(HubError::TensorUnexpected { path: file.clone(), tensor: name.clone() }),
            None => Ok(()),
        }
    }

    /// Refuses a file in which a tensor is left that `layer` says belongs to a layer.
    pub fn no_layer_left(&self, layer: impl Fn(&str) -> bool) -> Result<(), HubError> {
        match self.tensors.iter().find(|(name, _)| layer(name)) {
            Some((_, Found { file, name, .. })) => Err(HubError::TensorLeft { path: file.clone(), tensor: name.clone() }),
            None => Ok(()),
        }
    }

    /// Takes out the tensor `name`, which must have `shape`.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, HubError> {
        let Some(Found { file, name, shape: found, values }) = self.tensors.remove(name) else {
            return Err(HubError::TensorMissing { path: self.listing.clone(), tensor: name.to_owned() });
        };
        if found.contains(&0) {
            return Err(HubError::TensorEmpty { path: file, tensor: name, found });
        }
        if found != shape {
            return Err(HubError::TensorShape { path: file, tensor: name, expected: shape.to_vec(), found });
        }
        match values {
            Values::Other(found) => Err(HubError::TensorType { path: file, tensor: name, found }),
            Values::Float(values) if values.iter().any(|value| !value.is_finite()) => {
                Err(HubError::TensorValues { path: file, tensor: name })
            }
            Values::Float(values) if name.ends_with("running_var") && values.iter().any(|value| *value < 0.0) => {
                Err(HubError::TensorNegative { path: file, tensor: name })
            }
            Values::Float(values) => {
                Tensor::from_vec(values, shape, &self.device).map_err(|source| HubError::Device { path: file, source })
            }
        }
    }
}

/// File names of the shards.
fn shards(index: &Path) -> Result<BTreeSet<String>, HubError> {
    let wrong = |problem: String| HubError::Config { path: index.to_owned(), field: "weight_map", problem };
    let object = read_json(index)?;
    let Some(Value::Object(map)) = object.get("weight_map") else {
        return Err(wrong("must map tensor names to file names; fetch the file again".into()));
    };
    let mut files = BTreeSet::new();
    for (tensor, file) in map {
        match file.as_str() {
            Some(file) if Path::new(file).file_name().is_some_and(|name| name == file) => files.insert(file.to_owned()),
            _ => return Err(wrong(format!("tensor `{tensor}` is said to be in {file}, which is not the name of a file in this folder"))),
        };
    }
    Ok(files)
}

fn read_file(path: &Path, wanted: &impl Fn(&str) -> bool, tensors: &mut BTreeMap<String, Found>) -> Result<(), HubError> {
    let bytes = crate::files::read(path, MAX_FILE_BYTES).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => HubError::Missing { path: path.to_owned() },
        _ => HubError::Read { path: path.to_owned(), source },
    })?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| HubError::Safetensors { path: path.to_owned(), problem: e.to_string() })?;
    for (name, view) in file.iter() {
        let today = todays_name(name);
        if wanted(&today) {
            let found = Found { file: path.to_owned(), name: name.to_owned(), shape: view.shape().to_vec(), values: values(&view) };
            tensors.insert(today, found);
        }
    }
    Ok(())
}

/// The name without prefix, and with the layer norms' old names `gamma` and `beta` put right.
pub(super) fn todays_name(name: &str) -> String {
    let name = ["bert.", "resnet.", "mobilenet_v2."].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if let Some(stem) = name.strip_suffix("LayerNorm.gamma") {
        format!("{stem}LayerNorm.weight")
    } else if let Some(stem) = name.strip_suffix("LayerNorm.beta") {
        format!("{stem}LayerNorm.bias")
    } else {
        name.to_owned()
    }
}

fn values(view: &TensorView) -> Values {
    let data = view.data();
    let pairs = || data.chunks_exact(2).map(|b| [b[0], b[1]]);
    Values::Float(match view.dtype() {
        Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F16 => pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect(),
        Dtype::BF16 => pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
        other => return Values::Other(format!("{other:?}")),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_tensor_with_nothing_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let empty = TensorView::new(Dtype::F32, vec![4, 0, 1, 1], &[]).unwrap();
        fs::write(&path, safetensors::serialize([("conv1.weight", empty)], None).unwrap()).unwrap();
        let error = Weights::read(&path, &Device::Cpu, |_| true).unwrap().take("conv1.weight", &[4, 0, 1, 1]).unwrap_err();
        insta::assert_snapshot!(error.to_string().replace(folder.path().to_str().unwrap(), "F"), @"F/model.safetensors: tensor `conv1.weight` has shape [4, 0, 1, 1], so there is nothing in it: the file is damaged, or of no network");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_to_what_never_ends_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["model.safetensors", "config.json"] {
            std::os::unix::fs::symlink("/dev/zero", folder.path().join(name)).unwrap();
        }
        assert!(matches!(Weights::read(folder.path(), &Device::Cpu, |_| true), Err(HubError::Read { .. })));
        assert!(matches!(read_json(&folder.path().join("config.json")), Err(HubError::Read { .. })));
    }
}
