//! What leaves a study: model folders, the claims in them, and what they say of new texts.

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use common::{SPACE, Workplace, names, reviews};
use engine::clock::Stopwatch;
use serde_json::Value;

const FILES: &str = "files: One(Path(\"data.tsv\"))";
const SPLITS: &str = "files: Splits(train: Path(\"train.tsv\"), validation: Path(\"dev.tsv\"), test: Path(\"test.tsv\"))";

/// A place whose data have a file for each split.
fn place() -> Workplace {
    let place = Workplace::new();
    let all = reviews(240);
    let (header, rows) = all.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    for (name, rows) in [("train.tsv", &rows[..120]), ("dev.tsv", &rows[120..180]), ("test.tsv", &rows[180..])] {
        place.write(name, &format!("{header}\n{}\n", rows.join("\n")));
    }
    place.space_with(FILES, SPLITS);
    place
}

/// A space in which everything is fixed.
fn fixed(config: &str) -> String {
    let space = SPACE.replace(FILES, SPLITS);
    let at = space.find("    space: (").unwrap();
    format!("{}    space: (batch_size: 8, optimizer: AdamW(learning_rate: 1e-3), {config}),\n)\n", &space[..at])
}

fn manifest(place: &Workplace, folder: &str) -> Value {
    serde_json::from_slice(&fs::read(place.path(folder).join("thawline.json")).unwrap()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// Rows of a CSV file without quotes, by the names of its columns.
fn rows(text: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at: Vec<usize> = columns.iter().map(|column| header.iter().position(|name| name == column).unwrap()).collect();
    lines.map(|line| at.iter().map(|index| line.split(',').nth(*index).unwrap().to_owned()).collect()).collect()
}

#[test]
fn an_exported_model_holds_what_the_study_claims_and_a_changed_one_is_refused() {
    let place = place();
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    place.run(&["export", "study", "--to", "out"]).succeeded();
    assert_eq!(
        names(&place.path("out")),
        [
            "README.md",
            "config.json",
            "model.safetensors",
            "special_tokens_map.json",
            "thawline.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.txt"
        ]
        .into_iter()
        .filter(|name| place.path("model").join(name).exists()
            || ["README.md", "config.json", "model.safetensors", "thawline.json"].contains(name))
        .collect::<Vec<_>>()
    );
    // One that another process is writing is left alone.
    let busy = place.path(".busy.partial");
    fs::create_dir(&busy).unwrap();
    let lock = fs::File::create(busy.join("lock")).unwrap();
    lock.lock().unwrap();
    let refused = place.run(&["export", "study", "--to", "busy"]);
    assert!(refused.err.trim_end().ends_with("another process is writing busy: wait for it, or choose another place"), "{}", refused.err);
    assert_eq!((refused.code, names(&busy)), (7, vec!["lock".to_owned()]));
    drop(lock);
    fs::remove_dir_all(&busy).unwrap();
    let said = manifest(&place, "out");
    assert_eq!((&said["claim"]["study"], &said["claim"]["metric"]), (&"study".into(), &"accuracy".into()));
    assert_eq!(said["claim"]["value"], said["measured"]["validation"]["metrics"]["accuracy"]);
    assert_eq!(said["claim"]["test"]["value"], said["measured"]["test"]["metrics"]["accuracy"]);
    assert_eq!((&said["data"]["splits"]["train"], &said["data"]["files"][2]["split"]), (&120.into(), &"test".into()));

    let verified = place.run(&["verify", "out", "--train"]).succeeded();
    assert!(verified.out.ends_with("out: holds\n"), "{}", verified.out);
    let exact = verified.out.lines().filter(|line| line.ends_with("the same to the last bit")).count();
    assert_eq!(exact, 5, "validation and test twice, and trained again: {}", verified.out);
    assert!(names(&place.path("")).iter().all(|name| !name.starts_with('.')), "nothing is left of the training");
    // What train makes of the best config is the same model, and says so.
    place.run(&["train", "study/best.ron", "--to", "again"]).succeeded();
    let again = manifest(&place, "again");
    assert_eq!(
        (&again["files"]["model.safetensors"], &again["claim"]["value"]),
        (&said["files"]["model.safetensors"], &said["claim"]["value"])
    );

    // The same, to the last bit, of texts that nobody has labelled.
    let trial = said["claim"]["trial"].as_u64().unwrap();
    let left = fs::read_to_string(place.path("study/artefacts").join(format!("trial-{trial}-predictions.csv"))).unwrap();
    let dev = fs::read_to_string(place.path("dev.tsv")).unwrap();
    let texts: Vec<&str> = dev.lines().skip(1).map(|line| line.split('\t').next().unwrap()).collect();
    place.write("new.txt", &(texts.join("\n") + "\n"));
    let columns = ["row", "predicted", "probability of negative", "probability of positive"];
    let numbers = |text: &str| -> Vec<(String, String, u64, u64)> {
        let bits = |text: &str| text.parse::<f64>().unwrap().to_bits();
        rows(text, &columns).into_iter().map(|row| (row[0].clone(), row[1].clone(), bits(&row[2]), bits(&row[3]))).collect()
    };
    let predicted = place.run(&["predict", "out", "--input", "new.txt"]).succeeded();
    assert_eq!(numbers(&predicted.out), numbers(&left));
    place.run(&["predict", "out", "--input", "dev.tsv", "--to", "new.jsonl"]).succeeded();
    let first: Value = serde_json::from_str(fs::read_to_string(place.path("new.jsonl")).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!(first["predicted"], rows(&left, &columns)[0][1].as_str());

    let refused = |folder: &str, more: &[&str]| {
        let run = place.run(&[&["verify", folder][..], more].concat());
        assert_eq!(run.code, 6, "{}{}", run.out, run.err);
        let hash = |word: &str| word.len() >= 64 && word.chars().all(|c| c.is_ascii_hexdigit() || c == ',');
        run.err
            .split_inclusive([' ', '\n'])
            .map(|word| if hash(word.trim()) { "HASH ".to_owned() } else { word.to_owned() })
            .collect::<String>()
    };
    // A bit of the weights.
    copy(&place.path("out"), &place.path("bad"));
    let weights = place.path("bad/model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    fs::write(place.path("bad/added_tokens.json"), "{}").unwrap();
    fs::remove_file(place.path("bad/tokenizer.json")).unwrap();
    insta::assert_snapshot!(refused("bad", &[]), @"
    error: bad does not hold: not what it was written with
      bad/model.safetensors has the blake3 HASH not HASH   bad/tokenizer.json is missing: its blake3 was HASH   bad/added_tokens.json was not there: a model may be read from it
    ");
    // A better claim.
    fs::remove_dir_all(place.path("bad")).unwrap();
    copy(&place.path("out"), &place.path("bad"));
    let text = fs::read_to_string(place.path("bad/thawline.json")).unwrap();
    let value = format!("\"value\": {}", said["claim"]["value"]);
    fs::write(place.path("bad/thawline.json"), text.replacen(&value, "\"value\": 0.999", 1)).unwrap();
    insta::assert_snapshot!(place.run(&["verify", "bad"]).err, @"error: bad/thawline.json is no manifest of a model: it claims another trial, value or step than its config does");
    // In both places that it stands in.
    fs::write(place.path("bad/thawline.json"), text.replace(&value, "\"value\": 0.999")).unwrap();
    let lied = place.run(&["verify", "bad"]);
    assert_eq!(lied.code, 6, "{}{}", lied.out, lied.err);
    assert!(lied.out.contains("0.999000 was claimed by the study: does not hold (tolerance 0.0333)"), "{}", lied.out);
    // A figure beside the objective's, which the weights give on any machine.
    let measured: serde_json::Value = serde_json::from_str(&text).unwrap();
    let f1 = format!("\"macro_f1\": {}", measured["measured"]["validation"]["metrics"]["macro_f1"]);
    assert!(text.contains(&f1), "{text}");
    fs::write(place.path("bad/thawline.json"), text.replacen(&f1, "\"macro_f1\": 0.999", 1)).unwrap();
    let lied = place.run(&["verify", "bad"]);
    assert_eq!(lied.code, 6, "{}{}", lied.out, lied.err);
    assert!(lied.out.contains("; 0.999000 was measured when the folder was written: does not hold"), "{}", lied.out);
    // A label.
    place.write("dev.tsv", &dev.replacen("\tpositive", "\tnegative", 1));
    insta::assert_snapshot!(refused("out", &[]), @"
    error: out does not hold: not what it was written with
      DIR/dev.tsv has the blake3 HASH not HASH
    ");
    place.write("moved.tsv", &dev);
    let moved = place.run(&["verify", "out", "--data", "validation=moved.tsv", "--json"]).succeeded();
    assert_eq!(serde_json::from_str::<Value>(&moved.out).unwrap()["holds"], true);
    // The pre-trained weights.
    place.write("dev.tsv", &dev);
    let base = fs::read(place.path("model/model.safetensors")).unwrap();
    let mut other = base.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(place.path("model/model.safetensors"), other).unwrap();
    insta::assert_snapshot!(refused("out", &[]), @"
    error: out does not hold: not what it was written with
      the pre-trained weights in DIR/model have the blake3 HASH not HASH
    ");
    // They may be gone, but not where they are needed.
    fs::rename(place.path("model"), place.path("elsewhere")).unwrap();
    let gone = place.run(&["verify", "out"]).succeeded();
    assert!(gone.err.contains("not checked: the pre-trained weights, DIR/model, are not on this machine"), "{}", gone.err);
    assert_eq!(place.run(&["verify", "out", "--train"]).code, 4);
    fs::remove_file(place.path("dev.tsv")).unwrap();
    let lost = place.run(&["verify", "out"]);
    insta::assert_snapshot!(lost.err, @"error: DIR/dev.tsv: there is no such file or folder; --data says where the data are now");
    assert_eq!(lost.code, 4);
    let none = place.run(&["verify", "elsewhere"]);
    insta::assert_snapshot!(none.err, @"error: elsewhere/thawline.json is missing: only folders that `thawline export` or `thawline train` wrote say what they claim");
    assert_eq!(none.code, 4);
}

#[test]
fn what_cannot_be_predicted_is_named() {
    let place = place();
    place.write("fixed.ron", &fixed("epochs: 1"));
    place.run(&["train", "fixed.ron", "--to", "out"]).succeeded();
    place.write("holes.csv", "id,text\n1,the film was good\n2,\n3, \n");
    let told = |input: &str, more: &[&str]| {
        let run = place.run(&[&["predict", "out", "--input", input][..], more].concat());
        assert!(!place.path("p.csv").exists(), "half a file is left");
        format!("{}\n{}{}", run.code, run.out, run.err)
    };
    insta::assert_snapshot!(told("holes.csv", &["--to", "p.csv"]), @"
    4
    error: holes.csv: 2 rows have no text (line 3, line 4): put one there, or take the rows out
    ");
    insta::assert_snapshot!(told("holes.csv", &["--text", "txt", "--to", "p.csv"]), @"
    4
    error: holes.csv: there is no column `txt` (did you mean `text`?); the columns are `id`, `text`
      name the column of the text with --text
    ");
    insta::assert_snapshot!(told("nowhere.csv", &["--to", "p.csv"]), @"
    4
    error: cannot read nowhere.csv: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(told("holes.csv", &["--to", "nowhere/p.csv"]), @"
    2
    error: --to nowhere/p.csv: there is no folder nowhere
    ");
    // A folder that says nothing of how texts were read.
    fs::remove_file(place.path("out/thawline.json")).unwrap();
    place.write("one.csv", "words\nthe film was good\n");
    let run = place.run(&["predict", "out", "--input", "one.csv", "--text", "words", "--format", "jsonl"]).succeeded();
    assert!(run.out.starts_with("{\"row\":0,\"predicted\":\""), "{}", run.out);
    // A model to start from is none that tells labels apart.
    let base = place.run(&["predict", "model", "--input", "one.csv"]);
    insta::assert_snapshot!(base.err, @"error: model/model.safetensors: there is no classification head (`classifier.bias`): this is a model to start from; fine-tune it first");
    assert_eq!(base.code, 4);
}

#[test]
fn predictions_that_are_interrupted_leave_nothing() {
    let place = place();
    place.write("fixed.ron", &fixed("epochs: 1"));
    place.run(&["train", "fixed.ron", "--to", "out"]).succeeded();
    let refused = place.run(&["predict", "out", "--input", "dev.tsv", "--to", "p.json"]);
    insta::assert_snapshot!(refused.err, @"error: --to p.json: predictions are written as .csv, or as .jsonl or .ndjson (a JSON object a line); for another name say which with --format csv or --format jsonl");
    assert_eq!(refused.code, 2);
    // Longer than it takes to stop it.
    place.write("many.tsv", &reviews(200_000));
    let predict = ["predict", "out", "--input", "many.tsv", "--to", "p.csv"];
    let mut predicting = place.command(&predict).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let drafts = || names(&place.path("")).iter().any(|name| name.starts_with(".predictions-"));
    let watch = Stopwatch::start();
    while !drafts() && predicting.try_wait().unwrap().is_none() && watch.seconds() < 120.0 {
        sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-TERM", &predicting.id().to_string()]).status().unwrap().success());
    let stopped = place.told(predicting.wait_with_output().unwrap());
    assert!(stopped.err.ends_with("error: interrupted: p.csv was not written\n"), "{}", stopped.err);
    assert_eq!((stopped.code, drafts(), place.path("p.csv").exists()), (130, false, false));
}

#[test]
fn a_training_that_was_interrupted_goes_on_to_the_same_weights() {
    let place = place();
    place.write("fixed.ron", &fixed("epochs: 60"));
    let whole = Stopwatch::start();
    place.run(&["train", "fixed.ron", "--to", "whole"]).succeeded();
    let enough = whole.seconds() * 20.0 + 20.0;
    let train = ["train", "fixed.ron", "--to", "out", "--checkpoint-every", "1s"];
    // Killed, once there is something to go on from.
    let kept = place.path(".out.training/training.json");
    let mut killed = place.command(&train).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let watch = Stopwatch::start();
    while !kept.exists() && killed.try_wait().unwrap().is_none() && watch.seconds() < enough {
        sleep(Duration::from_millis(2));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    if !place.path("out").exists() {
        assert!(kept.exists());
        // Nobody goes on from it with anything else.
        place.write("other.ron", &fixed("epochs: 61"));
        let other = place.run(&["train", "other.ron", "--to", "out"]);
        insta::assert_snapshot!(other.err.replace("./", ""), @"error: .out.training holds a training that was interrupted, with another config or number of threads: remove that folder to begin anew, or choose another place for this one");
        assert_eq!(other.code, 4);
        // Asked to stop, as soon as it has gone on.
        let mut stopped = place.command(&train).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(stopped.stderr.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.next().unwrap();
        assert!(first.starts_with("going on from step "), "{first}");
        assert!(Command::new("kill").args(["-TERM", &stopped.id().to_string()]).status().unwrap().success());
        let rest: Vec<String> = lines.collect();
        let code = stopped.wait().unwrap().code();
        // It may have been at its end.
        if code != Some(0) {
            let last = rest.last().unwrap();
            assert!(last.starts_with("error: interrupted after step ") && last.contains("the same command goes on from there"), "{last}");
            assert_eq!(code, Some(130));
            place.run(&train).succeeded();
        }
    }
    let weights = |folder: &str| fs::read(place.path(folder).join("model.safetensors")).unwrap();
    assert!(weights("out") == weights("whole"), "the weights are others than those of a training in one go");
    assert_eq!(manifest(&place, "out")["measured"], manifest(&place, "whole")["measured"]);
    assert!(!place.path(".out.training").exists());
}

#[test]
fn a_model_of_both_splits_claims_nothing_of_validation() {
    let place = place();
    place.write("gradual.ron", &fixed("epochs: 2, keep: Last, unfreeze: Gradual()"));
    let refused = place.run(&["train", "gradual.ron", "--to", "out", "--on", "train+validation"]);
    insta::assert_snapshot!(refused.err, @"error: gradual.ron: `unfreeze: Gradual` goes by a metric, and with --on train+validation no examples are left to measure it on: write `Progressive(...)`, which thaws at fixed times, such as those at which the search's trial thawed");
    assert_eq!(refused.code, 3);
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    let trained = place.run(&["train", "study/best.ron", "--to", "out", "--on", "train+validation"]).succeeded();
    assert!(trained.err.contains("nothing is claimed of them"), "{}", trained.err);
    let told: Vec<&str> = trained.err.lines().filter(|line| line.contains("accuracy")).collect();
    assert!(matches!(told[..], [of_test] if of_test.starts_with("on the test split, 60 examples: accuracy ")), "{}", trained.err);
    let said = manifest(&place, "out");
    assert_eq!((&said["claim"], &said["measured"]["validation"]), (&Value::Null, &Value::Null));
    assert_eq!((&said["trained_on"], &said["measured"]["test"]["examples"]), (&"train+validation".into(), &60.into()));
    let verified = place.run(&["verify", "out", "--train"]).succeeded();
    assert!(verified.out.contains("trained again: the weights are the same to the last bit"), "{}", verified.out);
    assert!(verified.err.contains("not checked: the validation value"), "{}", verified.err);
    // A larger training set, of which the study has said nothing.
    place.write("more.tsv", &reviews(200));
    let more = place.run(&["train", "study/best.ron", "--to", "more", "--data", "train=more.tsv"]).succeeded();
    assert!(more.err.contains("says nothing of it"), "{}", more.err);
    let said = manifest(&place, "more");
    assert_eq!((&said["claim"], &said["data"]["splits"]["train"]), (&Value::Null, &200.into()));
    place.run(&["verify", "more"]).succeeded();
    // On both splits it would have to say when to stop, which the study's step does not.
    let refused = place.run(&["train", "study/best.ron", "--to", "most", "--on", "train+validation", "--data", "train=more.tsv"]);
    assert!(refused.err.starts_with("error: study/best.ron claims that trial ") && refused.err.contains("take `claim`"), "{}", refused.err);
    assert_eq!((refused.code, place.path("most").exists()), (2, false));
}

#[test]
fn the_best_config_has_names_that_others_know() {
    let place = place();
    place.space_with("trials: 4", "trials: 1");
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    let json: Value = serde_json::from_str(&place.run(&["best", "study", "--format", "json"]).succeeded().out).unwrap();
    assert_eq!((&json["training_arguments"]["optim"], &json["claim"]["metric"]), (&"adamw_torch".into(), &"accuracy".into()));
    let yaml = place.run(&["best", "study", "--format", "yaml"]).succeeded().out;
    assert!(yaml.contains("\ntraining_arguments:\n") && yaml.contains("\n  optim: adamw_torch\n"), "{yaml}");
}
