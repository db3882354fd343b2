//! Models and data that are of no use.

use polars::prelude::{Column, DataFrame, ParquetWriter};

use super::*;

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
    error: DIR/data.tsv: this is neither a folder nor a file of weights (.safetensors)
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
    error: DIR/model/model.safetensors: tensor `embeddings.word_embeddings.weight` has shape [103, 16] where the model needs [103, 32]: weights and config.json do not belong together
      (`model`, space.ron:2:12)
    ");
    place.write("model/config.json", &config.replace("\"model_type\":\"bert\"", "\"model_type\":\"gpt2\""));
    insta::assert_snapshot!(refused(&place, 4), @r#"
    error: DIR/model/config.json: field `model_type`: is "gpt2", but of models of texts only BERT is read, of images ResNets and MobileNetV2: choose a model whose config.json says "model_type": "bert", "resnet" or "mobilenet_v2"
      (`model`, space.ron:2:12)
    "#);
}

/// Where polars ends the process that reads them.
#[test]
fn parquet_that_no_process_lives_through_is_refused() {
    let place = Workplace::new();
    let deadly = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/fuzz/deadly");
    let files = names(&deadly);
    assert!(!files.is_empty());
    for name in files {
        fs::copy(deadly.join(&name), place.path("data.parquet")).unwrap();
        let run = place.run(&["init", "data.parquet", "--model", "model", "--to", "new.ron"]);
        assert_eq!(run.code, 4, "{name}: {}", run.err);
        let told = run.err;
        assert!(
            told.starts_with("error: DIR/data.parquet: not a readable Parquet file: the process that read it died (signal: "),
            "{name}: {told}"
        );
        assert!(!place.path("new.ron").exists());
    }
    fs::copy(deadly.join("run-length"), place.path("data.parquet")).unwrap();
    place.space_with("files: One(Path(\"data.tsv\"))", "files: One(Path(\"data.parquet\")), text: \"f\"");
    insta::assert_snapshot!(refused(&place, 4), @"
    error: DIR/data.parquet: not a readable Parquet file: the process that read it died (signal: 6 (SIGABRT)): it is damaged, or takes more memory than there is
      (`data.files`, space.ron:4:16)
    ");
    let fixed = SPACE
        .replace("files: One(Path(\"data.tsv\"))", "files: One(Path(\"data.parquet\")), text: \"f\"")
        .replace("Choice([8, 16])", "8")
        .replace("LogUniform(1e-4, 1e-2)", "1e-3")
        .replace("Choice([Everything, LastBlocks(k: 1)])", "Everything");
    place.write("space.ron", &fixed);
    let trained = place.run(&["train", "space.ron", "--to", "trained"]);
    assert_eq!(trained.code, 4, "{}", trained.err);
    assert!(trained.err.contains("the process that read it died (signal: 6 (SIGABRT))"), "{}", trained.err);
    assert!(!place.path("trained").exists());
}

#[test]
fn whole_parquet_is_read_by_the_process_that_tries_it() {
    let place = Workplace::new();
    let rows: Vec<(String, String)> = fs::read_to_string(place.path("data.tsv"))
        .unwrap()
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once('\t').map(|(text, label)| (text.to_owned(), label.to_owned())))
        .collect();
    let column = |name: &str, values: Vec<&str>| Column::new(name.into(), values);
    let columns = vec![
        column("text", rows.iter().map(|(text, _)| text.as_str()).collect()),
        column("label", rows.iter().map(|(_, label)| label.as_str()).collect()),
    ];
    let mut frame = DataFrame::new(rows.len(), columns).unwrap();
    ParquetWriter::new(fs::File::create(place.path("data.parquet")).unwrap()).finish(&mut frame).unwrap();
    place.run(&["init", "data.parquet", "--model", "model", "--to", "new.ron"]).succeeded();
    place.space_with("data.tsv", "data.parquet");
    let checked = place.run(&["check", "space.ron"]).succeeded();
    assert!(checked.out.contains("240 rows") || checked.err.contains("240 rows"), "{}\n{}", checked.out, checked.err);
}
