//! Batch normalisation of channels-last images (Ioffe & Szegedy 2015).

use candle_core::{CpuStorage, CustomOp3, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{
    backward::{apply3, gradient_of},
    clamp::Clamp,
    host::{View, elements, fused},
    parallel::{add_all, filled, part, rows_per_chunk},
    simd::vectorized,
};

/// Mean and variance of each channel, `[channels]`.
#[derive(Debug, Clone)]
pub struct Moments {
    pub mean: Tensor,
    /// Over all pixels, not over all but one.
    pub variance: Tensor,
}

/// Normalises each channel of `x` `[batch, height, width, channels]` with its moments over the batch, scales by `gain` and adds
/// `bias`, both `[channels]`, and clamps. Gives those moments too; no gradient flows through what is given of them.
/// (`torch.nn.functional.batch_norm` with `training=True`.)
pub fn batch_norm(x: &Tensor, gain: &Tensor, bias: &Tensor, eps: f64, clamp: Clamp) -> Result<(Tensor, Moments)> {
    let channels = check(x, gain, bias)?;
    if fused(&[x, gain, bias]) {
        let x = x.contiguous()?;
        let (mean, variance) = moments(&View::new(&x)?, channels);
        let op = BatchNorm { scale: scale(&variance, eps), mean: mean.clone(), of_batch: true, clamp };
        let y = apply3(&x, &gain.contiguous()?, &bias.contiguous()?, op)?;
        let vector = |values: Vec<f32>| Tensor::from_vec(values, channels, &Device::Cpu);
        Ok((y, Moments { mean: vector(mean)?, variance: vector(variance)? }))
    } else {
        let (y, moments) = composed(x, gain, bias, eps)?;
        Ok((clamp.composed(&y)?, moments))
    }
}

/// The same with given moments. (`training=False`.)
pub fn batch_norm_with(x: &Tensor, moments: &Moments, gain: &Tensor, bias: &Tensor, eps: f64, clamp: Clamp) -> Result<Tensor> {
    let channels = check(x, gain, bias)?;
    if moments.mean.dims() != [channels] || moments.variance.dims() != [channels] {
        bail!("batch_norm: {} moments of {channels} channels", moments.mean.elem_count());
    }
    if fused(&[x, gain, bias]) {
        let op = BatchNorm { scale: scale(&moments.variance.to_vec1()?, eps), mean: moments.mean.to_vec1()?, of_batch: false, clamp };
        apply3(&x.contiguous()?, &gain.contiguous()?, &bias.contiguous()?, op)
    } else {
        clamp.composed(&composed_with(x, &Moments { mean: moments.mean.detach(), variance: moments.variance.detach() }, gain, bias, eps)?)
    }
}

fn check(x: &Tensor, gain: &Tensor, bias: &Tensor) -> Result<usize> {
    let channels = gain.dims1()?;
    if channels == 0 || x.rank() != 4 || x.elem_count() == 0 || x.dims().last() != Some(&channels) || bias.dims() != [channels] {
        bail!("batch_norm: x {:?} and bias {:?} do not fit gain {:?}", x.shape(), bias.shape(), gain.shape());
    }
    Ok(channels)
}

pub(super) fn composed(x: &Tensor, gain: &Tensor, bias: &Tensor, eps: f64) -> Result<(Tensor, Moments)> {
    let mean = x.mean((0, 1, 2))?;
    let variance = x.broadcast_sub(&mean)?.sqr()?.mean((0, 1, 2))?;
    let y = composed_with(x, &Moments { mean: mean.clone(), variance: variance.clone() }, gain, bias, eps)?;
    Ok((y, Moments { mean: mean.detach(), variance: variance.detach() }))
}

pub(super) fn composed_with(x: &Tensor, moments: &Moments, gain: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let normal = x.broadcast_sub(&moments.mean)?.broadcast_div(&(&moments.variance + eps)?.sqrt()?)?;
    normal.broadcast_mul(gain)?.broadcast_add(bias)
}

/// The new running moments after a batch of `pixels` a channel, as `torch.nn.BatchNorm2d` has them: the variance over all pixels but one.
pub fn running(old: &Moments, batch: &Moments, pixels: usize, momentum: f64) -> Result<Moments> {
    let mix = |old: &Tensor, new: &Tensor, scale: f64| (old * (1.0 - momentum))? + (new.to_dtype(DType::F32)? * (momentum * scale))?;
    let unbiased = pixels as f64 / (pixels as f64 - 1.0).max(1.0);
    Ok(Moments { mean: mix(&old.mean, &batch.mean, 1.0)?, variance: mix(&old.variance, &batch.variance, unbiased)? })
}

fn scale(variance: &[f32], eps: f64) -> Vec<f32> {
    variance.iter().map(|v| (1.0 / (f64::from(*v) + eps).sqrt()) as f32).collect()
}

vectorized! {
    /// Of the columns of `rows`, which are few enough for the cache: the means and the squared distances from them. `sums` is zero and holds
    /// a third row to work with.
    fn block_moments(sums: &mut [f32], rows: &[f32], channels: usize) {
        let (mean, rest) = sums.split_at_mut(channels);
        let (squares, drift) = rest.split_at_mut(channels);
        for row in rows.chunks_exact(channels) {
            for i in 0..channels {
                mean[i] += row[i];
            }
        }
        let share = channels as f32 / rows.len() as f32;
        for mean in mean.iter_mut() {
            *mean *= share;
        }
        for row in rows.chunks_exact(channels) {
            for i in 0..channels {
                let distance = row[i] - mean[i];
                drift[i] += distance;
                squares[i] += distance * distance;
            }
        }
        // Far from zero the sum above is not exact: what the distances sum to says by how much.
        for i in 0..channels {
            mean[i] += drift[i] * share;
            squares[i] -= drift[i] * drift[i] * share;
        }
    }
}

/// Mean and variance of each column: those of blocks, put together in their order (Chan et al. 1979).
fn moments(x: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let chunk = rows_per_chunk(channels) * channels;
    let blocks: Vec<Vec<f32>> = x
        .par_chunks(chunk)
        .map(|rows| {
            let mut sums = vec![0f32; 3 * channels];
            block_moments(&mut sums, rows, channels);
            sums
        })
        .collect();
    let (mut mean, mut squares) = (vec![0f64; channels], vec![0f64; channels]);
    let mut seen = 0f64;
    for (block, rows) in blocks.iter().zip(x.chunks(chunk).map(|rows| (rows.len() / channels) as f64)) {
        let all = seen + rows;
        for i in 0..channels {
            let distance = f64::from(block[i]) - mean[i];
            mean[i] += distance * rows / all;
            squares[i] += f64::from(block[channels + i]) + distance * distance * seen * rows / all;
        }
        seen = all;
    }
    (mean.iter().map(|m| *m as f32).collect(), squares.iter().map(|s| (s / seen) as f32).collect())
}

struct BatchNorm {
    mean: Vec<f32>,
    /// The reciprocal standard deviation.
    scale: Vec<f32>,
    /// Whether the moments are those of the batch, so that gradient flows through them.
    of_batch: bool,
    clamp: Clamp,
}

vectorized! {
    /// `y = clamp(x * a + b)` by column.
    fn affine(y: &mut [f32], x: &[f32], a: &[f32], b: &[f32], clamp: Clamp) {
        let channels = a.len();
        for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
            for i in 0..channels {
                y[i] = clamp.apply(x[i] * a[i] + b[i]);
            }
        }
    }
}

