//! The forward pass.

use candle_core::{Result, Tensor, bail};
use rand::rngs::ChaCha8Rng;
use search_spaces::config::Projections;

use super::{BertBase, BertConfig};
use crate::{
    data::batch::Batch,
    models::{BaseModel, Lora, Model, Pass, lora},
    ops::{Clamp, Dropout, Heads, activation, add, attention, dropout, dropout_add, embedding, layer_norm, linear},
    parameters::{ParameterId, Parameters, Role},
};

/// Where in a block dropout falls.
mod site {
    pub(super) const EMBEDDINGS: u64 = 0;
    pub(super) const ATTENTION: u64 = 1;
    pub(super) const ATTENTION_OUTPUT: u64 = 2;
    pub(super) const OUTPUT: u64 = 3;
    pub(super) const CLASSIFIER: u64 = 4;
    /// Before the low-rank additions.
    pub(super) const QUERY: u64 = 5;
    pub(super) const KEY: u64 = 6;
    pub(super) const VALUE: u64 = 7;
    pub(super) const PROJECTION: u64 = 8;
}

/// A BERT with a classification head. Blocks: `embeddings`, `layer.0`, ..., `head` (pooler and classifier).
///
/// The head reads the first token alone, so the last layer computes that one only and gives `[batch, 1, hidden]`.
#[derive(Debug)]
pub struct Bert {
    config: BertConfig,
    blocks: Vec<String>,
    parameters: Parameters,
    words: ParameterId,
    positions: ParameterId,
    types: ParameterId,
    embedding_norm: Affine,
    layers: Vec<Layer>,
    pooler: Affine,
    classifier: Affine,
}

/// Weight and bias of an affine map or a layer norm.
#[derive(Debug, Clone, Copy)]
struct Affine {
    weight: ParameterId,
    bias: ParameterId,
}

#[derive(Debug)]
struct Layer {
    query: Affine,
    key: Affine,
    value: Affine,
    attention_output: Affine,
    attention_norm: Affine,
    intermediate: Affine,
    output: Affine,
    output_norm: Affine,
}

/// Collects parameters under their names in an exported file.
struct Builder<'a> {
    base: &'a BertBase,
    parameters: Parameters,
}

impl Builder<'_> {
    fn shared(&mut self, name: &str, block: usize, role: Role) -> Result<ParameterId> {
        let Some(tensor) = self.base.tensor(name) else { bail!("the base model has no tensor `{name}`") };
        Ok(self.parameters.add(format!("bert.{name}"), block, role, tensor.clone()))
    }

    fn affine(&mut self, name: &str, block: usize) -> Result<Affine> {
        Ok(Affine {
            weight: self.shared(&format!("{name}.weight"), block, Role::Matrix)?,
            bias: self.shared(&format!("{name}.bias"), block, Role::Vector)?,
        })
    }

    fn norm(&mut self, name: &str, block: usize) -> Result<Affine> {
        Ok(Affine {
            weight: self.shared(&format!("{name}.weight"), block, Role::Vector)?,
            bias: self.shared(&format!("{name}.bias"), block, Role::Vector)?,
        })
    }

    fn layer(&mut self, index: usize) -> Result<Layer> {
        let block = index + 1;
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        Ok(Layer {
            query: self.affine(&name("attention.self.query"), block)?,
            key: self.affine(&name("attention.self.key"), block)?,
            value: self.affine(&name("attention.self.value"), block)?,
            attention_output: self.affine(&name("attention.output.dense"), block)?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"), block)?,
            intermediate: self.affine(&name("intermediate.dense"), block)?,
            output: self.affine(&name("output.dense"), block)?,
            output_norm: self.norm(&name("output.LayerNorm"), block)?,
        })
    }

    /// New weights of the head.
    fn new_affine(&mut self, name: &str, block: usize, out: usize, stream: &mut ChaCha8Rng) -> Result<Affine> {
        let (weight, bias) = self.base.new_affine(out, self.base.config().hidden, stream)?;
        Ok(Affine {
            weight: self.parameters.add(format!("{name}.weight"), block, Role::Matrix, weight),
            bias: self.parameters.add(format!("{name}.bias"), block, Role::Vector, bias),
        })
    }
}

impl Bert {
    /// A frozen model with the weights of `base` and a new classifier of `classes`, drawn from `head`. So is a pooler, first, where the
    /// base has none.
    pub(super) fn new(base: &BertBase, classes: usize, head: &mut ChaCha8Rng) -> Result<Bert> {
        let config = base.config().clone();
        let mut b = Builder { base, parameters: Parameters::default() };
        let words = b.shared("embeddings.word_embeddings.weight", 0, Role::Matrix)?;
        let positions = b.shared("embeddings.position_embeddings.weight", 0, Role::Matrix)?;
        let types = b.shared("embeddings.token_type_embeddings.weight", 0, Role::Matrix)?;
        let embedding_norm = b.norm("embeddings.LayerNorm", 0)?;
        let layers = (0..config.layers).map(|i| b.layer(i)).collect::<Result<_>>()?;
        let block = config.layers + 1;
        let pooler = if base.tensor("pooler.dense.weight").is_some() {
            b.affine("pooler.dense", block)?
        } else {
            b.new_affine("bert.pooler.dense", block, config.hidden, head)?
        };
        let classifier = b.new_affine("classifier", block, classes, head)?;
        let parameters = b.parameters;
        Ok(Bert { blocks: base.blocks(), config, parameters, words, positions, types, embedding_norm, layers, pooler, classifier })
    }

