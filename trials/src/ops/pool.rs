//! Pooling over channels-last images.

use candle_core::{CpuStorage, CustomOp1, D, Device, Layout, Result, Shape, Tensor};

use super::{
    backward::{apply1, gradient_of},
    host::{View, elements, fused},
    parallel::{filled, filled_with},
    simd::vectorized,
    window::{Stride, Windows},
};

/// The greatest value of each channel in windows of `kernel` x `kernel` pixels of `x` `[batch, height, width, channels]`; gives
/// `[batch, height', width', channels]`. Of equal values the first, row by row, has the gradient. (`torch.nn.functional.max_pool2d`, but
/// channels last.)
pub fn max_pool(x: &Tensor, kernel: usize, stride: Stride) -> Result<Tensor> {
    let windows = Windows::new(x.dims(), kernel, stride)?;
    if fused(&[x]) { apply1(&x.contiguous()?, MaxPool { windows }) } else { composed(x, kernel, stride) }
}

pub(super) fn composed(x: &Tensor, kernel: usize, stride: Stride) -> Result<Tensor> {
    let windows = Windows::new(x.dims(), kernel, stride)?;
    let greatest = windows.composed(x, f64::NEG_INFINITY)?.max(D::Minus2)?;
    greatest.reshape((windows.batch, windows.out_height, windows.out_width, windows.channels))
}

/// The mean of each channel over all pixels of `x` `[batch, height, width, channels]`; gives `[batch, channels]`.
pub fn mean_pool(x: &Tensor) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    x.reshape((batch, height * width, channels))?.mean(1)
}

struct MaxPool {
    windows: Windows,
}

vectorized! {
    /// The greatest of `greatest` and each pixel of a run; a NaN stays.
    fn take_greatest(greatest: &mut [f32], x: &[f32]) {
        let channels = greatest.len();
        for x in x.chunks_exact(channels) {
            for i in 0..channels {
                greatest[i] = if x[i] > greatest[i] || x[i].is_nan() { x[i] } else { greatest[i] };
            }
        }
    }
}

vectorized! {
    /// Gives each channel's gradient to the first pixel of a run that equals the greatest, and leaves nothing for later ones.
    fn hand_down(d: &mut [f32], x: &[f32], greatest: &[f32], left: &mut [f32]) {
        let channels = left.len();
        for (d, x) in d.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
            for i in 0..channels {
                let hit = x[i] == greatest[i];
                d[i] += if hit { left[i] } else { 0.0 };
                left[i] = if hit { 0.0 } else { left[i] };
            }
        }
    }
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max-pool"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let windows = &self.windows;
        let channels = windows.channels;
        let x = elements(x, layout)?;
        let line = windows.out_width;
        let y = filled(windows.count() * channels, line * channels, |index, y| {
            y.fill(f32::NEG_INFINITY);
            for (column, greatest) in y.chunks_exact_mut(channels).enumerate() {
                for (_, pixel, len) in windows.runs(index * line + column) {
                    take_greatest(greatest, &x[pixel..pixel + len]);
                }
            }
        });
        Ok((CpuStorage::F32(y), Shape::from((windows.batch, windows.out_height, windows.out_width, channels))))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let windows = &self.windows;
        let channels = windows.channels;
        let gradient = gradient.contiguous()?;
        let (g, x_view, y_view) = (View::new(&gradient)?, View::new(x)?, View::new(y)?);
        let (g, x_data, y_data): (&[f32], &[f32], &[f32]) = (&g, &x_view, &y_view);
        let d = filled_with(x_data.len(), windows.image_len(), Vec::new, |left: &mut Vec<f32>, image, d| {
            let start = image * windows.image_len();
            for window in image * windows.per_image()..(image + 1) * windows.per_image() {
                let channel = window * channels..(window + 1) * channels;
                left.clear();
                left.extend_from_slice(&g[channel.clone()]);
                for (_, pixel, len) in windows.runs(window) {
                    hand_down(&mut d[pixel - start..][..len], &x_data[pixel..pixel + len], &y_data[channel.clone()], left);
                }
            }
        });
        gradient_of(x, Tensor::from_vec(d, x.shape(), &Device::Cpu)?)
    }
}
