//! Writes the untrained network that the quick start's model began as: a ResNet-14 of the CIFAR kind for grey images of 28 x 28 pixels.
//!
//! `cargo run --release -p benches --example new_network -- FOLDER`

use std::{env, error::Error, path::Path};

use engine::streams::{Purpose, stream};
use trials::{data::pixels::PixelFormat, models::convnet::Untrained};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder] = &arguments[..] else { return Err("usage: FOLDER".into()) };
    // Mean and standard deviation of Fashion-MNIST's training images.
    let format = PixelFormat { side: 28, mean: vec![0.286], deviation: vec![0.353] };
    let network = Untrained { widths: [16, 32, 64], depth: 2, format };
    Ok(network.write(Path::new(folder), &mut stream(0, 0, Purpose::HeadWeights))?)
}
