//! Depthwise convolutions over channels-last images: each channel has a kernel of its own.

use candle_core::{CpuStorage, CustomOp2, D, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{
    backward::{apply2, gradient_of},
    host::{View, elements, fused},
    parallel::{add_all, filled},
    simd::vectorized,
    window::{Stride, Windows},
};

/// Partial sums of the kernel's gradient. Fixed, so that the sum does not depend on the number of threads.
const PARTS: usize = 16;

/// Cross-correlates each channel of `x` `[batch, height, width, channels]` with its part of `w` `[kernel, kernel, channels]`; gives
/// `[batch, height', width', channels]`. (`torch.nn.functional.conv2d` with as many groups as channels, without bias, but channels last.)
pub fn depthwise(x: &Tensor, w: &Tensor, stride: Stride) -> Result<Tensor> {
    let windows = windows(x, w, stride)?;
    if fused(&[x, w]) { apply2(&x.contiguous()?, &w.contiguous()?, Depthwise { windows }) } else { composed(x, w, stride) }
}

fn windows(x: &Tensor, w: &Tensor, stride: Stride) -> Result<Windows> {
    let (kernel, columns, channels) = w.dims3()?;
    if kernel != columns || x.dims().last() != Some(&channels) {
        bail!("depthwise: x {:?} does not fit w {:?}", x.shape(), w.shape());
    }
    Windows::new(x.dims(), kernel, stride)
}

pub(super) fn composed(x: &Tensor, w: &Tensor, stride: Stride) -> Result<Tensor> {
    let windows = windows(x, w, stride)?;
    let taps = windows.kernel * windows.kernel;
    let products = windows.composed(x, 0.0)?.broadcast_mul(&w.reshape((1, taps, windows.channels))?)?;
    products.sum(D::Minus2)?.reshape((windows.batch, windows.out_height, windows.out_width, windows.channels))
}

struct Depthwise {
    windows: Windows,
}

vectorized! {
    /// `sum += x * w` over one run of pixels: both as long.
    fn add_products(sum: &mut [f32], x: &[f32], w: &[f32]) {
        let channels = sum.len();
        for (x, w) in x.chunks_exact(channels).zip(w.chunks_exact(channels)) {
            for i in 0..channels {
                sum[i] += x[i] * w[i];
            }
        }
    }
}

vectorized! {
    /// `d += g * w` for each pixel of a run, where `g` is one pixel's.
    fn spread(d: &mut [f32], g: &[f32], w: &[f32]) {
        let channels = g.len();
        for (d, w) in d.chunks_exact_mut(channels).zip(w.chunks_exact(channels)) {
            for i in 0..channels {
                d[i] += g[i] * w[i];
            }
        }
    }
}

impl CustomOp2 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise-convolution"
    }

    fn cpu_fwd(&self, x: &CpuStorage, x_layout: &Layout, w: &CpuStorage, w_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let windows = &self.windows;
        let channels = windows.channels;
        let (x, w) = (elements(x, x_layout)?, elements(w, w_layout)?);
        let line = windows.out_width;
        let y = filled(windows.count() * channels, line * channels, |index, y| {
            for (column, sum) in y.chunks_exact_mut(channels).enumerate() {
                for (tap, pixel, len) in windows.runs(index * line + column) {
                    add_products(sum, &x[pixel..pixel + len], &w[tap..tap + len]);
                }
            }
        });
        Ok((CpuStorage::F32(y), Shape::from((windows.batch, windows.out_height, windows.out_width, channels))))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let windows = &self.windows;
        let channels = windows.channels;
        let gradient = gradient.contiguous()?;
        let (g, x_view, w_view) = (View::new(&gradient)?, View::new(x)?, View::new(w)?);
        let (g, x_data, w_data): (&[f32], &[f32], &[f32]) = (&g, &x_view, &w_view);
        let pixel_of_g = |window: usize| &g[window * channels..(window + 1) * channels];
        let mut dx = None;
        if x.track_op() {
            let d = filled(x_data.len(), windows.image_len(), |image, d| {
                let start = image * windows.image_len();
                for window in image * windows.per_image()..(image + 1) * windows.per_image() {
                    for (tap, pixel, len) in windows.runs(window) {
                        spread(&mut d[pixel - start..][..len], pixel_of_g(window), &w_data[tap..tap + len]);
                    }
                }
            });
            dx = gradient_of(x, Tensor::from_vec(d, x.shape(), &Device::Cpu)?)?;
        }
        let mut dw = None;
        if w.track_op() {
            let part = windows.count().div_ceil(PARTS);
            let starts: Vec<usize> = (0..windows.count()).step_by(part).collect();
            let partial = starts.into_par_iter().map(|start| {
                let mut d = vec![0f32; w_data.len()];
                for window in start..(start + part).min(windows.count()) {
                    for (tap, pixel, len) in windows.runs(window) {
                        spread(&mut d[tap..tap + len], pixel_of_g(window), &x_data[pixel..pixel + len]);
                    }
                }
                d
            });
            dw = gradient_of(w, Tensor::from_vec(add_all(partial.collect(), w_data.len()), w.shape(), &Device::Cpu)?)?;
        }
        Ok((dx, dw))
    }
}
