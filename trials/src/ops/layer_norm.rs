//! Layer normalisation (Ba et al. 2016).

use candle_core::{CpuStorage, CustomOp3, D, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{
    backward::{apply3, gradient_of},
    host::{View, elements, fused},
    parallel::{add_all, filled, part, rows_per_chunk},
    simd::{sum_of, sum_of_pairs, vectorized},
};

/// Normalises the last dimension of `x` `[.., hidden]` to mean 0 and variance 1 (`eps` is added to the variance), then scales by `gain` and
/// adds `bias`, both `[hidden]`. (`torch.nn.functional.layer_norm`.)
pub fn layer_norm(x: &Tensor, gain: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let width = gain.dims1()?;
    if width == 0 || x.dims().last() != Some(&width) || bias.dims() != [width] {
        bail!("layer_norm: x {:?} and bias {:?} do not fit gain {:?}", x.shape(), bias.shape(), gain.shape());
    }
    if fused(&[x, gain, bias]) {
        apply3(&x.contiguous()?, &gain.contiguous()?, &bias.contiguous()?, LayerNorm { eps: eps as f32 })
    } else {
        composed(x, gain, bias, eps)
    }
}

pub(super) fn composed(x: &Tensor, gain: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    centred.broadcast_div(&(variance + eps)?.sqrt()?)?.broadcast_mul(gain)?.broadcast_add(bias)
}

struct LayerNorm {
    eps: f32,
}

/// Mean and reciprocal standard deviation.
#[inline(always)]
fn moments(x: &[f32], eps: f32) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = sum_of(x, |x| x) / n;
    let variance = sum_of(x, |x| (x - mean) * (x - mean)) / n;
    (mean, 1.0 / (variance + eps).sqrt())
}

vectorized! {
    fn forward(y: &mut [f32], x: &[f32], gain: &[f32], bias: &[f32], eps: f32) {
        let width = gain.len();
        for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let (mean, scale) = moments(x, eps);
            for i in 0..width {
                y[i] = (x[i] - mean) * scale * gain[i] + bias[i];
            }
        }
    }
}

vectorized! {
    /// With `n = (x - mean) * scale` and `h = g * gain`: `dx = scale * (h - mean(h) - n * mean(h * n))`.
    fn backward_input(dx: &mut [f32], g: &[f32], x: &[f32], gain: &[f32], eps: f32) {
        let width = gain.len();
        let n = width as f32;
        for ((dx, g), x) in dx.chunks_exact_mut(width).zip(g.chunks_exact(width)).zip(x.chunks_exact(width)) {
            let (mean, scale) = moments(x, eps);
            for i in 0..width {
                dx[i] = g[i] * gain[i];
            }
            let mean_h = sum_of(dx, |h| h) / n;
            let mean_hn = sum_of_pairs(dx, x, |h, x| h * ((x - mean) * scale)) / n;
            for i in 0..width {
                dx[i] = scale * (dx[i] - mean_h - (x[i] - mean) * scale * mean_hn);
            }
        }
    }
}

vectorized! {
    /// `sums` holds the gradient of the gain, then that of the bias.
    fn backward_parameters(sums: &mut [f32], g: &[f32], x: &[f32], width: usize, eps: f32) {
        let (d_gain, d_bias) = sums.split_at_mut(width);
        for (g, x) in g.chunks_exact(width).zip(x.chunks_exact(width)) {
            let (mean, scale) = moments(x, eps);
            for i in 0..width {
                d_gain[i] += g[i] * ((x[i] - mean) * scale);
                d_bias[i] += g[i];
            }
        }
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gain: &CpuStorage,
        gain_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, gain, bias) = (elements(x, x_layout)?, elements(gain, gain_layout)?, elements(bias, bias_layout)?);
        let chunk = rows_per_chunk(gain.len()) * gain.len();
        let y = filled(x.len(), chunk, |index, y| forward(y, part(x, chunk, index), gain, bias, self.eps));
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gain: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let width = gain.dims1()?;
        let chunk = rows_per_chunk(width) * width;
        let gradient = gradient.contiguous()?;
        let (g, x_view, gain_view) = (View::new(&gradient)?, View::new(x)?, View::new(gain)?);
        let (g, x_data, gain_data): (&[f32], &[f32], &[f32]) = (&g, &x_view, &gain_view);
        let mut dx = None;
        if x.track_op() {
            let d = filled(x_data.len(), chunk, |index, d| {
                backward_input(d, part(g, chunk, index), part(x_data, chunk, index), gain_data, self.eps);
            });
            dx = gradient_of(x, Tensor::from_vec(d, x.shape(), &Device::Cpu)?)?;
        }
        let (mut d_gain, mut d_bias) = (None, None);
        if gain.track_op() || bias.track_op() {
            let partial: Vec<Vec<f32>> = g
                .par_chunks(chunk)
                .zip(x_data.par_chunks(chunk))
                .map(|(g, x)| {
                    let mut sums = vec![0f32; 2 * width];
                    backward_parameters(&mut sums, g, x, width, self.eps);
                    sums
                })
                .collect();
            let mut sums = add_all(partial, 2 * width);
            let sums_bias = sums.split_off(width);
            if gain.track_op() {
                d_gain = gradient_of(gain, Tensor::from_vec(sums, width, &Device::Cpu)?)?;
            }
            if bias.track_op() {
                d_bias = gradient_of(bias, Tensor::from_vec(sums_bias, width, &Device::Cpu)?)?;
            }
        }
        Ok((dx, d_gain, d_bias))
    }
}
