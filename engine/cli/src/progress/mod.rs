//! Progress on standard error: bars on a terminal, plain lines in a log, or nothing but errors.

pub(crate) mod config;
mod fetch;
mod mode;
mod news;
mod pace;
mod sweep;
pub(crate) mod text;
mod train;
pub(crate) mod words;

pub(crate) use fetch::FetchProgress;
pub use mode::Mode;
pub(crate) use news::{best_line, news_line};
pub(crate) use sweep::SweepProgress;
pub(crate) use train::TrainProgress;
pub(crate) use words::{Words, gain};
