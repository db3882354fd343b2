//! From a model folder and a file of texts to a trained, exported classifier, in segments and in one go.

use std::{fmt::Write as _, fs, path::Path};

use crossbeam_channel::unbounded;
use engine::{
    devices::Device,
    runner::{Cancel, Checkpoint, Completed, Outcome, Segment, SlotInfo, TrialRunner},
};
use search_spaces::{
    claim::ConfigFile,
    config::{Adapter, Config, DecayOn, Keep, Optimizer, Projections, Schedule, Unfreeze},
    data::{Data, Location, TextColumns, TextData},
    ladder::Ladder,
    settings::{Direction, Metric, Objective},
    space::Space,
};
use tempfile::TempDir;
use trials::{
    models::{BaseModel, bert::BertBase},
    prepare::{PrepareError, Prepared, check_config, check_space, prepare},
    runner::{Runner, RunnerSettings},
    testing::{TinyBert, text_data, tiny_bert, trial_config, trial_config_file},
};

const OBJECTIVE: Objective = Objective { metric: Metric::Loss, direction: Direction::Minimize };

struct Study {
    folder: TempDir,
    prepared: Prepared,
    data: Data,
}

fn study() -> Study {
    let folder = tempfile::tempdir().unwrap();
    tiny_bert(&folder.path().join("model"), &TinyBert::default()).unwrap();
    let words = [["good", "great", "fine"], ["bad", "poor", "dull"]];
    let mut table = "text,label\n".to_owned();
    for row in 0..90 {
        let class = row % 2;
        let noun = ["film", "game", "team"][row / 2 % 3];
        let (first, second) = (words[class][row / 6 % 3], words[class][row / 18 % 3]);
        writeln!(table, "the {noun} was {first} and {second},{}", ["yes", "no"][class]).unwrap();
    }
    let file = folder.path().join("texts.csv");
    fs::write(&file, table).unwrap();
    let mut data = text_data(Location::Path(file));
    (data.split.validation, data.split.test) = (0.2, 0.2);
    let data = Data::Text(data);
    let prepared = prepare(&folder.path().join("model"), &data, Device::Cpu).unwrap();
    Study { folder, prepared, data }
}

fn config() -> Config {
    Config {
        epochs: 3,
        optimizer: Optimizer::AdamW { learning_rate: 5e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 },
        decay_on: DecayOn::Matrices,
        schedule: Schedule::Linear { end: 0.0 },
        warmup: 0.1,
        unfreeze: Unfreeze::Gradual { start: 1, blocks: 1, patience: 1, min_delta: 0.2, rewarm: 0.3 },
        clip_norm: Some(1.0),
        keep: Keep::Best,
        ..trial_config()
    }
}

fn settings() -> RunnerSettings {
    RunnerSettings { objective: OBJECTIVE, eval_every: 0.25, checkpoint_every_seconds: 600 }
}

fn ladder() -> Ladder {
    Ladder { eta: 3, rungs: vec![18, 54, 162], ..Ladder::default() }
}

fn run(runner: &Runner, config: &Config, folder: &Path, rung: usize, from: Option<&Checkpoint>) -> Completed {
    let (checkpoints, artefacts) = (folder.to_owned(), folder.to_owned());
    let segment = Segment {
        trial: 2,
        rung,
        fold: None,
        ladder: ladder(),
        config: config.clone(),
        micro_batch: None,
        assignment: None,
        seed: 1,
        checkpoints,
        artefacts,
    };
    let slot = SlotInfo { name: "cpu/0".to_owned(), device: Device::Cpu, threads: 1 };
    let (sender, _receiver) = unbounded();
    match runner.run(&segment, &slot, from, &sender, &Cancel::default()).unwrap() {
        Outcome::Completed(completed) => completed,
        Outcome::Cancelled => panic!("nobody cancelled"),
    }
}

#[test]
fn a_bert_trained_in_segments_is_the_one_trained_from_its_config_file() {
    segments_and_one_go(&config());
}

#[test]
fn so_is_one_with_low_rank_additions() {
    let adapter = Adapter::Lora { rank: 4, alpha: 16.0, dropout: 0.1, projections: Projections::QueryValue };
    segments_and_one_go(&Config { adapter, ..config() });
}

fn segments_and_one_go(config: &Config) {
    let study = study();
    let scratch = |name: &str| {
        let folder = study.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        folder
    };
    let runner = study.prepared.runner(settings());
    assert_eq!(runner.examples_per_epoch(), 54);
    let folder = scratch("sweep");
    let first = run(&runner, config, &folder, 0, None);
    let second = run(&runner, config, &folder, 1, first.checkpoint.as_ref());
    let third = run(&runner, config, &folder, 2, second.checkpoint.as_ref());
    assert!(third.value < first.value, "{} after {}", third.value, first.value);
    assert!(third.trainable_parameters > first.trainable_parameters, "blocks were thawed on the way");

    // Another process would read everything anew.
    let again = prepare(&study.folder.path().join("model"), &study.data, Device::Cpu).unwrap();
    let file = ConfigFile { objective: OBJECTIVE, config: config.clone(), ladder: ladder(), seed: 1, trial: 2, ..trial_config_file() };
    let (sender, _receiver) = unbounded();
    let runner = again.runner(RunnerSettings::of(&file));
    let outcome = runner.train(&file, &scratch("train"), &sender, &Cancel::default()).unwrap();
    let Outcome::Completed(trained) = outcome else { panic!("nobody cancelled") };
    assert_eq!((trained.value.to_bits(), trained.step), (third.value.to_bits(), third.step));
    let checkpoint = trained.checkpoint.unwrap();
    assert_eq!(checkpoint.blake3, third.checkpoint.unwrap().blake3, "every weight, bit for bit");

    let metrics = runner.evaluate_test(&checkpoint, 0, 7, 1).unwrap().unwrap().metrics;
    assert!(metrics["accuracy"] > 0.9, "{metrics:?}");

    let model = runner.model(&checkpoint).unwrap();
    let to = study.folder.path().join("exported");
    again.export(&to, model.as_ref()).unwrap();
    let exported = candle_core::safetensors::load(to.join("model.safetensors"), &candle_core::Device::Cpu).unwrap();
    let merged = model.parameters().exported().unwrap();
    assert_eq!(merged.len(), exported.len());
    for (name, tensor) in merged {
        let values = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(&exported[name]), values(&tensor), "{name}");
    }
    let labels: serde_json::Value = serde_json::from_slice(&fs::read(to.join("config.json")).unwrap()).unwrap();
    assert_eq!(labels["id2label"], serde_json::json!({ "0": "no", "1": "yes" }));
}

