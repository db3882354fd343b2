//! Every fuzz target on every seed in `fuzz/seeds`: inputs that once broke something stay among them.

use std::{fs, panic::catch_unwind, path::Path};

#[path = "../fuzz/targets/checkpoint.rs"]
mod checkpoint;
#[path = "../fuzz/targets/curves.rs"]
mod curves;
#[path = "../fuzz/targets/events.rs"]
mod events;
#[path = "../fuzz/targets/idx.rs"]
mod idx;
#[path = "../fuzz/targets/kept.rs"]
mod kept;
#[path = "../fuzz/targets/manifest.rs"]
mod manifest;
#[path = "../fuzz/targets/parquet.rs"]
mod parquet;
#[path = "../fuzz/targets/picture.rs"]
mod picture;
#[path = "../fuzz/targets/predictions.rs"]
mod predictions;
#[path = "../fuzz/targets/ron.rs"]
mod ron;
#[path = "../fuzz/targets/table.rs"]
mod table;

#[test]
fn no_seed_breaks_its_target() {
    type Run = fn(&[u8]);
    let targets: [(&str, Run); 11] = [
        ("checkpoint", checkpoint::run),
        ("curves", curves::run),
        ("events", events::run),
        ("idx", idx::run),
        ("kept", kept::run),
        ("manifest", manifest::run),
        ("parquet", parquet::run),
        ("picture", picture::run),
        ("predictions", predictions::run),
        ("ron", ron::run),
        ("table", table::run),
    ];
    let mut broken = Vec::new();
    for (target, run) in targets {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let mut seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{target} has seeds");
        for seed in seeds {
            let bytes = fs::read(&seed).unwrap();
            if catch_unwind(|| run(&bytes)).is_err() {
                broken.push(seed);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn the_seed_checkpoint_is_one_of_today() {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/checkpoint/three-steps")).unwrap();
    let read = trials::fuzzing::checkpoint(&bytes);
    assert!(read.is_ok(), "write it anew with `trials::fuzzing::tiny_checkpoint`: {read:?}");
}

#[test]
fn the_seed_manifests_are_of_today() {
    for name in ["digits", "both", "tolerance"] {
        let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/manifest").join(name)).unwrap();
        let read = trials::fuzzing::manifest(&bytes);
        assert!(read.is_ok(), "{name}: {}", read.unwrap_err());
    }
}

/// They are those of the seeds of `events` of the same names.
#[test]
fn the_seeds_of_kept_rows_are_of_today() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for name in ["exhausted", "finalists", "goals"] {
        let text = fs::read_to_string(seeds.join("events").join(name)).unwrap();
        let rows = engine::fuzzing::kept_of(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()).unwrap();
        let anew = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&anew, &rows).unwrap();
        assert!(fs::read(seeds.join("kept").join(name)).is_ok_and(|seed| seed == rows), "copy {} to fuzz/seeds/kept", anew.display());
        assert!(engine::fuzzing::kept(&rows));
    }
}
