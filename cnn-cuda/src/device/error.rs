use std::fmt;

use cudarc::cublas::result::CublasError;
use cudarc::driver::DriverError;
use cudarc::driver::sys::CUresult;

/// Why something was not done on a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The driver refused.
    #[error("CUDA, {doing}: {source}{}", advice(source))]
    Driver {
        /// What was to be done.
        doing: &'static str,
        /// What it said.
        source: DriverError,
    },
    /// cuBLAS refused.
    #[error("cuBLAS, {doing}: {source:?}")]
    Blas {
        /// What was to be done.
        doing: &'static str,
        /// What it said.
        source: CublasError,
    },
    /// NVRTC refused a kernel's source.
    #[error("NVRTC cannot compile `{file}` for {arch}: {log}")]
    Compile {
        /// The file of kernels.
        file: &'static str,
        /// What it was compiled for.
        arch: &'static str,
        /// What it said.
        log: String,
    },
    /// Memory of another length or element type than the sizes say.
    #[error("{kernel}: {what}")]
    Sizes {
        /// The kernel.
        kernel: &'static str,
        /// What does not fit.
        what: String,
    },
}

/// What to do where the driver refuses what a user can change.
fn advice(source: &DriverError) -> &'static str {
    match source.0 {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
            ". The device's memory is full: take a smaller batch, or bf16, or end what else runs there"
        }
        _ => "",
    }
}

/// The result of an operation on a device.
pub type Result<T> = std::result::Result<T, Error>;

/// Names what was to be done.
pub(crate) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, DriverError> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| Error::Driver { doing, source })
    }
}

impl<T> Doing<T> for std::result::Result<T, CublasError> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| Error::Blas { doing, source })
    }
}

/// An error about sizes.
pub(crate) fn sizes<T>(kernel: &'static str, what: impl fmt::Display) -> Result<T> {
    Err(Error::Sizes { kernel, what: what.to_string() })
}
