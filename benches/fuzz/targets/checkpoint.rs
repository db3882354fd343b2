//! A checkpoint, from which a small trial goes on.

use trials::fuzzing::checkpoint;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(values) = checkpoint(bytes) {
        assert!(values * size_of::<f32>() <= bytes.len(), "tensors do not overlap");
    }
}
