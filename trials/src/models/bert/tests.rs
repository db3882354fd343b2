use std::{fs, path::Path};

use candle_core::{DType, Device, Tensor};
use engine::streams::{Purpose, stream};
use search_spaces::config::Projections;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    data::{Example, Examples as _, Texts, batch::Batch},
    hub::{self, HubError},
    models::{BaseModel, DropoutRates, Lora, Model, Pass},
    ops::{backward, cross_entropy},
    parameters::Role,
    testing::{TinyBert, tiny_bert},
};

fn folder(options: &TinyBert) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    tiny_bert(folder.path(), options).unwrap();
    folder
}

fn load(options: &TinyBert) -> BertBase {
    BertBase::load(folder(options).path(), &Device::Cpu).unwrap()
}

fn model(base: &BertBase) -> Box<dyn Model> {
    base.instantiate(3, &mut stream(1, 0, Purpose::HeadWeights)).unwrap()
}

/// Three examples of different lengths, two of pairs.
fn batch() -> Batch {
    let example = |ids: &[u32], second: usize, label| Example {
        ids: ids.to_vec(),
        types: (0..ids.len()).map(|i| u32::from(i >= second)).collect(),
        label,
        row: 0,
    };
    let examples = [example(&[2, 10, 11, 12, 3], 5, 0), example(&[2, 30, 31, 32, 3, 40, 41, 3], 5, 1), example(&[2, 50, 3, 51, 3], 3, 2)];
    of(&examples)
}

fn of(examples: &[Example]) -> Batch {
    let all: Vec<usize> = (0..examples.len()).collect();
    Texts { examples: examples.to_vec(), padding: 0, groups: Vec::new() }.batch(&all, &Device::Cpu).unwrap()
}

fn training(lowest_thawed: usize) -> Pass {
    let dropout = DropoutRates { hidden: 0.1, attention: 0.2, classifier: 0.3 };
    Pass { training: true, lowest_thawed, dropout, key: 7, ..Pass::evaluation() }
}

