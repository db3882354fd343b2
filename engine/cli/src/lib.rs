//! The commands of the `thawline` program, which join the other crates.
//!
//! Nothing here but [`program`] reads the environment.

pub mod args;
pub mod assets;
pub mod commands;
pub mod context;
pub mod exit;
pub mod program;
mod progress;
