//! Small networks of every kind against PyTorch: `fixtures/networks.py` made the files.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use candle_core::{DType, Device, Tensor};
use engine::streams::{Purpose, stream};
use search_spaces::config::FrozenNorm;

use super::*;
use crate::{
    data::{
        batch::{Batch, Inputs},
        pixels::PixelFormat,
    },
    hub::{self, HubError},
    models::{BaseModel as _, Model, Pass, Takes},
    ops::{backward, cross_entropy},
    parameters::Role,
};

const NETWORKS: [&str; 6] = ["cifar", "basic", "bottleneck", "transformers", "mobilenet", "mobilenet-transformers"];

fn path(network: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/models/convnet/fixtures/{network}.safetensors"))
}

/// What PyTorch found.
struct Reference(BTreeMap<String, Tensor>);

impl Reference {
    fn of(network: &str) -> Reference {
        Reference(candle_core::safetensors::load(path(network), &Device::Cpu).unwrap().into_iter().collect())
    }

    fn get(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("the fixture has no {name}"))
    }

    fn batch(&self) -> Batch {
        let pixels = self.get("batch/pixels").permute((0, 2, 3, 1)).unwrap().contiguous().unwrap();
        let labels = self.get("batch/labels").to_dtype(DType::U32).unwrap().to_vec1().unwrap();
        Batch::new(Inputs::Pixels(pixels), labels, &Device::Cpu).unwrap()
    }
}

fn base(network: &str) -> ConvNetBase {
    ConvNetBase::load(&path(network), &Device::Cpu).unwrap()
}

/// With the fixture's head.
fn model(network: &str, reference: &Reference) -> Box<dyn Model> {
    let mut model = base(network).instantiate(5, &mut stream(1, 0, Purpose::HeadWeights)).unwrap();
    let head = model.blocks().len() - 1;
    model.parameters_mut().thaw_from(head).unwrap();
    for (parameter, var) in model.parameters().thawed() {
        var.set(reference.get(&parameter.name)).unwrap();
    }
    model
}

fn training(lowest_thawed: usize) -> Pass {
    Pass { training: true, lowest_thawed, ..Pass::evaluation() }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference relative to the largest value.
fn difference(found: &Tensor, expected: &Tensor) -> f64 {
    difference_to(found, expected, 0.0)
}

/// The same, where the largest value counts as no smaller than `least`.
fn difference_to(found: &Tensor, expected: &Tensor, least: f32) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (values(found), values(expected));
    let largest = expected.iter().fold(least, |most, v| most.max(v.abs()));
    let off = found.iter().zip(&expected).fold(0f32, |most, (a, b)| if (a - b).is_nan() { f32::NAN } else { most.max((a - b).abs()) });
    f64::from(off / largest)
}

/// `../multiply_adds.py` counted them.
#[test]
fn multiply_adds_are_those_of_pytorch() {
    let counted = [("cifar", 17, 418_612), ("basic", 45, 516_012), ("bottleneck", 33, 271_344), ("transformers", 39, 435_792)];
    for (network, side, expected) in counted.into_iter().chain([("mobilenet", 80, 632_504)]) {
        let base = base(network);
        let blocks = base.multiply_adds(side, 5);
        assert_eq!((blocks.len(), blocks.iter().sum::<u64>()), (base.blocks().len(), expected), "{network}");
    }
}

