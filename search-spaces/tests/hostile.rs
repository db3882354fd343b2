//! Files come from strangers: whatever they hold gives mistakes, never a panic, and soon.

use std::path::Path;

use proptest::prelude::*;
use search_spaces::{claim::ConfigFile, problem::ReadError, space::Space};

fn message(text: &str) -> String {
    let problems = Space::parse(Path::new("x.ron"), text).expect_err("not a space");
    problems.0[0].message.clone()
}

fn in_space(space: &str) -> String {
    message(&format!("Sweep(model: Asset(\"m\"), data: Text(files: One(Asset(\"d\"))), space: ({space}))"))
}

#[test]
fn deep_nesting() {
    for (open, close) in [("[", "]"), ("(", ")"), ("A(", ")"), ("Some(", ")"), ("Choice([", "])"), ("{1:", "}"), ("(a:", ")")] {
        for depth in [50, 10_000] {
            // What a map in braces holds is not looked at, but for its syntax.
            if open == "{1:" && depth == 50 {
                continue;
            }
            let text = format!("Sweep(space: {}1{})", open.repeat(depth), close.repeat(depth));
            let message = message(&text);
            assert!(message.contains("nested more than 40 levels deep"), "{open} {depth}: {message}");
        }
    }
}

#[test]
fn odd_numbers() {
    insta::assert_snapshot!(in_space("clip_norm: inf"), @"`clip_norm` must be a finite number, not inf");
    insta::assert_snapshot!(in_space("clip_norm: NaN"), @"`clip_norm` must be a finite number, not NaN");
    insta::assert_snapshot!(in_space("clip_norm: 1e999"), @"`clip_norm` must be a finite number, not inf");
    insta::assert_snapshot!(in_space("warmup: Uniform(-inf, inf)"), @"`Uniform` takes a finite number here, not the number -inf");
    insta::assert_snapshot!(in_space("warmup: Weighted([(NaN, 0.1), (1, 0.2)])"), @"a weight is a number above 0, not the number NaN");
    insta::assert_snapshot!(in_space("epochs: 99999999999999999999999999"), @"`epochs` must be a whole number, not the number 1e26");
    insta::assert_snapshot!(in_space("epochs: Int(-9223372036854775808, 9223372036854775807)"), @"`epochs` must be from 1 to 1000000, not -9223372036854775808");
    insta::assert_snapshot!(in_space("epochs: Stepped(1, 1000000, 0)"), @"a step of 0 does not fit into the range from 1 to 1000000");
    insta::assert_snapshot!(in_space("epochs: 1..3"), @"`epochs` must be a whole number, not a map or a range");
    insta::assert_snapshot!(in_space("epochs: {\"a\": 3}"), @"`epochs` must be a whole number, not a map in braces");
    insta::assert_snapshot!(in_space("epochs: 'c'"), @"`epochs` must be a whole number, not a character in single quotes");
    insta::assert_snapshot!(in_space("epochs: b\"3\""), @"`epochs` must be a whole number, not a byte string");
}

#[test]
fn long_files() {
    let options: Vec<String> = (0..20_000).map(|i| format!("0.{i}")).collect();
    insta::assert_snapshot!(in_space(&format!("warmup: Choice([{}])", options.join(","))), @"20000 options are more than the 500 that a choice may have");
    let unknown: Vec<String> = (0..20_000).map(|i| format!("f{i}: 1")).collect();
    let problems = Space::parse(Path::new("x.ron"), &format!("Sweep({})", unknown.join(","))).expect_err("not a space");
    assert!(problems.0.len() <= 200, "{}", problems.0.len());
    insta::assert_snapshot!(message(&format!("Sweep({})", " ".repeat(300_000))), @"the file is longer than 256 KiB");
}

#[test]
fn what_is_not_text() {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("thawline-binary-{}.ron", std::process::id()));
    std::fs::write(&path, b"Sweep(\n  model: \xff\xfe\x00)").expect("a temporary file");
    let space = Space::read(&path);
    let config = ConfigFile::read(&path);
    std::fs::remove_file(&path).expect("the temporary file");
    let Err(ReadError::Problems(problems)) = space else { panic!("binary was read") };
    assert_eq!((problems.0[0].line, problems.0[0].column), (2, 10));
    insta::assert_snapshot!(problems.0[0].message, @"this is not text in UTF-8");
    assert!(matches!(config, Err(ReadError::Problems(_))));
    assert!(matches!(Space::read(&folder), Err(ReadError::Unreadable { .. })));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let problems = Space::parse(Path::new("x.ron"), "Sweep(model: \"\u{1b}[31mred\")").expect_err("not a space");
    assert!(!problems.to_string().contains('\u{1b}'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Cuts and changes of a right file.
    #[test]
    fn damaged_files_do_not_panic(cut in 0..3000_usize, at in 0..3000_usize, with in "[\\[\\](){}:,\"'A-Za-z0-9.#/\\\\ é-]{0,3}") {
        let text = include_str!("../bbc-news.ron");
        let limit = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (from, to) = (limit(at), limit(at + cut % 40));
        let damaged = format!("{}{with}{}", &text[..from], &text[to..]);
        if let Err(problems) = Space::parse(Path::new("x.ron"), &damaged) {
            prop_assert!(!problems.0.is_empty());
            prop_assert!(problems.0.iter().all(|problem| problem.line >= 1), "{problems}");
        }
        let _ = Space::parse(Path::new("x.ron"), &text[..limit(cut)]);
    }

    #[test]
    fn noise_does_not_panic(text in "\\PC{0,200}") {
        prop_assert!(Space::parse(Path::new("x.ron"), &text).is_err());
        prop_assert!(ConfigFile::parse(Path::new("x.ron"), &text).is_err());
    }
}
