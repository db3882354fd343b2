//! What `config.json` says of a network, held against its tensors.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::architecture::{Architecture, Block, Conventions};
use crate::hub::HubError;

/// Refuses variants that transformers knows and this crate computes otherwise, and sizes that are not those of the weights in `listing`:
/// what is exported would be read by nobody.
pub(super) fn check(fields: &Map<String, Value>, path: &Path, architecture: &Architecture, listing: &Path) -> Result<(), HubError> {
    let wrong = |field, problem: String| Err(HubError::Config { path: path.to_owned(), field, problem });
    for field in ["downsample_in_first_stage", "downsample_in_bottleneck"] {
        if fields.get(field) == Some(&Value::Bool(true)) {
            return wrong(field, "is true, which is not read: choose a ResNet that has its strides where torchvision has them".to_owned());
        }
    }
    let usual = if architecture.kind.starts_with("mobilenet") { "relu6" } else { "relu" };
    match fields.get("hidden_act").and_then(Value::as_str) {
        None => {}
        Some(act) if act == usual => {}
        Some(other) => return wrong("hidden_act", format!("is {other:?}, but only {usual:?} is read")),
    }
    for (field, found) in sizes(architecture) {
        let said = fields.get(field).unwrap_or(&Value::Null);
        if !said.is_null() && *said != found {
            let problem = format!("is {said}, but the weights in {} have {found}: the two do not belong together", listing.display());
            return wrong(field, problem);
        }
    }
    Ok(())
}

/// Sizes as config.json has them.
pub(super) fn sizes(architecture: &Architecture) -> Vec<(&'static str, Value)> {
    let channels = ("num_channels", json!(architecture.channels()));
    if !architecture.kind.starts_with("resnet") {
        return vec![channels];
    }
    // `layer3.1` is the second block of the third stage.
    let stage = |block: &Block| block.name.split_once('.').map(|(stage, _)| stage.to_owned());
    let (mut depths, mut widths, mut last): (Vec<u64>, Vec<usize>, _) = (Vec::new(), Vec::new(), None);
    for block in &architecture.blocks[1..] {
        let this = stage(block);
        if this != last {
            depths.push(0);
            widths.push(0);
            last = this;
        }
        if let (Some(depth), Some(width), Some(unit)) = (depths.last_mut(), widths.last_mut(), block.units.last()) {
            *depth += 1;
            *width = unit.out;
        }
    }
    let stem = architecture.blocks[0].units.first().map_or(0, |unit| unit.out);
    let bottleneck = architecture.blocks[1..].iter().any(|block| block.units.len() == 3);
    let kind = if bottleneck { "bottleneck" } else { "basic" };
    vec![channels, ("depths", json!(depths)), ("hidden_sizes", json!(widths)), ("embedding_size", json!(stem)), ("layer_type", json!(kind))]
}

/// How the network computes. transformers' MobileNetV2 has TensorFlow's conventions, unless its fields say otherwise.
pub(super) fn conventions(fields: &Map<String, Value>, path: &Path, architecture: &Architecture) -> Result<Conventions, HubError> {
    if architecture.kind != "mobilenet_v2" {
        return Ok(Conventions::TORCH);
    }
    let wrong = |field, problem: &str| HubError::Config { path: path.to_owned(), field, problem: problem.to_owned() };
    let get = |field: &str| fields.get(field).filter(|value| !value.is_null());
    if get("output_stride").is_some_and(|stride| *stride != 32) {
        return Err(wrong("output_stride", "is not 32, which alone is read"));
    }
    let epsilon = get("layer_norm_eps").map_or(Some(0.001), Value::as_f64).filter(|epsilon| *epsilon > 0.0 && *epsilon < 1.0);
    let tf_padding = get("tf_padding").map_or(Some(true), Value::as_bool);
    Ok(Conventions {
        epsilon: epsilon.ok_or_else(|| wrong("layer_norm_eps", "must be a number between 0 and 1"))?,
        tf_padding: tf_padding.ok_or_else(|| wrong("tf_padding", "must be true or false"))?,
    })
}
