//! The rows that a study's state is kept in beside its events, read and gone on from as a sweep does.

pub(crate) fn run(bytes: &[u8]) {
    engine::fuzzing::kept(bytes);
}
