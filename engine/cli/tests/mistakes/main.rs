//! Bad input: what is said, the exit code, and that nothing is left half-written.

#[path = "../common/mod.rs"]
mod common;
mod inputs;
mod space;
mod studies;

use std::{fs, path::Path};

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
