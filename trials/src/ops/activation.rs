//! Element-wise activation functions.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

use super::{
    backward::{apply1, gradient_of},
    host::{View, elements, fused},
    parallel::{CHUNK, filled, part},
    simd::{erf, exp, tanh, vectorized},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x * Phi(x)` with the normal distribution's `Phi`. (Hendrycks & Gimpel 2016.)
    Gelu,
    /// Its approximation by tanh: `gelu_new` and `gelu_pytorch_tanh` of transformers.
    GeluTanh,
    Relu,
}

/// Applies `kind` to every element of `x`.
pub fn activation(x: &Tensor, kind: Activation) -> Result<Tensor> {
    if fused(&[x]) { apply1(&x.contiguous()?, kind) } else { composed(x, kind) }
}

pub(super) fn composed(x: &Tensor, kind: Activation) -> Result<Tensor> {
    match kind {
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::Relu => x.relu(),
    }
}

/// `sqrt(2 / pi)` and the cubic coefficient of the approximation.
const TANH_SCALE: f32 = 0.797_884_6;
const TANH_CUBE: f32 = 0.044_715;

vectorized! {
    fn gelu(y: &mut [f32], x: &[f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}

vectorized! {
    fn gelu_gradient(d: &mut [f32], x: &[f32], g: &[f32]) {
        const DENSITY: f32 = 0.398_942_3;
        for ((d, &x), &g) in d.iter_mut().zip(x).zip(g) {
            let phi = 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
            *d = g * (phi + x * DENSITY * exp(-0.5 * x * x));
        }
    }
}

vectorized! {
    fn gelu_tanh(y: &mut [f32], x: &[f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = 0.5 * x * (1.0 + tanh(TANH_SCALE * (x + TANH_CUBE * x * x * x)));
        }
    }
}

vectorized! {
    fn gelu_tanh_gradient(d: &mut [f32], x: &[f32], g: &[f32]) {
        for ((d, &x), &g) in d.iter_mut().zip(x).zip(g) {
            let t = tanh(TANH_SCALE * (x + TANH_CUBE * x * x * x));
            let inner = TANH_SCALE * (1.0 + 3.0 * TANH_CUBE * x * x);
            *d = g * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner);
        }
    }
}

vectorized! {
    fn relu(y: &mut [f32], x: &[f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = if x < 0.0 { 0.0 } else { x };
        }
    }
}

vectorized! {
    fn relu_gradient(d: &mut [f32], x: &[f32], g: &[f32]) {
        for ((d, &x), &g) in d.iter_mut().zip(x).zip(g) {
            *d = if x > 0.0 { g } else { 0.0 };
        }
    }
}

impl CustomOp1 for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = elements(x, layout)?;
        let apply = match self {
            Activation::Gelu => gelu,
            Activation::GeluTanh => gelu_tanh,
            Activation::Relu => relu,
        };
        let y = filled(x.len(), CHUNK, |index, y| apply(y, part(x, CHUNK, index)));
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let apply = match self {
            Activation::Gelu => gelu_gradient,
            Activation::GeluTanh => gelu_tanh_gradient,
            Activation::Relu => relu_gradient,
        };
        let gradient = gradient.contiguous()?;
        let (g_view, x_view) = (View::new(&gradient)?, View::new(x)?);
        let (g, x_data): (&[f32], &[f32]) = (&g_view, &x_view);
        let d = filled(x_data.len(), CHUNK, |index, d| apply(d, part(x_data, CHUNK, index), part(g, CHUNK, index)));
        gradient_of(x, Tensor::from_vec(d, x.shape(), &Device::Cpu)?)
    }
}
