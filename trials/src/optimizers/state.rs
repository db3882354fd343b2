//! What an optimizer remembers of each parameter, and how it is saved.

use std::{borrow::Cow, collections::BTreeMap};

use candle_core::{DType, Device, Result, Tensor};

use super::Optimizer;

/// State of one parameter.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) updates: u64,
    pub(super) buffers: Vec<Buffer>,
}

/// A running average.
#[derive(Debug)]
pub(super) enum Buffer {
    /// In this process' memory, for the loops of our own.
    Host(Vec<f32>),
    Device(Tensor),
}

/// Whether the loops of our own can update `parameter`.
pub(super) fn on_host(parameter: &Tensor) -> bool {
    matches!(parameter.device(), Device::Cpu) && parameter.dtype() == DType::F32 && parameter.is_contiguous()
}

impl Slot {
    pub(super) fn new(parameter: &Tensor, buffers: usize) -> Result<Slot> {
        let buffers = (0..buffers)
            .map(|_| {
                Ok(if on_host(parameter) {
                    Buffer::Host(vec![0.0; parameter.elem_count()])
                } else {
                    Buffer::Device(parameter.zeros_like()?)
                })
            })
            .collect::<Result<_>>()?;
        Ok(Slot { updates: 0, buffers })
    }
}

/// One buffer as it is written to a checkpoint.
#[derive(Debug)]
pub struct Saved<'a> {
    /// The parameter's name.
    pub parameter: &'a str,
    /// The buffer's name.
    pub buffer: &'static str,
    /// Flat, in the parameter's order.
    pub values: Cow<'a, [f32]>,
}

/// Saved state that does not belong to this optimizer and model.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("no `{buffer}` of {parameter}")]
    Missing { parameter: String, buffer: &'static str },
    #[error("`{buffer}` of {parameter} has {found} values, the parameter has {expected}")]
    Length { parameter: String, buffer: &'static str, expected: usize, found: usize },
    #[error("{parameter} is not a trainable parameter of this model")]
    Unknown { parameter: String },
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl Optimizer {
    /// Updates taken, by parameter.
    pub fn updates(&self) -> BTreeMap<String, u64> {
        self.slots.iter().map(|(name, slot)| (name.clone(), slot.updates)).collect()
    }

    /// All buffers, sorted by parameter.
    pub fn save(&self) -> Result<Vec<Saved<'_>>> {
        let names = self.rule.buffers();
        let mut all = Vec::new();
        for (parameter, slot) in &self.slots {
            for (buffer, name) in slot.buffers.iter().zip(names) {
                let values = match buffer {
                    Buffer::Host(values) => Cow::Borrowed(values.as_slice()),
                    Buffer::Device(tensor) => Cow::Owned(tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?),
                };
                all.push(Saved { parameter, buffer: name, values });
            }
        }
        Ok(all)
    }

    /// Takes over saved state: `updates` as [`Optimizer::updates`] gave it, `find(parameter, buffer)` the values that [`Optimizer::save`] gave,
    /// and `tensor(parameter)` the parameter itself.
    pub fn restore<'t>(
        &mut self,
        updates: &BTreeMap<String, u64>,
        mut find: impl FnMut(&str, &str) -> Option<Vec<f32>>,
        mut tensor: impl FnMut(&str) -> Option<&'t Tensor>,
    ) -> std::result::Result<(), StateError> {
        self.slots.clear();
        for (name, &count) in updates {
            let parameter = tensor(name).ok_or_else(|| StateError::Unknown { parameter: name.clone() })?;
            let mut slot = Slot { updates: count, buffers: Vec::new() };
            for &buffer in self.rule.buffers() {
                let values = find(name, buffer).ok_or_else(|| StateError::Missing { parameter: name.clone(), buffer })?;
                let (expected, found) = (parameter.elem_count(), values.len());
                if expected != found {
                    return Err(StateError::Length { parameter: name.clone(), buffer, expected, found });
                }
                slot.buffers.push(if on_host(parameter) {
                    Buffer::Host(values)
                } else {
                    let values = Tensor::from_vec(values, parameter.shape(), parameter.device())?;
                    Buffer::Device(values.to_dtype(parameter.dtype())?)
                });
            }
            self.slots.insert(name.clone(), slot);
        }
        Ok(())
    }
}
