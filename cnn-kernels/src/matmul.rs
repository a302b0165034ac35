//! Matrix products over slices: a checked door to the `gemm` crate, which picks AVX-512, AVX2, NEON or plain code
//! when it runs.
use crate::Float;

/// A matrix in a slice: element `(i, j)` is `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// `rows` rows of `columns` neighbouring values, `row_stride` values from row to row.
    ///
    /// # Panics
    /// If the slice ends before the last element.
    #[must_use]
    pub fn new(data: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(
            fits(data.len(), rows, columns, row_stride),
            "{rows} x {columns} / {row_stride} of {}",
            data.len()
        );
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The transposed matrix, without a copy.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A row-major matrix in a slice, to be written.
#[derive(Debug)]
pub struct MatrixMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a, T> MatrixMut<'a, T> {
    /// `rows` rows of `columns` neighbouring values, `row_stride` values from row to row.
    ///
    /// # Panics
    /// If the slice ends before the last element, or if rows overlap.
    #[must_use]
    pub fn new(data: &'a mut [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(
            fits(data.len(), rows, columns, row_stride),
            "{rows} x {columns} / {row_stride} of {}",
            data.len()
        );
        assert!(rows <= 1 || row_stride >= columns, "rows of {columns} overlap, {row_stride} apart");
        Self { data, rows, columns, row_stride }
    }
}

/// Whether the last element of a matrix lies inside a slice of `len`.
fn fits(len: usize, rows: usize, columns: usize, row_stride: usize) -> bool {
    if rows == 0 || columns == 0 {
        return true;
    }
    (rows - 1)
        .checked_mul(row_stride)
        .and_then(|start| start.checked_add(columns))
        .is_some_and(|end| end <= len)
}

/// What a product does with the values already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// `c = a b`
    Set,
    /// `c = c + a b`
    Add,
}

/// How many threads a product may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// The calling one, for work that is already shared among threads.
    One,
    /// Those of rayon's current pool.
    Pool,
}

/// The matrix product, `c = a b` or `c += a b`.
///
/// ```
/// use cnn_kernels::matmul::{Matrix, MatrixMut, Threads, Write, matmul};
/// let (a, b, mut c) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 1.0, 1.0], [0.0; 4]);
/// let a = Matrix::new(&a, 2, 2, 2);
/// let b = Matrix::new(&b, 2, 2, 2);
/// matmul(a, b, MatrixMut::new(&mut c, 2, 2, 2), Write::Set, Threads::One);
/// assert_eq!(c, [3.0, 2.0, 7.0, 4.0]);
/// ```
///
/// # Panics
/// If the sizes do not fit together.
pub fn matmul<T: Float>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: MatrixMut<'_, T>,
    write: Write,
    threads: Threads,
) {
    assert_eq!((a.rows, a.columns, b.columns), (c.rows, b.rows, c.columns), "sizes of a matrix product");
    let (m, n, k) = (c.rows, c.columns, a.columns);
    if m == 0 || n == 0 {
        return;
    }
    if k == 0 {
        if write == Write::Set {
            for row in c.data.chunks_mut(c.row_stride.max(1)).take(m) {
                row[..n].fill(T::zero());
            }
        }
        return;
    }
    let parallelism = match threads {
        Threads::One => gemm::Parallelism::None,
        Threads::Pool => gemm::Parallelism::Rayon(0),
    };
    // Slices are at most isize::MAX bytes long, so a stride of a matrix with more than one row or column fits;
    // other strides are never used, and 0 is as good.
    let stride = |stride: usize| isize::try_from(stride).unwrap_or(0);
    // SAFETY: `Matrix` and `MatrixMut` are only made (here and in `new`, `transposed`) where every element
    // (i, j) with i < rows and j < columns lies inside the borrowed slice, and the three sizes agree (asserted
    // above), so `gemm` reads and writes inside the slices only. `c` is a unique borrow and cannot overlap `a` or
    // `b`; its elements are distinct (rows do not overlap), so threads that write parts of it do not race. T is
    // f32 or f64 (`Float` has no other implementation that `gemm` would accept: it panics on an unknown type).
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.data.as_mut_ptr(),
            1,
            stride(c.row_stride),
            write == Write::Add,
            a.data.as_ptr(),
            stride(a.column_stride),
            stride(a.row_stride),
            b.data.as_ptr(),
            stride(b.column_stride),
            stride(b.row_stride),
            T::one(),
            T::one(),
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// A matrix of `f32` anywhere: its first element, and the distances between rows and between columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) first: *const f32,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

/// `c = a b`, or `c += a b`, of `m` rows and `n` columns, over `k`, on the calling thread; `c` is row-major.
///
/// # Safety
/// All elements are in memory that may be read, and those of `c` written by nobody else; `c` is not that of `a` or `b`.
pub(crate) unsafe fn product(
    [m, n, k]: [usize; 3],
    a: Place,
    b: Place,
    c: *mut f32,
    row_stride: usize,
    write: Write,
) {
    let stride = |stride: usize| isize::try_from(stride).unwrap_or(0);
    // SAFETY: the caller's promise.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c,
            1,
            stride(row_stride),
            write == Write::Add,
            a.first,
            stride(a.column_stride),
            stride(a.row_stride),
            b.first,
            stride(b.column_stride),
            stride(b.row_stride),
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
