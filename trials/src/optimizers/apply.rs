//! Runs an update rule on a parameter: in place and on all threads of the pool on the CPU, composed elsewhere.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::{
    Update, UpdateRule,
    state::{Buffer, on_host},
};

/// Elements a task works on. Fixed, though the result does not depend on it.
const CHUNK: usize = 1 << 14;

pub(super) fn apply(rule: &dyn UpdateRule, update: &Update, parameter: &Var, gradient: &Tensor, buffers: &mut [Buffer]) -> Result<()> {
    if gradient.shape() != parameter.shape() {
        bail!("a gradient of shape {:?} for a parameter of shape {:?}", gradient.dims(), parameter.dims());
    }
    if on_host(parameter.as_tensor()) && on_host(&gradient.contiguous()?) {
        let buffers = buffers
            .iter_mut()
            .map(|buffer| match buffer {
                Buffer::Host(values) => Ok(values.as_mut_slice()),
                Buffer::Device(_) => bail!("optimizer state lies on another device than its parameter"),
            })
            .collect::<Result<Vec<_>>>()?;
        parameter.inplace_op2(&gradient.contiguous()?, &OnHost { rule, update, buffers: RefCell::new(buffers) })
    } else {
        let mut tensors = buffers
            .iter()
            .map(|buffer| match buffer {
                Buffer::Host(_) => bail!("optimizer state lies on another device than its parameter"),
                Buffer::Device(tensor) => Ok(tensor.clone()),
            })
            .collect::<Result<Vec<_>>>()?;
        // Detached: the new values must not carry the graph of the old ones.
        parameter.set(&rule.update_tensor(update, &parameter.as_detached_tensor(), gradient, &mut tensors)?)?;
        for (buffer, tensor) in buffers.iter_mut().zip(tensors) {
            *buffer = Buffer::Device(tensor.detach());
        }
        Ok(())
    }
}

struct OnHost<'a> {
    rule: &'a dyn UpdateRule,
    update: &'a Update,
    /// Candle hands out a shared reference to the operation only.
    buffers: RefCell<Vec<&'a mut [f32]>>,
}

impl InplaceOp2 for OnHost<'_> {
    fn name(&self) -> &'static str {
        "optimizer-step"
    }

    fn cpu_fwd(&self, s1: &mut CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<()> {
        let (CpuStorage::F32(parameter), CpuStorage::F32(gradient)) = (s1, s2) else { bail!("optimizer-step: f32 only") };
        let (Some((p0, p1)), Some((g0, g1))) = (l1.contiguous_offsets(), l2.contiguous_offsets()) else {
            bail!("optimizer-step: contiguous tensors only")
        };
        let mut buffers = self.buffers.borrow_mut();
        let mut chunks = cut(&mut parameter[p0..p1], &gradient[g0..g1], &mut buffers);
        let run = |chunk: &mut Chunk| self.rule.update(self.update, chunk.parameter, chunk.gradient, &mut chunk.buffers);
        if chunks.len() == 1 {
            chunks.iter_mut().for_each(run);
        } else {
            chunks.par_iter_mut().for_each(run);
        }
        Ok(())
    }
}

struct Chunk<'a> {
    parameter: &'a mut [f32],
    gradient: &'a [f32],
    buffers: Vec<&'a mut [f32]>,
}

fn cut<'a>(parameter: &'a mut [f32], gradient: &'a [f32], buffers: &'a mut [&mut [f32]]) -> Vec<Chunk<'a>> {
    let mut chunks: Vec<_> = parameter
        .chunks_mut(CHUNK)
        .zip(gradient.chunks(CHUNK))
        .map(|(parameter, gradient)| Chunk { parameter, gradient, buffers: Vec::with_capacity(buffers.len()) })
        .collect();
    for buffer in buffers {
        for (chunk, part) in chunks.iter_mut().zip(buffer.chunks_mut(CHUNK)) {
            chunk.buffers.push(part);
        }
    }
    chunks
}