#[test]
fn logits_loss_gradients_and_running_statistics_are_those_of_pytorch() {
    for network in NETWORKS {
        let reference = Reference::of(network);
        let mut model = model(network, &reference);
        let logits = model.forward(&reference.batch(), &Pass::evaluation()).unwrap();
        let off = difference(&logits, reference.get("logits"));
        assert!(off < 1e-5, "{network}: logits differ by {off:.1e}");

        model.parameters_mut().thaw_from(0).unwrap();
        let batch = reference.batch();
        let loss = cross_entropy(&model.forward(&batch, &training(0)).unwrap(), &batch.labels, 0.1).unwrap();
        let off = difference(&loss.reshape(1).unwrap(), reference.get("loss"));
        assert!(off < 1e-5, "{network}: the loss differs by {off:.1e}");
        let gradients = backward(&loss).unwrap();
        // A bias whose shift the next normalisation takes out again has no gradient but rounding: held against the others'.
        let of_all = reference.0.iter().filter(|(name, _)| name.starts_with("gradient/")).flat_map(|(_, gradient)| values(gradient));
        let least = 1e-2 * of_all.fold(0f32, |most, v| most.max(v.abs()));
        for (parameter, var) in model.parameters().thawed() {
            let name = &parameter.name;
            let (found, expected) = if parameter.role == Role::Buffer {
                (var.as_tensor(), reference.get(&format!("after/{name}")))
            } else {
                let gradient = gradients.get(var).unwrap_or_else(|| panic!("{network}: {name} has no gradient"));
                (gradient, reference.get(&format!("gradient/{name}")))
            };
            let off = difference_to(&parameter.layout.in_file(found).unwrap(), expected, least);
            // Rounding alone, in fifty layers over few pixels, makes torch differ from itself by nearly as much as the larger one.
            let limit = if network == "mobilenet-transformers" { 2e-4 } else { 1e-4 };
            assert!(off < limit, "{network}: {name} differs by {off:.1e}");
        }
        // Nothing of the fixture was left out.
        let known = model.parameters().iter().filter(|p| p.role != Role::Buffer).count();
        assert_eq!(known, reference.0.keys().filter(|name| name.starts_with("gradient/")).count(), "{network}");
    }
}

#[test]
fn frozen_blocks_keep_everything_and_get_no_gradient() {
    for network in NETWORKS {
        let reference = Reference::of(network);
        let blocks = base(network).blocks().len();
        for lowest in [1, blocks / 2, blocks - 1] {
            let mut model = model(network, &reference);
            model.parameters_mut().thaw_from(lowest).unwrap();
            let before: BTreeMap<String, Vec<f32>> = model.parameters().iter().map(|p| (p.name.clone(), values(p.tensor()))).collect();
            let batch = reference.batch();
            let loss = cross_entropy(&model.forward(&batch, &training(lowest)).unwrap(), &batch.labels, 0.0).unwrap();
            let gradients = backward(&loss).unwrap();
            for parameter in model.parameters().iter() {
                let trains = parameter.block >= lowest && parameter.role != Role::Buffer;
                assert_eq!(gradients.get(parameter.tensor()).is_some(), trains, "{network}: {}", parameter.name);
                let moved = values(parameter.tensor()) != before[&parameter.name];
                assert_eq!(moved, parameter.role == Role::Buffer && parameter.block >= lowest, "{network}: {}", parameter.name);
            }
        }
    }
}

#[test]
fn frozen_norm_batch_normalises_frozen_blocks_as_plain_pytorch_does() {
    let reference = Reference::of("cifar");
    let mut model = model("cifar", &reference);
    model.parameters_mut().thaw_buffers().unwrap();
    let head = model.blocks().len() - 1;
    let pass = Pass { frozen_norm: FrozenNorm::Batch, ..training(head) };
    let batch = reference.batch();
    let loss = cross_entropy(&model.forward(&batch, &pass).unwrap(), &batch.labels, 0.1).unwrap();
    assert!(difference(&loss.reshape(1).unwrap(), reference.get("loss")) < 1e-5);
    for parameter in model.parameters().iter().filter(|p| p.role == Role::Buffer) {
        assert!(difference(parameter.tensor(), reference.get(&format!("after/{}", parameter.name))) < 1e-4, "{}", parameter.name);
    }
}

#[test]
fn the_forward_pass_can_start_at_any_block() {
    for network in NETWORKS {
        let reference = Reference::of(network);
        let model = model(network, &reference);
        let (batch, pass) = (reference.batch(), Pass::evaluation());
        let whole = values(&model.forward(&batch, &pass).unwrap());
        let mut below = None;
        for block in 0..model.blocks().len() {
            assert_eq!(values(&model.forward_from(block, below.as_ref(), &batch, &pass).unwrap()), whole, "{network} from {block}");
            below = Some(model.run_block(block, below.as_ref(), &batch, &pass).unwrap());
        }
    }
}

