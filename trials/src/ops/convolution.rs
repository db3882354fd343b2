//! Convolutions over channels-last images.
//!
//! Windows are copied out a block at a time, so that a block stays in the processor's cache, and multiplied with the kernel. (The
//! forward pass of a 3 x 3 convolution so reads its input nine times from the cache and once from memory.) Small kernels are applied without
//! such copies, in [`direct`].

use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{
    backward::{apply2, gradient_of},
    direct::{self, Padded},
    host::{View, elements, fused},
    parallel::{add_all, filled_with, part},
    product::{Into, Matrix, new_product, product},
    window::{Stride, Windows},
};

/// Windows of a block: enough for the kernel's repacking in each product to be a small part of it.
const BLOCK: usize = 256;

/// Kernels of at most this many values stay in the cache: they are applied directly where that can be done, and have their gradient summed
/// from partial sums in parallel. For larger ones the product itself is large enough to be shared out.
const SMALL_KERNEL: usize = 1 << 16;

/// Values of windows that are copied out at a time for the gradient of a large kernel.
const LARGE_BLOCK: usize = 1 << 20;

/// Windows that one thread copies at a time where all copy.
const SHARE: usize = 16;

/// Partial sums of the gradient of a small kernel. Fixed, so that the sum does not depend on the number of threads.
const PARTS: usize = 16;

/// Cross-correlates `x` `[batch, height, width, in]` with `w` `[out, kernel, kernel, in]`; gives `[batch, height', width', out]`.
/// (`torch.nn.functional.conv2d` without bias, but channels last.)
pub fn convolution(x: &Tensor, w: &Tensor, stride: Stride) -> Result<Tensor> {
    let windows = windows(x, w, stride)?;
    if fused(&[x, w]) { apply2(&x.contiguous()?, &w.contiguous()?, Convolution { windows }) } else { composed(x, w, stride) }
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

/// `windows(x) * kernel` for `kernel` `[window, out]`.
fn convolve(x: &[f32], kernel: Matrix, out: usize, windows: &Windows) -> Vec<f32> {
    let threads = rayon::current_num_threads();
    if windows.are_pixels() {
        return new_product(Matrix::new(x, windows.count(), windows.channels), kernel, threads);
    }
    let len = windows.count() * out;
    if windows.len() * out <= SMALL_KERNEL && direct::takes(windows, out) {
        let panels = direct::panels(kernel);
        let around = || Padded::new(windows);
        return filled_with(len, windows.per_image() * out, around, |padded, image, y| {
            padded.set(windows, part(x, windows.image_len(), image));
            direct::convolve(y, padded, &panels, out, windows);
        });
    }
    // Few windows: what there is to share out is the product.
    let (block, threads) = if windows.count() <= 2 * BLOCK { (2 * BLOCK, threads) } else { (BLOCK, 1) };
    filled_with(len, block * out, Vec::new, |rows: &mut Vec<f32>, index, y| {
        let count = y.len() / out;
        rows.resize(count * windows.len(), 0.0);
        gather(rows, x, index * block, windows, threads);
        product(y, out, Matrix::new(rows, count, windows.len()), kernel, 1.0, Into::Overwrite, threads);
    })
}

/// [`Windows::gather`] on so many threads.
fn gather(rows: &mut [f32], x: &[f32], first: usize, windows: &Windows, threads: usize) {
    if threads > 1 {
        let share = SHARE * windows.len();
        rows.par_chunks_mut(share).enumerate().for_each(|(index, rows)| windows.gather(rows, x, first + index * SHARE));
    } else {
        windows.gather(rows, x, first);
    }
}

/// The kernel with which the gradient of the output is convolved to give that of the input, where the stride is 1:
/// `[kernel, kernel, out, in]`, turned by half a circle.
fn turned(w: &[f32], out: usize, taps: usize, features: usize) -> Vec<f32> {
    let mut turned = vec![0f32; w.len()];
    turned.par_chunks_mut(out * features).zip((0..taps).into_par_iter().rev()).for_each(|(turned, tap)| {
        for (o, turned) in turned.chunks_exact_mut(features).enumerate() {
            turned.copy_from_slice(&w[(o * taps + tap) * features..][..features]);
        }
    });
    turned
}

fn gradient_of_input(g: &[f32], w: &[f32], out: usize, windows: &Windows) -> Vec<f32> {
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
        return convolve(g, Matrix::new(&kernel, taps * out, windows.channels), windows.channels, &back);
    }
    // Whole images, so that no two threads add to one pixel.
    let per_image = windows.per_image();
    let images = BLOCK.div_ceil(per_image);
    let threads = if windows.batch <= images { rayon::current_num_threads() } else { 1 };
    let kernel = Matrix::new(w, out, windows.len());
    let len = windows.batch * windows.image_len();
    filled_with(len, images * windows.image_len(), Vec::new, |rows: &mut Vec<f32>, index, dx| {
        let (first, count) = (index * images * per_image, dx.len() / windows.image_len() * per_image);
        for start in (0..count).step_by(BLOCK) {
            let count = (count - start).min(BLOCK);
            let g = Matrix::new(&g[(first + start) * out..][..count * out], count, out);
            rows.resize(count * windows.len(), 0.0);
            product(rows, windows.len(), g, kernel, 1.0, Into::Overwrite, threads);
            let skipped = start / per_image * windows.image_len();
            windows.scatter_add(&mut dx[skipped..], rows, first + start);
        }
    })
}

