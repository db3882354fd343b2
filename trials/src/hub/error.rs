//! What can be wrong with a model folder.

use std::{io, path::PathBuf};

/// Every message names the file, what in it, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error(
        "{} is missing: a model folder holds config.json, model.safetensors (or model.safetensors.index.json with its shards), and, for \
         texts, tokenizer.json or vocab.txt{}",
        path.display(),
        if path.with_file_name("pytorch_model.bin").exists() { "; pytorch_model.bin is not read: save the model as safetensors" } else { "" }
    )]
    Missing { path: PathBuf },
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} already exists and is not an empty folder: choose another place, or remove it", path.display())]
    Occupied { path: PathBuf },
    #[error(
        "{} is a link{}, whose place a folder cannot take: write the path of the folder that it leads to, choose another place, or remove the link",
        path.display(),
        std::fs::read_link(path).map_or_else(|_| String::new(), |to| format!(" to {}", to.display()))
    )]
    Link { path: PathBuf },
    #[error("another process is writing {}: wait for it, or choose another place", path.display())]
    InUse { path: PathBuf },
    #[error("{} has no name of its own: write the name of a folder that is to be made", path.display())]
    Nameless { path: PathBuf },
    #[error("{} is not a JSON object: {source}; fetch it again", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("{}: field `{field}`: {problem}", path.display())]
    Config { path: PathBuf, field: &'static str, problem: String },
    #[error("{} is broken or cut short ({problem}): fetch it again", path.display())]
    Safetensors { path: PathBuf, problem: String },
    #[error(
        "{}: tensor `{tensor}` is missing, which the model needs: weights and config.json do not belong together, or are of another \
         architecture",
        path.display()
    )]
    TensorMissing { path: PathBuf, tensor: String },
    #[error(
        "{}: tensor `{tensor}` has shape {found:?} where the model needs {expected:?}: weights and config.json do not belong together",
        path.display()
    )]
    TensorShape { path: PathBuf, tensor: String, expected: Vec<usize>, found: Vec<usize> },
    #[error("{}: tensor `{tensor}` has shape {found:?}, so there is nothing in it: the file is damaged, or of no network", path.display())]
    TensorEmpty { path: PathBuf, tensor: String, found: Vec<usize> },
    #[error("{}: tensor `{tensor}` holds {found}, not f32, f16 or bf16: convert it with transformers' save_pretrained", path.display())]
    TensorType { path: PathBuf, tensor: String, found: String },
    #[error("{}: tensor `{tensor}` holds values that are not finite: the training that made it went wrong, or the file is damaged", path.display())]
    TensorValues { path: PathBuf, tensor: String },
    #[error(
        "{}: tensor `{tensor}` belongs to a layer that config.json does not have: weights and config.json do not belong together",
        path.display()
    )]
    TensorUnexpected { path: PathBuf, tensor: String },
    #[error("{}: tensor `{tensor}` holds a negative variance: the training that made it went wrong, or the file is damaged", path.display())]
    TensorNegative { path: PathBuf, tensor: String },
    #[error(
        "{}: tensor `{tensor}` belongs to no layer of the network that the other tensors make up: it is of another architecture, or tensors \
         are missing",
        path.display()
    )]
    TensorLeft { path: PathBuf, tensor: String },
    #[error("{}: there is no classification head (`{tensor}`): this is a model to start from; fine-tune it first", path.display())]
    NoHead { path: PathBuf, tensor: String },
    #[error(
        "{}: its tensors are those of no network that is read: ResNets and MobileNetV2 as torchvision and transformers name them, and ResNets \
         of the CIFAR kind",
        path.display()
    )]
    Unrecognised { path: PathBuf },
    #[error("the weights of {} cannot be put on the device: {source}", path.display())]
    Device { path: PathBuf, source: candle_core::Error },
}