#[test]
fn blocks_are_those_of_the_papers() {
    let blocks = |network: &str| base(network).blocks().join(" ");
    insta::assert_snapshot!(blocks("cifar"), @"stem layer1.0 layer1.1 layer2.0 layer2.1 layer3.0 layer3.1 head");
    insta::assert_snapshot!(blocks("transformers"), @"stem layer1.0 layer2.0 layer2.1 layer3.0 layer4.0 head");
    insta::assert_snapshot!(blocks("mobilenet"), @"stem features.1 features.2 features.3 features.4 features.5 features.6 features.7 features.8 features.9 features.10 features.11 features.12 features.13 features.14 features.15 features.16 features.17 features.18 head");
    let Takes::Pixels(format) = base("basic").takes() else { panic!("an image model takes pixels") };
    assert_eq!((format.side, format.channels()), (224, 3));
}

#[test]
fn an_exported_folder_is_read_again() {
    for network in NETWORKS {
        let reference = Reference::of(network);
        let model = model(network, &reference);
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("out");
        hub::export(&to, &base(network).classifier(&["a", "b", "c", "d", "e"].map(str::to_owned), None), model.parameters()).unwrap();
        assert!(ConvNetBase::is_one(&to));
        let again = ConvNetBase::load(&to, &Device::Cpu).unwrap();
        assert_eq!(again.blocks(), base(network).blocks());
        let other = hub::Trained::load(&to, &Device::Cpu).unwrap();
        assert_eq!(other.labels, ["a", "b", "c", "d", "e"]);
        let (batch, pass) = (reference.batch(), Pass::evaluation());
        assert_eq!(values(&other.model.forward(&batch, &pass).unwrap()), values(&model.forward(&batch, &pass).unwrap()), "{network}");
    }
}

/// What is exported is named as transformers has it, whose own files say what that is.
#[test]
fn torchvisions_networks_leave_in_the_names_of_transformers() {
    let names = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        let mut names: Vec<String> =
            safetensors::SafeTensors::deserialize(&bytes).unwrap().names().into_iter().map(ToString::to_string).collect();
        names.sort();
        names
    };
    for network in ["basic", "bottleneck"] {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("out");
        let model = model(network, &Reference::of(network));
        let classifier = base(network).classifier(&["a", "b", "c", "d", "e"].map(str::to_owned), None);
        hub::export(&to, &classifier, model.parameters()).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&std::fs::read(to.join("config.json")).unwrap()).unwrap();
        assert_eq!((&config["model_type"], &config["architectures"][0]), (&"resnet".into(), &"ResNetForImageClassification".into()));
        // Each layer has a name, and each name a layer of transformers' kind.
        let found = names(&to.join("model.safetensors"));
        let layers = found.iter().filter(|name| !name.ends_with("num_batches_tracked")).count();
        assert_eq!(layers, model.parameters().iter().count(), "{found:?}");
        for name in &found {
            let known =
                ["resnet.embedder.embedder.", "resnet.encoder.stages.", "classifier.1."].iter().any(|prefix| name.starts_with(prefix));
            assert!(known, "{name}");
        }
        assert_eq!(base(network).architecture.kind, "resnet_torchvision");
        assert_eq!(ConvNetBase::load(&to, &Device::Cpu).unwrap().architecture.kind, "resnet");
    }
}

#[test]
fn an_untrained_network_is_a_matter_of_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let format = PixelFormat { side: 28, mean: vec![0.3], deviation: vec![0.4] };
    let draw = |seed| {
        Untrained { widths: [4, 6, 8], depth: 2, format: format.clone() }
            .write(folder.path(), &mut stream(seed, 0, Purpose::HeadWeights))
            .unwrap();
        ConvNetBase::load(folder.path(), &Device::Cpu).unwrap()
    };
    let base = draw(1);
    assert_eq!((base.blocks().len(), base.format()), (8, &format));
    assert_eq!(base.hash().unwrap(), draw(1).hash().unwrap());
    assert_ne!(base.hash().unwrap(), draw(2).hash().unwrap());
}

