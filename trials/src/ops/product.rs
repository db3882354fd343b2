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

    /// Rows and columns.
    pub(super) fn shape(self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    pub(super) fn get(self, row: usize, column: usize) -> f32 {
        self.data[row * self.row_stride + column * self.column_stride]
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
    let (m, n) = (left.rows, right.columns);
    assert!(row_stride >= n, "rows of the destination overlap");
    if m == 0 || n == 0 {
        return;
    }
    assert!(last(m, n, row_stride, 1) < destination.len(), "destination too short");
    #[expect(unsafe_code, reason = "gemm takes raw pointers")]
    // SAFETY: the assertions above keep every element that m, n and the stride reach inside the destination, and distinct ones distinct; the
    // exclusive borrow rules out aliasing with the sides.
    unsafe {
        multiply(destination.as_mut_ptr(), row_stride, left, right, scale, into, threads);
    }
}

/// `left * right`, row-major without gaps.
///
/// # Panics
/// As [`product`].
pub(super) fn new_product(left: Matrix, right: Matrix, threads: usize) -> Vec<f32> {
    let len = left.rows * right.columns;
    if len == 0 || left.columns == 0 {
        return vec![0f32; len];
    }
    let mut values = Vec::with_capacity(len);
    #[expect(unsafe_code, reason = "gemm takes raw pointers")]
    // SAFETY: there is room for `len` values, and where it overwrites a product writes each of them and reads none.
    unsafe {
        multiply(values.as_mut_ptr(), right.columns, left, right, 1.0, Into::Overwrite, threads);
        values.set_len(len);
    }
    values
}

/// Offset of the last element.
fn last(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    (rows - 1) * row_stride + (columns - 1) * column_stride
}

/// # Safety
/// `destination` can be written to at every element of `left.rows` rows, `row_stride` apart, of `right.columns`, and nobody else uses them; they
/// are initialised where `into` adds. Neither number is 0.
#[expect(unsafe_code, reason = "gemm takes raw pointers")]
unsafe fn multiply(destination: *mut f32, row_stride: usize, left: Matrix, right: Matrix, scale: f32, into: Into, threads: usize) {
    let (m, n, k) = (left.rows, right.columns, left.columns);
    assert_eq!(k, right.rows, "inner sizes of a product");
    if k > 0 {
        assert!(last(m, k, left.row_stride, left.column_stride) < left.data.len(), "left side too short");
        assert!(last(k, n, right.row_stride, right.column_stride) < right.data.len(), "right side too short");
    }
    let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
    // SAFETY: the assertions above keep every element of the sides that m, n, k and the strides reach inside its slice (strides are not
    // negative); the caller answers for the destination.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            destination,
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
