//! Measurements and comparisons with other tools. No user needs this crate; `README.md` beside it says what there is.

pub mod limit;
pub mod networks;
pub mod step;