fn values(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

fn logits(options: &TinyBert) -> Vec<f32> {
    values(&model(&load(options)).forward(&batch(), &Pass::evaluation()).unwrap())
}

#[test]
fn every_kind_of_folder_gives_the_same_model() {
    let plain = logits(&TinyBert::default());
    assert_eq!(plain.len(), 9);
    let kinds = [
        TinyBert { prefix: true, ..TinyBert::default() },
        TinyBert { old_norm_names: true, ..TinyBert::default() },
        TinyBert { prefix: true, old_norm_names: true, shards: 3, ..TinyBert::default() },
        TinyBert { shards: 2, ..TinyBert::default() },
    ];
    for kind in kinds {
        assert_eq!(logits(&kind), plain, "{kind:?}");
    }
    for (dtype, tolerance) in [(DType::F16, 2e-3), (DType::BF16, 2e-2)] {
        let kind = TinyBert { dtype, ..TinyBert::default() };
        for (a, b) in logits(&kind).iter().zip(&plain) {
            assert!((a - b).abs() < tolerance, "{dtype:?}: {a} and {b}");
        }
        assert_eq!(load(&kind).tensor("pooler.dense.weight").unwrap().dtype(), DType::F32);
    }
}

#[test]
fn a_missing_pooler_is_drawn_anew() {
    let base = load(&TinyBert { pooler: false, ..TinyBert::default() });
    let pooler = |seed| {
        let model = base.instantiate(3, &mut stream(seed, 0, Purpose::HeadWeights)).unwrap();
        let found = model.parameters().iter().find(|p| p.name == "bert.pooler.dense.weight").map(|p| (p.block, values(p.tensor())));
        found.unwrap()
    };
    let (block, weights) = pooler(1);
    assert_eq!(block, 3);
    let deviation = (weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32).sqrt();
    assert!((0.015..0.025).contains(&deviation), "{deviation}");
    assert_eq!(pooler(1), pooler(1));
    assert_ne!(pooler(1), pooler(2));
}

#[test]
fn blocks_and_parameters() {
    let base = load(&TinyBert::default());
    let model = model(&base);
    assert_eq!(model.blocks(), ["embeddings", "layer.0", "layer.1", "head"]);
    assert_eq!(base.blocks(), model.blocks());
    let listed: Vec<String> = model
        .parameters()
        .iter()
        .filter(|p| p.block == 0 || p.block == 3)
        .map(|p| format!("{} {} {:?}", p.name, p.role == Role::Matrix, p.tensor().dims()))
        .collect();
    insta::assert_snapshot!(listed.join("\n"), @r"
    bert.embeddings.word_embeddings.weight true [103, 16]
    bert.embeddings.position_embeddings.weight true [64, 16]
    bert.embeddings.token_type_embeddings.weight true [2, 16]
    bert.embeddings.LayerNorm.weight false [16]
    bert.embeddings.LayerNorm.bias false [16]
    bert.pooler.dense.weight true [16, 16]
    bert.pooler.dense.bias false [16]
    classifier.weight true [3, 16]
    classifier.bias false [3]
    ");
    assert_eq!(model.parameters().iter().filter(|p| p.block == 2).count(), 16);
}

/// Whatever is thawed, each of its parameters has a gradient that is not zero and moves with a step of SGD; nothing else does either.
#[test]
fn exactly_the_thawed_parameters_train() {
    let base = load(&TinyBert::default());
    let before: Vec<Vec<f32>> = model(&base).parameters().iter().map(|p| values(p.tensor())).collect();
    for lowest in 0..4 {
        for pass in [training(lowest), Pass { lowest_thawed: lowest, ..Pass::evaluation() }] {
            let mut model = model(&base);
            model.parameters_mut().thaw_from(lowest).unwrap();
            let logits = model.forward(&batch(), &pass).unwrap();
            let gradients = backward(&cross_entropy(&logits, &batch().labels, 0.1).unwrap()).unwrap();
            for parameter in model.parameters().iter() {
                let gradient = gradients.get(parameter.tensor());
                assert_eq!(gradient.is_some(), parameter.block >= lowest, "{} when blocks train from {lowest}", parameter.name);
                let Some(gradient) = gradient else { continue };
                // Softmax does not change when all scores of a query rise alike, so the key's bias never matters.
                let matters = !parameter.name.ends_with("key.bias");
                assert!(!matters || values(gradient).iter().any(|g| g.abs() > 1e-6), "{} has no gradient", parameter.name);
                assert!(values(gradient).iter().all(|g| g.is_finite()));
            }
            for (parameter, var) in model.parameters().thawed() {
                let step = (gradients.get(parameter.tensor()).unwrap() * 10.0).unwrap();
                var.set(&var.sub(&step).unwrap()).unwrap();
            }
            for (parameter, before) in model.parameters().iter().zip(&before) {
                let moved = values(parameter.tensor()) != *before;
                if parameter.name.ends_with("key.bias") && parameter.block >= lowest {
                    continue;
                }
                assert_eq!(moved, parameter.block >= lowest, "{} when blocks train from {lowest}", parameter.name);
            }
        }
    }
    // The weights that models share did not move either.
    for (parameter, before) in model(&base).parameters().iter().zip(&before) {
        assert_eq!(values(parameter.tensor()), *before);
    }
}

fn adapted(base: &BertBase, dropout: f64) -> Box<dyn Model> {
    let mut head = stream(1, 0, Purpose::HeadWeights);
    let mut model = base.instantiate(3, &mut head).unwrap();
    model.adapt(Lora { rank: 2, alpha: 4.0, dropout, projections: Projections::QueryValue }, &mut head).unwrap();
    model
}

#[test]
fn with_low_rank_additions_nothing_else_trains_below_the_head() {
    let base = load(&TinyBert::default());
    let plain = values(&model(&base).forward(&batch(), &Pass::evaluation()).unwrap());
    for lowest in 0..4 {
        let mut model = adapted(&base, 0.0);
        let before: Vec<Vec<f32>> = model.parameters().iter().map(|p| values(p.tensor())).collect();
        model.parameters_mut().thaw_from(lowest).unwrap();
        // Of the same head, and nothing added yet.
        assert_eq!(values(&model.forward(&batch(), &Pass::evaluation()).unwrap()), plain);
        // In the first step half of each addition has no gradient, since the other half is zero.
        for _ in 0..2 {
            let logits = model.forward(&batch(), &Pass { lowest_thawed: lowest, ..Pass::evaluation() }).unwrap();
            let gradients = backward(&cross_entropy(&logits, &batch().labels, 0.0).unwrap()).unwrap();
            for (parameter, var) in model.parameters().thawed() {
                let step = (gradients.get(parameter.tensor()).unwrap() * 10.0).unwrap();
                var.set(&var.sub(&step).unwrap()).unwrap();
            }
        }
        for (parameter, before) in model.parameters().iter().zip(&before) {
            let trains = parameter.block >= lowest && (parameter.block == 3 || parameter.name.contains(".lora_"));
            assert_eq!(values(parameter.tensor()) != *before, trains, "{} when blocks train from {lowest}", parameter.name);
        }
        let layers = 2 - lowest.saturating_sub(1).min(2) as u64;
        // Two projections of two matrices of 2 x 16 numbers a layer; pooler and classifier.
        assert_eq!(model.parameters().trained(), layers * 2 * 2 * 2 * 16 + 16 * 17 + 3 * 17);
    }
}

#[test]
fn what_low_rank_additions_read_drops_in_training_alone() {
    let base = load(&TinyBert::default());
    let run = |dropout, pass: &Pass| {
        let mut model = adapted(&base, dropout);
        model.parameters_mut().thaw_from(0).unwrap();
        for (_, var) in model.parameters().thawed().filter(|(parameter, _)| parameter.name.ends_with("lora_B.weight")) {
            var.set(&(var.ones_like().unwrap() * 0.5).unwrap()).unwrap();
        }
        values(&model.forward(&batch(), pass).unwrap())
    };
    let still = Pass { training: true, key: 7, ..Pass::evaluation() };
    assert_eq!(run(0.0, &still), run(0.5, &Pass::evaluation()));
    assert_ne!(run(0.0, &still), run(0.5, &still));
    assert_eq!(run(0.0, &still), run(0.5, &Pass { lowest_thawed: 4, ..still }));
}

#[test]
fn blocks_below_the_lowest_thawed_have_no_graph() {
    let base = load(&TinyBert::default());
    for lowest in 0..4 {
        let mut model = model(&base);
        // Even if their parameters were trainable.
        model.parameters_mut().thaw_from(0).unwrap();
        let mut hidden = None;
        for block in 0..4 {
            let output = model.run_block(block, hidden.as_ref(), &batch(), &training(lowest)).unwrap();
            assert_eq!(output.track_op(), block >= lowest, "block {block} when blocks train from {lowest}");
            hidden = Some(output);
        }
    }
}

/// `../multiply_adds.py` counted the products; adding up embeddings is counted here, too.
#[test]
fn multiply_adds_are_those_of_pytorch() {
    let base = load(&TinyBert::default());
    let blocks = base.multiply_adds(20, 3);
    assert_eq!(blocks.iter().sum::<u64>() - blocks[0], 107_824);
    assert_eq!((blocks.len(), blocks[0], blocks[1]), (4, 320, blocks[2]));
}

#[test]
fn forward_can_start_at_any_block() {
    let model = model(&load(&TinyBert::default()));
    let pass = training(0);
    let whole = values(&model.forward(&batch(), &pass).unwrap());
    let mut hidden = None;
    for block in 0..4 {
        assert_eq!(values(&model.forward_from(block, hidden.as_ref(), &batch(), &pass).unwrap()), whole);
        hidden = Some(model.run_block(block, hidden.as_ref(), &batch(), &pass).unwrap());
    }
    assert!(model.run_block(1, None, &batch(), &pass).is_err());
    assert!(model.run_block(0, hidden.as_ref(), &batch(), &pass).is_err());
}

#[test]
fn dropout_follows_the_key_and_spares_frozen_blocks() {
    let model = model(&load(&TinyBert::default()));
    let run = |pass: &Pass| values(&model.forward(&batch(), pass).unwrap());
    let still = run(&Pass::evaluation());
    assert_eq!(run(&training(0)), run(&training(0)));
    assert_ne!(run(&training(0)), run(&Pass { key: 8, ..training(0) }));
    let only = |hidden, attention, classifier| Pass { dropout: DropoutRates { hidden, attention, classifier }, ..training(0) };
    assert_eq!(run(&only(0.0, 0.0, 0.0)), still);
    for pass in [only(0.1, 0.0, 0.0), only(0.0, 0.1, 0.0), only(0.0, 0.0, 0.5)] {
        assert_ne!(run(&pass), still);
        // With every block frozen nothing drops, whatever the rates.
        assert_eq!(run(&Pass { lowest_thawed: 4, ..pass }), still);
    }
    let block = |block, pass: &Pass| {
        let below = model.run_block(0, None, &batch(), &Pass::evaluation()).unwrap();
        values(&model.run_block(block, Some(&below), &batch(), pass).unwrap())
    };
    assert_eq!(block(1, &training(2)), block(1, &Pass::evaluation()));
    assert_ne!(block(1, &training(1)), block(1, &Pass::evaluation()));
}

#[test]
fn padding_does_not_change_the_logits() {
    let model = model(&load(&TinyBert::default()));
    let run = |ids: &[u32], padded: usize| {
        let one = Example { ids: ids.to_vec(), types: vec![0; ids.len()], label: 0, row: 0 };
        let long = Example { ids: vec![9; padded], types: vec![0; padded], label: 0, row: 0 };
        let batch = of(&[one, long]);
        values(&model.forward(&batch, &Pass::evaluation()).unwrap())[..3].to_vec()
    };
    for (a, b) in run(&[2, 20, 21, 3], 4).iter().zip(run(&[2, 20, 21, 3], 30)) {
        assert!((a - b).abs() < 1e-5, "{a} and {b}");
    }
}

#[test]
fn a_text_that_is_too_long_is_an_error() {
    let model = model(&load(&TinyBert::default()));
    let long = Example { ids: vec![9; 65], types: vec![0; 65], label: 0, row: 0 };
    let error = model.forward(&of(&[long]), &Pass::evaluation()).unwrap_err().to_string();
    assert!(error.starts_with("a text has 65 tokens, but the model takes at most 64: lower the space's max_tokens"), "{error}");
}

#[test]
fn export_is_a_whole_folder_that_loads_again() {
    let source = folder(&TinyBert { dtype: DType::F16, pooler: false, ..TinyBert::default() });
    let base = BertBase::load(source.path(), &Device::Cpu).unwrap();
    let model = model(&base);
    let parent = tempfile::tempdir().unwrap();
    let to = parent.path().join("deep/model");
    let labels = ["business", "sport", "10"].map(str::to_owned);
    hub::export(&to, &base.classifier(&labels, None), model.parameters()).unwrap();

    let names = |folder: &Path| {
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&to), ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]);
    assert_eq!(names(to.parent().unwrap()), ["model"]);
    assert_eq!(fs::read(to.join("vocab.txt")).unwrap(), fs::read(source.path().join("vocab.txt")).unwrap());
    let config: Value = serde_json::from_slice(&fs::read(to.join("config.json")).unwrap()).unwrap();
    assert_eq!(config["architectures"], json!(["BertForSequenceClassification"]));
    assert_eq!(config["id2label"], json!({ "0": "business", "1": "sport", "2": "10" }));
    assert_eq!(config["label2id"], json!({ "business": 0, "sport": 1, "10": 2 }));
    assert_eq!(config["hidden_size"], json!(16));

    let again = BertBase::load(&to, &Device::Cpu).unwrap();
    assert!(again.tensor("pooler.dense.weight").is_some());
    let mut head = hub::Weights::read(&to, &Device::Cpu, |name| name.starts_with("classifier.")).unwrap();
    let original: Vec<_> = model.parameters().iter().map(|p| (p.name.clone(), values(p.tensor()))).collect();
    for (name, expected) in original {
        let found = match name.strip_prefix("bert.") {
            Some(name) => again.tensor(name).unwrap().clone(),
            None => head.take(&name, if name.ends_with("bias") { &[3] } else { &[3, 16] }).unwrap(),
        };
        assert_eq!(values(&found), expected, "{name}");
    }

    assert!(matches!(hub::export(&to, &base.classifier(&labels, None), model.parameters()), Err(HubError::Occupied { .. })));
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(hub::check_destination(&file), Err(HubError::Occupied { .. })));
    assert!(matches!(hub::check_destination(&file.join("model")), Err(HubError::Write { .. })));
    #[cfg(unix)]
    for leads_to in ["empty", "nowhere"] {
        fs::create_dir_all(parent.path().join("empty")).unwrap();
        let link = parent.path().join(format!("link to {leads_to}"));
        std::os::unix::fs::symlink(leads_to, &link).unwrap();
        let told = hub::check_destination(&link.join("")).unwrap_err().to_string();
        assert!(told.contains(&format!("link to {leads_to} is a link to {leads_to}, whose place")), "{told}");
    }
    for nameless in [".", "..", "/", ""] {
        assert!(matches!(hub::check_destination(Path::new(nameless)), Err(HubError::Nameless { .. })), "{nameless:?}");
    }
    hub::check_destination(&parent.path().join("new/model")).unwrap();
}

