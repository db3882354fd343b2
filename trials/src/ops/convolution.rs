//! Convolutions over channels-last images.
//!
//! Windows are copied out a block at a time, so that a block stays in the processor's cache, and multiplied with the kernel. (The
//! forward pass of a 3 x 3 convolution so reads its input nine times from the cache and once from memory.)

use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{
    backward::gradient_of,
    host::{View, elements, fused},
    parallel::add_all,
    product::{Into, Matrix, product},
    window::{Stride, Windows},
};

/// Windows of a block: enough for the kernel's repacking in each product to be a small part of it.
const BLOCK: usize = 256;

/// Kernels of at most this many values have their gradient summed from partial sums in parallel; for larger ones the product itself is
/// large enough to be shared out.
const SMALL_KERNEL: usize = 1 << 16;

/// Partial sums of the gradient of a small kernel. Fixed, so that the sum does not depend on the number of threads.
const PARTS: usize = 16;

/// Cross-correlates `x` `[batch, height, width, in]` with `w` `[out, kernel, kernel, in]`; gives `[batch, height', width', out]`.
/// (`torch.nn.functional.conv2d` without bias, but channels last.)
pub fn convolution(x: &Tensor, w: &Tensor, stride: Stride) -> Result<Tensor> {
    let windows = windows(x, w, stride)?;
    if fused(&[x, w]) { x.contiguous()?.apply_op2(&w.contiguous()?, Convolution { windows }) } else { composed(x, w, stride) }
}

fn windows(x: &Tensor, w: &Tensor, stride: Stride) -> Result<Windows> {
    let (_, kernel, columns, features) = w.dims4()?;
    if kernel != columns || x.dims().last() != Some(&features) {
        bail!("convolution: x {:?} does not fit w {:?}", x.shape(), w.shape());
    }
    Windows::new(x.dims(), kernel, stride)
}

pub(super) fn composed(x: &Tensor, w: &Tensor, stride: Stride) -> Result<Tensor> {
    let windows = windows(x, w, stride)?;
    let out = w.dims()[0];
    let rows = windows.composed(x, 0.0)?.reshape((windows.count(), windows.len()))?;
    rows.matmul(&w.reshape((out, windows.len()))?.t()?)?.reshape((windows.batch, windows.out_height, windows.out_width, out))
}

struct Convolution {
    windows: Windows,
}

/// `y = windows(x) * kernel` for `kernel` `[window, out]`.
fn convolve(y: &mut [f32], x: &[f32], kernel: Matrix, out: usize, windows: &Windows) {
    let threads = rayon::current_num_threads();
    if windows.are_pixels() {
        let x = Matrix::new(x, windows.count(), windows.channels);
        return product(y, out, x, kernel, 1.0, Into::Overwrite, threads);
    }
    // Few windows: what there is to share out is the product.
    let (block, threads) = if windows.count() <= 2 * BLOCK { (2 * BLOCK, threads) } else { (BLOCK, 1) };
    y.par_chunks_mut(block * out).enumerate().for_each_init(Vec::new, |rows: &mut Vec<f32>, (index, y)| {
        let count = y.len() / out;
        rows.resize(count * windows.len(), 0.0);
        windows.gather(rows, x, index * block);
        product(y, out, Matrix::new(rows, count, windows.len()), kernel, 1.0, Into::Overwrite, threads);
    });
}

/// The kernel with which the gradient of the output is convolved to give that of the input, where the stride is 1:
/// `[kernel, kernel, out, in]`, turned by half a circle.
fn turned(w: &[f32], out: usize, taps: usize, features: usize) -> Vec<f32> {
    let mut turned = Vec::with_capacity(w.len());
    for tap in (0..taps).rev() {
        for o in 0..out {
            turned.extend_from_slice(&w[(o * taps + tap) * features..][..features]);
        }
    }
    turned
}

