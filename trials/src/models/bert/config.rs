//! A BERT's `config.json`.

use std::path::Path;

use serde_json::{Map, Value};

use crate::{
    hub::{HubError, read_json},
    ops::Activation,
};

/// The sizes of a BERT. Fields that transformers gives a default have the same one here.
#[derive(Debug, Clone, PartialEq)]
pub struct BertConfig {
    pub vocabulary: usize,
    pub hidden: usize,
    pub layers: usize,
    /// Divides `hidden`.
    pub heads: usize,
    /// Width of a layer's feed-forward part.
    pub intermediate: usize,
    pub activation: Activation,
    pub max_tokens: usize,
    pub token_types: usize,
    pub norm_epsilon: f64,
    /// Standard deviation of new weights.
    pub initializer_range: f64,
    /// Every field of the file.
    pub fields: Map<String, Value>,
}

impl BertConfig {
    /// Reads and checks `path`.
    ///
    /// # Errors
    /// The file is missing or not JSON, a field is missing or out of range, or the architecture is not a BERT.
    pub fn read(path: &Path) -> Result<BertConfig, HubError> {
        let fields = Fields { path, fields: read_json(path)? };
        fields.architecture()?;
        let config = BertConfig {
            vocabulary: fields.size("vocab_size", None)?,
            hidden: fields.size("hidden_size", None)?,
            layers: fields.size("num_hidden_layers", None)?,
            heads: fields.size("num_attention_heads", None)?,
            intermediate: fields.size("intermediate_size", None)?,
            activation: fields.activation()?,
            max_tokens: fields.size("max_position_embeddings", None)?,
            token_types: fields.size("type_vocab_size", Some(2))?,
            norm_epsilon: fields.positive("layer_norm_eps", 1e-12)?,
            initializer_range: fields.positive("initializer_range", 0.02)?,
            fields: fields.fields.clone(),
        };
        if !config.hidden.is_multiple_of(config.heads) {
            let problem = format!("{} attention heads do not divide hidden_size {}", config.heads, config.hidden);
            return Err(fields.wrong("num_attention_heads", problem));
        }
        Ok(config)
    }
}

struct Fields<'a> {
    path: &'a Path,
    fields: Map<String, Value>,
}

impl Fields<'_> {
    fn wrong(&self, field: &'static str, problem: impl Into<String>) -> HubError {
        HubError::Config { path: self.path.to_owned(), field, problem: problem.into() }
    }

    /// The field, where null counts as absent.
    fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|v| !v.is_null())
    }

    fn architecture(&self) -> Result<(), HubError> {
        const READS: &str = "of models of texts only BERT is read, of images ResNets and MobileNetV2: choose a model whose config.json says \
                             \"model_type\": \"bert\", \"resnet\" or \"mobilenet_v2\"";
        let class = self.get("architectures").and_then(|a| a.get(0)).and_then(Value::as_str);
        match (self.get("model_type"), class) {
            (Some(kind), _) if kind != "bert" => Err(self.wrong("model_type", format!("is {kind}, but {READS}"))),
            (_, Some(class)) if !class.starts_with("Bert") => Err(self.wrong("architectures", format!("is \"{class}\", but {READS}"))),
            (None, None) => Err(self.wrong("model_type", format!("is missing, and {READS}"))),
            _ => match self.get("position_embedding_type") {
                Some(kind) if kind != "absolute" => {
                    Err(self.wrong("position_embedding_type", format!("is {kind}, but only \"absolute\" positions are read")))
                }
                _ if self.get("is_decoder") == Some(&Value::Bool(true)) => {
                    Err(self.wrong("is_decoder", "is true, but only encoders, which read a text from both sides, are read"))
                }
                _ => Ok(()),
            },
        }
    }

    /// A whole number, at least 1.
    fn size(&self, field: &'static str, default: Option<usize>) -> Result<usize, HubError> {
        match (self.get(field), default) {
            (None, Some(default)) => Ok(default),
            (None, None) => Err(self.wrong(field, "is missing; fetch the file again")),
            (Some(value), _) => match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
                Some(n) if n >= 1 => Ok(n as usize),
                _ => Err(self.wrong(field, format!("must be a whole number from 1 to {}, not {value}", u32::MAX))),
            },
        }
    }

    fn positive(&self, field: &'static str, default: f64) -> Result<f64, HubError> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => match value.as_f64() {
                Some(x) if x > 0.0 && x < 1.0 => Ok(x),
                _ => Err(self.wrong(field, format!("must be a number between 0 and 1, not {value}"))),
            },
        }
    }

    fn activation(&self) -> Result<Activation, HubError> {
        match self.get("hidden_act").map_or(Some("gelu"), Value::as_str) {
            Some("gelu") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            Some("relu") => Ok(Activation::Relu),
            _ => {
                let found = self.get("hidden_act").map(Value::to_string).unwrap_or_default();
                Err(self.wrong("hidden_act", format!("is {found}, but gelu, gelu_new, gelu_pytorch_tanh and relu are known")))
            }
        }
    }
}
