//! What the command says of studies.

use std::path::Path;

use super::{Looked, summarise, words::words};
use crate::{
    commands::watch::sample::{Sample, failed, finished, running},
    progress::Words,
};

fn told(sample: &mut Sample, worked_on: bool) -> String {
    let now = sample.now + 3500;
    let state = sample.state();
    let summary = summarise(state, Looked { worked_on, now }, Path::new("studies/test"), Path::new("/nowhere/studies/test"));
    words(&summary, &Words::of(&state.spec))
}

#[test]
fn a_study_that_runs() {
    insta::assert_snapshot!(told(&mut running(), true), @"");
}

#[test]
fn a_study_that_has_stopped() {
    insta::assert_snapshot!(told(&mut running(), false), @"");
}

#[test]
fn a_study_that_has_finished() {
    insta::assert_snapshot!(told(&mut finished(), false), @"");
}

#[test]
fn a_study_in_which_everything_failed() {
    insta::assert_snapshot!(told(&mut failed(), false), @"");
}

#[test]
fn a_study_in_which_nothing_has_happened() {
    insta::assert_snapshot!(told(&mut Sample::new(), false), @"");
}

/// Programs read these; there may only be more of them.
#[test]
fn the_names_of_the_json() {
    let mut sample = running();
    let now = sample.now;
    let summary = summarise(sample.state(), Looked { worked_on: true, now }, Path::new("study"), Path::new("/study"));
    let serde_json::Value::Object(json) = serde_json::to_value(&summary).unwrap() else { panic!("no object") };
    insta::assert_snapshot!(json.keys().cloned().collect::<Vec<_>>().join(" "), @"");
    insta::assert_snapshot!(json["at_work"][0], @"");
    insta::assert_snapshot!(json["against_default"], @"");
}
