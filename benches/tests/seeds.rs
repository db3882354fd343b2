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
#[path = "../fuzz/targets/parquet.rs"]
mod parquet;
#[path = "../fuzz/targets/picture.rs"]
mod picture;
#[path = "../fuzz/targets/ron.rs"]
mod ron;
#[path = "../fuzz/targets/table.rs"]
mod table;

#[test]
fn no_seed_breaks_its_target() {
    type Run = fn(&[u8]);
    let targets: [(&str, Run); 8] = [
        ("checkpoint", checkpoint::run),
        ("curves", curves::run),
        ("events", events::run),
        ("idx", idx::run),
        ("parquet", parquet::run),
        ("picture", picture::run),
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
