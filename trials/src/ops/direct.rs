//! Convolutions of narrow layers without copies of windows.
//!
//! Where there are few channels, copying windows out costs more than multiplying them. Here each image is copied once, with its padding
//! around it; a window's row is then a run of consecutive values, and sums for a few pixels and sixteen channels stay in registers. Only
//! for processors with fused multiply-add, which the products of the other way use too.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "code compiled for processor features"))]
#![cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "there is nothing for other processors yet"))]

#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512, Lanes};
use super::{product::Matrix, window::Windows};

/// Output channels, or values of a window, that are summed side by side.
pub(super) const LANES: usize = 16;

/// Output channels whose kernel gradients are summed at a time.
const OUTS: usize = 8;

/// Values of a few lines of an image that the first cache holds.
const BAND: usize = 8 << 10;

/// Whether [`convolve`] takes these windows: more than a pixel each, and output channels in sixteens.
pub(super) fn takes(windows: &Windows, out: usize) -> bool {
    windows.kernel > 1 && out.is_multiple_of(LANES) && available()
}

/// Whether [`add_gradient_of_kernel`] does.
pub(super) fn takes_kernel(windows: &Windows, out: usize) -> bool {
    windows.kernel > 1 && out.is_multiple_of(OUTS) && available()
}

#[cfg(target_arch = "x86_64")]
fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
fn available() -> bool {
    false
}

/// An image with its padding around it.
pub(super) struct Padded {
    values: Vec<f32>,
    /// Values of a line.
    line: usize,
    /// Values from one window to the next.
    step: usize,
    /// Values of a window's row.
    run: usize,
}

impl Padded {
    pub(super) fn new(windows: &Windows) -> Padded {
        let padding = 2 * windows.stride.padding;
        let line = (windows.width + padding) * windows.channels;
        // Sixteen more: a window's row that does not fill its lanes is read beyond its end.
        let values = vec![0f32; (windows.height + padding) * line + LANES];
        Padded { values, line, step: windows.stride.step * windows.channels, run: windows.kernel * windows.channels }
    }

    /// Takes another image of the same size.
    pub(super) fn set(&mut self, windows: &Windows, image: &[f32]) {
        let around = windows.stride.padding;
        let lines = self.values.chunks_exact_mut(self.line).skip(around);
        for (line, from) in lines.zip(image.chunks_exact(windows.width * windows.channels)) {
            line[around * windows.channels..][..from.len()].copy_from_slice(from);
        }
    }
}

/// Rows of windows whose pixels the first cache holds.
fn band(windows: &Windows, line: usize) -> usize {
    ((BAND / line).saturating_sub(windows.kernel - 1) / windows.stride.step).clamp(1, windows.out_height)
}

/// A kernel `[window, out]` as [`convolve`] reads it: sixteen output channels at a time.
pub(super) fn panels(kernel: Matrix) -> Vec<f32> {
    let (window, out) = kernel.shape();
    let mut panels = Vec::with_capacity(window * out);
    for panel in (0..out).step_by(LANES) {
        for value in 0..window {
            panels.extend((panel..panel + LANES).map(|o| kernel.get(value, o)));
        }
    }
    panels
}