vectorized! {
    /// `dx = g * a + x * b + c` by column, where `g` comes through the clamp that gave `y`.
    fn backward_input(dx: &mut [f32], g: &[f32], x: &[f32], y: &[f32], coefficients: [&[f32]; 3], clamp: Clamp) {
        let [a, b, c] = coefficients;
        let channels = a.len();
        let rows = g.chunks_exact(channels).zip(x.chunks_exact(channels)).zip(y.chunks_exact(channels));
        for (dx, ((g, x), y)) in dx.chunks_exact_mut(channels).zip(rows) {
            for i in 0..channels {
                dx[i] = clamp.gradient(g[i], y[i]) * a[i] + x[i] * b[i] + c[i];
            }
        }
    }
}

vectorized! {
    /// Adds to `sums` the gradient of the gain, then that of the bias.
    fn backward_parameters(sums: &mut [f32], g: &[f32], x: &[f32], y: &[f32], mean: &[f32], scale: &[f32], clamp: Clamp) {
        let channels = mean.len();
        let (d_gain, d_bias) = sums.split_at_mut(channels);
        for ((g, x), y) in g.chunks_exact(channels).zip(x.chunks_exact(channels)).zip(y.chunks_exact(channels)) {
            for i in 0..channels {
                let g = clamp.gradient(g[i], y[i]);
                d_gain[i] += g * ((x[i] - mean[i]) * scale[i]);
                d_bias[i] += g;
            }
        }
    }
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        "batch-norm"
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
        let channels = gain.len();
        let a: Vec<f32> = gain.iter().zip(&self.scale).map(|(gain, scale)| gain * scale).collect();
        let b: Vec<f32> = (0..channels).map(|i| bias[i] - self.mean[i] * a[i]).collect();
        let chunk = rows_per_chunk(channels) * channels;
        let y = filled(x.len(), chunk, |index, y| affine(y, part(x, chunk, index), &a, &b, self.clamp));
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    /// With `n = (x - mean) * scale` over `m` pixels, and `g` come through the clamp: `dx = gain * scale * (g - sum(g) / m - n * sum(g * n) / m)`; with given moments
    /// `dx = gain * scale * g`.
    fn bwd(
        &self,
        x: &Tensor,
        gain: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let channels = gain.dims1()?;
        let chunk = rows_per_chunk(channels) * channels;
        let gradient = gradient.contiguous()?;
        let (g, x_view, y_view, gain_view) = (View::new(&gradient)?, View::new(x)?, View::new(y)?, View::new(gain)?);
        let (g, x_data, y): (&[f32], &[f32], &[f32]) = (&g, &x_view, &y_view);
        let mut sums = vec![0f32; 2 * channels];
        if gain.track_op() || bias.track_op() || (x.track_op() && self.of_batch) {
            let partial = g.par_chunks(chunk).zip(x_data.par_chunks(chunk)).zip(y.par_chunks(chunk)).map(|((g, x), y)| {
                let mut sums = vec![0f32; 2 * channels];
                backward_parameters(&mut sums, g, x, y, &self.mean, &self.scale, self.clamp);
                sums
            });
            sums = add_all(partial.collect(), 2 * channels);
        }
        let sums_bias = sums.split_off(channels);
        let mut dx = None;
        if x.track_op() {
            let pixels = (x_data.len() / channels) as f32;
            let a: Vec<f32> = gain_view.iter().zip(&self.scale).map(|(gain, scale)| gain * scale).collect();
            let (mut b, mut c) = (vec![0f32; channels], vec![0f32; channels]);
            if self.of_batch {
                for i in 0..channels {
                    b[i] = -a[i] * self.scale[i] * sums[i] / pixels;
                    c[i] = -a[i] * sums_bias[i] / pixels - self.mean[i] * b[i];
                }
            }
            let d = filled(x_data.len(), chunk, |index, d| {
                let of = |values| part(values, chunk, index);
                backward_input(d, of(g), of(x_data), of(y), [&a, &b, &c], self.clamp);
            });
            dx = gradient_of(x, Tensor::from_vec(d, x.shape(), &Device::Cpu)?)?;
        }
        let vector = |values: Vec<f32>| Tensor::from_vec(values, channels, &Device::Cpu);
        let d_gain = if gain.track_op() { gradient_of(gain, vector(sums)?)? } else { None };
        let d_bias = if bias.track_op() { gradient_of(bias, vector(sums_bias)?)? } else { None };
        Ok((dx, d_gain, d_bias))
    }
}