#[test]
fn other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("model.safetensors");
    let told = |error: HubError| error.to_string().replace(folder.path().to_str().unwrap(), "DIR");
    let tensor = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
    std::fs::write(&to, safetensors::serialize([("weight", &tensor)], None).unwrap()).unwrap();
    insta::assert_snapshot!(told(ConvNetBase::load(folder.path(), &Device::Cpu).unwrap_err()), @"DIR/model.safetensors: its tensors are those of no network that is read: ResNets and MobileNetV2 as torchvision and transformers name them, and ResNets of the CIFAR kind");
    // A layer of another width than its neighbours'.
    let mut tensors: BTreeMap<String, Tensor> = Reference::of("cifar").0.into_iter().filter(|(name, _)| !name.contains('/')).collect();
    tensors.insert("layer2.0.bn1.weight".to_owned(), tensor.clone());
    std::fs::write(&to, safetensors::serialize(tensors.iter(), None).unwrap()).unwrap();
    insta::assert_snapshot!(told(ConvNetBase::load(folder.path(), &Device::Cpu).unwrap_err()), @"DIR/model.safetensors: tensor `layer2.0.bn1.weight` has shape [3] where the model needs [8]: weights and config.json do not belong together");
    tensors.remove("layer2.0.bn1.weight");
    std::fs::write(&to, safetensors::serialize(tensors.iter(), None).unwrap()).unwrap();
    insta::assert_snapshot!(told(ConvNetBase::load(folder.path(), &Device::Cpu).unwrap_err()), @"DIR/model.safetensors: tensor `layer2.0.bn1.weight` is missing, which the model needs: weights and config.json do not belong together, or are of another architecture");
}

/// The tensors of a fixture in `folder`, changed, beside this config.json.
fn folder_of(folder: &Path, network: &str, config: &str, change: impl Fn(&mut BTreeMap<String, Tensor>)) {
    let mut tensors: BTreeMap<String, Tensor> = Reference::of(network).0.into_iter().filter(|(name, _)| !name.contains('/')).collect();
    change(&mut tensors);
    std::fs::write(folder.join("model.safetensors"), safetensors::serialize(tensors.iter(), None).unwrap()).unwrap();
    std::fs::write(folder.join("config.json"), config).unwrap();
}

#[test]
fn weights_and_config_of_two_sizes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let told = |config: &str, change: &dyn Fn(&mut BTreeMap<String, Tensor>)| {
        folder_of(folder.path(), "transformers", config, change);
        let error = ConvNetBase::load(folder.path(), &Device::Cpu).err().map(|error| error.to_string());
        error.unwrap_or_else(|| "read".to_owned()).replace(folder.path().to_str().unwrap(), "DIR")
    };
    let as_is = |_: &mut BTreeMap<String, Tensor>| {};
    let right =
        r#"{"model_type": "resnet", "depths": [1, 2, 1, 1], "hidden_sizes": [8, 8, 16, 16], "embedding_size": 4, "layer_type": "basic"}"#;
    assert_eq!(told(right, &as_is), "read");
    insta::assert_snapshot!(told(&right.replace("[1, 2, 1, 1]", "[2, 2, 2, 2]"), &as_is), @"DIR/config.json: field `depths`: is [2,2,2,2], but the weights in DIR/model.safetensors have [1,2,1,1]: the two do not belong together");
    insta::assert_snapshot!(told(&right.replace("basic", "bottleneck"), &as_is), @r#"DIR/config.json: field `layer_type`: is "bottleneck", but the weights in DIR/model.safetensors have "basic": the two do not belong together"#);
    let without = |name: &'static str| move |tensors: &mut BTreeMap<String, Tensor>| tensors.retain(|other, _| !other.contains(name));
    insta::assert_snapshot!(told(right, &without("stages.1.layers.1.")), @"DIR/config.json: field `depths`: is [1,2,1,1], but the weights in DIR/model.safetensors have [1,1,1,1]: the two do not belong together");
    insta::assert_snapshot!(told("{}", &without("stages.1.layers.1.layer.0.convolution")), @"DIR/model.safetensors: tensor `resnet.encoder.stages.1.layers.1.layer.0.normalization.bias` belongs to no layer of the network that the other tensors make up: it is of another architecture, or tensors are missing");
    let negative = |tensors: &mut BTreeMap<String, Tensor>| {
        let variance = tensors.get_mut("resnet.embedder.embedder.normalization.running_var").unwrap();
        *variance = variance.neg().unwrap();
    };
    insta::assert_snapshot!(told(right, &negative), @"DIR/model.safetensors: tensor `resnet.embedder.embedder.normalization.running_var` holds a negative variance: the training that made it went wrong, or the file is damaged");
}

