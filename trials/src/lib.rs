//! Fine-tuning on candle: models, data, training, checkpoints.
//!
//! Decides nothing about what runs next: that is the engine's.

pub mod data;
pub mod device;
pub mod hub;
pub mod models;
pub mod ops;
pub mod parameters;
pub mod testing;
