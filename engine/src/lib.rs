//! The search itself: what is tried next, what goes on, and what is remembered, apart from how a trial is trained.
//!
//! Knows no candle and no polars; reads the wall clock only in [`clock`]; draws random numbers only from [`streams`].

pub mod clock;
pub mod devices;
mod dispatcher;
mod ending;
pub mod enqueued;
pub mod estimate;
pub mod events;
mod executor;
pub mod failure;
pub mod finalists;
pub mod folds;
pub mod fuzzing;
mod giving_up;
mod goals;
pub mod numbers;
pub mod progress;
pub mod record;
pub mod replay;
pub mod runner;
pub mod samplers;
pub mod schedulers;
pub mod session;
pub mod simulator;
pub mod spec;
pub mod state;
pub mod store;
pub mod streams;
pub mod study;
pub mod supervisor;
#[cfg(test)]
mod sweep_tests;
pub mod tested;
#[cfg(test)]
mod testing;
pub mod worker;
