//! What is shown while a sweep runs, and to whoever looks on.

use std::fs;

use super::{Workplace, status};

/// Nothing that a log could not show.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && c != '\n')
}

#[test]
fn a_log_gets_lines_and_whoever_is_quiet_the_result_alone() {
    let place = Workplace::new();
    let shown = place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    assert!(is_plain(&shown.err), "{:?}", shown.err);
    // A search that is over before it is first looked at has no new best, only one.
    assert!(["new best: accuracy ", "best now: accuracy "].iter().any(|best| shown.err.contains(best)), "{}", shown.err);
    assert!(shown.err.contains("the search has ended; the best configs are trained 3 times"), "{}", shown.err);
    assert!(shown.err.lines().count() < 40, "{}", shown.err);
    let quiet = place.run(&["sweep", "space.ron", "--study", "quiet", "-q"]).succeeded();
    assert_eq!((quiet.err.as_str(), quiet.out.as_str()), ("", shown.out.as_str()));
    // What cannot be drawn is told of.
    let bars = place.run(&["sweep", "space.ron", "--study", "study", "--progress", "bars", "--json"]).succeeded();
    assert!(bars.err.starts_with("standard error is no terminal that can redraw: lines in place of bars\n"), "{}", bars.err);
    assert!(is_plain(&bars.err) && serde_json::from_str::<serde_json::Value>(&bars.out).is_ok(), "{}", bars.out);
    let both = place.run(&["sweep", "space.ron", "--study", "study", "--progress", "plain", "-q"]);
    assert_eq!(both.code, 2, "{}", both.err);
    let trained = place.run(&["train", "study/best.ron", "--to", "trained", "--progress", "none"]).succeeded();
    assert_eq!(trained.err, "");
}

#[test]
fn whoever_is_quiet_hears_of_failures() {
    let place = Workplace::new();
    place.space_with("LogUniform(1e-4, 1e-2)", "LogUniform(1e30, 1e35)");
    let failed = place.run(&["sweep", "space.ron", "--study", "study", "--quiet"]);
    let told = status(&place);
    assert!(told["trials_failed"].as_u64().unwrap() > 0, "{told}");
    assert!(failed.err.starts_with("failed: trial "), "{}", failed.err);
    assert_eq!(told["causes"][0]["trials"].as_array().unwrap().len() as u64, told["trials_failed"].as_u64().unwrap(), "{told}");
}

#[test]
fn a_study_can_be_looked_at_without_a_terminal() {
    let place = Workplace::new();
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    let words = place.run(&["status", "study"]).succeeded().out;
    for piece in ["finished; ", "chosen as the best mean", "thawline train study/best.ron", "study/report/index.html", "--trials 8"] {
        assert!(words.contains(piece), "{words}");
    }
    let watched = place.run(&["watch", "study"]);
    assert_eq!(watched.code, 2);
    insta::assert_snapshot!(watched.err, @"error: standard output is no terminal that can be drawn on: `thawline status study` says how far the study is, and `thawline watch study --once` prints one picture of it");
    let once = place.run(&["watch", "study", "--once"]).succeeded().out;
    assert!(is_plain(&once) && once.starts_with("study  finished  "), "{once}");
    assert!(once.contains("test split: accuracy ") && once.contains("with another seed") && once.lines().count() <= 40, "{once}");
    // The same errors as of status.
    fs::create_dir(place.path("damaged")).unwrap();
    place.write("damaged/study.sqlite", "");
    for study in ["nowhere", "space.ron", "damaged"] {
        let [watch, status] = ["watch", "status"].map(|command| place.run(&[command, study]));
        assert_eq!((watch.code, &watch.err), (4, &status.err));
    }
}
