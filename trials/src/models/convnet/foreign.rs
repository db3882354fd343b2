//! A network in the names of transformers, so that it reads what is exported.

use serde_json::{Map, Value, json};

use super::{architecture::Architecture, config::sizes};

/// How an exported folder has a network.
pub(super) struct Foreign {
    /// As `model_type` of config.json.
    pub(super) kind: &'static str,
    /// The class that reads it.
    pub(super) class: &'static str,
    /// From a parameter's name to that in the file.
    pub(super) rename: fn(&str) -> String,
    /// Of a network that transformers does not have: files that do.
    pub(super) code: &'static [(&'static str, &'static str)],
}

/// ResNets of the CIFAR kind for transformers, with `trust_remote_code=True`.
const CIFAR_CODE: [(&str, &str); 1] = [("modeling_cifar_resnet.py", include_str!("modeling_cifar_resnet.py"))];

impl Foreign {
    pub(super) fn of(architecture: &Architecture) -> Foreign {
        let own = |name: &str| name.to_owned();
        let Architecture { kind, class, .. } = architecture;
        match *kind {
            "resnet_torchvision" => Foreign { kind: "resnet", class: "ResNetForImageClassification", rename: resnet, code: &[] },
            "mobilenet_v2_torchvision" if is_usual_mobilenet(architecture) => {
                Foreign { kind: "mobilenet_v2", class: "MobileNetV2ForImageClassification", rename: mobilenet, code: &[] }
            }
            "resnet_cifar" => Foreign { kind, class: "CifarResNetForImageClassification", rename: own, code: &CIFAR_CODE },
            _ => Foreign { kind, class, rename: own, code: &[] },
        }
    }
}

/// Fields of config.json that transformers makes the network from, where the base model's file has not got them all.
pub(super) fn fields(architecture: &Architecture) -> Map<String, Value> {
    let sizes = || sizes(architecture).into_iter().map(|(name, value)| (name.to_owned(), value));
    match architecture.kind {
        "resnet_torchvision" => sizes()
            .chain(
                [("hidden_act", json!("relu")), ("downsample_in_first_stage", json!(false)), ("downsample_in_bottleneck", json!(false))]
                    .map(|(name, value)| (name.to_owned(), value)),
            )
            .collect(),
        "resnet_cifar" => {
            let code = json!({
                "AutoConfig": "modeling_cifar_resnet.CifarResNetConfig",
                "AutoModelForImageClassification": "modeling_cifar_resnet.CifarResNetForImageClassification",
            });
            sizes().chain([("auto_map".to_owned(), code)]).collect()
        }
        "mobilenet_v2_torchvision" if is_usual_mobilenet(architecture) => {
            let torchvisions = [
                ("num_channels", json!(architecture.channels())),
                ("depth_multiplier", json!(1.0)),
                ("output_stride", json!(32)),
                ("first_layer_is_expansion", json!(true)),
                ("finegrained_output", json!(true)),
                ("hidden_act", json!("relu6")),
                ("tf_padding", json!(false)),
                ("layer_norm_eps", json!(1e-5)),
            ];
            torchvisions.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        }
        _ => Map::new(),
    }
}

/// Of width 1, the only one whose sizes both work out alike for certain.
fn is_usual_mobilenet(architecture: &Architecture) -> bool {
    architecture.blocks.first().and_then(|stem| stem.units.first()).is_some_and(|unit| unit.out == 32) && architecture.features == 1280
}

/// torchvision's name of a ResNet's tensor to transformers'.
fn resnet(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let number =
        |text: &str, prefix: &str| text.strip_prefix(prefix).and_then(|rest| rest.parse::<usize>().ok()).map(|n| n.saturating_sub(1));
    match parts[..] {
        ["fc", part] => format!("classifier.1.{part}"),
        ["conv1", part] => format!("resnet.embedder.embedder.convolution.{part}"),
        ["bn1", part] => format!("resnet.embedder.embedder.normalization.{part}"),
        [stage, layer, unit, ..] => {
            let block = format!("resnet.encoder.stages.{}.layers.{layer}", number(stage, "layer").unwrap_or_default());
            let part = parts.last().copied().unwrap_or_default();
            match (unit, number(unit, "conv"), number(unit, "bn")) {
                (_, Some(unit), _) => format!("{block}.layer.{unit}.convolution.{part}"),
                (_, _, Some(unit)) => format!("{block}.layer.{unit}.normalization.{part}"),
                _ if parts.get(3) == Some(&"0") => format!("{block}.shortcut.convolution.{part}"),
                _ => format!("{block}.shortcut.normalization.{part}"),
            }
        }
        _ => name.to_owned(),
    }
}

/// The same of a MobileNetV2.
fn mobilenet(name: &str) -> String {
    /// Index of the last block, a single convolution.
    const TAIL: usize = 18;
    let parts: Vec<&str> = name.split('.').collect();
    let layer = |norm: bool| if norm { "normalization" } else { "convolution" };
    let part = parts.last().copied().unwrap_or_default();
    let index: Option<usize> = parts.get(1).and_then(|index| index.parse().ok());
    match (parts[0], index, &parts[2..parts.len() - 1]) {
        ("features", Some(0), [norm]) => format!("mobilenet_v2.conv_stem.first_conv.{}.{part}", layer(*norm == "1")),
        ("features", Some(TAIL), [norm]) => format!("mobilenet_v2.conv_1x1.{}.{part}", layer(*norm == "1")),
        ("features", Some(index), ["conv", inner @ ..]) => {
            // The first block does not widen.
            let units: &[&str] = if index == 1 { &["conv_3x3", "reduce_1x1"] } else { &["expand_1x1", "conv_3x3", "reduce_1x1"] };
            let block = if index == 1 { "conv_stem".to_owned() } else { format!("layer.{}", index - 2) };
            let last = units.len() - 1;
            let number = |text: &str| text.parse::<usize>().unwrap_or_default();
            let (unit, norm) = match inner {
                [unit, norm] => (number(unit), *norm == "1"),
                [at] => (last, number(at) > last),
                _ => (0, false),
            };
            format!("mobilenet_v2.{block}.{}.{}.{part}", units[unit.min(last)], layer(norm))
        }
        ("classifier", ..) => format!("classifier.{part}"),
        _ => name.to_owned(),
    }
}
