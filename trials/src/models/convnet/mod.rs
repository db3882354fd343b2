//! Convolutional networks for classification: ResNets and MobileNetV2.
//!
//! One model serves them all: each is a list of blocks, and a block is a row of convolutions with batch normalisation, with or without a
//! shortcut around them. What differs, sizes and names, is read off the names and shapes of the tensors in the file.
//!
//! Activations are `[batch, height, width, channels]`, kernels `[out, kernel, kernel, in]` in memory and `[out, in, kernel, kernel]` in files.

mod architecture;
mod base;
mod config;
mod foreign;
mod mobilenet;
mod model;
mod resnet;
#[cfg(test)]
mod tests;
mod untrained;

pub use base::ConvNetBase;
pub use model::ConvNet;
pub use untrained::Untrained;