/// Compiles a function for AVX-512 and AVX2, both with fused multiply-add, and picks one when called, which must be after [`available`]
/// said so: with sixteen lanes in a register there is room for the sums of eight pixels or channels, with eight for those of four.
macro_rules! with_lanes {
    ($(#[$meta:meta])* $name:ident = $body:ident($($arg:ident: $type:ty),* $(,)?)) => {
        $(#[$meta])*
        #[cfg(target_arch = "x86_64")]
        pub(super) fn $name($($arg: $type),*) {
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            fn avx512($($arg: $type),*) {
                // SAFETY: compiled for what `Avx512` needs.
                unsafe { $body::<Avx512, 8>($($arg),*) }
            }
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) {
                // SAFETY: compiled for what `Avx2` needs.
                unsafe { $body::<Avx2, 4>($($arg),*) }
            }
            assert!(available(), "asked for before");
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
            {
                // SAFETY: the processor has just been asked for every feature the function is compiled with.
                unsafe { avx512($($arg),*) }
            } else {
                // SAFETY: as above.
                unsafe { avx2($($arg),*) }
            }
        }

        $(#[$meta])*
        #[cfg(not(target_arch = "x86_64"))]
        pub(super) fn $name($($arg: $type),*) {
            $(let _ = $arg;)*
            unreachable!("not available");
        }
    };
}

with_lanes! {
    /// One image's `y` `[height', width', out]`.
    convolve = convolve_by(y: &mut [f32], x: &Padded, panels: &[f32], out: usize, windows: &Windows)
}

with_lanes! {
    /// Adds one image's part, whose gradient is `g` `[height', width', out]`, to `d` `[out, kernel, kernel, in]`.
    add_gradient_of_kernel = kernel_by(d: &mut [f32], g: &[f32], x: &Padded, out: usize, windows: &Windows)
}

/// # Safety
/// As for the methods of `L`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn convolve_by<L: Lanes, const PIXELS: usize>(y: &mut [f32], x: &Padded, panels: &[f32], out: usize, windows: &Windows) {
    let (width, rows) = (windows.out_width, band(windows, x.line));
    for (band, y) in y.chunks_mut(rows * width * out).enumerate() {
        for (panel, w) in panels.chunks_exact(windows.len() * LANES).enumerate() {
            for (row, y) in y.chunks_exact_mut(width * out).enumerate() {
                let lines = &x.values[(band * rows + row) * windows.stride.step * x.line..];
                let mut column = 0;
                while column < width {
                    let (y, lines) = (&mut y[column * out + panel * LANES..], &lines[column * x.step..]);
                    // SAFETY: as for this function.
                    column += unsafe {
                        if column + PIXELS <= width {
                            pixels::<L, PIXELS>(y, lines, w, out, x)
                        } else {
                            pixels::<L, 1>(y, lines, w, out, x)
                        }
                    };
                }
            }
        }
    }
}

/// Sixteen channels of `PIXELS` neighbours, `out` values apart in `y`; gives `PIXELS`.
///
/// # Safety
/// As for the methods of `L`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn pixels<L: Lanes, const PIXELS: usize>(y: &mut [f32], lines: &[f32], w: &[f32], out: usize, x: &Padded) -> usize {
    // SAFETY: as for this function.
    unsafe {
        let mut sums = [L::splat(0.0); PIXELS];
        for (row, w) in w.chunks_exact(x.run * LANES).enumerate() {
            let windows: [&[f32]; PIXELS] = std::array::from_fn(|pixel| &lines[row * x.line + pixel * x.step..][..x.run]);
            for (value, w) in w.as_chunks::<LANES>().0.iter().enumerate() {
                let w = L::load(w);
                for (sum, window) in sums.iter_mut().zip(&windows) {
                    *sum = sum.plus_product(L::splat(window[value]), w);
                }
            }
        }
        for (sum, y) in sums.into_iter().zip(y.chunks_mut(out)) {
            if let Some(y) = y.first_chunk_mut() {
                sum.store(y);
            }
        }
    }
    PIXELS
}

/// # Safety
/// As for the methods of `L`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn kernel_by<L: Lanes, const OUT: usize>(d: &mut [f32], g: &[f32], x: &Padded, out: usize, windows: &Windows) {
    let (width, rows, step) = (windows.out_width, band(windows, x.line), windows.stride.step * x.line);
    for (band, g) in g.chunks(rows * width * out).enumerate() {
        let lines = &x.values[band * rows * step..];
        for first in (0..out).step_by(OUT) {
            for row in 0..windows.kernel {
                for at in (0..x.run).step_by(LANES) {
                    let (g, lines) = (&g[first..], &lines[row * x.line + at..]);
                    // SAFETY: as for this function.
                    let sums = unsafe { products::<L, OUT>(g, lines, width, out, step, x.step) };
                    for (o, sums) in sums.iter().enumerate() {
                        let d = &mut d[(first + o) * windows.len() + row * x.run + at..][..LANES.min(x.run - at)];
                        for (d, sum) in d.iter_mut().zip(sums) {
                            *d += sum;
                        }
                    }
                }
            }
        }
    }
}