    fn linear(&self, x: &Tensor, map: Affine) -> Result<Tensor> {
        linear(x, self.parameters.get(map.weight), self.parameters.get(map.bias))
    }

    /// An attention projection, which may have a low-rank addition.
    fn project(&self, x: &Tensor, map: Affine, pass: &Pass, site: u64) -> Result<Tensor> {
        let y = self.linear(x, map)?;
        match self.parameters.addition(map.weight) {
            Some(addition) => lora::add(addition, &y, x, &self.parameters, pass, site),
            None => Ok(y),
        }
    }

    fn norm(&self, x: &Tensor, norm: Affine) -> Result<Tensor> {
        layer_norm(x, self.parameters.get(norm.weight), self.parameters.get(norm.bias), self.config.norm_epsilon)
    }

    fn embed(&self, batch: &Batch, pass: &Pass) -> Result<Tensor> {
        let (ids, types, _) = batch.tokens()?;
        let (rows, tokens) = ids.dims2()?;
        if tokens > self.config.max_tokens {
            bail!("a text has {tokens} tokens, but the model takes at most {}: lower the space's max_tokens", self.config.max_tokens);
        }
        let positions: Vec<u32> = (0..rows).flat_map(|_| 0..tokens as u32).collect();
        let positions = embedding(self.parameters.get(self.positions), &Tensor::from_vec(positions, (rows, tokens), ids.device())?)?;
        let words = embedding(self.parameters.get(self.words), ids)?;
        let types = embedding(self.parameters.get(self.types), types)?;
        let sum = add(&add(&words, &types, Clamp::NONE)?, &positions, Clamp::NONE)?;
        debug_assert_eq!(sum.dims(), [rows, tokens, self.config.hidden]);
        dropout(&self.norm(&sum, self.embedding_norm)?, Dropout::at(pass.rates(0).hidden, pass.key, 0, site::EMBEDDINGS))
    }

    fn encode(&self, index: usize, x: &Tensor, batch: &Batch, pass: &Pass) -> Result<Tensor> {
        let (layer, block, rates) = (&self.layers[index], index + 1, pass.rates(index + 1));
        let drop = |rate, site| Dropout::at(rate, pass.key, block, site);
        let last = index + 1 == self.layers.len();
        let read = if last { x.narrow(1, 0, 1)?.contiguous()? } else { x.clone() };
        let query = self.project(&read, layer.query, pass, site::QUERY)?;
        let key = self.project(x, layer.key, pass, site::KEY)?;
        let value = self.project(x, layer.value, pass, site::VALUE)?;
        let heads = Heads { count: self.config.heads, dropout: drop(rates.attention, site::ATTENTION) };
        let context = attention(&query, &key, &value, batch.tokens()?.2, heads)?;
        let attended = self.project(&context, layer.attention_output, pass, site::PROJECTION)?;
        let attended = dropout_add(&attended, &read, drop(rates.hidden, site::ATTENTION_OUTPUT))?;
        let attended = self.norm(&attended, layer.attention_norm)?;
        let wide = activation(&self.linear(&attended, layer.intermediate)?, self.config.activation)?;
        let output = self.linear(&wide, layer.output)?;
        self.norm(&dropout_add(&output, &attended, drop(rates.hidden, site::OUTPUT))?, layer.output_norm)
    }

    fn classify(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let block = self.layers.len() + 1;
        let pooled = self.linear(&x.narrow(1, 0, 1)?.squeeze(1)?, self.pooler)?.tanh()?;
        let drop = Dropout::at(pass.rates(block).classifier, pass.key, block, site::CLASSIFIER);
        self.linear(&dropout(&pooled, drop)?, self.classifier)
    }
}

impl Model for Bert {
    fn blocks(&self) -> &[String] {
        &self.blocks
    }

    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn adapt(&mut self, lora: Lora, stream: &mut ChaCha8Rng) -> Result<()> {
        self.parameters.pin_below(self.layers.len() + 1);
        for (index, layer) in self.layers.iter().enumerate() {
            let maps = [
                (layer.query, "self.query", true),
                (layer.key, "self.key", lora.projections == Projections::All),
                (layer.value, "self.value", true),
                (layer.attention_output, "output.dense", lora.projections == Projections::All),
            ];
            for (map, name, _) in maps.into_iter().filter(|(_, _, adapted)| *adapted) {
                let prefix = format!("bert.encoder.layer.{index}.attention.{name}");
                lora.add(&mut self.parameters, map.weight, &prefix, stream)?;
            }
        }
        Ok(())
    }

    fn run_block(&self, block: usize, input: Option<&Tensor>, batch: &Batch, pass: &Pass) -> Result<Tensor> {
        let output = match (block, input) {
            (0, None) => self.embed(batch, pass)?,
            (block, Some(x)) if (1..=self.layers.len()).contains(&block) => self.encode(block - 1, x, batch, pass)?,
            (block, Some(x)) if block == self.layers.len() + 1 => self.classify(x, pass)?,
            (0, Some(_)) => bail!("block 0 reads the batch and takes no input"),
            (block, _) => bail!("block {block} of {} needs the output of the block below", self.blocks.len()),
        };
        Ok(if block < pass.lowest_thawed { output.detach() } else { output })
    }
}
