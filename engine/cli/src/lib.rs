//! The commands of the `thawline` program, which join the other crates.
//!
//! Nothing here reads the environment or ends the process: `main.rs` does.

pub mod args;
pub mod assets;
pub mod commands;
pub mod context;
pub mod exit;
mod progress;
