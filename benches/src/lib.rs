//! Measurements and comparisons with other tools. No user needs this crate.
//!
//! | folder | what | how |
//! | --- | --- | --- |
//! | `samplers/` | seconds a proposal | `cargo bench -p benches` |
//! | `step/` | seconds of a BERT training step | `cargo run --release -p benches --example step -- MODEL_DIR THREADS` |
//! | `parity/` | logits against transformers | `cargo run --release -p benches --example parity-logits` |
//! | `sst2/` | the reference recipe and a sweep on SST-2 | `thawline train`, `thawline sweep` |
