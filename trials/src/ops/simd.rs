//! Loops compiled for the widest vectors the processor has, and the functions they are made of.
//!
//! Nothing here uses fused multiply-add, and sums run over a fixed number of lanes: the result does not depend on the instruction set.

/// Compiles a function three times, for AVX-512, AVX2 and the baseline, and picks one when called. What it calls must be
/// `#[inline(always)]` to be compiled with it.
macro_rules! vectorized {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $type),*) {
            #[inline(always)]
            fn body($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
                fn avx512($($arg: $type),*) {
                    body($($arg),*);
                }
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $type),*) {
                    body($($arg),*);
                }
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                {
                    #[expect(unsafe_code, reason = "calls code compiled for a processor feature")]
                    // SAFETY: the processor has just been asked for every feature the function is compiled with.
                    return unsafe { avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    #[expect(unsafe_code, reason = "calls code compiled for a processor feature")]
                    // SAFETY: as above.
                    return unsafe { avx2($($arg),*) };
                }
            }
            body($($arg),*);
        }
    };
}
pub(super) use vectorized;

const LANES: usize = 16;

#[inline(always)]
fn add_lanes(lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    let mut lanes = lanes;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Sum of `f(x)`.
#[inline(always)]
pub(super) fn sum_of(xs: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let chunks = xs.chunks_exact(LANES);
    let mut rest = 0f32;
    for &x in chunks.remainder() {
        rest += f(x);
    }
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] += f(chunk[i]);
        }
    }
    add_lanes(lanes) + rest
}

/// Sum of `f(x, y)` over two slices of one length.
#[inline(always)]
pub(super) fn sum_of_pairs(xs: &[f32], ys: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (x_chunks, y_chunks) = (xs.chunks_exact(LANES), ys.chunks_exact(LANES));
    let mut rest = 0f32;
    for (&x, &y) in x_chunks.remainder().iter().zip(y_chunks.remainder()) {
        rest += f(x, y);
    }
    for (x, y) in x_chunks.zip(y_chunks) {
        for i in 0..LANES {
            lanes[i] += f(x[i], y[i]);
        }
    }
    add_lanes(lanes) + rest
}

/// The greatest value; `-inf` of an empty slice. A NaN may be passed over.
#[inline(always)]
pub(super) fn max(xs: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = xs.chunks_exact(LANES);
    let mut best = f32::NEG_INFINITY;
    for &x in chunks.remainder() {
        best = if x > best { x } else { best };
    }
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = if chunk[i] > lanes[i] { chunk[i] } else { lanes[i] };
        }
    }
    for lane in lanes {
        best = if lane > best { lane } else { best };
    }
    best
}

/// `e^x` within 2 units in the last place; 0 below -87.33, not above `e^88.37`; NaN of NaN. (Cephes' `expf`.)
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const LOW: f32 = -87.33;
    const HIGH: f32 = 88.37;
    // Adding this leaves the nearest integer in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x > HIGH { HIGH } else { x };
    let clamped = if clamped < LOW { LOW } else { clamped };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_2e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_6e-1;
    let p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < LOW { 0.0 } else { y * scale }
}

/// The error function within 5e-7. (The rational approximation of Eigen's and XLA's `erf` for floats.)
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let x = if x > 4.0 { 4.0 } else { x };
    let x = if x < -4.0 { -4.0 } else { x };
    let s = x * x;
    let p = -2.726_142_3e-10;
    let p = p * s + 2.770_681_4e-8;
    let p = p * s - 2.101_024e-6;
    let p = p * s - 5.692_506_4e-5;
    let p = p * s - 7.349_906_3e-4;
    let p = p * s - 2.954_6e-3;
    let p = p * s - 1.609_603_3e-2;
    let q = -1.456_607_2e-5;
    let q = q * s - 2.133_740_6e-4;
    let q = q * s - 1.682_827e-3;
    let q = q * s - 7.373_329e-3;
    let q = q * s - 1.426_473_9e-2;
    x * p / q
}

#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_match_their_double_precision_forms() {
        for i in -100_000..=100_000 {
            let x = i as f32 * 1e-3;
            let wide = f64::from(x);
            if (-87.0..88.0).contains(&x) {
                let exact = wide.exp();
                assert!((f64::from(exp(x)) - exact).abs() <= 2.5e-7 * exact, "exp({x}) = {}", exp(x));
            }
            assert!((f64::from(erf(x)) - candle_core::cpu::erf::erf_f64(wide)).abs() <= 5e-7, "erf({x}) = {}", erf(x));
            assert!((f64::from(tanh(x)) - wide.tanh()).abs() <= 3e-7, "tanh({x}) = {}", tanh(x));
        }
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::MIN), 0.0);
        assert!(exp(f32::NAN).is_nan() && erf(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }

    #[test]
    fn sums_and_maximum_take_every_element() {
        for n in 0..70u16 {
            let xs: Vec<f32> = (0..n).map(f32::from).collect();
            let total = f32::from(n) * (f32::from(n) - 1.0) / 2.0;
            assert_eq!(sum_of(&xs, |x| x), total.max(0.0));
            assert_eq!(sum_of_pairs(&xs, &xs, |x, y| x + y), 2.0 * total.max(0.0));
            assert_eq!(max(&xs), if n == 0 { f32::NEG_INFINITY } else { f32::from(n) - 1.0 });
        }
    }
}
