//! Sixteen numbers side by side, in the registers of AVX-512 or AVX2.
//!
//! For the few loops that the compiler does not find the registers for by itself. Products are added without rounding in between on both, so
//! that they give the same bits.

use std::arch::x86_64::{
    __m256, __m512, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps,
    _mm512_storeu_ps,
};

use super::direct::LANES;

/// # Safety
/// Every method may be called only where the processor has the features, and only from code compiled for them: [`Avx512`] needs
/// AVX-512F, [`Avx2`] needs AVX2 and FMA.
#[expect(unsafe_code, reason = "processor features")]
pub(super) trait Lanes: Copy {
    unsafe fn splat(x: f32) -> Self;

    unsafe fn load(x: &[f32; LANES]) -> Self;

    unsafe fn store(self, x: &mut [f32; LANES]);

    /// `self + x * y`.
    unsafe fn plus_product(self, x: Self, y: Self) -> Self;
}

#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

#[expect(unsafe_code, reason = "processor features")]
impl Lanes for Avx512 {
    #[inline(always)]
    unsafe fn splat(x: f32) -> Avx512 {
        // SAFETY: the caller answers for the feature.
        Avx512(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(x: &[f32; LANES]) -> Avx512 {
        // SAFETY: the caller answers for the feature; there are sixteen numbers to read.
        Avx512(unsafe { _mm512_loadu_ps(x.as_ptr()) })
    }

    #[inline(always)]
    unsafe fn store(self, x: &mut [f32; LANES]) {
        // SAFETY: the caller answers for the feature; there is room for sixteen numbers.
        unsafe { _mm512_storeu_ps(x.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    unsafe fn plus_product(self, x: Avx512, y: Avx512) -> Avx512 {
        // SAFETY: the caller answers for the feature.
        Avx512(unsafe { _mm512_fmadd_ps(x.0, y.0, self.0) })
    }
}

#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256, __m256);

#[expect(unsafe_code, reason = "processor features")]
impl Lanes for Avx2 {
    #[inline(always)]
    unsafe fn splat(x: f32) -> Avx2 {
        // SAFETY: the caller answers for the feature.
        let x = unsafe { _mm256_set1_ps(x) };
        Avx2(x, x)
    }

    #[inline(always)]
    unsafe fn load(x: &[f32; LANES]) -> Avx2 {
        let (low, high) = x.split_at(LANES / 2);
        // SAFETY: the caller answers for the feature; there are eight numbers to read in each half.
        unsafe { Avx2(_mm256_loadu_ps(low.as_ptr()), _mm256_loadu_ps(high.as_ptr())) }
    }

    #[inline(always)]
    unsafe fn store(self, x: &mut [f32; LANES]) {
        let (low, high) = x.split_at_mut(LANES / 2);
        // SAFETY: the caller answers for the feature; there is room for eight numbers in each half.
        unsafe {
            _mm256_storeu_ps(low.as_mut_ptr(), self.0);
            _mm256_storeu_ps(high.as_mut_ptr(), self.1);
        }
    }

    #[inline(always)]
    unsafe fn plus_product(self, x: Avx2, y: Avx2) -> Avx2 {
        // SAFETY: the caller answers for the feature.
        unsafe { Avx2(_mm256_fmadd_ps(x.0, y.0, self.0), _mm256_fmadd_ps(x.1, y.1, self.1)) }
    }
}
