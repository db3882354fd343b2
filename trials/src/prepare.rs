//! Data and base model of a study, loaded once a worker, and what only they can tell of a space.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::DType;
use engine::{devices::Device, runner::TrialError};
use search_spaces::{config::Config, data::TextData, places::Places, problem::Problem};

use crate::{
    data::{self, DataError, DataReport, TextTask, Tokenizer},
    device::{self, DeviceError},
    freezing,
    hub::{self, HubError},
    models::{BaseModel, Model, bert::BertBase},
    runner::{RunnerSettings, TextRunner},
};

/// Why a study cannot start.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Model(#[from] HubError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("{}: the tokenizer knows {ids} tokens, the model only {vocabulary}: they do not belong together", folder.display())]
    Vocabulary { folder: PathBuf, ids: usize, vocabulary: usize },
    #[error(
        "{}: the tokenizer gives these texts {given} token types, the model knows {known} (`type_vocab_size` in config.json)",
        folder.display()
    )]
    TokenTypes { folder: PathBuf, given: usize, known: usize },
}

/// A data set and a base model, behind `Arc`s: clones share them.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub task: Arc<TextTask>,
    pub report: Arc<DataReport>,
    pub base: Arc<BertBase>,
    pub device: Device,
}

/// Loads the Hugging Face folder `model` onto `device`, and the data, tokenised with that folder's tokenizer. All locations must be
/// paths by now.
pub fn prepare(model: &Path, data: &TextData, device: Device) -> Result<Prepared, PrepareError> {
    let handle = device::open(device)?;
    let base = BertBase::load(model, &handle)?;
    let tokenizer = Tokenizer::from_folder(model)?;
    check_tokenizer(&tokenizer, &base, model)?;
    let (task, report) = data::load(data, &tokenizer)?;
    check_tokens(&task, &base, model)?;
    Ok(Prepared { task: Arc::new(task), report: Arc::new(report), base: Arc::new(base), device })
}

/// Whether the model has an embedding for each token; both were read from `folder`.
pub fn check_tokenizer(tokenizer: &Tokenizer, base: &BertBase, folder: &Path) -> Result<(), PrepareError> {
    let (ids, vocabulary) = (tokenizer.ids(), base.config().vocabulary);
    if ids > vocabulary { Err(PrepareError::Vocabulary { folder: folder.to_owned(), ids, vocabulary }) } else { Ok(()) }
}

/// Whether the model has an embedding for each token of `task` and its type; the tokenizer and the model were read from `folder`. What
/// the tokenizer puts around texts need not be in its vocabulary.
pub fn check_tokens(task: &TextTask, base: &BertBase, folder: &Path) -> Result<(), PrepareError> {
    let examples = || task.train.iter().chain(&task.validation).chain(&task.test);
    let count = |highest: Option<&u32>| highest.map_or(0, |highest| *highest as usize + 1);
    let ids = count(examples().flat_map(|example| &example.ids).chain([&task.padding]).max());
    let given = count(examples().flat_map(|example| &example.types).max());
    let (vocabulary, known) = (base.config().vocabulary, base.config().token_types);
    match folder.to_owned() {
        folder if ids > vocabulary => Err(PrepareError::Vocabulary { folder, ids, vocabulary }),
        folder if given > known => Err(PrepareError::TokenTypes { folder, given, known }),
        _ => Ok(()),
    }
}