/// Sums over pixels the products of `OUT` channels of `g`, whose pixels are `out` apart, with sixteen values of `lines`, whose pixels are
/// `pixel` and lines of `width` pixels `line` apart.
///
/// # Safety
/// As for the methods of `L`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn products<L: Lanes, const OUT: usize>(
    g: &[f32],
    lines: &[f32],
    width: usize,
    out: usize,
    line: usize,
    pixel: usize,
) -> [[f32; LANES]; OUT] {
    let mut totals = [[0f32; LANES]; OUT];
    // SAFETY: as for this function.
    unsafe {
        let mut sums = [L::splat(0.0); OUT];
        for (row, g) in g.chunks(width * out).enumerate() {
            let x = &lines[row * line..];
            for (column, g) in g.chunks(out).enumerate() {
                let (Some(g), Some(x)) = (g.first_chunk::<OUT>(), x[column * pixel..].first_chunk()) else { break };
                let x = L::load(x);
                for (sum, &g) in sums.iter_mut().zip(g) {
                    *sum = sum.plus_product(L::splat(g), x);
                }
            }
        }
        for (total, sum) in totals.iter_mut().zip(sums) {
            sum.store(total);
        }
    }
    totals
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::ops::window::Stride;

    #[target_feature(enable = "avx2,fma")]
    fn narrow_convolve(y: &mut [f32], x: &Padded, panels: &[f32], out: usize, windows: &Windows) {
        // SAFETY: compiled for what `Avx2` needs.
        unsafe { convolve_by::<Avx2, 4>(y, x, panels, out, windows) }
    }

    #[target_feature(enable = "avx2,fma")]
    fn narrow_kernel(d: &mut [f32], g: &[f32], x: &Padded, out: usize, windows: &Windows) {
        // SAFETY: compiled for what `Avx2` needs.
        unsafe { kernel_by::<Avx2, 4>(d, g, x, out, windows) }
    }

    fn numbers(len: usize) -> Vec<f32> {
        (0..len).map(|i| (i * 7919 % 1013) as f32 / 1013.0 - 0.5).collect()
    }

    #[test]
    fn registers_of_both_widths_give_the_same_bits() {
        if !available() {
            return;
        }
        for (side, features, out, kernel, step) in [(13, 3, 16, 3, 1), (40, 16, 32, 3, 1), (21, 5, 48, 7, 2), (4, 64, 16, 3, 2)] {
            let dims = [1, side, side + 3, features];
            let windows = Windows::new(&dims, kernel, Stride { step, padding: kernel / 2 }).unwrap();
            let mut x = Padded::new(&windows);
            x.set(&windows, &numbers(windows.image_len()));
            let (w, g) = (numbers(windows.len() * out), numbers(windows.count() * out));
            let panels = panels(Matrix::new(&w, windows.len(), out));
            let (mut wide, mut narrow) = (vec![0f32; windows.count() * out], vec![0f32; windows.count() * out]);
            convolve(&mut wide, &x, &panels, out, &windows);
            // SAFETY: the processor has been asked for both features.
            unsafe { narrow_convolve(&mut narrow, &x, &panels, out, &windows) };
            assert_eq!(wide, narrow);
            let (mut wide, mut narrow) = (vec![0f32; w.len()], vec![0f32; w.len()]);
            add_gradient_of_kernel(&mut wide, &g, &x, out, &windows);
            // SAFETY: as above.
            unsafe { narrow_kernel(&mut narrow, &g, &x, out, &windows) };
            assert_eq!(wide, narrow);
            assert!(wide.iter().any(|d| *d != 0.0));
        }
    }
}
