//! Whole runs of the program: sweep, continue, extend, train the winner again.

#[path = "../common/mod.rs"]
mod common;
mod live;
#[cfg(unix)]
mod processes;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use common::{Workplace, names};
use trials::testing::{TinyBert, tiny_bert};

/// The value that a command's output gives for the best trial.
fn status(place: &Workplace) -> serde_json::Value {
    serde_json::from_str(&place.run(&["status", "study", "--json"]).succeeded().out).unwrap()
}

#[test]
fn a_sweep_ends_with_everything_and_its_best_config_trains_to_the_same_value() {
    let place = Workplace::new();
    let sweep = ["sweep", "space.ron", "--study", "study"];
    let first = place.run(&sweep).succeeded();
    assert!(first.out.contains("accuracy"), "{}", first.out);
    let study = place.path("study");
    for file in ["study.sqlite", "best.ron", "report/index.html", "tables/trials.csv", "tables/trials.parquet", "tables/curves.csv"] {
        assert!(study.join(file).is_file(), "{file} is missing; there are {:?}", names(&study));
    }
    let charts = [
        "best-so-far",
        "best-so-far-by-cost",
        "confusion",
        "distribution",
        "funnel",
        "learning-curves",
        "parallel-coordinates",
        "parameters",
        "reliability",
        "schedule",
        "timeline",
        "training-saved",
    ];
    let pictures = charts
        .iter()
        .flat_map(|name| ["", "-dark"].iter().flat_map(move |theme| ["png", "svg"].map(|kind| format!("{name}{theme}.{kind}"))));
    let mut files: Vec<String> = pictures.chain(["index.html".to_owned()]).collect();
    files.sort();
    assert_eq!(names(&study.join("report")), files);
    let done = status(&place);
    assert_eq!((&done["state"], &done["trials_started"], &done["trials_failed"]), (&"finished".into(), &4.into(), &0.into()));

    // The same command again has nothing to do.
    let again = place.run(&sweep).succeeded();
    assert!(again.err.contains("nothing is left to do"), "{}", again.err);
    assert_eq!(status(&place)["trials_started"], 4);

    // More trials extend it.
    place.run(&["sweep", "space.ron", "--study", "study", "--trials", "6"]).succeeded();
    let extended = status(&place);
    assert_eq!((&extended["trials_started"], &extended["state"]), (&6.into(), &"finished".into()));

    // Every trial that has been to a rung has left what it said of the validation split, those that wait there too.
    let predictions = names(&study.join("artefacts")).into_iter().filter(|name| name.strip_suffix("-predictions.csv").is_some());
    let finalists = fs::read_to_string(study.join("tables/trials.csv")).unwrap().lines().filter(|line| line.contains(",finalist,")).count();
    assert_eq!(predictions.count(), 6 + finalists);

    // Another space does not belong into it.
    place.space_with("epochs: 2", "epochs: 3");
    let other = place.run(&sweep);
    assert_eq!(other.code, 4, "{}", other.err);
    insta::assert_snapshot!(other.err, @r#"
    DIR/data.tsv: 240 rows
    train: 120 examples; tokens 11.5 on average, 12 at most; negative: 60, positive: 60
    validation: 60 examples; tokens 11.6 on average, 12 at most; negative: 30, positive: 30
    test: 60 examples; tokens 11.6 on average, 12 at most; negative: 30, positive: 30
    error: DIR/study: this study was started with another space:
      space.epochs: was 2, now 3
      recipe "literature default".epochs: was 2, now 3
    Name a new folder with --study, or go back to the space and the options it was started with
    "#);
    assert_eq!(status(&place)["trials_started"], 6);

    // Its best config is a file that trains to the very same value.
    let trained = place.run(&["train", "study/best.ron", "--to", "trained"]).succeeded();
    let best = extended["best_value"].as_f64().unwrap();
    assert!(trained.err.contains("exactly"), "{}\n{}", trained.out, trained.err);
    assert!(trained.out.contains(&format!("{best}")), "{best} is not in {}", trained.out);
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        assert!(place.path("trained").join(file).is_file(), "{file}");
    }

    // The study's own weights of that trial are the same model.
    place.run(&["export", "study", "--to", "exported"]).succeeded();
    let weights = |folder: &str| fs::read(place.path(folder).join("model.safetensors")).unwrap();
    assert!(weights("exported") == weights("trained"), "the exported weights differ from those trained again");

    // A claim that does not hold is told.
    let claimed = fs::read_to_string(study.join("best.ron")).unwrap();
    let value = claimed.lines().rev().find(|line| line.trim_start().starts_with("value:")).unwrap();
    place.write("wrong.ron", &claimed.replace(value, "value: 0.123,"));
    let wrong = place.run(&["train", "wrong.ron", "--to", "wrong"]);
    assert_eq!(wrong.code, 6, "{}", wrong.err);
}

