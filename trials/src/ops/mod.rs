//! Differentiable operations with analytic gradients.
//!
//! Each has two forms that the tests hold equal: a fused one for `f32` on the CPU, and one composed of candle's own differentiable
//! operations for every other device. The reason for either is in candle: its fused layer norm and softmax have no backward, so that what
//! lies below them silently never trains, and its composed forms read and write every activation several times.
//!
//! # Frozen inputs
//! An input that is neither a variable nor computed from one gets no gradient and costs no gradient work.
//!
//! # Threads and determinism
//! Work is shared out over the rayon pool it is called in, in chunks of a fixed size, so that one thread and many give the same bits.
//! Matrix products take as many threads as that pool has, not as the machine has.

#![expect(clippy::inline_always, reason = "what is compiled for a processor feature with its caller has to be inlined into it")]

mod activation;
mod attention;
mod backward;
mod batch_norm;
mod clamp;
mod convolution;
mod cross_entropy;
mod depthwise;
mod direct;
mod dropout;
mod embedding;
mod host;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod layer_norm;
mod linear;
mod parallel;
mod pool;
mod product;
mod simd;
#[cfg(test)]
mod tests;
mod window;

pub use activation::{Activation, activation};
pub use attention::{Heads, attention};
pub use backward::{Recording, backward, record};
pub use batch_norm::{Moments, batch_norm, batch_norm_with, running};
pub use clamp::{Clamp, add};
pub use convolution::convolution;
pub use cross_entropy::{cross_entropy, weighted_cross_entropy};
pub use depthwise::depthwise;
pub use dropout::{Dropout, dropout, dropout_add};
pub use embedding::embedding;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub(crate) use parallel::sum_of_squares;
pub use pool::{max_pool, mean_pool};
pub use window::Stride;