#[test]
fn what_only_the_model_can_tell_is_reported_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    tiny_bert(folder.path(), &TinyBert::default()).unwrap();
    let base = BertBase::load(folder.path(), &candle_core::Device::Cpu).unwrap();
    assert_eq!(base.blocks(), ["embeddings", "layer.0", "layer.1", "head"]);
    let text = r#"Sweep(
    model: Path("model"),
    data: Text(files: One(Path("texts.csv")), text: "text", label: "label", max_tokens: 128),
    objective: Maximize(Accuracy),
    space: (
        unfreeze: Choice([
            LastBlocks(k: Int(1, 9)),
            Gradual(start: 3, blocks: 1, patience: 1),
            Progressive(start: 4, blocks: 1, every: 1.0),
        ]),
        adapter: Lora(rank: LogInt(4, 64)),
    ),
)"#;
    let space = Space::parse(Path::new("/x/space.ron"), text).unwrap_or_else(|problems| panic!("{problems}"));
    let problems: Vec<String> = check_space(&space.places, Some(128), &base).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(problems.join("\n\n"), @r#"
    /x/space.ron:3:89: `max_tokens` is 128, but the model takes 64 tokens at most
      |
    3 |     data: Text(files: One(Path("texts.csv")), text: "text", label: "label", max_tokens: 128),
      |                                                                                         ^^^
      = help: write 64 or less

    /x/space.ron:7:34: `k` is 9, but the model has 3 blocks below the head
      |
    7 |             LastBlocks(k: Int(1, 9)),
      |                                  ^
      = help: write 3 or less; its blocks are embeddings, layer.0, layer.1, head

    /x/space.ron:9:32: `start` is 4, but the model has 3 blocks below the head
      |
    9 |             Progressive(start: 4, blocks: 1, every: 1.0),
      |                                ^
      = help: write 3 or less; its blocks are embeddings, layer.0, layer.1, head

    /x/space.ron:11:39: `rank` is 64, but the model's projections are 16 wide
       |
    11 |         adapter: Lora(rank: LogInt(4, 64)),
       |                                       ^^
       = help: write 16 or less
    "#);

    let deep = Config { unfreeze: Unfreeze::LastBlocks { k: 4 }, ..trial_config() };
    let wide = Config { adapter: Adapter::Lora { rank: 17, alpha: 1.0, dropout: 0.0, projections: Projections::All }, ..trial_config() };
    let messages =
        [check_config(&deep, Some(64), &base), check_config(&trial_config(), Some(65), &base), check_config(&wide, Some(64), &base)]
            .map(|result| result.unwrap_err().to_string());
    insta::assert_snapshot!(messages.join("\n"), @"
    config.unfreeze names 4 blocks, but the model has 3 below the head
    data.max_tokens is 65, but the model takes 64 tokens at most
    config.adapter: `rank` is 17, but the model's projections are 16 wide: write 16 or less
    ");
    check_config(&Config { unfreeze: Unfreeze::LastBlocks { k: 3 }, ..trial_config() }, Some(64), &base).unwrap();
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let study = study();
    let model = study.folder.path().join("model");
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&fs::read(model.join("tokenizer.json")).unwrap()).unwrap();
    tokenizer["model"]["vocab"]["extraordinary"] = 5000.into();
    fs::write(model.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let error = prepare(&model, &study.data, Device::Cpu).unwrap_err();
    assert!(matches!(error, PrepareError::Vocabulary { ids: 5001, .. }), "{error}");
}

#[test]
fn pairs_need_a_model_with_two_token_types() {
    let folder = tempfile::tempdir().unwrap();
    tiny_bert(&folder.path().join("model"), &TinyBert { token_types: 1, ..TinyBert::default() }).unwrap();
    let file = folder.path().join("pairs.csv");
    fs::write(&file, "text,other,label\n".to_owned() + &"the film,good,yes\nthe game,bad,no\n".repeat(10)).unwrap();
    let one = text_data(Location::Path(file));
    prepare(&folder.path().join("model"), &Data::Text(one.clone()), Device::Cpu).unwrap();
    let pair = TextData { text: TextColumns::Pair("text".to_owned(), "other".to_owned()), ..one };
    let error = prepare(&folder.path().join("model"), &Data::Text(pair), Device::Cpu).unwrap_err().to_string();
    let told = error.replace(folder.path().to_str().unwrap(), "DIR");
    insta::assert_snapshot!(told, @"DIR/model: the tokenizer gives these texts 2 token types, the model knows 1 (`type_vocab_size` in config.json)");
}