/// Of a table in which no cell has a comma.
fn rows(place: &Workplace, table: &str) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(place.path(&format!("study/tables/{table}.csv"))).unwrap();
    let cells = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    let header = cells(text.lines().next().unwrap());
    text.lines().skip(1).map(|line| header.iter().cloned().zip(cells(line)).collect()).collect()
}

#[test]
fn a_search_that_goes_on_after_the_test_split_was_looked_at_is_marked() {
    let place = Workplace::new();
    place.space_with("trials: 4,", "trials: 2,\n        finalists: 1,\n        finalist_seeds: 1,");
    let first = place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    assert!(first.out.contains("Test split, 60 examples: accuracy ") && !first.out.contains("no longer independent"), "{}", first.out);
    // Its predictions stay with the study, and the tables tell of them.
    let predictions = rows(&place, "predictions");
    let of_test = |row: &&BTreeMap<String, String>| row["split"] == "test";
    let test: Vec<_> = predictions.iter().filter(of_test).collect();
    assert_eq!((test.len(), test[0]["best"].as_str(), test[0]["examples"].as_str()), (1, "true", "60"));
    // What they say is what the trials reported.
    let (trials, curves) = (rows(&place, "trials"), rows(&place, "curves"));
    for row in &predictions {
        assert_eq!(row["problem"], "", "{row:?}");
        let trial = trials.iter().find(|trial| trial["trial"] == row["trial"]).unwrap();
        let reported = curves.iter().find(|point| (&point["trial"], &point["step"]) == (&row["trial"], &trial["best_step"])).unwrap();
        for name in ["accuracy", "macro_f1", "matthews", "loss"].into_iter().filter(|_| !of_test(&row)) {
            let number = |text: &str| text.parse::<f64>().unwrap();
            let (found, expected) = (number(&row[name]), number(&reported[&format!("validation_{name}")]));
            assert!((found - expected).abs() < 1e-9, "{name} of trial {} is {found}, not {expected}", row["trial"]);
        }
    }
    let more = place.run(&["sweep", "space.ron", "--study", "study", "--trials", "4"]).succeeded();
    assert!(more.out.contains("that figure is no longer independent of it"), "{}", more.out);
    assert!(fs::read_to_string(place.path("study/report/index.html")).unwrap().contains("no longer independent"));
    // Without finalists nobody looks.
    place.space_with("trials: 4,", "trials: 2,\n        finalists: 0,");
    let none = place.run(&["sweep", "space.ron", "--study", "other"]).succeeded();
    assert!(!none.out.contains("Test split"), "{}", none.out);
}

