//! Manifests that are written, read back, changed, and made up.

use std::fs;

use proptest::prelude::*;
use search_spaces::{
    claim::Claim as FileClaim,
    data::{Data, Files, Location, Missing, Split, TextColumns, TextData},
    ladder::Ladder,
    settings::{Direction, Metric, Objective},
};

use super::*;
use crate::testing::trial_config;

fn manifest() -> Manifest {
    let data = TextData {
        files: Files::One(Location::Path("/data/reviews.tsv".into())),
        columns: None,
        text: TextColumns::One("text".to_owned()),
        label: "label".to_owned(),
        group: None,
        split: Split { validation: 0.2, test: 0.1, seed: 0 },
        missing: Missing::Reject,
        max_tokens: 24,
        max_train: None,
        max_validation: None,
    };
    let hashed = Hashed { bytes: 3, blake3: blake3::hash(b"abc").to_hex().to_string() };
    Manifest {
        format: FORMAT,
        claim: Some(Claim {
            study: "reviews".to_owned(),
            trial: 3,
            rule: None,
            metric: "accuracy".to_owned(),
            value: 0.1 + 0.2,
            step: 30,
            test: Some(Test { value: 0.8, low: f64::NAN, high: f64::INFINITY, examples: 10 }),
        }),
        measured: Measured {
            validation: Some(Evaluated {
                examples: 20,
                metrics: [("accuracy".to_owned(), 0.1 + 0.2)].into(),
                interval: None,
                logits_blake3: String::new(),
            }),
            test: Some(Evaluated {
                examples: 10,
                metrics: [("accuracy".to_owned(), 0.8)].into(),
                interval: Some([0.5, 0.95]),
                logits_blake3: String::new(),
            }),
        },
        tolerance: Tolerance::default(),
        labels: vec!["no".to_owned(), "yes".to_owned()],
        input: Input::Texts { columns: vec!["text".to_owned()], max_tokens: 24 },
        trained_on: TrainedOn::Train,
        config: ConfigFile {
            model: Location::Asset("all-MiniLM-L6-v2".to_owned()),
            data: Data::Text(data),
            objective: Objective { metric: Metric::Accuracy, direction: Direction::Maximize },
            config: trial_config(),
            ladder: Ladder::default(),
            eval_every: 0.25,
            seed: 1,
            trial: 3,
            threads: Some(1),
            claim: Some(FileClaim { study: "reviews".to_owned(), value: 0.1 + 0.2, step: 30, rule: None }),
        },
        data: DataHashes {
            content_blake3: "c".to_owned(),
            files: vec![DataFile { split: SplitName::All, path: "/data/reviews.tsv".into(), bytes: 3, blake3: String::new() }],
            splits: Splits { train: 70, validation: 20, test: 10 },
        },
        base_blake3: "b".to_owned(),
        made: Made {
            command: "export".to_owned(),
            version: "0.1.0".to_owned(),
            program_blake3: "p".to_owned(),
            cpu: "some CPU".to_owned(),
            device: "cpu".to_owned(),
            threads: 2,
            trained_with_threads: Some(1),
            seed: 1,
        },
        files: [("model.safetensors".to_owned(), hashed)].into(),
    }
}

#[test]
fn what_is_written_is_read_to_the_last_bit() {
    let manifest = manifest();
    let json = manifest.to_json().unwrap();
    let read = Manifest::parse(Path::new("/m/thawline.json"), &json).unwrap();
    // NaN is no equal of itself.
    assert_eq!(read.to_json().unwrap(), json);
    assert_eq!(read.config, manifest.config);
    let claim = read.claim.unwrap();
    assert_eq!(claim.value.to_bits(), (0.1f64 + 0.2).to_bits());
    assert!(claim.test.unwrap().low.is_nan());
}

