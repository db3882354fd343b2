//! Fixed shares of work for the threads of the pool.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::simd::vectorized;

/// Elements of one share of an element-wise loop.
pub(super) const CHUNK: usize = 4096;

/// Rows of one share of a loop over rows of `width` elements.
pub(super) fn rows_per_chunk(width: usize) -> usize {
    (4 * CHUNK / width.max(1)).max(1)
}

/// `len` values which `f` writes, `chunk` at a time: it is given the chunk's index, and zeros.
///
/// Zeroed chunk by chunk, while it lies in the cache anyway, not in a pass of its own by one thread.
pub(super) fn filled(len: usize, chunk: usize, f: impl Fn(usize, &mut [f32]) + Send + Sync) -> Vec<f32> {
    filled_with(len, chunk, || (), |(), index, part| f(index, part))
}

/// The same where `f` works with something that `init` makes, once a thread or more often.
pub(super) fn filled_with<S>(
    len: usize,
    chunk: usize,
    init: impl Fn() -> S + Send + Sync,
    f: impl Fn(&mut S, usize, &mut [f32]) + Send + Sync,
) -> Vec<f32> {
    let mut values: Vec<f32> = Vec::with_capacity(len);
    values.spare_capacity_mut()[..len].par_chunks_mut(chunk.max(1)).enumerate().for_each_init(init, |state, (index, part)| {
        part.fill(MaybeUninit::new(0.0));
        #[expect(unsafe_code, reason = "says that values are initialised")]
        // SAFETY: all of them were written in the line above.
        let part = unsafe { part.assume_init_mut() };
        f(state, index, part);
    });
    #[expect(unsafe_code, reason = "says that values are initialised")]
    // SAFETY: the chunks cover the first `len` elements, for which there is room, and each was written.
    unsafe {
        values.set_len(len);
    }
    values
}

/// Chunk `index` of `values` cut into chunks of `chunk`, the last of which may be shorter.
pub(super) fn part(values: &[f32], chunk: usize, index: usize) -> &[f32] {
    &values[index * chunk..values.len().min((index + 1) * chunk)]
}

vectorized! {
    fn add_rows(total: &mut [f32], rows: &[f32]) {
        for row in rows.chunks_exact(total.len()) {
            for (t, &x) in total.iter_mut().zip(row) {
                *t += x;
            }
        }
    }
}

/// Sums `[rows, width]` over the rows.
pub(super) fn column_sums(data: &[f32], width: usize) -> Vec<f32> {
    let partial: Vec<Vec<f32>> = data
        .par_chunks(rows_per_chunk(width) * width)
        .map(|rows| {
            let mut total = vec![0f32; width];
            add_rows(&mut total, rows);
            total
        })
        .collect();
    add_all(partial, width)
}

/// Adds partial sums of `width` elements in their order.
pub(super) fn add_all(partial: Vec<Vec<f32>>, width: usize) -> Vec<f32> {
    let mut partial = partial.into_iter();
    let mut total = partial.next().unwrap_or_else(|| vec![0f32; width]);
    for next in partial {
        add_rows(&mut total, &next);
    }
    total
}

/// Values whose squares are summed at a time. Fixed, so that the sum does not depend on the number of threads.
const SQUARES: usize = 1 << 14;

vectorized! {
    fn add_squares(sums: &mut [f64; 16], values: &[f32]) {
        let (chunks, rest) = values.as_chunks::<16>();
        let mut totals = *sums;
        for chunk in chunks {
            for i in 0..16 {
                totals[i] += f64::from(chunk[i]) * f64::from(chunk[i]);
            }
        }
        for (total, &value) in totals.iter_mut().zip(rest) {
            *total += f64::from(value) * f64::from(value);
        }
        *sums = totals;
    }
}

/// Sum of the squares, in double precision.
pub(crate) fn sum_of_squares(values: &[f32]) -> f64 {
    let sums = values.par_chunks(SQUARES).map(|values| {
        let mut sums = [0f64; 16];
        add_squares(&mut sums, values);
        sums.iter().sum::<f64>()
    });
    // Collected first: added in their order.
    sums.collect::<Vec<f64>>().iter().sum()
}
