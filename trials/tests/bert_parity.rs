//! The whole model against PyTorch: logits, loss and the gradient of every parameter, on the batch that `fixtures/bert_parity.py` wrote.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use engine::streams::{Purpose, stream};
use search_spaces::config::Projections;
use trials::{
    data::batch::{Batch, Inputs},
    hub,
    models::{BaseModel, Lora, Model, Pass, bert::BertBase},
    ops::{backward, cross_entropy},
};

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

/// Largest difference, relative to the largest expected value.
fn difference(found: &Tensor, expected: &Tensor) -> f32 {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (values(found), values(expected));
    let scale = expected.iter().fold(0f32, |m, x| m.max(x.abs()));
    found.iter().zip(&expected).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / scale
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(name: &str) -> BTreeMap<String, Tensor> {
    candle_core::safetensors::load(fixtures().join(name), &Device::Cpu).unwrap().into_iter().collect()
}

fn base() -> BertBase {
    BertBase::load(&fixtures().join("tiny-bert"), &Device::Cpu).unwrap()
}

/// Gives the trainable parameters of `model` whose names start so the weights of `tiny-bert/`.
fn set(model: &dyn Model, prefix: &str) {
    let weights = read("tiny-bert/model.safetensors");
    for (parameter, var) in model.parameters().thawed().filter(|(parameter, _)| parameter.name.starts_with(prefix)) {
        var.set(&weights[&parameter.name]).unwrap();
    }
}

/// The batch of both fixtures.
fn batch() -> Batch {
    let expected = read("tiny-bert-expected.safetensors");
    let get = |name: &str| expected[name].clone();
    Batch { inputs: Inputs::Tokens { ids: get("ids"), types: get("types"), mask: get("mask") }, labels: get("labels"), mixed: None }
}

/// Compares logits, loss and the gradient of every parameter that trains, of which there are `count`.
fn compare(model: &dyn Model, expected: &BTreeMap<String, Tensor>, count: usize) {
    let batch = batch();
    let logits = model.forward(&batch, &Pass::evaluation()).unwrap();
    assert!(difference(&logits, &expected["logits"]) < 1e-5);
    let loss = cross_entropy(&logits, &batch.labels, 0.1).unwrap();
    assert!(difference(&loss, &expected["loss"]) < 1e-5);

    let gradients = backward(&loss).unwrap();
    for (parameter, var) in model.parameters().thawed() {
        let (found, expected) = (gradients.get(var).unwrap(), &expected[&format!("gradient.{}", parameter.name)]);
        if parameter.name.ends_with("key.bias") {
            // Zero but for rounding: a shift of all scores of a query changes nothing.
            assert!(values(found).iter().chain(&values(expected)).all(|g| g.abs() < 1e-6), "{}", parameter.name);
        } else {
            let difference = difference(found, expected);
            assert!(difference < 1e-4, "{}: {difference}", parameter.name);
        }
    }
    assert_eq!(model.parameters().thawed().count(), count);
    assert_eq!(expected.keys().filter(|name| name.starts_with("gradient.")).count(), count);
}

#[test]
fn logits_loss_and_gradients_are_those_of_pytorch() {
    let mut model = base().instantiate(4, &mut stream(0, 0, Purpose::HeadWeights)).unwrap();
    model.parameters_mut().thaw_from(0).unwrap();
    set(model.as_ref(), "classifier.");
    let weights = read("tiny-bert/model.safetensors");
    for (parameter, var) in model.parameters().thawed() {
        assert_eq!(values(var), values(&weights[&parameter.name]), "{}", parameter.name);
    }
    compare(model.as_ref(), &read("tiny-bert-expected.safetensors"), 5 + 2 * 16 + 4);
}

/// With additions to all four projections, and their gradients those of peft; then the same logits from the exported folder, in which they
/// are part of the weights.
#[test]
fn low_rank_additions_are_those_of_peft_and_exported_within_the_weights() {
    let base = base();
    let mut head = stream(0, 0, Purpose::HeadWeights);
    let mut model = base.instantiate(4, &mut head).unwrap();
    let lora = Lora { rank: 3, alpha: 6.0, dropout: 0.0, projections: Projections::All };
    model.adapt(lora, &mut head).unwrap();
    model.parameters_mut().thaw_from(0).unwrap();
    set(model.as_ref(), "classifier.");
    let expected = read("tiny-bert-lora-expected.safetensors");
    for (parameter, var) in model.parameters().thawed().filter(|(parameter, _)| parameter.name.contains(".lora_")) {
        var.set(&expected[&format!("weight.{}", parameter.name)]).unwrap();
    }
    compare(model.as_ref(), &expected, 2 * 4 * 2 + 4);

    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("model");
    let labels = ["a", "b", "c", "d"].map(str::to_owned);
    hub::export(&to, &base.classifier(&labels, None), model.parameters()).unwrap();
    let exported = candle_core::safetensors::load(to.join("model.safetensors"), &Device::Cpu).unwrap();
    assert!(exported.keys().all(|name| !name.contains("lora")), "{:?}", exported.keys());
    let mut merged = BertBase::load(&to, &Device::Cpu).unwrap().instantiate(4, &mut head).unwrap();
    merged.parameters_mut().thaw_from(3).unwrap();
    for (parameter, var) in merged.parameters().thawed() {
        var.set(&exported[&parameter.name]).unwrap();
    }
    assert!(difference(&merged.forward(&batch(), &Pass::evaluation()).unwrap(), &expected["logits"]) < 1e-5);
}
