//! Products of matrices, by cuBLAS.
use std::ffi::c_void;

use cudarc::cublas::{result, sys};

use super::int;
use crate::device::{Doing, Gpu, In, Out, Result};
use crate::source::Scalar;

/// A matrix in rows, or the transpose of one.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) values: &'a In<'a>,
    /// Rows and columns as it is used.
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) transposed: bool,
}

impl<'a> Matrix<'a> {
    pub(super) const fn new(values: &'a In<'a>, rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, transposed: false }
    }

    /// The transpose of this.
    pub(super) const fn t(self) -> Self {
        let Self { values, rows, columns, transposed } = self;
        Self { values, rows: columns, columns: rows, transposed: !transposed }
    }

    /// The length of a stored row.
    const fn stored_row(self) -> usize {
        if self.transposed { self.rows } else { self.columns }
    }
}

/// `to = left right`, in rows. Of `bf16` the product may be `f32`.
pub(super) fn product(gpu: &Gpu, left: Matrix<'_>, right: Matrix<'_>, to: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "product";
    let scalar = left.values.scalar();
    let target = if (scalar, to.scalar()) == (Scalar::Bf16, Scalar::F32) { Scalar::F32 } else { scalar };
    let (rows, columns, depth) = (left.rows, right.columns, left.columns);
    left.values.check(NAME, "the left matrix", scalar, rows * depth)?;
    right.values.check(NAME, "the right matrix", scalar, depth * columns)?;
    to.check(NAME, "the product", target, rows * columns)?;
    let data_of = |scalar| match scalar {
        Scalar::F32 => sys::cudaDataType::CUDA_R_32F,
        Scalar::F64 => sys::cudaDataType::CUDA_R_64F,
        Scalar::Bf16 => sys::cudaDataType::CUDA_R_16BF,
    };
    let data = data_of(scalar);
    use sys::cublasComputeType_t::{CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_COMPUTE_64F};
    let compute = match scalar {
        Scalar::F64 => CUBLAS_COMPUTE_64F,
        Scalar::F32 if gpu.tf32 => CUBLAS_COMPUTE_32F_FAST_TF32,
        Scalar::F32 | Scalar::Bf16 => CUBLAS_COMPUTE_32F,
    };
    let factors = match scalar {
        Scalar::F64 => Factors::Double([1.0, 0.0]),
        Scalar::F32 | Scalar::Bf16 => Factors::Single([1.0, 0.0]),
    };
    let [alpha, beta] = factors.addresses();
    use sys::cublasOperation_t::{CUBLAS_OP_N, CUBLAS_OP_T};
    let operation = |matrix: Matrix<'_>| if matrix.transposed { CUBLAS_OP_T } else { CUBLAS_OP_N };
    gpu.stream.context().bind_to_thread().doing("entering the context")?;
    // cuBLAS has its matrices in columns: what is stored here in rows is a transpose to it, and the transposed product is
    // that of the transposes, exchanged.
    // SAFETY: the lengths of all three were compared with the sizes; alpha and beta outlive the call, which reads them.
    unsafe {
        result::gemm_ex(
            *gpu.blas.handle(),
            operation(right),
            operation(left),
            int(NAME, columns)?,
            int(NAME, rows)?,
            int(NAME, depth)?,
            alpha,
            right.values.address as *const c_void,
            data,
            int(NAME, right.stored_row())?,
            left.values.address as *const c_void,
            data,
            int(NAME, left.stored_row())?,
            beta,
            to.address as *mut c_void,
            data_of(target),
            int(NAME, columns)?,
            compute,
            sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
        )
    }
    .doing("a product of matrices")
}

/// Alpha and beta, in the type that sums are made in.
enum Factors {
    Single([f32; 2]),
    Double([f64; 2]),
}

impl Factors {
    fn addresses(&self) -> [*const c_void; 2] {
        match self {
            Self::Single(both) => both.each_ref().map(|factor| std::ptr::from_ref(factor).cast()),
            Self::Double(both) => both.each_ref().map(|factor| std::ptr::from_ref(factor).cast()),
        }
    }
}
