//! Fixed shares of work for the threads of the pool.

use rayon::prelude::*;

use super::simd::vectorized;

/// Elements of one share of an element-wise loop.
pub(super) const CHUNK: usize = 4096;

/// Rows of one share of a loop over rows of `width` elements.
pub(super) fn rows_per_chunk(width: usize) -> usize {
    (4 * CHUNK / width.max(1)).max(1)
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
