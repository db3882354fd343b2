//! The whole model against PyTorch: logits, loss and the gradient of every parameter, on the batch that `fixtures/bert_parity.py` wrote.

use std::path::Path;

use candle_core::{Device, Tensor};
use engine::streams::{Purpose, stream};
use trials::{
    data::batch::{Batch, Inputs},
    models::{BaseModel, Pass, bert::BertBase},
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

#[test]
fn logits_loss_and_gradients_are_those_of_pytorch() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let expected = candle_core::safetensors::load(fixtures.join("tiny-bert-expected.safetensors"), &Device::Cpu).unwrap();
    let weights = candle_core::safetensors::load(fixtures.join("tiny-bert/model.safetensors"), &Device::Cpu).unwrap();
    let base = BertBase::load(&fixtures.join("tiny-bert"), &Device::Cpu).unwrap();
    let mut model = base.instantiate(4, &mut stream(0, 0, Purpose::HeadWeights)).unwrap();
    model.parameters_mut().thaw_from(0).unwrap();
    for (parameter, var) in model.parameters().thawed() {
        if parameter.name.starts_with("classifier.") {
            var.set(&weights[&parameter.name]).unwrap();
        }
        assert_eq!(values(var), values(&weights[&parameter.name]), "{}", parameter.name);
    }

    let get = |name: &str| expected[name].clone();
    let batch =
        Batch { inputs: Inputs::Tokens { ids: get("ids"), types: get("types"), mask: get("mask") }, labels: get("labels"), mixed: None };
    let logits = model.forward(&batch, &Pass::evaluation()).unwrap();
    assert!(difference(&logits, &get("logits")) < 1e-5);
    let loss = cross_entropy(&logits, &batch.labels, 0.1).unwrap();
    assert!(difference(&loss, &get("loss")) < 1e-5);

    let gradients = backward(&loss).unwrap();
    let mut compared = 0;
    for (parameter, var) in model.parameters().thawed() {
        let (found, expected) = (gradients.get(var).unwrap(), &get(&format!("gradient.{}", parameter.name)));
        if parameter.name.ends_with("key.bias") {
            // Zero but for rounding: a shift of all scores of a query changes nothing.
            assert!(values(found).iter().chain(&values(expected)).all(|g| g.abs() < 1e-6), "{}", parameter.name);
        } else {
            let difference = difference(found, expected);
            assert!(difference < 1e-4, "{}: {difference}", parameter.name);
        }
        compared += 1;
    }
    assert_eq!(compared, 5 + 2 * 16 + 4);
}
