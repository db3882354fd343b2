//! The search itself: what is tried next, what goes on, and what is remembered, apart from how a trial is trained.
//!
//! Knows no candle and no polars; reads the wall clock only in [`clock`]; draws random numbers only from [`streams`].

pub mod clock;
pub mod devices;
pub mod events;
mod numbers;
pub mod record;
pub mod runner;
pub mod samplers;
pub mod schedulers;
pub mod spec;
pub mod state;
pub mod store;
pub mod streams;
pub mod study;
