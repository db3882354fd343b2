//! Files of every format, good and bad, through [`load`].

use std::{
    fs,
    path::{Path, PathBuf},
};

use polars::prelude::{
    BooleanChunked, ChunkFull as _, Column, DataFrame, DataType, IntoSeries as _, NamedFrom as _, ParquetWriter, Series,
};
use search_spaces::data::{Files, Location, Missing, Split, TextColumns, TextData};
use tempfile::TempDir;

use super::{DataReport, TextTask, Tokenizer, load, table};

fn tokenizer() -> Tokenizer {
    Tokenizer::from_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizer")).unwrap()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The error without the folder's name, and the field it is about.
    fn error(&self, data: &TextData) -> String {
        let error = load(data, &tokenizer()).unwrap_err();
        let field = error.field().unwrap_or("-");
        format!("[{field}] {error}").replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn one(path: &Path) -> TextData {
    TextData {
        files: Files::One(Location::Path(path.to_owned())),
        columns: None,
        text: TextColumns::One("text".into()),
        label: "label".into(),
        group: None,
        split: Split { validation: 0.25, test: 0.25, seed: 1 },
        missing: Missing::Reject,
        max_tokens: 32,
        max_train: None,
        max_validation: None,
    }
}

fn given(train: &Path, validation: &Path) -> TextData {
    let (train, validation) = (Location::Path(train.to_owned()), Location::Path(validation.to_owned()));
    let split = Split { validation: 0.0, test: 0.0, seed: 1 };
    TextData { files: Files::Splits { train, validation: Some(validation), test: None }, split, ..one(Path::new("")) }
}

fn loaded(data: &TextData) -> (TextTask, DataReport) {
    load(data, &tokenizer()).unwrap()
}

/// Twelve rows, two labels: text, label.
fn rows() -> Vec<(String, &'static str)> {
    (0..12).map(|i| (format!("the film, {i}"), if i % 3 == 0 { "bad" } else { "good" })).collect()
}

fn csv() -> String {
    let body = rows().iter().map(|(text, label)| format!("\"{text}\",x,{label}\n")).collect::<Vec<String>>().concat();
    format!("text,other,label\n{body}")
}

#[test]
fn every_format_gives_the_same_task() {
    let folder = Folder::new();
    let expected = loaded(&one(&folder.file("a.csv", csv()))).0;
    assert_eq!((expected.train.len(), expected.validation.len(), expected.test.len()), (6, 3, 3));
    assert_eq!(expected.labels, ["bad", "good"]);

    let tsv = rows().iter().map(|(text, label)| format!("{label}\t{text}\r\n")).collect::<Vec<String>>().concat();
    for (name, ending) in [("a.tsv", ""), ("b.txt", "\r\n"), ("c", "\n\n")] {
        let file = folder.file(name, format!("label\ttext\r\n{tsv}{ending}"));
        assert_eq!(loaded(&one(&file)).0, expected, "{name}");
    }
    let without_header = TextData { columns: Some(vec!["label".into(), "text".into()]), ..one(&folder.file("d.tsv", &tsv)) };
    assert_eq!(loaded(&without_header).0, expected);

    let json = rows()
        .iter()
        .map(|(text, label)| format!("{{\"label\": \"{label}\", \"id\": [1], \"text\": \"{text}\"}}\n"))
        .collect::<Vec<String>>()
        .concat();
    for name in ["a.jsonl", "b.ndjson", "c.JSON"] {
        assert_eq!(loaded(&one(&folder.file(name, &json))).0, expected, "{name}");
    }

    let texts: Vec<String> = rows().into_iter().map(|row| row.0).collect();
    let labels: Vec<&str> = rows().into_iter().map(|row| row.1).collect();
    let path = folder.file("a.parquet", parquet(vec![Column::new("label".into(), labels), Column::new("text".into(), texts)]));
    assert_eq!(loaded(&one(&path)).0, expected);
}

fn parquet(columns: Vec<Column>) -> Vec<u8> {
    let height = columns.first().map_or(0, Column::len);
    let mut frame = DataFrame::new(height, columns).unwrap();
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
    bytes
}

#[test]
fn labels_may_be_numbers_of_any_type() {
    let folder = Folder::new();
    let texts: Vec<String> = (0..12).map(|i| format!("the {i}")).collect();
    let numbers: Vec<i64> = (0..12).map(|i| [2, 10, -1][i % 3]).collect();
    let floats: Vec<f64> = numbers.iter().map(|&n| n as f64).collect();
    let text = || Column::new("text".into(), texts.clone());
    let integers = folder.file("i.parquet", parquet(vec![text(), Column::new("label".into(), numbers.clone())]));
    let floats = folder.file("f.parquet", parquet(vec![text(), Column::new("label".into(), floats)]));
    let json = texts
        .iter()
        .zip(&numbers)
        .map(|(t, n)| format!("{{\"text\": \"{t}\", \"label\": {n}{}}}\n", if *n == 2 { ".0" } else { "" }))
        .collect::<Vec<String>>()
        .concat();
    let json = folder.file("n.jsonl", json);
    let task = loaded(&one(&integers)).0;
    assert_eq!(task.labels, ["-1", "2", "10"]);
    assert_eq!(loaded(&one(&floats)).0, task);
    assert_eq!(loaded(&one(&json)).0, task);
    let small = |kind: &DataType| Column::new("label".into(), numbers.clone()).cast(kind).unwrap();
    for kind in [DataType::Int8, DataType::Int16, DataType::Int32] {
        assert_eq!(loaded(&one(&folder.file("s.parquet", parquet(vec![text(), small(&kind)])))).0, task, "{kind}");
    }
    for kind in [DataType::UInt8, DataType::UInt16] {
        let labels = Column::new("label".into(), [2i64, 10, 1].repeat(4)).cast(&kind).unwrap();
        assert_eq!(loaded(&one(&folder.file("u.parquet", parquet(vec![text(), labels])))).0.labels, ["1", "2", "10"], "{kind}");
    }
    let booleans = folder.file("b.parquet", parquet(vec![text(), Column::new("label".into(), [true, false, false].repeat(4))]));
    assert_eq!(loaded(&one(&booleans)).0.labels, ["false", "true"]);
}

#[test]
fn quotes_hold_line_breaks_in_csv_and_are_just_characters_in_tsv() {
    let folder = Folder::new();
    let csv = folder.file("a.csv", "text,label\n\"say \"\"no\"\"\nthe, film\",a\nb \"c\" d,b\n");
    let table = table::read(&csv, None, None).unwrap();
    let values = |table: &table::Table| -> Vec<String> { table.rows.iter().filter_map(|row| row.values[0].clone()).collect() };
    assert_eq!(values(&table), ["say \"no\"\nthe, film", "b \"c\" d"]);
    assert_eq!(table.rows[1].place.to_string(), "line 4");
    let tsv = folder.file("a.tsv", "text\tlabel\n\"never closed\ta\n5\" pipe\tb\n\"closed\"\tb\n");
    assert_eq!(values(&table::read(&tsv, None, None).unwrap()), ["\"never closed", "5\" pipe", "\"closed\""]);
}

#[test]
fn other_encodings_are_converted_and_counted() {
    let folder = Folder::new();
    let mut mixed = b"text,label\ncaf\xc3\xa9,a\n".to_vec();
    mixed.extend(b"caf\xe9 \x80,b\nthe,a\n");
    let table = table::read(&folder.file("a.csv", &mixed), None, None).unwrap();
    assert_eq!((table.converted, table.encoding), (1, Some("windows-1252")));
    assert_eq!(table.rows[0].values[0].as_deref(), Some("café"));
    assert_eq!(table.rows[1].values[0].as_deref(), Some("café €"));

    let utf16: Vec<u8> = "\u{feff}text\tlabel\ncafé\ta\nthe\tb\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let table = table::read(&folder.file("a.tsv", utf16), None, None).unwrap();
    assert_eq!((table.converted, table.encoding), (2, Some("UTF-16LE")));
    assert_eq!(table.rows[0].values[0].as_deref(), Some("café"));

    let marked = table::read(&folder.file("b.csv", "\u{feff}text,label\nthe,a\n"), None, None).unwrap();
    assert_eq!((marked.columns[0].as_str(), marked.converted), ("text", 0));
    let json = table::read(&folder.file("a.jsonl", b"{\"text\": \"caf\xe9\"}\n"), None, None).unwrap();
    assert_eq!((json.rows[0].values[0].as_deref(), json.converted), (Some("café"), 1));
}

#[test]
fn pairs_get_token_types() {
    let folder = Folder::new();
    let body = (0..8).map(|i| format!("the,film,{}\n", i % 2)).collect::<Vec<String>>().concat();
    let file = folder.file("a.csv", format!("text,hypothesis,label\n{body}"));
    let task = loaded(&TextData { text: TextColumns::Pair("text".into(), "hypothesis".into()), ..one(&file) }).0;
    assert_eq!(task.train[0].types, [0, 0, 0, 1, 1]);
}

#[test]
fn given_splits_are_kept_and_missing_ones_split_off() {
    let folder = Folder::new();
    let train = folder.file("train.csv", csv());
    let test = folder.file("test.csv", "label,text\ngood,the end\nbad,the film,\n".replace("film,", "film"));
    let files = Files::Splits { train: Location::Path(train), validation: None, test: Some(Location::Path(test)) };
    let (task, report) = loaded(&TextData { files, ..one(Path::new("")) });
    assert_eq!((task.train.len(), task.validation.len(), task.test.len()), (9, 3, 2));
    assert_eq!(task.test.iter().map(|e| (e.row, e.label)).collect::<Vec<_>>(), [(0, 1), (1, 0)]);
    assert_eq!(report.files.len(), 2);
    let mut rows: Vec<u64> = task.train.iter().chain(&task.validation).map(|e| e.row).collect();
    rows.sort_unstable();
    assert_eq!(rows, (0..12).collect::<Vec<u64>>());
}

#[test]
fn missing_values_are_rejected_dropped_or_filled() {
    let folder = Folder::new();
    let file = folder.file("a.csv", format!("{} ,x,good\nthe,x,\n,,bad\n", csv()));
    let data = one(&file);
    insta::assert_snapshot!(folder.error(&data), @r#"
    [data.missing] a.csv: the column `text` has no value in 2 rows (line 14, line 16): put a text there, or set `missing: Drop` or `missing: Fill("...")`
    a.csv: the column `label` has no value in 1 row (line 15): put the label there, or set `missing: Drop`
    "#);
    let (task, report) = loaded(&TextData { missing: Missing::Drop, ..data.clone() });
    assert_eq!((report.files[0].rows, report.files[0].dropped), (15, 3));
    assert_eq!(task.train.len() + task.validation.len() + task.test.len(), 12);
    let fill = TextData { missing: Missing::Fill("the".into()), ..data };
    insta::assert_snapshot!(folder.error(&fill), @"[data.missing] a.csv: the column `label` has no value in 1 row (line 15): put the label there, or set `missing: Drop`");
    let json =
        "{\"label\": 1}\n{\"text\": null, \"label\": 2}\n{\"text\": \"the\", \"label\": 1}\n{\"text\": \"film\", \"label\": 2}\n".repeat(3);
    let (_, report) = loaded(&TextData { missing: Missing::Fill("the".into()), ..one(&folder.file("a.jsonl", json)) });
    assert_eq!((report.files[0].rows, report.files[0].filled), (12, 6));
}

#[test]
fn what_only_the_data_can_tell_is_said_with_its_place() {
    let folder = Folder::new();
    let good = folder.file("a.csv", csv());
    let error = |data: TextData| folder.error(&data);
    insta::assert_snapshot!(error(TextData { label: "lable".into(), ..one(&good) }), @"[data.label] a.csv: there is no column `lable` (did you mean `label`?); the columns are `text`, `other`, `label`");
    insta::assert_snapshot!(error(TextData { text: TextColumns::One("sentence".into()), ..one(&good) }), @"[data.text] a.csv: there is no column `sentence`; the columns are `text`, `other`, `label` (if the first line is no header, name the columns with `columns`)");
    insta::assert_snapshot!(error(TextData { label: "text".into(), ..one(&good) }), @"[data.label] `text` is used twice: texts and label have to be different columns");
    insta::assert_snapshot!(error(one(&folder.file("b.csv", "text,label,text\na,b,c\n"))), @"[data.text] b.csv: the column `text` stands there twice: rename one");
    insta::assert_snapshot!(error(one(&folder.file("c.csv", "text,label\nthe,a\nthe film, again,b\n"))), @"[data.files] c.csv, line 3: 3 fields where 2 were expected (`text`, `label`): a text that holds a comma or a line break needs double quotes around it");
    insta::assert_snapshot!(error(one(&folder.file("d.tsv", "text\tlabel\nthe\ta\n\nthe film\n"))), @"[data.files] d.tsv, line 4: 1 field where 2 were expected (`text`, `label`): a text in this format cannot hold a tab or a line break");
    insta::assert_snapshot!(error(one(&folder.file("e.csv", "label,text\na,the\nb,\"the film\na,the\nb,x\n"))), @"[data.files] e.csv, line 3: a double quote opens a text here and is never closed");
    insta::assert_snapshot!(error(one(&folder.file("f.csv", ""))), @"[data.files] f.csv is empty");
    insta::assert_snapshot!(error(one(&folder.file("g.csv", "text,label\n"))), @"[data.files] g.csv has a header but no rows");
    insta::assert_snapshot!(error(one(&folder.file("h.csv", "text,label\nthe,a\nfilm,a\n"))), @"[data.label] h.csv: every training row has the label `a`: there is nothing to tell apart, at least two labels are needed");
    insta::assert_snapshot!(error(one(&folder.file("i.csv", "text,label\nthe,a\nfilm,b\n"))), @"[data.label] i.csv: each of the 2 training rows has a label of its own: is `label` the column of the labels?");
    insta::assert_snapshot!(error(one(&folder.file("j.csv", "text,label\nthe,a\nfilm,b\nthe,b\n"))), @"[data.split] the validation split is empty: no label has enough rows in j.csv to stand in every split");
    insta::assert_snapshot!(error(TextData { missing: Missing::Drop, ..one(&folder.file("k.csv", "text,label\nthe,\n,b\n")) }), @"[data.files] k.csv has no row in which text and label both have a value");
    insta::assert_snapshot!(error(given(&good, &folder.file("l.csv", "text,label\nthe,good\nfilm,ugly\nfilm,\"?\"\n"))), @"[data.label] l.csv: 2 rows have a label that no training row has (`ugly` on line 3, `?` on line 4); the training labels are `bad`, `good`");
    insta::assert_snapshot!(error(TextData { split: Split { validation: 0.0, test: 0.2, seed: 0 }, ..one(&good) }), @"[data.split] the validation split is empty: give `files` a validation file, or `split` a share above 0 for it");
    insta::assert_snapshot!(error(TextData { split: Split { validation: 0.5, test: 0.5, seed: 0 }, ..one(&good) }), @"[data.split] the shares of `split` (validation 0.5, test 0.5) must be at least 0 and leave something to train on");
    insta::assert_snapshot!(error(TextData { max_tokens: 2, ..one(&good) }), @"[data.max_tokens] `max_tokens: 2` leaves no room for text: the tokenizer adds 3 special tokens, so at least 4 are needed");
    insta::assert_snapshot!(error(one(&folder.0.path().join("none.csv"))), @"[data.files] cannot read none.csv: No such file or directory (os error 2)");
    insta::assert_snapshot!(error(one(&folder.file("m.xlsx", "PK"))), @"[data.files] m.xlsx: the ending `.xlsx` says nothing known about the format; known are .csv, .tsv, .txt (as .tsv), .jsonl, .ndjson, .json (a JSON object a line) and .parquet");
    insta::assert_snapshot!(error(TextData { files: Files::One(Location::Asset("bbc-news".into())), ..one(&good) }), @r#"[data.files] `Asset("bbc-news")` has not been fetched"#);
    insta::assert_snapshot!(error(one(&folder.file("n.jsonl", "{\"text\": \"a\", \"label\": 1}\n\n{\"text\": 'b'}\n"))), @"[data.files] n.jsonl, line 3: is not valid JSON at column 10: expected value");
    insta::assert_snapshot!(error(one(&folder.file("o.jsonl", "{\"text\": [\"a\"], \"label\": 1}\n"))), @"[data.files] o.jsonl, line 1: the value of `text` is a list; a string or a number is needed");
    insta::assert_snapshot!(error(one(&folder.file("p.json", "[\n{\"text\": \"a\", \"label\": 1}]\n"))), @r#"[data.files] p.json, line 1: starts a JSON array; an object a line is needed, such as {"text": "...", "label": 1}"#);
    insta::assert_snapshot!(error(TextData { columns: Some(vec!["text".into()]), ..one(&folder.file("q.jsonl", "{}")) }), @"[data.columns] q.jsonl: `columns` names the columns of a file without a header line, but JSON carries the names itself: remove `columns`");
    insta::assert_snapshot!(error(TextData { columns: Some(vec!["label".into(), "text".into(), "x".into()]), ..one(&folder.file("r.tsv", "a\tb\n")) }), @"[data.columns] r.tsv: `columns` names 3 columns (`label`, `text`, `x`), but the first line has 2");
}

#[test]
fn broken_files_give_errors() {
    let folder = Folder::new();
    // xorshift: bytes of every value, NULs among them.
    let mut state = 88_172_645_463_325_252u64;
    let mut garbage = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    let binary: Vec<u8> = (0..100_000).map(|_| garbage()).collect();
    let without_nul: Vec<u8> = binary.iter().copied().filter(|&b| b != 0).collect();
    for name in ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a"] {
        for bytes in [&binary, &without_nul] {
            assert!(load(&one(&folder.file(name, bytes)), &tokenizer()).is_err(), "{name}");
            assert!(table::read(&folder.file(name, bytes), None, None).is_err(), "{name}");
        }
    }
    insta::assert_snapshot!(folder.error(&one(&folder.file("b.csv", b"text,label\na,b\n\0,c\n"))), @"[data.files] b.csv, line 3: holds a NUL byte: this is not a text file (or UTF-16 without a byte order mark)");
    let long = "a ".repeat(5 << 20);
    insta::assert_snapshot!(folder.error(&one(&folder.file("c.csv", format!("text,label\nthe,b\n{long},c\n")))), @"[data.files] c.csv, line 3: the value of `text` has 10485760 bytes, more than the 1048576 a text may have");
    insta::assert_snapshot!(folder.error(&one(&folder.file("d.jsonl", format!("{{\"text\": \"{long}\", \"label\": 1}}\n")))), @"[data.files] d.jsonl, line 1: the value of `text` has 10485760 bytes, more than the 1048576 a text may have");
    let nested = "[".repeat(1 << 20);
    insta::assert_snapshot!(folder.error(&one(&folder.file("e.jsonl", nested))), @r#"[data.files] e.jsonl, line 1: starts a JSON array; an object a line is needed, such as {"text": "...", "label": 1}"#);
    let lists = Column::new("text".into(), vec![Series::new("".into(), [1i64, 2]); 4]);
    // Of everything that is there, what can be read is.
    let beside = parquet(vec![lists.clone().with_name("ids".into()), Column::new("label".into(), vec![1i64, 2, 1, 2])]);
    assert_eq!(table::read(&folder.file("g.parquet", beside), None, None).unwrap().columns, ["label"]);
    let lists = parquet(vec![lists, Column::new("label".into(), vec![1i64, 2, 1, 2])]);
    insta::assert_snapshot!(folder.error(&one(&folder.file("f.parquet", lists))), @"[data.files] f.parquet: the column `text` is of type LargeList; strings or numbers are needed");
}

#[test]
fn damaged_parquet_gives_errors() {
    let folder = Folder::new();
    let texts: Vec<String> = rows().into_iter().map(|row| row.0).collect();
    let labels: Vec<&str> = rows().into_iter().map(|row| row.1).collect();
    let good = parquet(vec![Column::new("text".into(), texts), Column::new("label".into(), labels)]);
    for length in 0..good.len() {
        assert!(table::read(&folder.file("cut.parquet", &good[..length]), None, None).is_err(), "cut at {length}");
    }
    let footer = good.len() - 8 - u32::from_le_bytes(good[good.len() - 8..good.len() - 4].try_into().unwrap()) as usize;
    let mut errors = 0;
    for at in footer..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        errors += usize::from(table::read(&folder.file("bad.parquet", bad), None, None).is_err());
    }
    // Some bytes do not matter. (With a byte of a page changed polars may ask for more memory than there is, and that cannot be caught.)
    assert!(errors > 100, "{errors} of {} changed bytes gave errors", good.len() - footer);
}

#[test]
fn the_report_counts_what_splits_share() {
    let folder = Folder::new();
    let train = "text,label\nthe  film,a\nthe film ,b\nfilm,a\nfilm,a\nunbelievable the film the film the film,b\n";
    let validation = "text,label\n the film,a\nthe\tfilm,b\nthe FILM,a\nfilm,b\nnew,a\n";
    let data = TextData { max_tokens: 6, ..given(&folder.file("train.csv", train), &folder.file("validation.csv", validation)) };
    let (task, report) = loaded(&data);
    assert_eq!(task.train.len(), 5);
    let text = report.to_string().replace(&format!("{}/", folder.0.path().display()), "");
    insta::assert_snapshot!(text, @r"
train.csv: 5 rows
validation.csv: 5 rows
train: 5 examples; tokens 4.0 on average, 6 at most, 1 truncated; a: 3, b: 2
train: 1 text stands there more than once with different labels
validation: 5 examples; tokens 4.0 on average, 5 at most; a: 3, b: 2
validation: 1 text stands there more than once with different labels
validation: 3 examples have a text that also stands in train
");
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<DataReport>(&json).unwrap(), report);
}

#[test]
fn samples_are_seeded_and_do_not_move_each_other() {
    let folder = Folder::new();
    let body = (0..400).map(|i| format!("the {i},{}\n", i % 4)).collect::<Vec<String>>().concat();
    let data = one(&folder.file("a.csv", format!("text,label\n{body}")));
    let rows = |data: &TextData| {
        let (task, report) = loaded(data);
        let rows = |examples: &[super::Example]| examples.iter().map(|e| e.row).collect::<Vec<_>>();
        ((rows(&task.train), rows(&task.validation), rows(&task.test)), report)
    };
    let (all, _) = rows(&data);
    let (small, report) = rows(&TextData { max_train: Some(20), max_validation: Some(12), ..data.clone() });
    assert_eq!((small.0.len(), small.1.len()), (20, 12));
    assert_eq!(report.splits[0].by_label, [5, 5, 5, 5]);
    assert_eq!((report.splits[0].left_out, report.splits[1].left_out), (180, 88));
    assert!(small.0.iter().all(|row| all.0.contains(row)) && small.1.iter().all(|row| all.1.contains(row)));
    assert_eq!(small.2, all.2);
    let other_train = rows(&TextData { max_train: Some(21), max_validation: Some(12), ..data.clone() }).0;
    assert_eq!(other_train.1, small.1);
    let other_seed = TextData { split: Split { seed: 2, ..data.split.clone() }, ..data };
    assert_ne!(rows(&other_seed).0.0, all.0);
}

#[test]
fn folds_share_training_and_validation_examples_out_and_leave_the_test_split_alone() {
    let task = crate::testing::task(31, 20, 10).task();
    let row_of = |examples: &dyn super::Examples| {
        // The rows of both splits count from 0: a text tells which it was.
        let tokens = |index| format!("{:?}", examples.batch(&[index], &candle_core::Device::Cpu).map(|batch| batch.inputs).unwrap());
        (0..examples.len()).map(|index| format!("{} {}", examples.row(index), tokens(index))).collect::<Vec<String>>()
    };
    let mut pool = [row_of(task.train.as_ref()), row_of(task.validation.as_ref())].concat();
    pool.sort();
    let mut judged = Vec::new();
    for index in 0..5 {
        let fold = task.fold(index, 5, 7);
        assert_eq!(row_of(fold.test.as_ref()), row_of(task.test.as_ref()));
        assert_eq!(fold.labels, task.labels);
        let (train, validation) = (row_of(fold.train.as_ref()), row_of(fold.validation.as_ref()));
        assert!((10..=11).contains(&validation.len()), "{}", validation.len());
        let mut all = [train, validation.clone()].concat();
        all.sort();
        assert_eq!(all, pool);
        judged.extend(validation);
    }
    judged.sort();
    assert_eq!(judged, pool);
    assert_eq!(task.fold(2, 5, 7).hash(), task.fold(2, 5, 7).hash());
    assert_ne!(task.fold(2, 5, 7).hash(), task.fold(2, 5, 8).hash());
}

#[test]
fn a_table_has_no_more_columns_and_rows_than_fit_into_memory() {
    let folder = Folder::new();
    let names: Vec<String> = (0..10_001).map(|column| column.to_string()).collect();
    insta::assert_snapshot!(folder.error(&one(&folder.file("a.csv", names.join(",")))), @"[data.files] a.csv: has 10001 columns; a table may have 10000: take those that are needed");
    let object: Vec<String> = names.iter().map(|name| format!("\"{name}\": 1")).collect();
    insta::assert_snapshot!(folder.error(&one(&folder.file("a.jsonl", format!("{{{}}}", object.join(", "))))), @"[data.files] a.jsonl: has 10001 columns; a table may have 10000: take those that are needed");
    // A value that is the same in all rows takes next to no room in a file.
    let rows = BooleanChunked::full("text".into(), true, 100_000_001).into_series();
    insta::assert_snapshot!(folder.error(&one(&folder.file("a.parquet", parquet(vec![rows.into()])))), @"[data.files] a.parquet: has 100000001 rows; at most 100000000 are read: split it or take a sample of it");
}
