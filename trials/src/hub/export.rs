//! A fine-tuned classifier as a Hugging Face folder.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use serde_json::{Map, Value, json};

use super::{HubError, hidden::Hidden};
use crate::{data::tokenize::MAX_TOKENIZER_BYTES, parameters::Parameters};

/// Files of the tokenizer, copied when the base model's folder has them.
const TOKENIZER: [&str; 5] = ["tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"];

/// What an exported folder needs besides the weights.
#[derive(Debug, Clone)]
pub struct Classifier {
    /// The transformers class that reads the folder: `BertForSequenceClassification`.
    pub architecture: &'static str,
    /// The base model's folder, whose tokenizer is copied.
    pub base: PathBuf,
    /// Every field of the base model's `config.json`.
    pub config: Map<String, Value>,
    /// Label names by class index.
    pub labels: Vec<String>,
    /// What `preprocessor_config.json` says of a model of images.
    pub preprocessor: Option<Value>,
    /// A parameter's name in the exported file, where that is another than its own.
    pub rename: fn(&str) -> String,
    /// Files with the network's code, for those that transformers does not have: names and contents.
    pub code: &'static [(&'static str, &'static str)],
}

/// Writes a folder that transformers' `AutoModelForSequenceClassification` and `AutoTokenizer` load. It appears at `to` complete or not at
/// all; `to` must have a name of its own (not `.`) and not exist, or be an empty folder.
pub fn export(to: &Path, classifier: &Classifier, parameters: &Parameters) -> Result<(), HubError> {
    Draft::write(to, classifier, parameters)?.publish()
}

/// A folder as [`export`] writes it that has not got its name yet: it lies beside that, in a hidden folder, can be read back and added to, and is
/// removed with the value unless it is published. Meanwhile no other process writes one for the same place.
#[derive(Debug)]
pub struct Draft {
    /// In `hidden`.
    partial: PathBuf,
    to: PathBuf,
    /// Removes itself.
    _hidden: Hidden,
}

impl Draft {
    pub fn write(to: &Path, classifier: &Classifier, parameters: &Parameters) -> Result<Draft, HubError> {
        check_destination(to)?;
        let hidden = Hidden::take(to)?;
        // Another process may have published its own just before.
        check_destination(to)?;
        let draft = Draft { partial: hidden.folder().join("model"), to: to.to_owned(), _hidden: hidden };
        draft.fill(classifier, parameters)?;
        Ok(draft)
    }

    /// Where it lies now.
    pub fn folder(&self) -> &Path {
        &self.partial
    }

    /// Writes one more file, `name`, a plain file name.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), HubError> {
        let path = self.partial.join(name);
        let write = || -> io::Result<()> {
            let mut file = File::create(&path)?;
            file.write_all(bytes)?;
            file.sync_all()
        };
        write().map_err(|source| HubError::Write { path: path.clone(), source })
    }

    /// Gives the folder its name.
    pub fn publish(self) -> Result<(), HubError> {
        let failed = |source| HubError::Write { path: self.to.clone(), source };
        let sync = |folder: &Path| File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed);
        sync(&self.partial)?;
        // What has come to be there since the draft was begun says more than the system does.
        fs::rename(&self.partial, &self.to).map_err(|source| check_destination(&self.to).err().unwrap_or_else(|| failed(source)))?;
        // The name is on disk once the folder that holds it is.
        sync(self.to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    }

    fn fill(&self, classifier: &Classifier, parameters: &Parameters) -> Result<(), HubError> {
        let folder = &self.partial;
        let failed = |source| HubError::Write { path: folder.clone(), source };
        fs::create_dir(folder).map_err(failed)?;
        for name in TOKENIZER {
            let from = classifier.base.join(name);
            match crate::files::read(&from, MAX_TOKENIZER_BYTES) {
                Ok(bytes) => self.put(name, &bytes)?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(HubError::Read { path: from, source }),
            }
        }
        if let Some(preprocessor) = &classifier.preprocessor {
            self.put("preprocessor_config.json", format!("{preprocessor:#}\n").as_bytes())?;
        }
        for (name, text) in classifier.code {
            self.put(name, text.as_bytes())?;
        }
        self.put("config.json", config(classifier).as_bytes())?;
        self.put("model.safetensors", &weights(folder, classifier.rename, parameters)?)
    }
}

/// Fails if [`export`] to this place would: to be called before hours of work. A link is refused too: a folder cannot take its place.
pub fn check_destination(to: &Path) -> Result<(), HubError> {
    let Some(name) = to.file_name() else { return Err(HubError::Nameless { path: to.to_owned() }) };
    // Without a slash at its end, which would lead through a link.
    let place = to.with_file_name(name);
    match fs::symlink_metadata(&place) {
        Ok(found) if found.is_symlink() => return Err(HubError::Link { path: place }),
        Ok(found) if !found.is_dir() => return Err(HubError::Occupied { path: to.to_owned() }),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(HubError::Write { path: to.to_owned(), source }),
    }
    match fs::read_dir(to) {
        Ok(mut entries) => entries.next().map_or(Ok(()), |_| Err(HubError::Occupied { path: to.to_owned() })),
        Err(source) => Err(HubError::Read { path: to.to_owned(), source }),
    }
}

fn config(classifier: &Classifier) -> String {
    let mut config = classifier.config.clone();
    let labels = &classifier.labels;
    config.insert("architectures".into(), json!([classifier.architecture]));
    config.insert("problem_type".into(), json!("single_label_classification"));
    config.insert("num_labels".into(), json!(labels.len()));
    config.insert("id2label".into(), labels.iter().enumerate().map(|(i, l)| (i.to_string(), json!(l))).collect());
    config.insert("label2id".into(), labels.iter().enumerate().map(|(i, l)| (l.clone(), json!(i))).collect());
    for field in ["dtype", "torch_dtype"] {
        if config.contains_key(field) {
            config.insert(field.into(), json!("float32"));
        }
    }
    format!("{:#}\n", Value::Object(config))
}

fn weights(folder: &Path, rename: fn(&str) -> String, parameters: &Parameters) -> Result<Vec<u8>, HubError> {
    /// Of batch normalisation: how many batches its running statistics are of, which nobody asks for, but transformers warns when it is not there.
    const COUNTER: &str = "num_batches_tracked";
    let path = folder.join("model.safetensors");
    let device = |source| HubError::Device { path: path.clone(), source };
    let mut tensors = Vec::new();
    for (name, tensor) in parameters.exported().map_err(device)? {
        let name = rename(name);
        if let Some(norm) = name.strip_suffix("running_mean") {
            tensors.push((format!("{norm}{COUNTER}"), Tensor::new(0i64, &Device::Cpu).map_err(device)?));
        }
        tensors.push((name, tensor.to_device(&Device::Cpu).map_err(device)?));
    }
    let metadata = std::iter::once(("format".to_owned(), "pt".to_owned())).collect();
    safetensors::serialize(tensors, Some(metadata)).map_err(|e| HubError::Write { path, source: io::Error::other(e) })
}
