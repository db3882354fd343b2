//! Pre-trained BERT weights.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use candle_core::{Device, Result, Tensor};
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use super::{Bert, BertConfig};
use crate::{
    hub::{Classifier, HubError, Weights},
    models::{BaseModel, Model, Takes},
};

/// A pre-trained BERT in memory, read from a Hugging Face folder and shared by every model made from it.
#[derive(Debug, Clone)]
pub struct BertBase {
    folder: PathBuf,
    config: BertConfig,
    device: Device,
    /// By name, without the `bert.` prefix.
    tensors: BTreeMap<String, Tensor>,
}

/// A tensor that a BERT has.
struct Spec {
    name: String,
    shape: Vec<usize>,
}

impl BertBase {
    /// Reads `config.json` and the weights of `folder`. A pooler is optional; heads of other tasks are left out.
    pub fn load(folder: &Path, device: &Device) -> std::result::Result<BertBase, HubError> {
        let config = BertConfig::read(&folder.join("config.json"))?;
        let wanted = |name: &str| ["embeddings.", "encoder.", "pooler."].iter().any(|p| name.starts_with(p));
        let mut weights = Weights::read(folder, device, wanted)?;
        let mut tensors = BTreeMap::new();
        let has_pooler = weights.has("pooler.dense.weight") || weights.has("pooler.dense.bias");
        let mut take = |specs: Vec<Spec>| -> std::result::Result<(), HubError> {
            for Spec { name, shape } in specs {
                let tensor = weights.take(&name, &shape)?;
                tensors.insert(name, tensor);
            }
            Ok(())
        };
        take(embeddings(&config))?;
        for layer in 0..config.layers {
            take(encoder_layer(&config, layer))?;
        }
        if has_pooler {
            take(affine("pooler.dense", config.hidden, config.hidden))?;
        }
        weights.none_left("encoder.layer.")?;
        Ok(BertBase { folder: folder.to_owned(), config, device: device.clone(), tensors })
    }

    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// A copy of the handle on a tensor that `load` has found.
    pub(super) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// New weights `[out, features]` from N(0, initializer_range) and a zero bias.
    pub(super) fn new_affine(&self, out: usize, features: usize, stream: &mut ChaCha8Rng) -> Result<(Tensor, Tensor)> {
        let normal = Normal::new(0.0, self.config.initializer_range).map_err(candle_core::Error::wrap)?;
        let weights: Vec<f32> = (0..out * features).map(|_| normal.sample(stream) as f32).collect();
        let bias = Tensor::from_vec(vec![0f32; out], out, &self.device)?;
        Ok((Tensor::from_vec(weights, (out, features), &self.device)?, bias))
    }
}

impl BaseModel for BertBase {
    fn blocks(&self) -> Vec<String> {
        let layers = (0..self.config.layers).map(|i| format!("layer.{i}"));
        std::iter::once("embeddings".to_owned()).chain(layers).chain(std::iter::once("head".to_owned())).collect()
    }

    fn takes(&self) -> Takes {
        let c = &self.config;
        Takes::Tokens { most: c.max_tokens, vocabulary: c.vocabulary, types: c.token_types }
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn widest_lora(&self) -> Option<usize> {
        Some(self.config.hidden)
    }

    /// Products alone. The head's are for one token, which the pooler and the classifier read.
    fn multiply_adds(&self, size: usize, classes: usize) -> Vec<u64> {
        let (tokens, hidden, intermediate) = (size as u64, self.config.hidden as u64, self.config.intermediate as u64);
        // Query, key, value and output; scores and the values they weigh; up and down again.
        let layer = tokens * (4 * hidden * hidden + 2 * tokens * hidden + 2 * hidden * intermediate);
        let layers = std::iter::repeat_n(layer, self.config.layers);
        std::iter::once(tokens * hidden).chain(layers).chain(std::iter::once(hidden * (hidden + classes as u64))).collect()
    }

    /// Of each layer the outputs of its ten operations as wide as the hidden states (query, key, value, context, projection, sum, norm, output, sum, norm) and of the two in
    /// between; of the last, which goes on with the first token alone, keys and values. Attention keeps no scores: the way back computes them again. Of the embeddings
    /// the three kinds, their sums and the norm.
    fn kept(&self, size: usize) -> Vec<u64> {
        let (tokens, hidden, intermediate) = (size as u64, self.config.hidden as u64, self.config.intermediate as u64);
        let layer =
            |index: usize| if index + 1 < self.config.layers { tokens * (10 * hidden + 2 * intermediate) } else { 2 * tokens * hidden };
        std::iter::once(6 * tokens * hidden).chain((0..self.config.layers).map(layer)).chain(std::iter::once(0)).collect()
    }

    fn instantiate(&self, classes: usize, head: &mut ChaCha8Rng) -> Result<Box<dyn Model>> {
        Ok(Box::new(Bert::new(self, classes, head)?))
    }

    fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    fn identity(&self) -> String {
        let c = &self.config;
        let sizes = [c.vocabulary, c.hidden, c.layers, c.heads, c.intermediate, c.max_tokens, c.token_types];
        format!("{sizes:?} {:?} {:?} {:?}", c.activation, c.norm_epsilon, c.initializer_range)
    }

    fn classifier(&self, labels: &[String], _side: Option<usize>) -> Classifier {
        Classifier {
            architecture: "BertForSequenceClassification",
            base: self.folder.clone(),
            config: self.config.fields.clone(),
            labels: labels.to_vec(),
            preprocessor: None,
            rename: str::to_owned,
            code: &[],
        }
    }
}

fn spec(name: String, shape: &[usize]) -> Spec {
    Spec { name, shape: shape.to_vec() }
}

fn affine(name: &str, out: usize, features: usize) -> Vec<Spec> {
    vec![spec(format!("{name}.weight"), &[out, features]), spec(format!("{name}.bias"), &[out])]
}

fn norm(name: &str, width: usize) -> Vec<Spec> {
    vec![spec(format!("{name}.weight"), &[width]), spec(format!("{name}.bias"), &[width])]
}

fn embeddings(c: &BertConfig) -> Vec<Spec> {
    let table = |name: &str, rows| spec(format!("embeddings.{name}_embeddings.weight"), &[rows, c.hidden]);
    let mut specs = vec![table("word", c.vocabulary), table("position", c.max_tokens), table("token_type", c.token_types)];
    specs.extend(norm("embeddings.LayerNorm", c.hidden));
    specs
}

fn encoder_layer(c: &BertConfig, layer: usize) -> Vec<Spec> {
    let name = |part: &str| format!("encoder.layer.{layer}.{part}");
    let mut specs = Vec::new();
    for part in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"] {
        specs.extend(affine(&name(part), c.hidden, c.hidden));
    }
    specs.extend(norm(&name("attention.output.LayerNorm"), c.hidden));
    specs.extend(affine(&name("intermediate.dense"), c.intermediate, c.hidden));
    specs.extend(affine(&name("output.dense"), c.hidden, c.intermediate));
    specs.extend(norm(&name("output.LayerNorm"), c.hidden));
    specs
}
