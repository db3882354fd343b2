//! Fine-tuning on candle: models, data, training, checkpoints.
//!
//! Decides nothing about what runs next: that is the engine's.

pub mod checkpoint;
pub mod data;
pub mod device;
pub mod effect;
pub mod evaluated;
pub mod files;
pub mod freezing;
#[doc(hidden)]
pub mod fuzzing;
pub mod hub;
pub mod metrics;
pub mod models;
mod monitor;
pub mod needs;
pub mod ops;
pub mod optimizers;
pub mod parameters;
pub mod predict;
mod predictions;
pub mod prepare;
pub mod runner;
pub mod schedules;
pub mod testing;
pub mod trainer;
