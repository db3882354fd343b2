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
mod unlabelled;

pub(crate) use decode::Wanted;
pub use examples::Images;
pub use load::{Pictures, load};
pub use unlabelled::Unlabelled;
