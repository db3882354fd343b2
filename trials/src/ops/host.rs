//! Plain slices of CPU tensors.

use std::{ops::Deref, ops::Range};

use candle_core::{CpuStorage, DType, Device, Layout, Result, Storage, StorageRef, Tensor, bail};

/// Whether the fused form takes these tensors.
pub(super) fn fused(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|t| matches!(t.device(), Device::Cpu) && t.dtype() == DType::F32)
}

/// The elements of an operation's argument.
pub(super) fn elements<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (CpuStorage::F32(data), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
        bail!("a fused operation takes contiguous f32 tensors, not {:?}", layout.shape())
    };
    Ok(&data[start..end])
}

/// The elements of a tensor, readable while this lives.
pub(super) struct View<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl<'a> View<'a> {
    /// `tensor` must be contiguous, `f32` and on the CPU.
    pub(super) fn new(tensor: &'a Tensor) -> Result<View<'a>> {
        let (storage, layout) = tensor.storage_and_layout();
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("a tensor of {:?} is not contiguous", tensor.shape()) };
        if !matches!(&*storage, Storage::Cpu(CpuStorage::F32(_))) {
            bail!("a tensor of {:?} is not f32 on the CPU", tensor.shape());
        }
        Ok(View { storage, range: start..end })
    }
}

impl Deref for View<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(data)) => &data[self.range.clone()],
            // `new` lets nothing else through.
            _ => &[],
        }
    }
}
