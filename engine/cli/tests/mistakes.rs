//! Bad input: what is said, the exit code, and that nothing is left half-written.

mod common;

use std::fs;

use common::{SPACE, Workplace, names};
use trials::testing::{TinyBert, tiny_bert};

/// Runs a sweep that must be refused before it leaves anything.
fn refused(place: &Workplace, code: i32) -> String {
    let before = names(&place.path(""));
    let run = place.run(&["sweep", "space.ron", "--study", "study"]);
    assert_eq!(run.code, code, "{}", run.err);
    assert_eq!(run.out, "");
    assert_eq!(names(&place.path("")), before);
    run.err
}

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
fn weights_that_are_of_no_use_are_refused() {
    let place = Workplace::new();
    let config = fs::read_to_string(place.path("model/config.json")).unwrap();
    place.write("model/config.json", &config.replace("\"num_hidden_layers\":2", "\"num_hidden_layers\":1"));
    assert!(config.contains("\"num_hidden_layers\":2"), "{config}");
    insta::assert_snapshot!(refused(&place, 4), @"
    error: DIR/model/model.safetensors: tensor `encoder.layer.1.attention.output.LayerNorm.bias` belongs to a layer that config.json does not have: weights and config.json do not belong together
      (`model`, space.ron:2:12)
    ");
}

#[test]
fn a_study_that_a_full_disk_kept_from_starting_starts() {
    let place = Workplace::new();
    place.space_with("trials: 4", "trials: 1");
    fs::create_dir(place.path("study")).unwrap();
    place.write("study/study.sqlite", "");
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
}

#[test]
fn a_broken_tokenizer_does_not_hide_what_is_wrong_with_the_data() {
    let place = Workplace::new();
    place.write("model/tokenizer.json", "{");
    place.space_with("max_tokens: 24", "max_tokens: 24, label: \"lable\"");
    let told = refused(&place, 3);
    assert!(told.contains("there is no column `lable`") && told.contains("tokenizer.json"), "{told}");
}

#[test]
fn what_is_wrong_with_one_file_does_not_hide_what_is_wrong_with_another() {
    let place = Workplace::new();
    place.write("train.tsv", "text\tlabel\na film\tgood\n\tbad\na game\t\na team\tbad\n");
    place.write("dev.tsv", "text\tlabel\na film\tugly\n");
    place.space_with(
        "files: One(Path(\"data.tsv\"))",
        "files: Splits(train: Path(\"train.tsv\"), validation: Path(\"dev.tsv\"), test: Path(\"test.tsv\"))",
    );
    insta::assert_snapshot!(refused(&place, 4), @r#"
    error: DIR/train.tsv: the column `text` has no value in 1 row (line 3): put a text there, or set `missing: Drop` or `missing: Fill("...")`
      (`data.missing`, space.ron:3:11)

    DIR/train.tsv: the column `label` has no value in 1 row (line 4): put the label there, or set `missing: Drop`
      (`data.missing`, space.ron:3:11)

    cannot read DIR/test.tsv: No such file or directory (os error 2)
      (`data.files.Splits.test`, space.ron:4:84)
    "#);
    place.write("train.tsv", "text\tlabel\na film\tgood\na book\tbad\na game\tgood\na team\tbad\n");
    insta::assert_snapshot!(refused(&place, 4), @"
    error: cannot read DIR/test.tsv: No such file or directory (os error 2)
      (`data.files.Splits.test`, space.ron:4:84)

    DIR/dev.tsv: 1 row has a label that no training row has (`ugly` on line 2); the training labels are `bad`, `good`
      (`data.label`, space.ron:3:11)
    ");
}

#[test]
fn every_missing_column_is_told() {
    let place = Workplace::new();
    place.space_with("max_tokens: 24", "max_tokens: 24, text: \"tekst\", label: \"lable\"");
    let told = refused(&place, 3);
    assert!(told.contains("2 mistakes") && told.contains("`tekst`") && told.contains("`lable`"), "{told}");
}

#[test]
fn a_missing_model_does_not_hide_missing_data() {
    let place = Workplace::new();
    place.write("space.ron", &SPACE.replace("data.tsv", "dada.tsv").replace("Path(\"model\")", "Path(\"data.tsv\")"));
    insta::assert_snapshot!(refused(&place, 4), @"
    error: DIR/data.tsv: this is not a folder
      (`model`, space.ron:2:12)

    cannot read DIR/dada.tsv: No such file or directory (os error 2)
      (`data.files`, space.ron:4:16)
    ");
}

#[test]
fn weights_of_another_format_are_named() {
    let place = Workplace::new();
    fs::rename(place.path("model/model.safetensors"), place.path("model/pytorch_model.bin")).unwrap();
    let told = refused(&place, 4);
    assert!(told.contains("pytorch_model.bin is not read"), "{told}");
}

#[test]
fn files_that_are_not_there() {
    let place = Workplace::new();
    place.space_with("data.tsv", "dada.tsv");
    insta::assert_snapshot!(refused(&place, 4), @"
    error: cannot read DIR/dada.tsv: No such file or directory (os error 2)
      (`data.files`, space.ron:4:16)
    ");
    place.space_with("Path(\"model\")", "Path(\"modell\")");
    insta::assert_snapshot!(refused(&place, 4), @"
    error: DIR/modell: there is no such folder
      (`model`, space.ron:2:12)
    ");
    fs::remove_file(place.path("space.ron")).unwrap();
    insta::assert_snapshot!(refused(&place, 3), @"error: cannot read space.ron: No such file or directory (os error 2)");
}

#[test]
fn data_that_cannot_be_used() {
    let place = Workplace::new();
    place.write("data.tsv", "");
    insta::assert_snapshot!(refused(&place, 4), @"
    error: DIR/data.tsv is empty
      (`data.files`, space.ron:4:16)
    ");
    place.write("data.tsv", "text\tlabel\na film\tgood\na game\tgood\na team\tgood\n");
    insta::assert_snapshot!(refused(&place, 4), @"
    error: DIR/data.tsv: every training row has the label `good`: there is nothing to tell apart, at least two labels are needed
      (`data.label`, space.ron:3:11)
    ");
    place.write("data.tsv", "text\tlabel\na film\tgood\n\tbad\nthe bank\t\n");
    insta::assert_snapshot!(refused(&place, 4), @r#"
    error: DIR/data.tsv: the column `text` has no value in 1 row (line 3): put a text there, or set `missing: Drop` or `missing: Fill("...")`
      (`data.missing`, space.ron:3:11)

    DIR/data.tsv: the column `label` has no value in 1 row (line 4): put the label there, or set `missing: Drop`
      (`data.missing`, space.ron:3:11)
    "#);
    place.write("train.tsv", "text\tlabel\na film\tgood\na game\tbad\na good film\tgood\na cold game\tbad\n");
    place.write("dev.tsv", "text\tlabel\na film\tgreat\n");
    place.space_with("One(Path(\"data.tsv\"))", "Splits(train: Path(\"train.tsv\"), validation: Path(\"dev.tsv\"))");
    insta::assert_snapshot!(refused(&place, 4), @"
    error: DIR/dev.tsv: 1 row has a label that no training row has (`great` on line 2); the training labels are `bad`, `good`
      (`data.label`, space.ron:3:11)
    ");
}

#[test]
fn pairs_for_a_model_of_single_texts() {
    let place = Workplace::new();
    tiny_bert(&place.path("model"), &TinyBert { token_types: 1, ..TinyBert::default() }).unwrap();
    place.write("data.tsv", &("text\tother\tlabel\n".to_owned() + &"a film\tgood\tyes\na game\tbad\tno\n".repeat(20)));
    place.space_with("split:", "text: Pair(\"text\", \"other\"), split:");
    insta::assert_snapshot!(refused(&place, 3), @r#"
    error: space.ron:5:15: DIR/model: the tokenizer gives these texts 2 token types, the model knows 1 (`type_vocab_size` in config.json)
      |
    5 |         text: Pair("text", "other"), split: (validation: 0.25, test: 0.25),
      |               ^^^^^^^^^^^^^^^^^^^^^
      = help: name one column of text, or take a model that was trained on pairs
    "#);
}

#[test]
fn models_that_cannot_be_used() {
    let place = Workplace::new();
    let weights = place.path("model/model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    insta::assert_snapshot!(refused(&place, 4), @"
    error: DIR/model/model.safetensors is broken or cut short (incomplete metadata, file not fully covered): fetch it again
      (`model`, space.ron:2:12)
    ");
    fs::write(&weights, &whole).unwrap();
    let config = fs::read_to_string(place.path("model/config.json")).unwrap();
    place.write("model/config.json", &config.replace("\"hidden_size\":16", "\"hidden_size\":32"));
    insta::assert_snapshot!(refused(&place, 4), @"
    error: DIR/model/model.safetensors: tensor `embeddings.word_embeddings.weight` has shape [103, 16] where config.json asks for [103, 32]: weights and config.json do not belong together
      (`model`, space.ron:2:12)
    ");
    place.write("model/config.json", &config.replace("\"model_type\":\"bert\"", "\"model_type\":\"gpt2\""));
    insta::assert_snapshot!(refused(&place, 4), @r#"
    error: DIR/model/config.json: field `model_type`: is "gpt2", but only BERT is read: choose a model whose config.json says "model_type": "bert"
      (`model`, space.ron:2:12)
    "#);
}

#[test]
fn devices_that_are_not_there() {
    let place = Workplace::new();
    place.space_with("cpu:2", "cuda:7");
    let message = refused(&place, 7);
    if !cfg!(feature = "cuda") {
        insta::assert_snapshot!(message, @"error: devices `cuda:7`, character 1: this program was built without cuda: build it with `--features cuda`, or use `cpu`");
    }
    place.space_with("cpu:2", "gpu");
    insta::assert_snapshot!(refused(&place, 3), @r#"
    error: space.ron:12:18: devices `gpu`, character 1: `gpu` is not a device: write `cpu`, `cpu:2`, `cuda:0` or `metal`, with commas between
       |
    12 |         devices: "gpu",
       |                  ^^^^^
    "#);
}

#[test]
fn a_file_where_a_study_should_be() {
    let place = Workplace::new();
    for study in ["data.tsv", "data.tsv/study"] {
        let run = place.run(&["sweep", "space.ron", "--study", study]);
        assert_eq!(run.code, 4);
        let told = run.err.lines().last().unwrap();
        assert_eq!(told, "error: DIR/data.tsv: not a study: that is a file, where a study needs a folder: choose another with --study");
    }
}

#[cfg(unix)]
#[test]
fn what_is_written_may_be_read_by_others_as_the_umask_says() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Workplace::new();
    place.space_with("trials: 4", "trials: 1");
    place.run(&["init", "data.tsv", "--model", "model", "--to", "new.ron"]).succeeded();
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    // A file that no program treats in any special way.
    let usual = fs::metadata(place.path("data.tsv")).unwrap().permissions().mode();
    let study = ["best.ron", "artefacts/data.json", "artefacts/trial-0-predictions.csv", "tables/trials.csv", "report/index.html"];
    for file in study.map(|file| place.path("study").join(file)).into_iter().chain([place.path("new.ron")]) {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode(), usual, "{}", file.display());
    }
}

#[test]
fn studies_that_cannot_be_opened() {
    let place = Workplace::new();
    fs::create_dir(place.path("study")).unwrap();
    place.write(
        "study/study.sqlite",
        "not a database, and long enough to have a header of its own, were it one: 0123456789 0123456789 0123456789",
    );
    insta::assert_snapshot!(refused(&place, 4), @"error: DIR/study/study.sqlite: not a study: this is not an SQLite file");
    insta::assert_snapshot!(place.run(&["status", "nowhere"]).err, @"error: DIR/nowhere: not a study: there is no such folder");
    insta::assert_snapshot!(place.run(&["best", "nowhere"]).err, @"error: DIR/nowhere: not a study: there is no such folder");
}

#[test]
fn assets_without_a_network() {
    let place = Workplace::new();
    place.space_with("Path(\"model\")", "Asset(\"all-MiniLM-L6-v2\")");
    let run = place.run(&["sweep", "space.ron", "--study", "study"]);
    assert_eq!(run.code, 7, "{}", run.err);
    assert!(!place.path("study").exists());
    place.space_with("Path(\"model\")", "Asset(\"all-MiniLM\")");
    insta::assert_snapshot!(refused(&place, 3), @r#"
    error: space.ron:2:12: there is no asset named `all-MiniLM` (did you mean `all-MiniLM-L6-v2`?); those known are all-MiniLM-L6-v2, bbc-news, fashion-mnist
      |
    2 |     model: Asset("all-MiniLM"),
      |            ^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn outputs_are_not_overwritten() {
    let place = Workplace::new();
    let run = place.run(&["fetch", "bbc-news", "--to", "model"]);
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.err, @"error: model exists already: choose another place, or remove it");
    let run = place.run(&["init", "data.tsv", "--model", "model", "--to", "space.ron"]);
    assert_eq!(run.code, 2);
    insta::assert_snapshot!(run.err, @"error: space.ron exists already: remove it, or write elsewhere with --to");
    assert_eq!(fs::read_to_string(place.path("space.ron")).unwrap(), SPACE);
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
fn a_study_of_a_newer_format_is_left_alone() {
    let place = Workplace::new();
    place.space_with("trials: 4", "trials: 1");
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    // Bytes 60 to 63 of an SQLite file: `user_version`, the study's format.
    let database = place.path("study/study.sqlite");
    let mut bytes = fs::read(&database).unwrap();
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes());
    fs::write(&database, &bytes).unwrap();
    insta::assert_snapshot!(refused(&place, 4), @"error: DIR/study/study.sqlite: written by a newer Thawline (study format 99; this program knows up to 1): use that program, or another study folder; nothing was changed");
    assert!(fs::read(&database).unwrap() == bytes, "the newer study was changed");
}
