//! Matrix products through the `gemm` crate, on strided views and with a given number of threads.

use gemm::Parallelism;

/// A strided view of a matrix.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major, without gaps.
    pub(super) fn new(data: &'a [f32], rows: usize, columns: usize) -> Matrix<'a> {
        Matrix::strided(data, rows, columns, columns)
    }

    /// Row-major with `row_stride` elements from one row to the next.
    pub(super) fn strided(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Matrix<'a> {
        Matrix { data, rows, columns, row_stride, column_stride: 1 }
    }

    pub(super) fn transposed(self) -> Matrix<'a> {
        Matrix { data: self.data, rows: self.columns, columns: self.rows, row_stride: self.column_stride, column_stride: self.row_stride }
    }
}

/// What a product does with what the destination held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    Overwrite,
    Add,
}

/// `destination = scale * left * right` (or `+=`), where the destination is row-major with `row_stride` elements a row.
///
/// # Panics
/// When shapes do not fit each other or the slices; callers have checked shapes before.
pub(super) fn product(destination: &mut [f32], row_stride: usize, left: Matrix, right: Matrix, scale: f32, into: Into, threads: usize) {
    let (m, n, k) = (left.rows, right.columns, left.columns);
    assert_eq!(k, right.rows, "inner sizes of a product");
    assert!(row_stride >= n, "rows of the destination overlap");
    if m == 0 || n == 0 {
        return;
    }
    let last = |rows: usize, columns: usize, row: usize, column: usize| (rows - 1) * row + (columns - 1) * column;
    assert!(last(m, n, row_stride, 1) < destination.len(), "destination too short");
    if k > 0 {
        assert!(last(m, k, left.row_stride, left.column_stride) < left.data.len(), "left side too short");
        assert!(last(k, n, right.row_stride, right.column_stride) < right.data.len(), "right side too short");
    }
    let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
    #[expect(unsafe_code, reason = "gemm takes raw pointers")]
    // SAFETY: the assertions above keep every element that m, n, k and the strides reach inside its slice (strides are not negative);
    // distinct elements of the destination have distinct addresses as row_stride >= n; the exclusive borrow of the destination rules out
    // aliasing with the sides.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            destination.as_mut_ptr(),
            1,
            row_stride as isize,
            into == Into::Add,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0f32,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}
