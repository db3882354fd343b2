//! Padded batches on a device.

use candle_core::{Device, Result, Tensor};

use super::Example;

/// Some examples padded to the longest of them.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[batch, tokens]`, `u32`.
    pub ids: Tensor,
    /// `[batch, tokens]`, `u32`.
    pub types: Tensor,
    /// `[batch, tokens]`, `f32`: 1 for a token, 0 for padding.
    pub mask: Tensor,
    /// `[batch]`, `u32`.
    pub labels: Tensor,
}

impl Batch {
    /// `examples` must not be empty.
    pub fn new(examples: &[&Example], padding: u32, device: &Device) -> Result<Batch> {
        let rows = examples.len();
        let tokens = examples.iter().map(|e| e.ids.len()).max().unwrap_or(0);
        let mut ids = vec![padding; rows * tokens];
        let mut types = vec![0u32; rows * tokens];
        let mut mask = vec![0f32; rows * tokens];
        for (row, example) in examples.iter().enumerate() {
            let start = row * tokens;
            let end = start + example.ids.len();
            ids[start..end].copy_from_slice(&example.ids);
            types[start..end].copy_from_slice(&example.types);
            mask[start..end].fill(1.0);
        }
        let labels: Vec<u32> = examples.iter().map(|e| e.label).collect();
        Ok(Batch {
            ids: Tensor::from_vec(ids, (rows, tokens), device)?,
            types: Tensor::from_vec(types, (rows, tokens), device)?,
            mask: Tensor::from_vec(mask, (rows, tokens), device)?,
            labels: Tensor::from_vec(labels, rows, device)?,
        })
    }

    pub fn size(&self) -> usize {
        self.ids.dims()[0]
    }
}
