//! Batches on a device.

use candle_core::{Device, Result, Tensor, bail};

/// What a model reads of some examples.
#[derive(Debug, Clone)]
pub enum Inputs {
    /// Texts padded to the longest of them, each `[batch, tokens]`.
    Tokens {
        /// `u32`.
        ids: Tensor,
        /// `u32`.
        types: Tensor,
        /// `f32`: 1 for a token, 0 for padding.
        mask: Tensor,
    },
    /// Normalised images `[batch, height, width, channels]`, `f32`.
    Pixels(Tensor),
}

/// Some examples and their labels.
#[derive(Debug, Clone)]
pub struct Batch {
    pub inputs: Inputs,
    /// `[batch]`, `u32`.
    pub labels: Tensor,
    /// Of each example the label of the one it was mixed with, `[batch]`, and the share of its own.
    pub mixed: Option<(Tensor, f64)>,
}

impl Batch {
    pub fn new(inputs: Inputs, labels: Vec<u32>, device: &Device) -> Result<Batch> {
        let rows = labels.len();
        Ok(Batch { inputs, labels: Tensor::from_vec(labels, rows, device)?, mixed: None })
    }

    pub fn size(&self) -> usize {
        self.labels.elem_count()
    }

    /// `ids`, `types` and `mask` of texts.
    pub fn tokens(&self) -> Result<(&Tensor, &Tensor, &Tensor)> {
        match &self.inputs {
            Inputs::Tokens { ids, types, mask } => Ok((ids, types, mask)),
            Inputs::Pixels(_) => bail!("a model of texts was given images"),
        }
    }

    pub fn pixels(&self) -> Result<&Tensor> {
        match &self.inputs {
            Inputs::Pixels(pixels) => Ok(pixels),
            Inputs::Tokens { .. } => bail!("a model of images was given texts"),
        }
    }
}
