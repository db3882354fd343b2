//! Small generated models, model folders and tasks for tests, here and in the crates above.

mod measure;
mod task;
mod tiny;
mod trial;

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use candle_core::{DType, Device, Tensor};
use engine::streams::{Purpose, stream};
use rand_distr::{Distribution, Normal};
use serde_json::{Value, json};

pub use self::{
    measure::check_measure,
    task::task,
    tiny::Tiny,
    trial::{text_data, trial_config, trial_config_file},
};

/// What kind of BERT folder [`tiny_bert`] writes.
#[derive(Debug, Clone, PartialEq)]
pub struct TinyBert {
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub max_tokens: usize,
    pub token_types: usize,
    pub activation: &'static str,
    /// Tensor names start with `bert.`, and the folder holds a masked-word head and position ids as `BertForPreTraining` does.
    pub prefix: bool,
    /// Layer norms have the old names `gamma` and `beta`.
    pub old_norm_names: bool,
    pub pooler: bool,
    pub dtype: DType,
    /// Weights files; more than one come with an index.
    pub shards: usize,
    pub tokenizer_json: bool,
    pub vocab_txt: bool,
    pub seed: u64,
}

impl Default for TinyBert {
    fn default() -> TinyBert {
        TinyBert {
            layers: 2,
            hidden: 16,
            heads: 2,
            max_tokens: 64,
            token_types: 2,
            activation: "gelu",
            prefix: false,
            old_norm_names: false,
            pooler: true,
            dtype: DType::F32,
            shards: 1,
            tokenizer_json: true,
            vocab_txt: true,
            seed: 0,
        }
    }
}

/// The words of [`tiny_bert`]'s vocabulary, after the special tokens and before single letters and digits.
pub const WORDS: [&str; 24] = [
    "the", "a", "film", "game", "team", "market", "bank", "is", "was", "and", "not", "very", "good", "great", "fine", "warm", "bad",
    "poor", "dull", "cold", "new", "old", "won", "lost",
];

/// The vocabulary: `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, `[MASK]`, [`WORDS`], letters, letters inside a word, digits, digits inside a word.
pub fn vocabulary() -> Vec<String> {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let characters = || ('a'..='z').chain('0'..='9');
    let alone = characters().map(String::from);
    let inside = characters().map(|c| format!("##{c}"));
    special.into_iter().chain(WORDS.map(str::to_owned)).chain(alone).chain(inside).chain([".".to_owned(), ",".to_owned()]).collect()
}

/// Writes a BERT of random weights to `folder`, which is made if need be.
pub fn tiny_bert(folder: &Path, options: &TinyBert) -> Result<(), Box<dyn Error + Send + Sync>> {
    fs::create_dir_all(folder)?;
    let vocabulary = vocabulary();
    fs::write(folder.join("config.json"), config(options, vocabulary.len()).to_string())?;
    write_weights(folder, options, vocabulary.len())?;
    if options.vocab_txt {
        fs::write(folder.join("vocab.txt"), vocabulary.join("\n") + "\n")?;
    }
    if options.tokenizer_json {
        fs::write(folder.join("tokenizer.json"), tokenizer(&vocabulary).to_string())?;
    }
    let settings = json!({ "do_lower_case": true, "model_max_length": options.max_tokens, "tokenizer_class": "BertTokenizer" });
    fs::write(folder.join("tokenizer_config.json"), settings.to_string())?;
    Ok(())
}

fn config(options: &TinyBert, vocabulary: usize) -> Value {
    json!({
        "architectures": [if options.prefix { "BertForPreTraining" } else { "BertModel" }],
        "model_type": "bert",
        "vocab_size": vocabulary,
        "hidden_size": options.hidden,
        "num_hidden_layers": options.layers,
        "num_attention_heads": options.heads,
        "intermediate_size": 2 * options.hidden,
        "hidden_act": options.activation,
        "max_position_embeddings": options.max_tokens,
        "type_vocab_size": options.token_types,
        "layer_norm_eps": 1e-12,
        "initializer_range": 0.02,
        "pad_token_id": 0,
    })
}

