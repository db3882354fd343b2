//! An IDX file, plain or gzip.

use trials::fuzzing::idx;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok((sizes, values)) = idx(bytes) {
        assert_eq!(sizes.iter().product::<usize>(), values);
    }
}
