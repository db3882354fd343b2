//! Studies, assets and outputs.

use super::*;

#[test]
fn a_study_that_a_full_disk_kept_from_starting_starts() {
    let place = Workplace::new();
    place.space_with("trials: 4", "trials: 1");
    fs::create_dir(place.path("study")).unwrap();
    place.write("study/study.sqlite", "");
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
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
fn a_study_of_a_newer_format_is_left_alone() {
    let place = Workplace::new();
    place.space_with("trials: 4", "trials: 1");
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    // Bytes 60 to 63 of an SQLite file: `user_version`, the study's format.
    let database = place.path("study/study.sqlite");
    let mut bytes = fs::read(&database).unwrap();
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes());
    fs::write(&database, &bytes).unwrap();
    insta::assert_snapshot!(refused(&place, 4), @"error: DIR/study/study.sqlite: written by a newer Thawline (study format 99; this program knows up to 4): use that program, or another study folder; nothing was changed");
    assert!(fs::read(&database).unwrap() == bytes, "the newer study was changed");
}
