//! What a study looks like to people: tables, charts, one page, and the leaderboard of the terminal.
//!
//! Everything is made from a [`engine::record::StudyRecord`] and the files of predictions that it names. Tables come first; charts, page and text draw no number that no table holds.

mod active;
mod advice;
mod bootstrap;
pub mod charts;
mod error;
pub mod fairness;
mod files;
pub mod foreign;
pub mod format;
pub mod html;
pub mod importance;
pub mod intervals;
pub mod model_card;
pub mod parameters;
pub mod predictions;
pub mod quality;
mod saving;
pub mod summary;
pub mod tables;
mod terminal;
pub mod testing;
mod write;

pub use error::ReportError;
pub use terminal::leaderboard_text;
pub use write::{ReportFiles, write_report};