#[test]
fn what_no_file_may_say_is_refused() {
    let told = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json: serde_json::Value = serde_json::from_slice(&manifest().to_json().unwrap()).unwrap();
        change(&mut json);
        let text = serde_json::to_vec(&json).unwrap();
        Manifest::parse(Path::new("/m/thawline.json"), &text).unwrap_err().to_string()
    };
    insta::assert_snapshot!(told(&|json| json["format"] = 2.into()), @"/m/thawline.json has format 2, this program reads 1: use a newer one");
    insta::assert_snapshot!(told(&|json| json["labels"] = "no".into()), @r#"/m/thawline.json is no manifest of a model: invalid type: string "no", expected a sequence at line 1 column 1601"#);
    insta::assert_snapshot!(told(&|json| json["config"]["config"]["epochs"] = 0.into()), @"
    /m/thawline.json is no manifest of a model: its config: /m/config:25:17: `epochs` must be from 1 to 1000000, not 0
       |
    25 |         epochs: 0,
       |                 ^
    ");
    insta::assert_snapshot!(told(&|json| json["measured"]["validation"] = serde_json::Value::Null), @"/m/thawline.json is no manifest of a model: it says nothing of what was measured on the validation examples, and so nothing that could be checked");
    insta::assert_snapshot!(told(&|json| json["format"] = 0.into()), @"/m/thawline.json is no manifest of a model: there is no format 0");
    insta::assert_snapshot!(told(&|json| json["made"]["threads"] = 1_000_000.into()), @"/m/thawline.json is no manifest of a model: it was computed with 1000000 threads, where from 1 to 4096 are possible");
    insta::assert_snapshot!(told(&|json| json["trained_on"] = "train+validation".into()), @"/m/thawline.json is no manifest of a model: it says what was measured on validation examples that the model was trained on");
    insta::assert_snapshot!(told(&|json| json["measured"]["test"]["examples"] = 1_000_000.into()), @"/m/thawline.json is no manifest of a model: it was measured on 1000000 test examples, where the data have 10");
    insta::assert_snapshot!(told(&|json| json["measured"]["test"] = serde_json::Value::Null), @"/m/thawline.json is no manifest of a model: it claims a value on the test split, but does not say what was measured there, and so nothing that could be checked");
    insta::assert_snapshot!(told(&|json| json["claim"]["test"]["examples"] = 20.into()), @"/m/thawline.json is no manifest of a model: it claims a value on 20 test examples, where 10 were measured");
    insta::assert_snapshot!(told(&|json| json["claim"]["metric"] = "loss".into()), @"/m/thawline.json is no manifest of a model: it claims a value of loss, where the objective is accuracy");
    for (field, value) in [("value", 0.99), ("step", 31.0), ("trial", 4.0)] {
        let change = |json: &mut serde_json::Value| {
            json["claim"][field] = if field == "value" { value.into() } else { (value as u64).into() };
        };
        assert!(told(&change).ends_with("it claims another trial, value or step than its config does"), "{field}");
    }
    let error = Manifest::read(Path::new("/nowhere")).unwrap_err();
    insta::assert_snapshot!(error, @"/nowhere/thawline.json is missing: only folders that `thawline export` or `thawline train` wrote say what they claim");
}

#[test]
fn a_changed_missing_or_added_file_is_named_with_both_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let told = || {
        let lines = manifest().changed(folder.path()).unwrap();
        lines.join("\n").replace(folder.path().to_str().unwrap(), "F")
    };
    insta::assert_snapshot!(told(), @"F/model.safetensors is missing: its blake3 was 6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
    fs::write(&path, b"abc").unwrap();
    // Words may be edited.
    fs::write(folder.path().join("README.md"), b"words").unwrap();
    assert_eq!(told(), "");
    assert_eq!(hashes(folder.path()).unwrap(), manifest().files);
    fs::write(&path, b"abd").unwrap();
    fs::write(folder.path().join("tokenizer.json"), b"{}").unwrap();
    insta::assert_snapshot!(told(), @"
    F/model.safetensors has the blake3 90bfae301eb52a7298ef6a1408b29b37ce9d9a83f00fba3ddaa21e0550edf8fa, not 6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85
    F/tokenizer.json was not there: a model may be read from it
    ");
    let longer = Hashed { bytes: 4, ..manifest().files["model.safetensors"].clone() };
    let mut stranger = manifest();
    stranger.files =
        [("model.safetensors".to_owned(), longer), ("tokenizer.json".to_owned(), Hashed { bytes: 3, blake3: String::new() })].into();
    insta::assert_snapshot!(stranger.changed(folder.path()).unwrap().join("\n").replace(folder.path().to_str().unwrap(), "F"), @"
    F/model.safetensors has 3 bytes, not 4
    F/tokenizer.json has 2 bytes, not 3
    ");
    stranger.files = [("../model.safetensors".to_owned(), Hashed { bytes: 0, blake3: String::new() })].into();
    assert_eq!(stranger.changed(folder.path()).unwrap().len(), 3);
}

proptest! {
    #[test]
    fn bytes_of_any_kind_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut whole = manifest().to_json().unwrap();
        let at = at.index(whole.len());
        whole[at] = byte;
        for bytes in [bytes, whole] {
            let _ = Manifest::parse(Path::new("/m/thawline.json"), &bytes);
        }
    }
}
