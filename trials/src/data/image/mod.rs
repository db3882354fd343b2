//! Images.

mod augment;
mod decode;
mod examples;
mod idx;
mod load;
mod parquet;
mod scan;
mod sources;
#[cfg(test)]
mod tests;

pub use examples::Images;
pub use load::{Pictures, load};
