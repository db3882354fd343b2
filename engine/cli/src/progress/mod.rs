//! Progress on standard error: bars where it is a terminal, plain lines now and then where it is a file.

mod fetch;
mod sweep;
pub(crate) mod text;
mod train;

pub(crate) use fetch::FetchProgress;
pub(crate) use sweep::SweepProgress;
pub(crate) use train::TrainProgress;