/// The blake3, in hex, of everything in `task` that a trial's outcome depends on.
pub fn data_hash(task: &TextTask) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("thawline 2026-11 text task");
    hasher.update(&task.padding.to_le_bytes()).update(&(task.labels.len() as u64).to_le_bytes());
    for label in &task.labels {
        hasher.update(&(label.len() as u64).to_le_bytes()).update(label.as_bytes());
    }
    for split in [&task.train, &task.validation, &task.test] {
        hasher.update(&(split.len() as u64).to_le_bytes());
        for example in split {
            hasher
                .update(&example.row.to_le_bytes())
                .update(&example.label.to_le_bytes())
                .update(&(example.ids.len() as u64).to_le_bytes());
            hasher.update(bytemuck::cast_slice(&example.ids)).update(bytemuck::cast_slice(&example.types));
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// The same of the base weights, and of what else of `config.json` the model computes with.
pub fn model_hash(base: &BertBase) -> candle_core::Result<String> {
    let c = base.config();
    let sizes = [c.vocabulary, c.hidden, c.layers, c.heads, c.intermediate, c.max_tokens, c.token_types];
    let mut hasher = blake3::Hasher::new_derive_key("thawline 2026-11 base weights");
    hasher.update(format!("{sizes:?} {:?} {:?} {:?}", c.activation, c.norm_epsilon, c.initializer_range).as_bytes());
    for (name, tensor) in base.tensors() {
        hasher.update(format!(" {name} {:?} ", tensor.dims()).as_bytes());
        let values = tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        hasher.update(bytemuck::cast_slice(&values));
    }
    Ok(hasher.finalize().to_hex().to_string())
}

impl Prepared {
    pub fn runner(&self, settings: RunnerSettings) -> TextRunner {
        TextRunner::new(Arc::clone(&self.task), Arc::clone(&self.base) as Arc<dyn BaseModel>, self.device, settings)
    }

    /// Writes `model` as a Hugging Face folder.
    pub fn export(&self, to: &Path, model: &dyn Model) -> Result<(), HubError> {
        hub::export(to, &self.base.classifier(&self.task.labels), model.parameters())
    }
}

/// Mistakes of a space that only the model can tell, in the order of the file. `max_tokens` is that of its data, if it is known.
pub fn check_space(places: &Places, max_tokens: Option<usize>, base: &dyn BaseModel) -> Vec<Problem> {
    let mut problems = Vec::new();
    let positions = base.max_tokens();
    if let Some(tokens) = max_tokens.filter(|tokens| *tokens > positions) {
        let message = format!("`max_tokens` is {tokens}, but the model takes {positions} tokens at most");
        problems.push(places.problem_at("data.max_tokens", message, Some(format!("write {positions} or less"))));
    }
    let below = base.blocks().len() - 1;
    for field in ["unfreeze.LastBlocks.k", "unfreeze.Progressive.start", "unfreeze.Gradual.start"] {
        for mention in places.mentions(field).filter(|mention| mention.value > below as f64) {
            let name = field.rsplit('.').next().unwrap_or(field);
            let message = format!("`{name}` is {}, but the model has {below} blocks below the head", mention.value);
            let hint = format!("write {below} or less; its blocks are {}", base.blocks().join(", "));
            problems.push(places.problem_in(mention, message, Some(hint)));
        }
    }
    problems
}

/// The same for one config on its own.
pub fn check_config(config: &Config, max_tokens: usize, base: &dyn BaseModel) -> Result<(), TrialError> {
    let below = base.blocks().len() - 1;
    let depth = freezing::depth(&config.unfreeze);
    if depth as usize > below {
        return Err(TrialError::Other(format!("config.unfreeze names {depth} blocks, but the model has {below} below the head")));
    }
    if max_tokens > base.max_tokens() {
        return Err(TrialError::Other(format!(
            "data.max_tokens is {max_tokens}, but the model takes {} tokens at most",
            base.max_tokens()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::testing::{self, TinyBert, tiny_bert};

    #[test]
    fn the_same_weights_have_the_same_hash_however_they_are_stored() {
        let hash = |options: &TinyBert| {
            let folder = tempfile::tempdir().unwrap();
            tiny_bert(folder.path(), options).unwrap();
            model_hash(&BertBase::load(folder.path(), &Device::Cpu).unwrap()).unwrap()
        };
        let plain = hash(&TinyBert::default());
        assert_eq!(plain, hash(&TinyBert { shards: 3, prefix: true, ..TinyBert::default() }));
        for other in [
            TinyBert { seed: 1, ..TinyBert::default() },
            TinyBert { activation: "relu", ..TinyBert::default() },
            TinyBert { heads: 4, ..TinyBert::default() },
            TinyBert { pooler: false, ..TinyBert::default() },
        ] {
            assert_ne!(plain, hash(&other), "{other:?}");
        }
    }

    #[test]
    fn any_change_of_the_data_has_another_hash() {
        let task = testing::task(6, 4, 2);
        let change = |change: &dyn Fn(&mut TextTask)| {
            let mut other = task.clone();
            change(&mut other);
            data_hash(&other)
        };
        let mut hashes = vec![
            data_hash(&task),
            change(&|task| task.train[3].ids[0] += 1),
            change(&|task| task.train[3].types[0] += 1),
            change(&|task| task.train[3].label ^= 1),
            change(&|task| task.train.swap(0, 1)),
            change(&|task| task.labels[0].push('x')),
            change(&|task| task.padding += 1),
            change(&|task| task.test.push(task.validation[3].clone())),
            change(&|task| {
                let last = task.validation.pop().unwrap();
                task.test.insert(0, last);
            }),
        ];
        assert_eq!(hashes[0], change(&|_| {}));
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), 9);
    }
}
