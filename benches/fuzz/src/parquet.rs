#![no_main]

#[path = "../targets/parquet.rs"]
mod target;

// polars panics on some damaged files, which is caught and told: only what is not caught ends the run.
libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| target::run(bytes));