fn gradient_of_input(dx: &mut [f32], g: &[f32], w: &[f32], out: usize, windows: &Windows) {
    let taps = windows.kernel * windows.kernel;
    if windows.stride.step == 1 {
        let back = Windows {
            height: windows.out_height,
            width: windows.out_width,
            channels: out,
            stride: Stride { step: 1, padding: windows.kernel - 1 - windows.stride.padding },
            out_height: windows.height,
            out_width: windows.width,
            ..*windows
        };
        let kernel = turned(w, out, taps, windows.channels);
        return convolve(dx, g, Matrix::new(&kernel, taps * out, windows.channels), windows.channels, &back);
    }
    // Whole images, so that no two threads add to one pixel.
    let per_image = windows.per_image();
    let images = BLOCK.div_ceil(per_image);
    let threads = if windows.batch <= images { rayon::current_num_threads() } else { 1 };
    let kernel = Matrix::new(w, out, windows.len());
    dx.par_chunks_mut(images * windows.image_len()).enumerate().for_each_init(Vec::new, |rows: &mut Vec<f32>, (index, dx)| {
        let (first, count) = (index * images * per_image, dx.len() / windows.image_len() * per_image);
        for start in (0..count).step_by(BLOCK) {
            let count = (count - start).min(BLOCK);
            let g = Matrix::new(&g[(first + start) * out..][..count * out], count, out);
            rows.resize(count * windows.len(), 0.0);
            product(rows, windows.len(), g, kernel, 1.0, Into::Overwrite, threads);
            let skipped = start / per_image * windows.image_len();
            windows.scatter_add(&mut dx[skipped..], rows, first + start);
        }
    });
}

fn gradient_of_kernel(g: &[f32], x: &[f32], out: usize, windows: &Windows) -> Vec<f32> {
    let len = out * windows.len();
    let sum = |from: usize, to: usize, threads: usize| {
        let mut d = vec![0f32; len];
        let mut rows = Vec::new();
        for start in (from..to).step_by(BLOCK) {
            let count = (to - start).min(BLOCK);
            let g = Matrix::new(&g[start * out..][..count * out], count, out).transposed();
            rows.resize(count * windows.len(), 0.0);
            windows.gather(&mut rows, x, start);
            product(&mut d, windows.len(), g, Matrix::new(&rows, count, windows.len()), 1.0, Into::Add, threads);
        }
        d
    };
    let threads = rayon::current_num_threads();
    if len > SMALL_KERNEL {
        return if windows.are_pixels() {
            let mut d = vec![0f32; len];
            let (g, x) = (Matrix::new(g, windows.count(), out), Matrix::new(x, windows.count(), windows.channels));
            product(&mut d, windows.channels, g.transposed(), x, 1.0, Into::Overwrite, threads);
            d
        } else {
            sum(0, windows.count(), threads)
        };
    }
    let part = windows.count().div_ceil(PARTS).next_multiple_of(BLOCK);
    let starts: Vec<usize> = (0..windows.count()).step_by(part).collect();
    add_all(starts.into_par_iter().map(|start| sum(start, (start + part).min(windows.count()), 1)).collect(), len)
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(&self, x: &CpuStorage, x_layout: &Layout, w: &CpuStorage, w_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let windows = &self.windows;
        let out = w_layout.dims()[0];
        let (x, w) = (elements(x, x_layout)?, elements(w, w_layout)?);
        let mut y = vec![0f32; windows.count() * out];
        convolve(&mut y, x, Matrix::new(w, out, windows.len()).transposed(), out, windows);
        Ok((CpuStorage::F32(y), Shape::from((windows.batch, windows.out_height, windows.out_width, out))))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let windows = &self.windows;
        let out = w.dims()[0];
        let gradient = gradient.contiguous()?;
        let g = View::new(&gradient)?;
        let mut dx = None;
        if x.track_op() {
            let mut d = vec![0f32; x.elem_count()];
            gradient_of_input(&mut d, &g, &View::new(w)?, out, windows);
            dx = gradient_of(x, Tensor::from_vec(d, x.shape(), &Device::Cpu)?)?;
        }
        let mut dw = None;
        if w.track_op() {
            let d = gradient_of_kernel(&g, &View::new(x)?, out, windows);
            dw = gradient_of(w, Tensor::from_vec(d, w.shape(), &Device::Cpu)?)?;
        }
        Ok((dx, dw))
    }
}