fn gradient_of_kernel(g: &[f32], x: &[f32], out: usize, windows: &Windows) -> Vec<f32> {
    let len = out * windows.len();
    let sum = |from: usize, to: usize, block: usize, threads: usize| {
        let mut d = vec![0f32; len];
        let mut rows = Vec::new();
        for start in (from..to).step_by(block) {
            let count = (to - start).min(block);
            let g = Matrix::new(&g[start * out..][..count * out], count, out).transposed();
            rows.resize(count * windows.len(), 0.0);
            gather(&mut rows, x, start, windows, threads);
            product(&mut d, windows.len(), g, Matrix::new(&rows, count, windows.len()), 1.0, Into::Add, threads);
        }
        d
    };
    let threads = rayon::current_num_threads();
    if len > SMALL_KERNEL {
        return if windows.are_pixels() {
            let (g, x) = (Matrix::new(g, windows.count(), out), Matrix::new(x, windows.count(), windows.channels));
            new_product(g.transposed(), x, threads)
        } else {
            sum(0, windows.count(), (LARGE_BLOCK / windows.len()).max(BLOCK), threads)
        };
    }
    if direct::takes_kernel(windows, out) {
        let part = windows.batch.div_ceil(PARTS).max(1);
        let starts: Vec<usize> = (0..windows.batch).step_by(part).collect();
        let sums = starts.into_par_iter().map(|start| {
            let (mut d, mut padded) = (vec![0f32; len], Padded::new(windows));
            for image in start..(start + part).min(windows.batch) {
                padded.set(windows, &x[image * windows.image_len()..][..windows.image_len()]);
                let g = &g[image * windows.per_image() * out..][..windows.per_image() * out];
                direct::add_gradient_of_kernel(&mut d, g, &padded, out, windows);
            }
            d
        });
        return add_all(sums.collect(), len);
    }
    let part = windows.count().div_ceil(PARTS).next_multiple_of(BLOCK);
    let starts: Vec<usize> = (0..windows.count()).step_by(part).collect();
    add_all(starts.into_par_iter().map(|start| sum(start, (start + part).min(windows.count()), BLOCK, 1)).collect(), len)
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(&self, x: &CpuStorage, x_layout: &Layout, w: &CpuStorage, w_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let windows = &self.windows;
        let out = w_layout.dims()[0];
        let (x, w) = (elements(x, x_layout)?, elements(w, w_layout)?);
        let y = convolve(x, Matrix::new(w, out, windows.len()).transposed(), out, windows);
        Ok((CpuStorage::F32(y), Shape::from((windows.batch, windows.out_height, windows.out_width, out))))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let windows = &self.windows;
        let out = w.dims()[0];
        let gradient = gradient.contiguous()?;
        let g = View::new(&gradient)?;
        let mut dx = None;
        if x.track_op() {
            let d = gradient_of_input(&g, &View::new(w)?, out, windows);
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
