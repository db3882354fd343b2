//! Sums and normalised values kept within bounds: ReLUs that cost no pass of their own.

use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor, bail};

use super::{
    backward::{apply2, gradient_of},
    host::{View, elements, fused},
    parallel::{CHUNK, filled, part},
    simd::vectorized,
};

/// What follows an operation within the same pass over memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clamp {
    low: f32,
    high: f32,
}

impl Clamp {
    /// Nothing follows.
    pub const NONE: Clamp = Clamp { low: f32::NEG_INFINITY, high: f32::INFINITY };
    /// `max(x, 0)`
    pub const RELU: Clamp = Clamp { low: 0.0, high: f32::INFINITY };
    /// `min(max(x, 0), 6)`
    pub const RELU6: Clamp = Clamp { low: 0.0, high: 6.0 };

    /// NaN of NaN.
    #[inline(always)]
    pub(super) fn apply(self, x: f32) -> f32 {
        let x = if x < self.low { self.low } else { x };
        if x > self.high { self.high } else { x }
    }

    /// What of the gradient `g` of the output `y` comes through: none at a bound, as torch has it.
    #[inline(always)]
    pub(super) fn gradient(self, g: f32, y: f32) -> f32 {
        if y > self.low && y < self.high { g } else { 0.0 }
    }

    pub(super) fn composed(self, x: &Tensor) -> Result<Tensor> {
        let x = if self.low > f32::NEG_INFINITY { x.maximum(self.low)? } else { x.clone() };
        if self.high < f32::INFINITY { x.minimum(self.high) } else { Ok(x) }
    }
}

/// `clamp(x + y)` for tensors of one shape.
pub fn add(x: &Tensor, y: &Tensor, clamp: Clamp) -> Result<Tensor> {
    if x.shape() != y.shape() {
        bail!("add: x {:?} does not fit y {:?}", x.shape(), y.shape());
    }
    if fused(&[x, y]) { apply2(&x.contiguous()?, &y.contiguous()?, Add { clamp }) } else { clamp.composed(&(x + y)?) }
}

struct Add {
    clamp: Clamp,
}

vectorized! {
    fn sum(z: &mut [f32], x: &[f32], y: &[f32], clamp: Clamp) {
        for ((z, &x), &y) in z.iter_mut().zip(x).zip(y) {
            *z = clamp.apply(x + y);
        }
    }
}

vectorized! {
    fn gradient(d: &mut [f32], g: &[f32], z: &[f32], clamp: Clamp) {
        for ((d, &g), &z) in d.iter_mut().zip(g).zip(z) {
            *d = clamp.gradient(g, z);
        }
    }
}

impl CustomOp2 for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(&self, x: &CpuStorage, x_layout: &Layout, y: &CpuStorage, y_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, y) = (elements(x, x_layout)?, elements(y, y_layout)?);
        let z = filled(x.len(), CHUNK, |index, z| sum(z, part(x, CHUNK, index), part(y, CHUNK, index), self.clamp));
        Ok((CpuStorage::F32(z), x_layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, z: &Tensor, g: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let through = if self.clamp == Clamp::NONE {
            g.clone()
        } else {
            let g = g.contiguous()?;
            let (g_view, z_view) = (View::new(&g)?, View::new(z)?);
            let (g, z): (&[f32], &[f32]) = (&g_view, &z_view);
            let d = filled(g.len(), CHUNK, |index, d| gradient(d, part(g, CHUNK, index), part(z, CHUNK, index), self.clamp));
            Tensor::from_vec(d, x.shape(), &Device::Cpu)?
        };
        let to = |argument: &Tensor| if argument.track_op() { gradient_of(argument, through.clone()) } else { Ok(None) };
        Ok((to(x)?, to(y)?))
    }
}