#[test]
fn mobilenet_of_transformers_pads_as_its_config_says() {
    let folder = tempfile::tempdir().unwrap();
    let network = "mobilenet-transformers";
    let reference = Reference::of(network);
    let load = |config: &str| {
        folder_of(folder.path(), network, config, |_| {});
        ConvNetBase::load(folder.path(), &Device::Cpu)
    };
    let logits = |config: &str| {
        let mut model = load(config).unwrap().instantiate(5, &mut stream(1, 0, Purpose::HeadWeights)).unwrap();
        let head = model.blocks().len() - 1;
        model.parameters_mut().thaw_from(head).unwrap();
        for (parameter, var) in model.parameters().thawed() {
            var.set(reference.get(&parameter.name)).unwrap();
        }
        model.forward(&reference.batch(), &Pass::evaluation()).unwrap()
    };
    let plain =
        r#"{"model_type": "mobilenet_v2", "tf_padding": false, "layer_norm_eps": 0.001, "output_stride": 32, "hidden_act": "relu6"}"#;
    assert!(difference(&logits(plain), reference.get("plain/logits")) < 1e-5);
    assert!(difference(&logits(&plain.replace("false", "true")), reference.get("logits")) < 1e-5);
    assert!(difference(&logits(&plain.replace("0.001", "0.1")), reference.get("plain/logits")) > 1e-3);
    assert_ne!(load(plain).unwrap().identity(), load("{}").unwrap().identity());
    let told = |config: &str| load(config).unwrap_err().to_string().replace(folder.path().to_str().unwrap(), "DIR");
    insta::assert_snapshot!(told(&plain.replace("32", "16")), @"DIR/config.json: field `output_stride`: is not 32, which alone is read");
    insta::assert_snapshot!(told(&plain.replace("relu6", "swish")), @r#"DIR/config.json: field `hidden_act`: is "swish", but only "relu6" is read"#);
}

#[test]
fn a_network_that_grows_narrower_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let format = PixelFormat { side: 8, mean: vec![0.5], deviation: vec![0.5] };
    let narrower = Untrained { widths: [8, 4, 4], depth: 1, format };
    narrower.write(folder.path(), &mut stream(1, 0, Purpose::HeadWeights)).unwrap();
    assert!(matches!(ConvNetBase::load(folder.path(), &Device::Cpu).unwrap_err(), HubError::Unrecognised { .. }));
}

#[test]
fn models_share_the_frozen_weights_of_their_base() {
    let base = base("mobilenet");
    let models = [1, 2].map(|seed| base.instantiate(5, &mut stream(seed, 0, Purpose::HeadWeights)).unwrap());
    let head = models[0].blocks().len() - 1;
    let addresses = |model: &dyn Model| -> Vec<*const f32> {
        let below = model.parameters().iter().filter(|parameter| parameter.block < head);
        below.map(|parameter| address(parameter.tensor())).collect()
    };
    assert_eq!(addresses(models[0].as_ref()), addresses(models[1].as_ref()));
}

/// Where the values of a tensor lie.
fn address(tensor: &Tensor) -> *const f32 {
    let (storage, layout) = tensor.storage_and_layout();
    let candle_core::Storage::Cpu(candle_core::CpuStorage::F32(values)) = &*storage else { panic!("f32 on the CPU") };
    values[layout.start_offset()..].as_ptr()
}

/// PyTorch refuses such a batch; here the last batch of a pass may be one.
#[test]
fn a_batch_of_one_pixel_is_normalised_with_the_running_statistics() {
    let reference = Reference::of("cifar");
    let mut model = model("cifar", &reference);
    model.parameters_mut().thaw_from(0).unwrap();
    let one = Tensor::ones((1, 1, 1, 3), DType::F32, &Device::Cpu).unwrap();
    let batch = Batch::new(Inputs::Pixels(one), vec![0], &Device::Cpu).unwrap();
    let evaluated = values(&model.forward(&batch, &Pass::evaluation()).unwrap());
    assert_eq!(values(&model.forward(&batch, &training(0)).unwrap()), evaluated);
}
