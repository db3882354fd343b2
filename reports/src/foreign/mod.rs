//! A study in the formats of other tools.
//!
//! Like everything here they are made from a study record and its tables alone, and replaced whole when they are written again.

mod label;
mod moments;
pub mod optuna;
pub mod tensorboard;