#[test]
fn an_enqueued_config_is_tried_when_the_study_goes_on() {
    let place = Workplace::new();
    let sweep = ["sweep", "space.ron", "--study", "study"];
    place.run(&sweep).succeeded();
    place.run(&["sweep", "space.ron", "--study", "other", "--seed", "5"]).succeeded();
    let theirs = fs::read_to_string(place.path("other/best.ron")).unwrap();
    place.write(
        "mine.ron",
        &theirs
            .replace("batch_size: 16", "batch_size: 12")
            .replace("batch_size: 8", "batch_size: 12")
            .replace("batch_size: 32", "batch_size: 12"),
    );
    let told = place.run(&["enqueue", "study", "mine.ron"]).succeeded();
    insta::assert_snapshot!(told.err, @"enqueued mine.ron; it is tried when the study goes on: `thawline sweep space.ron --study study`");
    assert_eq!(status(&place)["state"], "stopped");
    let again = place.run(&["enqueue", "study", "mine.ron", "--name", "once more"]);
    insta::assert_snapshot!(again.err, @r#"error: mine.ron: this very config waits to be tried already, as "mine.ron"; nothing was enqueued"#);
    assert_eq!(again.code, 2);
    place.run(&sweep).succeeded();
    assert_eq!(status(&place)["trials_started"], 5);
    assert!(fs::read_to_string(place.path("study/tables/leaderboard.csv")).unwrap().contains("mine.ron"));
    place.write("long.ron", &theirs.replace("epochs: 2", "epochs: 3"));
    let long = place.run(&["enqueue", "study", "long.ron"]);
    insta::assert_snapshot!(long.err, @"error: long.ron: `epochs` is 3, but the study trains 2 at most: enqueue it with `epochs: 2`");
    assert_eq!(long.code, 3);
}

#[test]
fn finalists_are_cross_validated_when_the_space_asks_for_it() {
    let place = Workplace::new();
    place.space_with("trials: 4,", "trials: 4,\n        folds: 3,");
    let swept = place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    assert!(swept.out.contains("Cross-validated, best mean first:\n  trial "), "{}", swept.out);
    let done = status(&place);
    assert_eq!((&done["state"], &done["folds_ended"]), (&"finished".into(), &done["folds"]));
    let rows = fs::read_to_string(place.path("study/tables/folds.csv")).unwrap().lines().count() - 1;
    assert!(rows >= 6 && rows as u64 == done["folds"].as_u64().unwrap(), "{rows}");
    assert!(fs::read_to_string(place.path("study/report/index.html")).unwrap().contains("Cross-validation"));
    let again = place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    assert!(again.err.contains("nothing is left to do"), "{}", again.err);
}

/// Waits until a trial of the study has reached a rung.
fn wait_for_a_value(place: &Workplace) {
    wait_for(place, "study", |status| !status["best_value"].is_null());
}

fn wait_for(place: &Workplace, study: &str, what: impl Fn(&serde_json::Value) -> bool) {
    for _ in 0..3000 {
        let run = place.run(&["status", study, "--json"]);
        let status: Option<serde_json::Value> = serde_json::from_str(&run.out).ok();
        if status.is_some_and(|status| what(&status)) {
            return;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("no trial has reached that rung");
}

/// Trial, rung, examples and value of everything that has one.
fn values(place: &Workplace, study: &str) -> Vec<String> {
    let table = fs::read_to_string(place.path(study).join("tables/rungs.csv")).unwrap();
    let mut rows: Vec<String> = table.lines().map(|line| line.splitn(5, ',').take(4).collect::<Vec<_>>().join(",")).collect();
    rows.sort();
    rows
}

/// Flips a byte of every trial's newest checkpoints, of so many.
fn damage(study: &Path, count: usize) {
    let files = names(&study.join("checkpoints"));
    let parts = |name: &str| -> Option<(u32, u64)> {
        let (trial, step) = name.strip_prefix("trial-")?.strip_suffix(".ckpt")?.split_once("-step-")?;
        Some((trial.parse().ok()?, step.parse().ok()?))
    };
    let mut files: Vec<_> = files.iter().filter_map(|name| Some((parts(name)?, name))).collect();
    files.sort();
    for same in files.chunk_by(|((a, _), _), ((b, _), _)| a == b) {
        for (_, name) in same.iter().rev().take(count) {
            let path = study.join("checkpoints").join(name);
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn every_decision_of_a_study_comes_out_the_same_again() {
    let place = Workplace::new();
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    let replayed = place.run(&["replay", "study"]).succeeded();
    assert!(replayed.out.contains(" decisions among ") && replayed.out.ends_with(": all come out the same\n"), "{}", replayed.out);
    let told: serde_json::Value = serde_json::from_str(&place.run(&["replay", "study", "--json"]).succeeded().out).unwrap();
    assert!(told["decisions"].as_u64().unwrap() >= 4 && told["different"] == 0, "{told}");
    // A record that somebody has changed.
    let database = rusqlite::Connection::open(place.path("study/study.sqlite")).unwrap();
    let changed = "UPDATE event SET payload = replace(payload, '\"learn_from\":0', '\"learn_from\":9') WHERE seq = (SELECT min(seq) FROM event WHERE kind = 'decided')";
    assert_eq!(database.execute(changed, []).unwrap(), 1);
    drop(database);
    let differs = place.run(&["replay", "study"]);
    assert_eq!(differs.code, 6, "{}", differs.err);
    assert!(
        differs.err.contains("decisions comes out differently, the first at event 3\n  recorded: Start { learn_from: 9 }"),
        "{}",
        differs.err
    );
}

#[cfg(unix)]
#[test]
fn a_damaged_checkpoint_is_noticed_and_made_up_for() {
    let place = Workplace::new();
    let space =
        common::SPACE.replace("trials: 4", "trials: 9, scheduler: SuccessiveHalving, finalists: 0").replace("epochs: 2", "epochs: 60");
    place.write("space.ron", &space.replace("eta: 2", "eta: 2, checkpoint_every: \"1s\"").replace("cpu:2", "cpu:1"));
    place.run(&["sweep", "space.ron", "--study", "undisturbed"]).succeeded();
    for (study, newest) in [("one", 1), ("two", 2)] {
        let mut sweep =
            place.command(&["sweep", "space.ron", "--study", study]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // One of those at the second rung goes on to the top.
        wait_for(&place, study, |status| status["reached"][1].as_u64().is_some_and(|trials| trials >= 2));
        Command::new("kill").args(["-INT", &sweep.id().to_string()]).status().unwrap();
        assert_eq!(sweep.wait().unwrap().code(), Some(130));
        damage(&place.path(study), newest);
        let again = place.run(&["sweep", "space.ron", "--study", study]).succeeded();
        let noticed = "does not have the blake3 it was written with: it is damaged; it ";
        // One that has been to a single rung has none before it, so that it may start anew in either case.
        let way = if newest == 1 { "goes on from the one before, of step " } else { "is trained again from its start" };
        assert!(again.err.contains(&format!("{noticed}{way}")), "{}", again.err);
        assert_eq!(values(&place, study), values(&place, "undisturbed"));
        let status: serde_json::Value = serde_json::from_str(&place.run(&["status", study, "--json"]).succeeded().out).unwrap();
        assert!(status["steps_repeated"].as_u64().unwrap() > 0 && status["trials_failed"] == 0, "{status}");
    }
}

#[test]
fn checkpoints_keep_to_the_space_they_are_given() {
    let place = Workplace::new();
    let settings = |limit: &str| format!("trials: 12, scheduler: SuccessiveHalving, finalists: 0, checkpoint_space: \"{limit}\"");
    place.space_with("trials: 4", &settings("1MB"));
    let bytes = |study: &str| -> u64 {
        let folder = place.path(study).join("checkpoints");
        names(&folder).iter().map(|name| fs::metadata(folder.join(name)).unwrap().len()).sum()
    };
    let swept = place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    assert!(bytes("study") <= 1_000_000 && !swept.err.contains("must stay"), "{}\n{}", bytes("study"), swept.err);
    let done = status(&place);
    assert!(done["checkpoints_dropped"].as_u64().unwrap() > 0, "{done}");
    place.space_with("trials: 4", "trials: 12, scheduler: SuccessiveHalving, finalists: 0");
    place.run(&["sweep", "space.ron", "--study", "free"]).succeeded();
    let status: serde_json::Value = serde_json::from_str(&place.run(&["status", "free", "--json"]).succeeded().out).unwrap();
    assert_eq!(status["checkpoints_dropped"], 0);
    assert_eq!(values(&place, "study"), values(&place, "free"));
}

#[test]
fn settings_of_the_command_line_take_the_place_of_the_file_s() {
    let place = Workplace::new();
    // Lengths that differ, and steps whose sums are not exact.
    place.write(
        "space.ron",
        &common::SPACE.replace("epochs: 2", "epochs: Int(1, 2), warmup: Stepped(0.0, 0.3, 0.1)").replace("trials: 4", "trials: 9"),
    );
    let sweep = |options: &[&str]| place.run(&[&["sweep", "space.ron", "--study", "study"], options].concat());
    let wrong = sweep(&["--objective", "Maximize(Loss)", "--eta", "1", "--r-min", "Shore(0.5)"]);
    assert_eq!(wrong.code, 2);
    insta::assert_snapshot!(wrong.err, @"
    error: 3 mistakes

    --objective:1:1: a loss is better when it is lower
      |
    1 | Maximize(Loss)
      | ^^^^^^^^^^^^^^
      = help: write `Minimize(Loss)`

    --eta:1:1: `eta` must be from 2 to 1000, not 1
      |
    1 | 1
      | ^

    --r-min:1:1: `Shore` is not an amount of training
      |
    1 | Shore(0.5)
      | ^^^^^
      = help: did you mean `Share`?
    ");
    assert!(!place.path("study").exists());
    let run = sweep(&["--objective", "Minimize(Loss)", "--eta", "3", "--r-min", "Share(0.5)"]).succeeded();
    assert!(run.err.contains("--study study --objective 'Minimize(Loss)' --eta 3 --r-min 'Share(0.5)' --trials 18"), "{}", run.err);
    let done = status(&place);
    // Without those options it would be refused.
    let next = "thawline sweep space.ron --study study --objective 'Minimize(Loss)' --eta 3 --r-min 'Share(0.5)' --trials 18";
    assert!(done["next"].as_array().unwrap().iter().any(|step| step["command"] == next), "{}", done["next"]);
    assert_eq!((&done["metric"], &done["rungs"]), (&"loss".into(), &serde_json::json!([120, 240])));
    assert_eq!((&done["trials_started"], &done["trials_failed"]), (&9.into(), &0.into()));
    let trials = fs::read_to_string(place.path("study/tables/trials.csv")).unwrap();
    assert_eq!(trials.lines().next().unwrap().split(',').filter(|name| *name == "epochs").count(), 1, "{trials}");
    assert!(place.path("study/report/learning-curves.png").is_file());
}

#[test]
fn check_says_when_a_space_has_fewer_points_than_trials() {
    let place = Workplace::new();
    let told = || place.run(&["check", "few.ron", "--trials", "40"]).succeeded().out;
    let space = common::SPACE.split("space: (").next().unwrap();
    place.write("few.ron", &format!("{space}space: (epochs: 2, warmup: Choice([0.0, 0.1]), label_smoothing: Choice([0.0, 0.1, 0.2])),\n)"));
    assert!(told().contains("the space has 6 points, so there will be fewer trials"), "{}", told());
    place.write("few.ron", &format!("{space}space: (epochs: 2, warmup: Uniform(0.0, 0.1)),\n)"));
    assert!(!told().contains("points, so"), "{}", told());
}

#[test]
fn a_probe_says_what_to_expect() {
    let place = Workplace::new();
    let check = place.run(&["check", "space.ron", "--probe", "--samples", "2"]).succeeded();
    let expected = check.out.split("To expect\n").nth(1).unwrap();
    // Four trials of two passes: all to 60 examples, two and the default to 120 and so on; what it takes depends on the machine.
    insta::assert_snapshot!(expected.lines().next().unwrap(), @"  trials  4, 62 % of full-length training in all");
    let time = expected.lines().find_map(|line| line.trim().strip_prefix("time")).unwrap();
    assert!(time.contains(" to ") && time.ends_with("on 2 slots"), "{time}");
    for line in ["memory  about", "disk    up to"] {
        assert!(expected.contains(line), "{expected}");
    }
}

#[test]
fn a_space_with_every_value_fixed_trains_too() {
    let place = Workplace::new();
    place.space_with("Choice([8, 16])", "8");
    let free = place.run(&["train", "space.ron", "--to", "model-out"]);
    insta::assert_snapshot!(free.err, @"error: space.ron: 2 values are left to the search, the first is `optimizer.AdamW.learning_rate`: fix them, or run `thawline sweep`");
    assert_eq!(free.code, 3);
    let fixed = common::SPACE
        .replace("Choice([8, 16])", "8")
        .replace("LogUniform(1e-4, 1e-2)", "1e-3")
        .replace("Choice([Everything, LastBlocks(k: 1)])", "LastBlocks(k: 1)");
    place.write("space.ron", &fixed);
    let trained = place.run(&["train", "space.ron", "--to", "model-out"]).succeeded();
    assert!(trained.out.starts_with("accuracy "), "{}", trained.out);
    // The folder is there now: training for hours to find that out at the end would be no help.
    let again = place.run(&["train", "space.ron", "--to", "model-out"]);
    insta::assert_snapshot!(again.err, @"error: model-out already exists and is not an empty folder: choose another place, or remove it");
    assert_eq!(again.code, 2);
    let nameless = place.run(&["train", "space.ron", "--to", "."]);
    insta::assert_snapshot!(nameless.err, @"error: . has no name of its own: write the name of a folder that is to be made");
    assert_eq!(nameless.code, 2);
    // Nothing can be made in a file.
    let nowhere = place.run(&["train", "space.ron", "--to", "space.ron/model"]);
    insta::assert_snapshot!(nowhere.err, @"error: space.ron/model cannot be written: Not a directory (os error 20)");
    assert_eq!(nowhere.code, 2);
    let left: Vec<_> = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.starts_with('.')), "{left:?}");
}

#[test]
fn a_study_whose_data_or_model_has_changed_is_left_alone() {
    let place = Workplace::new();
    place.space_with("trials: 4", "trials: 1");
    let sweep = ["sweep", "space.ron", "--study", "study", "--trials", "2"];
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    // As many rows as before: one label is another.
    let data = fs::read_to_string(place.path("data.tsv")).unwrap();
    place.write("data.tsv", &data.replacen("\tpositive", "\tnegative", 1));
    for command in [&sweep[..], &["export", "study", "--to", "out"]] {
        let refused = place.run(command);
        assert_eq!(refused.code, 4, "{}", refused.err);
        assert!(
            refused
                .err
                .contains("the data: DIR/data.tsv, with the tokenizer of DIR/model, no longer gives the same tokens, labels and splits"),
            "{}",
            refused.err
        );
    }
    place.write("data.tsv", &data);
    tiny_bert(&place.path("model"), &TinyBert { seed: 1, ..TinyBert::default() }).unwrap();
    let refused = place.run(&sweep);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("the model: DIR/model no longer has the same weights"), "{}", refused.err);
    assert_eq!(status(&place)["trials_started"], 1);
    tiny_bert(&place.path("model"), &TinyBert::default()).unwrap();
    place.run(&sweep).succeeded();
    assert_eq!(status(&place)["trials_started"], 2);
}

#[test]
fn a_study_that_goes_on_keeps_what_it_was_started_with() {
    let place = Workplace::new();
    place.run(&["sweep", "space.ron", "--study", "study", "--trials", "2", "--seed", "5", "--budget", "1h"]).succeeded();
    place.space_with("trials: 4", "trials: 1");
    let again = place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    assert!(again.err.contains("the study goes on with its own seed, 5; the file's is 0"), "{}", again.err);
    let less = place.run(&["sweep", "space.ron", "--study", "study", "--trials", "1", "--budget", "30m"]).succeeded();
    for told in ["--trials 1 changes nothing: the study has been asked for 2", "a --budget of 30 min changes nothing: the study has 1 h"] {
        assert!(less.err.contains(told), "{}", less.err);
    }
    let other = place.run(&["sweep", "space.ron", "--study", "study", "--seed", "6"]);
    assert_eq!(other.code, 4, "{}", other.err);
    assert!(other.err.contains("settings.seed: was 5, now 6"), "{}", other.err);
    assert_eq!(status(&place)["trials_started"], 2);
}

#[test]
fn results_as_json_stand_alone_on_standard_output() {
    let place = Workplace::new();
    place.space_with("trials: 4", "trials: 2");
    let swept = place.run(&["sweep", "space.ron", "--study", "study", "--json"]).succeeded();
    let outcome: serde_json::Value = serde_json::from_str(&swept.out).unwrap();
    assert_eq!((&outcome["ended"], &outcome["trials"]), (&"finished".into(), &2.into()));
    // Both configs three times, one look at the test split, and the same study says the same again.
    assert_eq!((&outcome["best_seeds"], &outcome["test"]["looks"], &outcome["test"]["examples"]), (&3.into(), &1.into(), &60.into()));
    assert_eq!(
        (&outcome["test"]["trial"], &outcome["best_rule"]),
        (&outcome["best_trial"], &"the best mean of 2 finalists, its median training of 3".into())
    );
    let again = place.run(&["sweep", "space.ron", "--study", "study", "--json"]).succeeded();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&again.out).unwrap()["test"], outcome["test"]);
    let best: serde_json::Value = serde_json::from_str(&place.run(&["best", "study", "--format", "json"]).succeeded().out).unwrap();
    assert_eq!(best["claim"]["value"], outcome["best_value"]);
    let none = place.run(&["export", "study", "--to", "out", "--trial", "9"]);
    insta::assert_snapshot!(none.err, @"error: there is no trial 9: the study has trials 0 to 5");
    assert_eq!(none.code, 2);
}
