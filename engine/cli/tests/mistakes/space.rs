//! Mistakes of a space.

use super::*;

#[test]
fn mistakes_in_a_space_are_all_told_at_once() {
    let place = Workplace::new();
    place.write(
        "space.ron",
        &SPACE
            .replace("unfreeze: Choice([Everything", "unfreze: HeadOnly, unfreeze: Choice([Everythin")
            .replace("LogUniform(1e-4, 1e-2)", "LogUniform(0.0, 1e-2)")
            .replace("batch_size: Choice([8, 16])", "batch_size: Int(16, 8)")
            .replace("epochs: 2", "epochs: 2, warmup: 1.5"),
    );
    insta::assert_snapshot!(refused(&place, 3), @"
    error: 5 mistakes

    space.ron:15:28: `warmup` must be at least 0 and below 1, not 1.5
       |
    15 |         epochs: 2, warmup: 1.5,
       |                            ^^^

    space.ron:16:21: the range is reversed: 16 is above 8
       |
    16 |         batch_size: Int(16, 8),
       |                     ^^^^^^^^^^
       = help: write Int(8, 16)

    space.ron:17:52: `learning_rate` must be above 0, not 0.0
       |
    17 |         optimizer: AdamW(learning_rate: LogUniform(0.0, 1e-2)),
       |                                                    ^^^

    space.ron:18:9: `Config` has no field `unfreze`
       |
    18 |         unfreze: HeadOnly, unfreeze: Choice([Everythin, LastBlocks(k: 1)]),
       |         ^^^^^^^
       = help: did you mean `unfreeze`?

    space.ron:18:46: `Everythin` is not an unfreeze schedule
       |
    18 |         unfreze: HeadOnly, unfreeze: Choice([Everythin, LastBlocks(k: 1)]),
       |                                              ^^^^^^^^^
       = help: did you mean `Everything`?
    ");
}

#[test]
fn mistakes_that_only_the_model_or_the_data_can_tell_have_places_too() {
    let place = Workplace::new();
    place.write(
        "space.ron",
        &SPACE.replace("LastBlocks(k: 1)", "LastBlocks(k: 9)").replace("max_tokens: 24", "max_tokens: 99, label: \"lable\""),
    );
    insta::assert_snapshot!(refused(&place, 3), @r#"
    error: 3 mistakes

    space.ron:6:21: `max_tokens` is 99, but the model takes 64 tokens at most
      |
    6 |         max_tokens: 99, label: "lable",
      |                     ^^
      = help: write 64 or less

    space.ron:6:32: DIR/data.tsv: there is no column `lable` (did you mean `label`?); the columns are `text`, `label`
      |
    6 |         max_tokens: 99, label: "lable",
      |                                ^^^^^^^

    space.ron:18:53: `k` is 9, but the model has 3 blocks below the head
       |
    18 |         unfreeze: Choice([Everything, LastBlocks(k: 9)]),
       |                                                     ^
       = help: write 3 or less; its blocks are embeddings, layer.0, layer.1, head
    "#);
}

#[test]
fn mistakes_of_the_space_do_not_hide_those_of_the_model_and_the_data() {
    let place = Workplace::new();
    place.write(
        "space.ron",
        &SPACE
            .replace("LastBlocks(k: 1)", "LastBlocks(k: 9)")
            .replace("max_tokens: 24", "max_tokens: 99, label: \"lable\"")
            .replace("batch_size: Choice([8, 16])", "batch_size: Int(16, 8)")
            .replace("eta: 2", "eta: 1"),
    );
    insta::assert_snapshot!(refused(&place, 3), @r#"
    error: 5 mistakes

    space.ron:6:21: `max_tokens` is 99, but the model takes 64 tokens at most
      |
    6 |         max_tokens: 99, label: "lable",
      |                     ^^
      = help: write 64 or less

    space.ron:6:32: DIR/data.tsv: there is no column `lable` (did you mean `label`?); the columns are `text`, `label`
      |
    6 |         max_tokens: 99, label: "lable",
      |                                ^^^^^^^

    space.ron:11:14: `eta` must be from 2 to 1000, not 1
       |
    11 |         eta: 1,
       |              ^

    space.ron:16:21: the range is reversed: 16 is above 8
       |
    16 |         batch_size: Int(16, 8),
       |                     ^^^^^^^^^^
       = help: write Int(8, 16)

    space.ron:18:53: `k` is 9, but the model has 3 blocks below the head
       |
    18 |         unfreeze: Choice([Everything, LastBlocks(k: 9)]),
       |                                                     ^
       = help: write 3 or less; its blocks are embeddings, layer.0, layer.1, head
    "#);
    // One mistake is not told as two: with `text` and `max_tokens` unreadable, nothing follows from what would stand there by default.
    place.space_with("max_tokens: 24", "max_tokens: \"many\", text: 3");
    assert!(refused(&place, 3).starts_with("error: 2 mistakes\n"));
    // The wrong name may be any field's that is left out, but not the file's.
    place.write("space.ron", &SPACE.replace("data.tsv", "dada.tsv").replace("max_tokens: 24", "max_tokens: 99, lable: \"topic\""));
    insta::assert_snapshot!(refused(&place, 3), @r#"
    error: 2 mistakes

    space.ron:6:21: `max_tokens` is 99, but the model takes 64 tokens at most
      |
    6 |         max_tokens: 99, lable: "topic",
      |                     ^^
      = help: write 64 or less

    space.ron:6:25: `Text` has no field `lable`
      |
    6 |         max_tokens: 99, lable: "topic",
      |                         ^^^^^
      = help: did you mean `label`?

    cannot read DIR/dada.tsv: No such file or directory (os error 2)
      (`data.files`, space.ron:4:16)
    "#);
    // Files that are not there are told beside mistakes of the space.
    place.write(
        "space.ron",
        &SPACE.replace("data.tsv", "dada.tsv").replace("Path(\"model\")", "Path(\"modell\")").replace("epochs: 2", "epoch: 2"),
    );
    insta::assert_snapshot!(refused(&place, 3), @"
    error: space.ron:15:9: `Config` has no field `epoch`
       |
    15 |         epoch: 2,
       |         ^^^^^
       = help: did you mean `epochs`?

    DIR/modell: there is no such folder
      (`model`, space.ron:2:12)

    cannot read DIR/dada.tsv: No such file or directory (os error 2)
      (`data.files`, space.ron:4:16)
    ");
}

#[test]
fn no_mistake_is_told_twice() {
    let place = Workplace::new();
    let told_once = |old: &str, new: &str| {
        place.space_with(old, new);
        let told = refused(&place, 3);
        assert!(told.starts_with("error: space.ron:"), "{new}: {told}");
        assert_eq!(told.matches("space.ron:").count(), 1, "{new}: {told}");
    };
    let tokens = "max_tokens: 24";
    told_once(tokens, "max_tokens: 24, text: Pair(\"text\", \"text\")");
    told_once(tokens, "max_tokens: 24, label: \"text\"");
    told_once(tokens, "max_tokens: 24, columns: [\"a\", \"b\"], text: \"a\"");
    told_once("split: (validation: 0.25, test: 0.25)", "split: (validation: 0.6, test: 0.5)");
    told_once("split: (validation: 0.25, test: 0.25)", "split: (validation: 0.0)");
    told_once("r_min: Share(0.25)", "r_min: Epochs(50)");
    told_once("AdamW(learning_rate", "AdamW(learning_rat");
    told_once("data: (", "dta: (");
    told_once("devices: \"cpu:2\"", "devices: \"gpu:9\"");
}

#[test]
fn a_wrong_name_hides_nothing_but_what_it_stands_for() {
    let place = Workplace::new();
    place.space_with(
        "files: One(Path(\"data.tsv\"))",
        "txt: \"body\", label: \"lable\", files: Splits(train: Path(\"data.tsv\"), validation: Path(\"no.tsv\"), tst: Path(\"data.tsv\"))",
    );
    insta::assert_snapshot!(refused(&place, 3), @r#"
    error: 3 mistakes

    space.ron:4:9: `Text` has no field `txt`
      |
    4 |         txt: "body", label: "lable", files: Splits(train: Path("data.tsv"), validation: Path("no.tsv"), tst: Path("data.
      |         ^^^
      = help: did you mean `text`?

    space.ron:4:29: DIR/data.tsv: there is no column `lable` (did you mean `label`?); the columns are `text`, `label`
      |
    4 |         txt: "body", label: "lable", files: Splits(train: Path("data.tsv"), validation: Path("no.tsv"), tst: Path("data.
      |                             ^^^^^^^

    space.ron:4:105: `Splits` has no field `tst`
      |
    4 | Splits(train: Path("data.tsv"), validation: Path("no.tsv"), tst: Path("data.tsv")),
      |                                                             ^^^
      = help: did you mean `test`?

    cannot read DIR/no.tsv: No such file or directory (os error 2)
      (`data.files.Splits.validation`, space.ron:4:89)
    "#);
}

#[test]
fn files_of_all_editors_are_read() {
    let place = Workplace::new();
    place.write("space.ron", &format!("\u{feff}{}", SPACE.replace('\n', "\r\n")));
    place.run(&["check", "space.ron"]).succeeded();
    // Lines are counted as an editor does.
    place.space_with("data.tsv", "data.csv");
    for end in ["\n", "\r\n"] {
        place.write("data.csv", &["text,label", "", "a film,good", ",bad", ""].join(end));
        let told = refused(&place, 4);
        assert!(told.contains("(line 4)"), "{told}");
    }
    // What users' files hold does nothing to a terminal.
    place.space_with("max_tokens: 24", "max_tokens: 24, label: \"\\u{1b}[31m\"");
    assert!(!refused(&place, 3).contains('\u{1b}'));
}

#[test]
fn devices_that_are_not_there() {
    let place = Workplace::new();
    place.space_with("cpu:2", "cuda:7");
    let message = refused(&place, 7);
    if !cfg!(feature = "cuda") {
        insta::assert_snapshot!(message, @"error: devices `cuda:7`, character 1: this program was built without cuda: build it with `--features cuda`, or use `cpu`");
    }
    // The file's own mistakes first.
    place.write("space.ron", &SPACE.replace("cpu:2", "cuda:7").replace("max_tokens: 24", "max_tokens: 24, label: \"lable\""));
    let message = refused(&place, 3);
    assert!(message.contains("no column `lable`") && message.contains("devices `cuda:7`"), "{message}");
    place.space_with("cpu:2", "gpu");
    insta::assert_snapshot!(refused(&place, 3), @r#"
    error: space.ron:12:18: devices `gpu`, character 1: `gpu` is not a device: write `cpu`, `cpu:2`, `cuda:0` or `metal`, with commas between
       |
    12 |         devices: "gpu",
       |                  ^^^^^
    "#);
}

#[test]
fn what_init_writes_passes_check() {
    let place = Workplace::new();
    let before = names(&place.path(""));
    place.run(&["init", "data.tsv", "--model", "model", "--to", "new.ron"]).succeeded();
    let checked = place.run(&["check", "new.ron", "--samples", "2"]).succeeded();
    assert!(checked.out.contains("no mistakes"), "{}", checked.out);
    fs::remove_file(place.path("new.ron")).unwrap();
    assert_eq!(names(&place.path("")), before);
}

#[test]
fn an_unknown_asset_hides_no_other_mistake() {
    let place = Workplace::new();
    let model = SPACE.lines().find(|line| line.trim().starts_with("model:")).unwrap();
    place.write(
        "space.ron",
        &SPACE.replace(model, "model: Asset(\"minilm\"),").replace("max_tokens: 24", "max_tokens: 24, label: \"lable\""),
    );
    let message = refused(&place, 3);
    assert!(message.contains("2 mistakes") && message.contains("minilm") && message.contains("`lable`"), "{message}");
}

#[test]
fn what_the_command_line_got_wrong_is_not_blamed_on_the_file() {
    let place = Workplace::new();
    let run = place.run(&["check", "space.ron", "--r-min", "Epochs(50)"]);
    insta::assert_snapshot!(run.err, @"
    error: --r-min:1:1: the first rung, 6000 examples, lies beyond the horizon: 2 epochs of 120 examples are 240
      |
    1 | Epochs(50)
      | ^^^^^^^^^^
      = help: give a smaller r_min, such as Share(0.12), or more epochs
    ");
}

#[test]
fn one_config_is_no_space() {
    let place = Workplace::new();
    place.write("best.ron", "Train(model: Path(\"model\"), data: (files: One(Path(\"data.tsv\"))), config: (epochs: 1))");
    let check = place.run(&["check", "best.ron"]);
    insta::assert_snapshot!(check.err, @r#"
    error: best.ron:1:1: this is one config (`Train(...)`), not a space to search
      |
    1 | Train(model: Path("model"), data: (files: One(Path("data.tsv"))), config: (epochs: 1))
      | ^
      = help: train it with `thawline train FILE --to MODEL_DIR`
    "#);
    assert_eq!(check.code, 3);
}

#[test]
fn more_folds_than_examples_and_a_metric_without_a_name() {
    let place = Workplace::new();
    place.space_with("trials: 4,", "trials: 4,\n        folds: 90,");
    place.write("data.tsv", &common::reviews(40));
    insta::assert_snapshot!(refused(&place, 3), @"
    error: space.ron:10:16: `folds` is 90, but there are only 30 examples for training and validation
       |
    10 |         folds: 90,
       |                ^^
       = help: 5 or 10 is usual
    ");
    place.space_with("trials: 4,", "trials: 4,\n        folds: 1,");
    insta::assert_snapshot!(refused(&place, 3), @"
    error: space.ron:10:16: `folds` must be from 2 to 100, not 1
       |
    10 |         folds: 1,
       |                ^
    ");
    place.space_with("    settings: (", "    objective: Maximize(Custom(\"F 2\")),\n    settings: (");
    insta::assert_snapshot!(refused(&place, 3), @r#"
    error: space.ron:8:32: a metric's name is small letters, digits and `_`, a letter first, 32 at most: "F 2" is not
      |
    8 |     objective: Maximize(Custom("F 2")),
      |                                ^^^^^
      = help: name it as the program that measures it does
    "#);
}

#[test]
fn low_rank_additions_need_a_rank_that_fits() {
    let place = Workplace::new();
    place.space_with("unfreeze: Choice", "adapter: Choice([Off, Lora(rank: 40), Lora(alpha: 8)]),\n        unfreeze: Choice");
    insta::assert_snapshot!(refused(&place, 3), @"
    error: 2 mistakes

    space.ron:18:42: `rank` is 40, but the model's projections are 16 wide
       |
    18 |         adapter: Choice([Off, Lora(rank: 40), Lora(alpha: 8)]),
       |                                          ^^
       = help: write 16 or less

    space.ron:18:47: `Lora` lacks the field `rank`
       |
    18 |         adapter: Choice([Off, Lora(rank: 40), Lora(alpha: 8)]),
       |                                               ^^^^
       = help: add `rank: ...`, a whole number
    ");
}

#[test]
fn a_budget_smaller_than_one_rung_is_refused_before_the_first_trial() {
    let place = Workplace::new();
    place.write(
        "space.ron",
        &SPACE.replace("epochs: 2", "epochs: 100000").replace("r_min: Share(0.25)", "budget: \"1s\", r_min: Share(0.9)"),
    );
    let told = refused(&place, 3);
    assert!(told.contains("measuring whether a budget of 1 s is enough for one rung"), "{told}");
    let expected = "the budget of 1 s is smaller than one rung: the quickest of the configs that were tried, the default recipe among them, needs about";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("budget: \"1s\"") && told.contains("= help: give more, or an earlier first rung"), "{told}");
    // A probe says the same after what is to be expected.
    let probed = place.run(&["check", "space.ron", "--probe"]);
    assert_eq!(probed.code, 3);
    assert!(probed.out.contains("To expect\n") && probed.err.contains(expected), "{}{}", probed.out, probed.err);
    // What the command line got wrong is not blamed on the file.
    let ours = place.run(&["sweep", "space.ron", "--study", "study", "--budget", "2s"]);
    assert!(ours.code == 3 && ours.err.contains("error: --budget: the budget of 2 s is smaller"), "{}", ours.err);
    assert!(!ours.err.contains("space.ron:"), "{}", ours.err);
    // Nobody waits for a check of a budget that is ample.
    place.space_with("trials: 4,", "trials: 1, finalists: 1, finalist_seeds: 1, budget: \"8h\",");
    let ample = place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    assert!(!ample.err.contains("measuring"), "{}", ample.err);
}

#[test]
fn a_metric_that_is_never_reported_is_refused_before_the_first_trial() {
    let place = Workplace::new();
    // By `check` and by `sweep`, which say the same.
    let told = |options: &[&str]| {
        let checked = place.run(&[&["check", "space.ron"], options].concat());
        let swept = place.run(&[&["sweep", "space.ron", "--study", "study"], options].concat());
        assert_eq!((checked.code, swept.code, &checked.err), (3, 3, &swept.err), "{}", swept.err);
        assert!(!place.path("study").exists());
        checked.err
    };
    place.space_with("    settings: (", "    objective: Maximize(Custom(\"nonexistent\")),\n    settings: (");
    insta::assert_snapshot!(told(&[]), @r#"
    error: space.ron:8:16: this program measures no "nonexistent", only accuracy, macro_f1, matthews, loss
      |
    8 |     objective: Maximize(Custom("nonexistent")),
      |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: metrics of your own are added in Rust, in a program of your own around this one: see the README
    "#);
    place.space_with("    settings: (", "    second: Minimize(Custom(\"nonexistent\")),\n    settings: (");
    insta::assert_snapshot!(told(&[]), @r#"
    error: space.ron:8:13: this program measures no "nonexistent", only accuracy, macro_f1, matthews, loss
      |
    8 |     second: Minimize(Custom("nonexistent")),
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: metrics of your own are added in Rust, in a program of your own around this one: see the README
    "#);
    // Constraints limit no metric but the gap between groups, which needs groups.
    place.space_with("    settings: (", "    constraints: [GroupGap(0.1)],\n    settings: (");
    insta::assert_snapshot!(told(&[]), @r#"
    error: space.ron:8:19: GroupGap compares groups, and the data have none
      |
    8 |     constraints: [GroupGap(0.1)],
      |                   ^^^^^^^^^^^^^
      = help: name their column in `data`, such as `group: "source"`
    "#);
    place.write("space.ron", SPACE);
    insta::assert_snapshot!(told(&["--objective", "Maximize(Custom(\"nonexistent\"))"]), @r#"
    error: --objective:1:1: this program measures no "nonexistent", only accuracy, macro_f1, matthews, loss
      |
    1 | Maximize(Custom("nonexistent"))
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: metrics of your own are added in Rust, in a program of your own around this one: see the README
    "#);
}

#[test]
fn too_little_space_for_checkpoints_is_refused_before_the_first_trial() {
    let place = Workplace::new();
    // Wide enough for a checkpoint of more than a megabyte.
    let model = TinyBert { hidden: 64, ..TinyBert::default() };
    tiny_bert(&place.path("model"), &model).unwrap();
    place.space_with("trials: 4,", "trials: 4, checkpoint_space: \"1MB\",");
    insta::assert_snapshot!(refused(&place, 3), @r#"
    error: space.ron:9:38: 1 MB is too little for checkpoints: one of the default recipe takes 1 MB, and 2 must be there, one for each slot
      |
    9 |         trials: 4, checkpoint_space: "1MB",
      |                                      ^^^^^
      = help: give 2 MB or more, or leave the limit out
    "#);
    let checked = place.run(&["check", "space.ron"]);
    assert!(checked.code == 3 && checked.err.contains("too little for checkpoints"), "{}", checked.err);
}