fn write_weights(folder: &Path, options: &TinyBert, vocabulary: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    let mut random = stream(options.seed, 0, Purpose::HeadWeights);
    let normal = Normal::new(0.0, 0.3)?;
    let mut add = |name: String, shape: &[usize], mean: f64| -> Result<(), Box<dyn Error + Send + Sync>> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| (mean + normal.sample(&mut random)) as f32).collect();
        tensors.push((name, Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(options.dtype)?));
        Ok(())
    };
    let h = options.hidden;
    let (gain, bias) = if options.old_norm_names { ("gamma", "beta") } else { ("weight", "bias") };
    let prefix = if options.prefix { "bert." } else { "" };
    for (table, rows) in [("word", vocabulary), ("position", options.max_tokens), ("token_type", options.token_types)] {
        add(format!("{prefix}embeddings.{table}_embeddings.weight"), &[rows, h], 0.0)?;
    }
    let mut norms = vec!["embeddings".to_owned()];
    let mut maps = Vec::new();
    for layer in 0..options.layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            maps.push((name(&format!("attention.{part}")), h, h));
        }
        maps.push((name("intermediate.dense"), 2 * h, h));
        maps.push((name("output.dense"), h, 2 * h));
        norms.extend([name("attention.output"), name("output")]);
    }
    if options.pooler {
        maps.push(("pooler.dense".to_owned(), h, h));
    }
    for norm in norms {
        add(format!("{prefix}{norm}.LayerNorm.{gain}"), &[h], 1.0)?;
        add(format!("{prefix}{norm}.LayerNorm.{bias}"), &[h], 0.0)?;
    }
    for (map, out, features) in maps {
        add(format!("{prefix}{map}.weight"), &[out, features], 0.0)?;
        add(format!("{prefix}{map}.bias"), &[out], 0.0)?;
    }
    if options.prefix {
        add("cls.predictions.transform.dense.weight".to_owned(), &[h, h], 0.0)?;
        let positions = Tensor::arange(0i64, options.max_tokens as i64, &Device::Cpu)?.unsqueeze(0)?;
        tensors.push(("bert.embeddings.position_ids".to_owned(), positions));
    }
    save(folder, &tensors, options.shards)
}

fn save(folder: &Path, tensors: &[(String, Tensor)], shards: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut map = BTreeMap::new();
    for (index, shard) in tensors.chunks(tensors.len().div_ceil(shards.max(1))).enumerate() {
        let file = match shards {
            0 | 1 => "model.safetensors".to_owned(),
            _ => format!("model-{:05}-of-{shards:05}.safetensors", index + 1),
        };
        fs::write(folder.join(&file), safetensors::serialize(shard.iter().map(|(name, t)| (name, t)), None)?)?;
        map.extend(shard.iter().map(|(name, _)| (name, file.clone())));
    }
    if shards > 1 {
        let index = json!({ "metadata": {}, "weight_map": map });
        fs::write(folder.join("model.safetensors.index.json"), index.to_string())?;
    }
    Ok(())
}

/// The file `tokenizer.json` of a lower-casing word-piece tokenizer.
fn tokenizer(vocabulary: &[String]) -> Value {
    let ids: BTreeMap<&String, usize> = vocabulary.iter().zip(0..).collect();
    let special = |id: usize| {
        json!({ "id": id, "content": vocabulary[id], "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true })
    };
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": (0..5).map(special).collect::<Vec<_>>(),
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2] },
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": ids
        },
    })
}

#[cfg(test)]
mod tests {
    use tokenizers::Tokenizer;

    use super::*;

    #[test]
    fn the_tokenizer_knows_words_and_spells_others() {
        let tokenizer = Tokenizer::from_bytes(tokenizer(&vocabulary()).to_string()).unwrap();
        let encoding = tokenizer.encode("The film was OK.", true).unwrap();
        assert_eq!(encoding.get_tokens().join(" "), "[CLS] the film was o ##k . [SEP]");
    }
}
