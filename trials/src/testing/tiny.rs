//! Embeddings, their mean, a few residual layers, a head.

use std::{collections::BTreeMap, path::PathBuf};

use candle_core::{D, Device, Result, Tensor, bail};
use engine::streams::{Purpose, stream};
use rand::{Rng, RngExt, SeedableRng, rngs::ChaCha8Rng};

use crate::{
    data::batch::Batch,
    hub::Classifier,
    models::{BaseModel, Model, Pass, Takes},
    parameters::{ParameterId, Parameters, Role},
};

pub(super) const VOCABULARY: usize = 24;
const HIDDEN: usize = 8;
const LAYERS: usize = 3;

/// "Pre-trained" weights: random ones, the same at every call.
#[derive(Debug)]
pub struct Tiny {
    /// Embeddings, then each layer's weight and bias.
    weights: Vec<(String, usize, Role, Tensor)>,
    tensors: BTreeMap<String, Tensor>,
}

impl Tiny {
    pub fn new() -> Tiny {
        let mut rng = stream(11, 0, Purpose::HeadWeights);
        let mut weights = vec![("embeddings.weight".to_owned(), 0, Role::Matrix, uniform(&mut rng, &[VOCABULARY, HIDDEN], 0.5))];
        for layer in 0..LAYERS {
            weights.push((format!("layer.{layer}.weight"), layer + 1, Role::Matrix, uniform(&mut rng, &[HIDDEN, HIDDEN], 0.3)));
            weights.push((format!("layer.{layer}.bias"), layer + 1, Role::Vector, uniform(&mut rng, &[HIDDEN], 0.1)));
        }
        let tensors = weights.iter().map(|(name, _, _, tensor)| (name.clone(), tensor.clone())).collect();
        Tiny { weights, tensors }
    }
}

impl Default for Tiny {
    fn default() -> Self {
        Tiny::new()
    }
}

impl BaseModel for Tiny {
    fn blocks(&self) -> Vec<String> {
        let layers = (0..LAYERS).map(|layer| format!("layer.{layer}"));
        std::iter::once("embeddings".to_owned()).chain(layers).chain(["head".to_owned()]).collect()
    }

    fn takes(&self) -> Takes {
        Takes::Tokens { most: 16, vocabulary: VOCABULARY, types: 1 }
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    /// A thousand times as many as there are, so that their differences are not rounded away.
    fn multiply_adds(&self, size: usize, classes: usize) -> Vec<u64> {
        let layers = std::iter::repeat_n(HIDDEN * HIDDEN, LAYERS);
        let blocks = std::iter::once(size * HIDDEN).chain(layers).chain([HIDDEN * classes]);
        blocks.map(|count| 1000 * count as u64).collect()
    }

    fn kept(&self, size: usize) -> Vec<u64> {
        std::iter::once(size * HIDDEN).chain(std::iter::repeat_n(HIDDEN, LAYERS)).chain([0]).map(|count| count as u64).collect()
    }

    fn instantiate(&self, classes: usize, head: &mut ChaCha8Rng) -> Result<Box<dyn Model>> {
        let mut parameters = Parameters::default();
        let mut ids = Vec::new();
        for (name, block, role, tensor) in &self.weights {
            ids.push(parameters.add(name, *block, *role, tensor.clone()));
        }
        ids.push(parameters.add("head.weight", LAYERS + 1, Role::Matrix, uniform(head, &[HIDDEN, classes], 0.3)));
        ids.push(parameters.add("head.bias", LAYERS + 1, Role::Vector, Tensor::zeros(classes, candle_core::DType::F32, &Device::Cpu)?));
        Ok(Box::new(Instance { blocks: self.blocks(), parameters, ids }))
    }

    fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    fn identity(&self) -> String {
        String::new()
    }

    fn classifier(&self, labels: &[String], _side: Option<usize>) -> Classifier {
        Classifier {
            architecture: "Tiny",
            base: PathBuf::new(),
            config: serde_json::Map::new(),
            labels: labels.to_vec(),
            preprocessor: None,
            rename: str::to_owned,
            code: &[],
        }
    }
}

struct Instance {
    blocks: Vec<String>,
    parameters: Parameters,
    /// As they were added.
    ids: Vec<ParameterId>,
}

impl Instance {
    fn linear(&self, first: usize, input: &Tensor) -> Result<Tensor> {
        input.matmul(self.parameters.get(self.ids[first]))?.broadcast_add(self.parameters.get(self.ids[first + 1]))
    }
}

impl Model for Instance {
    fn blocks(&self) -> &[String] {
        &self.blocks
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    /// Hidden states are `[batch, 1, hidden]`: the tokens are averaged at once.
    fn run_block(&self, block: usize, input: Option<&Tensor>, batch: &Batch, pass: &Pass) -> Result<Tensor> {
        let rates = pass.rates(block);
        let Some(input) = input else {
            let (ids, _, mask) = batch.tokens()?;
            let (rows, tokens) = ids.dims2()?;
            let embedded = self.parameters.get(self.ids[0]).index_select(&ids.flatten_all()?, 0)?.reshape((rows, tokens, HIDDEN))?;
            let sum = mask.unsqueeze(1)?.matmul(&embedded)?;
            let mean = sum.broadcast_div(&mask.sum_keepdim(D::Minus1)?.unsqueeze(2)?)?;
            return dropout(&mean, rates.hidden, pass.key, block);
        };
        let (rows, one, hidden) = input.dims3()?;
        if one != 1 || hidden != HIDDEN {
            bail!("a hidden state of shape {:?}", input.dims());
        }
        let flat = input.reshape((rows, HIDDEN))?;
        if block == LAYERS + 1 {
            return self.linear(2 * LAYERS + 1, &dropout(&flat, rates.classifier, pass.key, block)?);
        }
        let change = dropout(&self.linear(2 * block - 1, &flat)?.tanh()?, rates.hidden, pass.key, block)?;
        (flat + change)?.reshape((rows, 1, HIDDEN))
    }
}

fn uniform(rng: &mut impl Rng, shape: &[usize], bound: f32) -> Tensor {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-bound..bound)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("as many values as the shape asks for")
}

fn dropout(input: &Tensor, rate: f64, key: u64, block: usize) -> Result<Tensor> {
    if rate == 0.0 {
        return Ok(input.clone());
    }
    let mut rng = ChaCha8Rng::seed_from_u64(key ^ (block as u64).rotate_left(32));
    let keep = 1.0 - rate;
    let mask: Vec<f32> = (0..input.elem_count()).map(|_| if rng.random_bool(keep) { (1.0 / keep) as f32 } else { 0.0 }).collect();
    input * Tensor::from_vec(mask, input.shape(), &Device::Cpu)?
}
