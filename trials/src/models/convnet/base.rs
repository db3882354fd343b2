//! Pre-trained weights of a convolutional network.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use candle_core::{Device, Result, Tensor};
use rand::{RngExt, rngs::ChaCha8Rng};
use serde_json::{Map, Value, json};

use super::{
    ConvNet,
    architecture::{Architecture, Block, Conventions, Unit},
    config,
    foreign::{self, Foreign},
    mobilenet, resnet,
};
use crate::{
    data::pixels::PixelFormat,
    hub::{Classifier, HubError, Weights, read_json},
    models::{BaseModel, Model, Takes},
    parameters::Layout,
};

/// How the names of all layers below the head begin, in files of any kind.
const LAYERS: [&str; 8] = ["conv1.", "bn1.", "layer", "features.", "embedder.", "encoder.", "conv_stem.", "conv_1x1."];

/// A pre-trained network in memory, shared by every model made from it.
#[derive(Debug, Clone)]
pub struct ConvNetBase {
    folder: PathBuf,
    /// Every field of `config.json`; none where there is no such file.
    fields: Map<String, Value>,
    format: PixelFormat,
    pub(super) architecture: Architecture,
    pub(super) conventions: Conventions,
    device: Device,
    /// By name in the file, all but the head's; kernels as they lie in memory, so that every model shares them.
    tensors: BTreeMap<String, Tensor>,
}

impl ConvNetBase {
    /// Whether the folder (or file) `model` holds a network that [`ConvNetBase::load`] reads, as far as config.json tells.
    pub fn is_one(model: &Path) -> bool {
        let folder = folder_of(model);
        match read_json(&folder.join("config.json")) {
            Ok(fields) => fields
                .get("model_type")
                .and_then(Value::as_str)
                .is_some_and(|kind| kind.starts_with("resnet") || kind.starts_with("mobilenet")),
            // Weights alone, as torchvision has them. What has a tokenizer reads texts.
            Err(HubError::Missing { .. }) => {
                !["tokenizer.json", "vocab.txt"].iter().any(|file| folder.join(file).exists()) && model.exists()
            }
            Err(_) => false,
        }
    }

    /// Reads the weights of the folder `model`, or of that one file. What network they are of is read off their names. Sizes and
    /// statistics of pixels come from `preprocessor_config.json`, where there is one.
    pub fn load(model: &Path, device: &Device) -> std::result::Result<ConvNetBase, HubError> {
        let folder = folder_of(model);
        let config = folder.join("config.json");
        let fields = match read_json(&config) {
            Ok(fields) => fields,
            Err(HubError::Missing { .. }) => Map::new(),
            Err(error) => return Err(error),
        };
        let mut weights = Weights::read(model, device, |_| true)?;
        let architecture = resnet::recognise(&weights)
            .or_else(|| mobilenet::recognise(&weights))
            .ok_or_else(|| HubError::Unrecognised { path: weights.listing().to_owned() })?;
        config::check(&fields, &config, &architecture, weights.listing())?;
        let conventions = config::conventions(&fields, &config, &architecture)?;
        let mut tensors = BTreeMap::new();
        for unit in architecture.blocks.iter().flat_map(Block::all_units) {
            for (name, shape) in tensors_of(unit) {
                let tensor = weights.take(&name, &shape)?;
                let layout = if shape.len() == 4 { unit.layout() } else { Layout::Same };
                let path = || weights.listing().to_owned();
                let tensor = layout.in_memory(&tensor).map_err(|source| HubError::Device { path: path(), source })?;
                tensors.insert(name, tensor);
            }
        }
        weights.no_layer_left(|name| LAYERS.iter().any(|layer| name.starts_with(layer)) && !name.ends_with("num_batches_tracked"))?;
        let format = PixelFormat::read(&folder, architecture.channels(), architecture.side)?;
        Ok(ConvNetBase { folder, fields, format, architecture, conventions, device: device.clone(), tensors })
    }

    /// How images become its input.
    pub fn format(&self) -> &PixelFormat {
        &self.format
    }

