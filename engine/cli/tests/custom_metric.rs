//! The example program with a metric of its own, from the sweep to production training.

mod common;

use std::{fs, path::PathBuf};

use common::{Run, Workplace, names};

/// Cargo builds examples before tests and puts them beside the folder of test programs.
fn example() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples/custom_metric")
}

fn run(place: &Workplace, arguments: &[&str]) -> Run {
    place.told(place.command_of(&example(), arguments).output().unwrap())
}

#[test]
fn a_metric_of_ones_own_is_searched_for_tabled_and_trained_to_again() {
    let place = Workplace::new();
    place.space_with("    settings: (", "    objective: Maximize(Custom(\"weighted_kappa\")),\n    settings: (");
    let swept = run(&place, &["sweep", "space.ron", "--study", "study"]).succeeded();
    assert!(swept.out.contains("weighted_kappa"), "{}", swept.out);
    let curves = fs::read_to_string(place.path("study/tables/curves.csv")).unwrap();
    assert!(curves.lines().next().unwrap().contains("validation_weighted_kappa"), "{curves}");
    let page = fs::read_to_string(place.path("study/report/index.html")).unwrap();
    assert!(page.contains("weighted_kappa"));
    let trained = run(&place, &["train", "study/best.ron", "--to", "trained"]).succeeded();
    assert!(trained.err.contains("exactly what trial") && trained.out.starts_with("weighted_kappa"), "{}{}", trained.out, trained.err);

    // The plain program does not know it, and says so before it starts anything.
    let plain = place.run(&["sweep", "space.ron", "--study", "other"]);
    assert_eq!(plain.code, 3);
    insta::assert_snapshot!(plain.err, @r#"
    error: space.ron:8:16: this program measures no "weighted_kappa", only accuracy, macro_f1, matthews, loss
      |
    8 |     objective: Maximize(Custom("weighted_kappa")),
      |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: metrics of your own are added in Rust, in a program of your own around this one: see the README
    "#);
    assert!(!names(&place.path(".")).contains(&"other".to_owned()));
    let plain = place.run(&["train", "study/best.ron", "--to", "again"]);
    assert_eq!(plain.code, 3);
    insta::assert_snapshot!(plain.err, @r#"
    error: study/best.ron: this program measures no "weighted_kappa", only accuracy, macro_f1, matthews, loss
      metrics of your own are added in Rust, in a program of your own around this one: see the README
    "#);
}
