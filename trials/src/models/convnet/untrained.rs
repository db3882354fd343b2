//! Networks that nobody has trained yet.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
};

use candle_core::{Device, Tensor};
use rand::{RngExt, rngs::ChaCha8Rng};
use serde_json::json;

use crate::{data::pixels::PixelFormat, hub::HubError};

/// Sizes of a ResNet of the CIFAR kind: `6 * depth + 2` layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Untrained {
    /// Channels of each stage.
    pub widths: [usize; 3],
    /// Blocks of each stage.
    pub depth: usize,
    pub format: PixelFormat,
}

impl Untrained {
    /// Writes the network as a folder that [`super::ConvNetBase::load`] reads, made if need be: kernels drawn from `stream` as He et al.
    /// 2015 draw them, normalisation that changes nothing.
    pub fn write(&self, folder: &Path, stream: &mut ChaCha8Rng) -> Result<(), HubError> {
        let path = folder.join("model.safetensors");
        let tensors = self.tensors(stream).map_err(|source| HubError::Device { path: path.clone(), source })?;
        let metadata = std::iter::once(("format".to_owned(), "pt".to_owned())).collect();
        let bytes = safetensors::serialize(tensors, Some(metadata))
            .map_err(|e| HubError::Write { path: path.clone(), source: io::Error::other(e) })?;
        fs::create_dir_all(folder).map_err(|source| HubError::Write { path: folder.to_owned(), source })?;
        let config = json!({ "model_type": "resnet_cifar", "architectures": ["CifarResNet"] });
        let files = [
            ("model.safetensors", bytes),
            ("config.json", format!("{config:#}\n").into_bytes()),
            ("preprocessor_config.json", format!("{:#}\n", self.format.to_json()).into_bytes()),
        ];
        for (name, bytes) in files {
            let path = folder.join(name);
            File::create(&path).and_then(|mut file| file.write_all(&bytes)).map_err(|source| HubError::Write { path, source })?;
        }
        Ok(())
    }

    fn tensors(&self, stream: &mut ChaCha8Rng) -> candle_core::Result<Vec<(String, Tensor)>> {
        let mut tensors = Vec::new();
        let mut unit = |convolution: String, norm: String, features: usize, out: usize| -> candle_core::Result<()> {
            let spread = (6.0 / (9 * features) as f32).sqrt();
            let kernel: Vec<f32> = (0..out * features * 9).map(|_| stream.random_range(-spread..spread)).collect();
            tensors.push((format!("{convolution}.weight"), Tensor::from_vec(kernel, (out, features, 3, 3), &Device::Cpu)?));
            for (part, value) in [("weight", 1f32), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)] {
                tensors.push((format!("{norm}.{part}"), Tensor::full(value, out, &Device::Cpu)?));
            }
            Ok(())
        };
        unit("conv1".to_owned(), "bn1".to_owned(), self.format.channels(), self.widths[0])?;
        let mut features = self.widths[0];
        for (stage, width) in (1..).zip(self.widths) {
            for layer in 0..self.depth {
                let name = |part: &str| format!("layer{stage}.{layer}.{part}");
                unit(name("conv1"), name("bn1"), features, width)?;
                unit(name("conv2"), name("bn2"), width, width)?;
                features = width;
            }
        }
        Ok(tensors)
    }
}