/// The error of loading a folder after `change`, without the folder's path.
fn broken(options: &TinyBert, change: impl Fn(&Path)) -> String {
    let folder = folder(options);
    change(folder.path());
    let error = BertBase::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

/// The error when `field` of `config.json` has this value; null: is left out.
fn with_field(field: &str, value: &Value) -> String {
    broken(&TinyBert::default(), |folder| {
        let path = folder.join("config.json");
        let mut config: serde_json::Map<String, Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        match value {
            Value::Null => config.remove(field),
            value => config.insert(field.into(), value.clone()),
        };
        fs::write(path, Value::Object(config).to_string()).unwrap();
    })
}

#[test]
fn a_wrong_config_is_refused_with_the_field() {
    let messages = [
        with_field("model_type", &json!("roberta")),
        with_field("architectures", &json!(["RobertaModel"])),
        with_field("hidden_size", &Value::Null),
        with_field("hidden_size", &json!("16")),
        with_field("num_hidden_layers", &json!(0)),
        with_field("vocab_size", &json!(1u64 << 40)),
        with_field("num_attention_heads", &json!(3)),
        with_field("hidden_act", &json!("swish")),
        with_field("layer_norm_eps", &json!(-1)),
        with_field("position_embedding_type", &json!("relative_key")),
        with_field("is_decoder", &json!(true)),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
    config.json: field `model_type`: is "roberta", but of models of texts only BERT is read, of images ResNets and MobileNetV2: choose a model whose config.json says "model_type": "bert", "resnet" or "mobilenet_v2"
    config.json: field `architectures`: is "RobertaModel", but of models of texts only BERT is read, of images ResNets and MobileNetV2: choose a model whose config.json says "model_type": "bert", "resnet" or "mobilenet_v2"
    config.json: field `hidden_size`: is missing; fetch the file again
    config.json: field `hidden_size`: must be a whole number from 1 to 4294967295, not "16"
    config.json: field `num_hidden_layers`: must be a whole number from 1 to 4294967295, not 0
    config.json: field `vocab_size`: must be a whole number from 1 to 4294967295, not 1099511627776
    config.json: field `num_attention_heads`: 3 attention heads do not divide hidden_size 16
    config.json: field `hidden_act`: is "swish", but gelu, gelu_new, gelu_pytorch_tanh and relu are known
    config.json: field `layer_norm_eps`: must be a number between 0 and 1, not -1
    config.json: field `position_embedding_type`: is "relative_key", but only "absolute" positions are read
    config.json: field `is_decoder`: is true, but only encoders, which read a text from both sides, are read
    "#);
}

#[test]
fn broken_weights_are_refused_with_the_file() {
    let plain = TinyBert::default();
    let sharded = TinyBert { shards: 2, prefix: true, ..TinyBert::default() };
    let cut = |folder: &Path| {
        let path = folder.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 10]).unwrap();
    };
    let boast = |folder: &Path| {
        let mut bytes = u64::MAX.to_le_bytes().to_vec();
        bytes.extend(b"{}");
        fs::write(folder.join("model.safetensors"), bytes).unwrap();
    };
    let climb = |folder: &Path| {
        let index = json!({ "weight_map": { "a": "../secret" } });
        fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
    };
    let remove = |name: &'static str| move |folder: &Path| fs::remove_file(folder.join(name)).unwrap();
    let messages = [
        broken(&plain, remove("config.json")),
        broken(&plain, |folder| fs::write(folder.join("config.json"), "[1]").unwrap()),
        broken(&plain, remove("model.safetensors")),
        broken(&plain, cut),
        broken(&plain, boast),
        broken(&plain, |folder| fs::write(folder.join("model.safetensors"), "").unwrap()),
        broken(&sharded, remove("model-00002-of-00002.safetensors")),
        broken(&sharded, climb),
        with_field("num_hidden_layers", &json!(4_000_000_000u64)),
        with_field("hidden_size", &json!(32)),
        broken(&TinyBert { dtype: DType::F64, ..TinyBert::default() }, |_| {}),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
    config.json is missing: a model folder holds config.json, model.safetensors (or model.safetensors.index.json with its shards), and, for texts, tokenizer.json or vocab.txt
    config.json is not a JSON object: invalid type: sequence, expected a map at line 1 column 0; fetch it again
    model.safetensors is missing: a model folder holds config.json, model.safetensors (or model.safetensors.index.json with its shards), and, for texts, tokenizer.json or vocab.txt
    model.safetensors is broken or cut short (incomplete metadata, file not fully covered): fetch it again
    model.safetensors is broken or cut short (header too large): fetch it again
    model.safetensors is broken or cut short (header too small): fetch it again
    model-00002-of-00002.safetensors is missing: a model folder holds config.json, model.safetensors (or model.safetensors.index.json with its shards), and, for texts, tokenizer.json or vocab.txt
    model.safetensors.index.json: field `weight_map`: tensor `a` is said to be in "../secret", which is not the name of a file in this folder
    model.safetensors: tensor `encoder.layer.2.attention.self.query.weight` is missing, which the model needs: weights and config.json do not belong together, or are of another architecture
    model.safetensors: tensor `embeddings.word_embeddings.weight` has shape [103, 16] where the model needs [103, 32]: weights and config.json do not belong together
    model.safetensors: tensor `embeddings.word_embeddings.weight` holds F64, not f32, f16 or bf16: convert it with transformers' save_pretrained
    "#);
}