    /// The name of a tensor in an exported file.
    pub(super) fn exported(&self, name: &str) -> String {
        match self.architecture.kind {
            kind @ ("resnet" | "mobilenet_v2") if !name.starts_with("classifier") => format!("{kind}.{name}"),
            _ => name.to_owned(),
        }
    }

    /// The tensor that the file calls `name`, which `load` has found.
    pub(super) fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| candle_core::Error::msg(format!("no tensor {name}")))
    }

    /// A new head as torch draws it: weights `[classes, features]` and bias from U(-1/sqrt(features), 1/sqrt(features)).
    pub(super) fn new_head(&self, classes: usize, stream: &mut ChaCha8Rng) -> Result<(Tensor, Tensor)> {
        let features = self.architecture.features;
        let bound = 1.0 / (features as f32).sqrt();
        let mut draw = |count: usize| -> Vec<f32> { (0..count).map(|_| stream.random_range(-bound..bound)).collect() };
        let weights = Tensor::from_vec(draw(classes * features), (classes, features), &self.device)?;
        Ok((weights, Tensor::from_vec(draw(classes), classes, &self.device)?))
    }
}

/// The folder of a model that may be given as a file of weights.
fn folder_of(model: &Path) -> PathBuf {
    if model.is_file() { model.parent().unwrap_or(Path::new(".")).to_owned() } else { model.to_owned() }
}

/// Names and shapes of a unit's tensors.
fn tensors_of(unit: &Unit) -> Vec<(String, Vec<usize>)> {
    let mut tensors = vec![(format!("{}.weight", unit.convolution), unit.shape().to_vec())];
    for part in ["weight", "bias", "running_mean", "running_var"] {
        tensors.push((format!("{}.{part}", unit.norm), vec![unit.out]));
    }
    tensors
}

impl BaseModel for ConvNetBase {
    fn blocks(&self) -> Vec<String> {
        let blocks = self.architecture.blocks.iter().map(|block| block.name.clone());
        blocks.chain(std::iter::once("head".to_owned())).collect()
    }

    fn takes(&self) -> Takes {
        Takes::Pixels(self.format.clone())
    }

    fn device(&self) -> &Device {
        &self.device
    }

    /// Convolutions and the head's product.
    fn multiply_adds(&self, size: usize, classes: usize) -> Vec<u64> {
        let mut side = size;
        let mut costs: Vec<u64> = self.architecture.blocks.iter().map(|block| block.multiply_adds(&mut side)).collect();
        costs.push((self.architecture.features * classes) as u64);
        costs
    }

    /// Of each convolution its image and that of the normalisation after it, and of each block the sum with its shortcut and the pooled image.
    fn kept(&self, size: usize) -> Vec<u64> {
        let mut side = size;
        let mut kept: Vec<u64> = self.architecture.blocks.iter().map(|block| block.kept(&mut side)).collect();
        kept.push(0);
        kept
    }

    fn instantiate(&self, classes: usize, head: &mut ChaCha8Rng) -> Result<Box<dyn Model>> {
        Ok(Box::new(ConvNet::new(self, classes, head)?))
    }

    fn identity(&self) -> String {
        let conventions = (self.conventions != Conventions::TORCH).then_some(self.conventions);
        format!("{:?} {:?}{}", self.architecture, self.format, conventions.map_or_else(String::new, |c| format!(" {c:?}")))
    }

    fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    fn classifier(&self, labels: &[String], side: Option<usize>) -> Classifier {
        let format = PixelFormat { side: side.unwrap_or(self.format.side), ..self.format.clone() };
        let Foreign { kind, class, rename, code } = Foreign::of(&self.architecture);
        let mut config = self.fields.clone();
        config.insert("model_type".into(), json!(kind));
        config.extend(foreign::fields(&self.architecture));
        Classifier {
            architecture: class,
            base: self.folder.clone(),
            config,
            labels: labels.to_vec(),
            preprocessor: Some(format.to_json()),
            rename,
            code,
        }
    }
}
