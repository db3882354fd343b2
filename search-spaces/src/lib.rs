//! From a RON file to a typed search space, and from a space to one config.
//!
//! This crate reads text and does arithmetic; it knows no candle, threads, clocks, or files other than its input.

mod checks;
pub mod claim;
pub mod config;
pub mod data;
pub mod domain;
pub mod draft;
pub mod draw;
pub mod goals;
pub mod grid;
mod identity;
pub mod ladder;
pub mod limits;
mod lower;
pub mod metric_name;
pub mod places;
pub mod problem;
mod read;
pub mod recipes;
mod schema;
pub mod settings;
mod sound;
pub mod space;
pub mod template;
mod tree;
