//! The manifest of a model folder.

use trials::fuzzing::manifest;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(read) = manifest(bytes) {
        let json = read.to_json().expect("what was read can be written");
        assert_eq!(manifest(&json).as_ref(), Ok(&read));
        for examples in [0, 1, 100, u64::MAX] {
            let (evaluated, trained) = (read.tolerance.of_evaluation(examples), read.tolerance.of_training(examples));
            assert!((0.0..=2.0).contains(&evaluated) && (0.0..=1.0).contains(&trained), "{examples}: {evaluated}, {trained}");
        }
    }
}
