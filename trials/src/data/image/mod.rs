//! Images.

mod augment;
pub(crate) mod decode;
mod examples;
pub(crate) mod idx;
mod load;
mod parquet;
mod scan;
mod sources;
#[cfg(test)]
mod tests;

pub use examples::Images;
pub use load::{Pictures, load};
