//! Dropout with masks that are computed, not stored (Srivastava et al. 2014).

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Device, Layout, Result, Shape, Tensor, bail};

use super::{
    backward::{apply1, apply2, gradient_of},
    host::{View, elements, fused},
    parallel::{CHUNK, filled, part},
    simd::vectorized,
};

/// Which elements one use of dropout drops: a function of the key alone, so that backward computes it again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Probability that an element becomes 0, in `[0, 1)`; the others are multiplied by `1 / (1 - rate)`.
    pub rate: f64,
    pub key: u64,
}

impl Dropout {
    pub const NONE: Dropout = Dropout { rate: 0.0, key: 0 };

    /// The dropout of `site` in `block` in the step that drew `key`.
    pub fn at(rate: f64, key: u64, block: usize, site: u64) -> Dropout {
        Dropout { rate, key: split_mix(split_mix(key ^ block as u64) ^ site) }
    }

    /// `None` when nothing is dropped.
    pub(super) fn mask(self) -> Result<Option<Mask>> {
        if !(0.0..1.0).contains(&self.rate) {
            bail!("a dropout rate must be in [0, 1), not {}", self.rate);
        }
        let mask = Mask { key: self.key, threshold: (self.rate * 4_294_967_296.0) as u32, scale: (1.0 / (1.0 - self.rate)) as f32 };
        Ok((self.rate > 0.0).then_some(mask))
    }
}

/// SplitMix64's output function (Steele et al. 2014).
fn split_mix(x: u64) -> u64 {
    let z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[derive(Clone, Copy)]
pub(super) struct Mask {
    key: u64,
    threshold: u32,
    scale: f32,
}

impl Mask {
    /// The part of the mask for one share of the work.
    pub(super) fn chunk(&self, index: usize) -> MaskChunk {
        let key = split_mix(self.key ^ split_mix(index as u64));
        MaskChunk { low: key as u32, high: (key >> 32) as u32, threshold: self.threshold, scale: self.scale }
    }

    /// What to multiply `len` elements with, in chunks of `chunk`.
    pub(super) fn factors(&self, len: usize, chunk: usize) -> Vec<f32> {
        (0..len).map(|i| self.chunk(i / chunk).factor((i % chunk) as u32)).collect()
    }
}

#[derive(Clone, Copy)]
pub(super) struct MaskChunk {
    low: u32,
    high: u32,
    threshold: u32,
    scale: f32,
}

impl MaskChunk {
    /// 0 or `1 / (1 - rate)`, for element `i` of the chunk. (Wellons' lowbias32 with the key's halves mixed in; 32 bits, because vectors
    /// multiply those fast.)
    #[inline(always)]
    pub(super) fn factor(self, i: u32) -> f32 {
        let h = i.wrapping_mul(0x9E37_79B9).wrapping_add(self.low);
        let h = (h ^ (h >> 16)).wrapping_mul(0x7FEB_352D);
        let h = (h ^ (h >> 15)).wrapping_add(self.high).wrapping_mul(0x846C_A68B);
        let h = h ^ (h >> 16);
        if h >= self.threshold { self.scale } else { 0.0 }
    }
}

/// Drops elements of `x`.
pub fn dropout(x: &Tensor, dropout: Dropout) -> Result<Tensor> {
    match dropout.mask()? {
        None => Ok(x.clone()),
        Some(mask) if fused(&[x]) => apply1(&x.contiguous()?, ElementDropout(mask)),
        Some(_) => composed(x, dropout),
    }
}

pub(super) fn composed(x: &Tensor, dropout: Dropout) -> Result<Tensor> {
    let Some(mask) = dropout.mask()? else { return Ok(x.clone()) };
    x.mul(&Tensor::from_vec(mask.factors(x.elem_count(), CHUNK), x.shape(), x.device())?.to_dtype(x.dtype())?)
}

/// `residual + dropout(x)`: a sublayer's end.
pub fn dropout_add(x: &Tensor, residual: &Tensor, dropout: Dropout) -> Result<Tensor> {
    if x.dims() != residual.dims() {
        bail!("dropout_add: x {:?} does not fit residual {:?}", x.shape(), residual.shape());
    }
    let mask = dropout.mask()?;
    if fused(&[x, residual]) {
        apply2(&x.contiguous()?, &residual.contiguous()?, ResidualDropout(mask))
    } else {
        residual.add(&composed(x, dropout)?)
    }
}

vectorized! {
    fn drop_elements(y: &mut [f32], x: &[f32], mask: MaskChunk) {
        for (i, (y, &x)) in y.iter_mut().zip(x).enumerate() {
            *y = x * mask.factor(i as u32);
        }
    }
}

vectorized! {
    fn drop_and_add(y: &mut [f32], x: &[f32], residual: &[f32], mask: Option<MaskChunk>) {
        match mask {
            Some(mask) => {
                for (i, ((y, &x), &r)) in y.iter_mut().zip(x).zip(residual).enumerate() {
                    *y = r + x * mask.factor(i as u32);
                }
            }
            None => {
                for ((y, &x), &r) in y.iter_mut().zip(x).zip(residual) {
                    *y = r + x;
                }
            }
        }
    }
}

fn masked(x: &[f32], mask: Mask) -> Vec<f32> {
    filled(x.len(), CHUNK, |index, y| drop_elements(y, part(x, CHUNK, index), mask.chunk(index)))
}

struct ElementDropout(Mask);

impl CustomOp1 for ElementDropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(masked(elements(x, layout)?, self.0)), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        gradient_of(x, Tensor::from_vec(masked(&View::new(&gradient)?, self.0), x.shape(), &Device::Cpu)?)
    }
}

struct ResidualDropout(Option<Mask>);

impl CustomOp2 for ResidualDropout {
    fn name(&self) -> &'static str {
        "dropout-add"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout, residual: &CpuStorage, r_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, residual) = (elements(x, layout)?, elements(residual, r_layout)?);
        let y = filled(x.len(), CHUNK, |index, y| {
            drop_and_add(y, part(x, CHUNK, index), part(residual, CHUNK, index), self.0.map(|mask| mask.chunk(index)));
        });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, residual: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let mut dx = None;
        if x.track_op() {
            let d = match self.0 {
                Some(mask) => Tensor::from_vec(masked(&View::new(&gradient)?, mask), x.shape(), &Device::Cpu)?,
                None => gradient.clone(),
            };
            dx = gradient_of(x, d)?;
        }
        let dr = if residual.track_op() { gradient_of(residual, gradient)? } else { None };
        Ok((dx, dr))
    }
}
