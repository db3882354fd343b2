//! Whole simulations on a table of the repository.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

struct Workplace(TempDir);

struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Workplace {
    fn new() -> Workplace {
        Workplace(tempfile::tempdir().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thawline"));
        let output = command.args(arguments).current_dir(self.0.path()).env_clear().output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn table() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/tables/digits.jsonl").to_str().unwrap().to_owned()
}

fn lines(place: &Workplace, arguments: &[&str]) -> Vec<serde_json::Value> {
    let table = table();
    let run = place.run(&[&["simulate", &table, "--json"], arguments].concat());
    assert_eq!(run.code, 0, "{}", run.err);
    run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Without the real seconds it took.
fn timeless(mut lines: Vec<serde_json::Value>) -> Vec<serde_json::Value> {
    for line in &mut lines {
        assert!(line.as_object_mut().unwrap().remove("seconds").is_some());
    }
    lines
}

#[test]
fn a_line_a_study_that_its_seed_repeats() {
    let place = Workplace::new();
    let four = timeless(lines(&place, &["--seeds", "4", "--budget", "5"]));
    assert_eq!(four.len(), 4);
    for (seed, line) in four.iter().enumerate() {
        assert_eq!((&line["table"], &line["seed"], &line["workers"]), (&"digits".into(), &seed.into(), &1.into()));
        assert_eq!((&line["sampler"], &line["scheduler"]), (&"Forest".into(), &"FreezeThaw".into()));
        assert!((line["spent"].as_f64().unwrap() - 5.0).abs() < 1e-9, "{line}");
        let trace: Vec<(f64, f64)> = serde_json::from_value(line["trace"].clone()).unwrap();
        assert!(trace.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1) && trace.last().unwrap().0 <= 5.0, "{trace:?}");
    }
    assert_eq!(timeless(lines(&place, &["--seed", "2", "--seeds", "1", "--budget", "5"]))[0], four[2]);
    assert_ne!(four[0]["trace"], four[1]["trace"]);
}

#[test]
fn samplers_schedulers_workers_and_trials_are_those_asked_for() {
    let place = Workplace::new();
    let asked = ["--sampler", "Random", "--scheduler", "None", "--workers", "3", "--trials", "3", "--seeds", "1"];
    let line = &lines(&place, &asked)[0];
    assert_eq!((&line["sampler"], &line["scheduler"], &line["trials"]), (&"Random".into(), &"None".into(), &3.into()));
    // All three at once: nobody waits for the budget's end.
    let last = line["trace"].as_array().unwrap().last().unwrap()[0].as_f64().unwrap();
    assert!(last < 4.0, "{line}");
}

#[test]
fn the_table_of_regrets_falls_with_the_budget() {
    let place = Workplace::new();
    let table = table();
    let run = place.run(&["simulate", &table, &table, "--seeds", "10", "--budget", "20"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let rows: Vec<&str> = run.out.lines().collect();
    assert_eq!(rows.len(), 4, "{}", run.out);
    assert!(rows[0].contains("3 runs") && rows[0].trim_end().ends_with("20 runs"), "{}", rows[0]);
    assert_eq!(rows[1], rows[2]);
    let regrets: Vec<f64> = rows[1].split_whitespace().skip(1).map(|cell| cell.parse().unwrap()).collect();
    assert!(regrets.len() == 4 && regrets.is_sorted_by(|a, b| a >= b) && regrets[3] < 0.5, "{regrets:?}");
    assert!(rows[3].starts_with("  mean of 2 tables") && rows[3].contains("+-"), "{}", rows[3]);
}

#[test]
fn mistakes_are_told() {
    let place = Workplace::new();
    fs::write(place.0.path().join("cut.jsonl"), "{\"name\": \"cut\"").unwrap();
    let table = table();
    let told = |arguments: &[&str]| {
        let run = place.run(&[&["simulate"], arguments].concat());
        assert_eq!(run.out, "");
        format!("{}: {}", run.code, run.err)
    };
    insta::assert_snapshot!(told(&["none.jsonl"]), @"4: error: none.jsonl: it cannot be opened: No such file or directory (os error 2)");
    insta::assert_snapshot!(told(&["cut.jsonl"]), @r#"4: error: cut.jsonl: line 1: no header: EOF while parsing an object at line 1 column 14"#);
    insta::assert_snapshot!(told(&[&table, "--budget=-1"]), @"2: error: --budget is a number of full runs above 0, not -1");
    insta::assert_snapshot!(told(&[&table, "--sampler", "Bayes"]), @r"
    2: error: --sampler:1:1: `Bayes` is not a sampler
      |
    1 | Bayes
      | ^^^^^
      = help: it may be `Random`, `Grid`, `Sobol`, `Tpe` or `Forest`
    ");
    insta::assert_snapshot!(told(&[&table, "--r-min", "Examples(30)"]).replace(&table, "TABLE"), @r"
    2: error: TABLE: --r-min:1:1: the first rung, 30 examples, lies beyond the horizon: 1 epochs of 18 examples are 18
      |
    1 | Examples(30)
      | ^^^^^^^^^^^^
      = help: give a smaller r_min, such as Share(0.12), or more epochs
    ");
}
