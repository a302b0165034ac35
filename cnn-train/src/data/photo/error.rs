//! Why a photo cannot be had.

use std::io;
use std::path::PathBuf;

use super::{MAX_BYTES, MAX_PIXELS};

/// Why a file is not a photo that can be read: see [`Problem`].
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a file, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The operating system does not let it be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A folder (where a file is meant), a pipe or a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// A file beyond [`MAX_BYTES`].
    #[error("it has {bytes} bytes, more than a photo may have ({MAX_BYTES})")]
    TooManyBytes {
        /// Its length.
        bytes: u64,
    },
    /// Nothing that begins like a photo.
    #[error("it is no photo of a known kind: give a JPEG, PNG, WebP, GIF, BMP, TIFF or PNM file")]
    UnknownKind,
    /// A photo beyond [`MAX_PIXELS`].
    #[error(
        "it is a picture of {width}x{height} pixels, more than are decoded ({MAX_PIXELS}): make it smaller"
    )]
    TooManyPixels {
        /// Pixels in a row.
        width: u64,
        /// Rows.
        height: u64,
    },
    /// A photo of a kind, or with a feature, that is not decoded.
    #[error("this {kind} file cannot be decoded: {reason}; save it as a plain JPEG or PNG")]
    Unsupported {
        /// What the file is.
        kind: &'static str,
        /// What is not supported.
        reason: String,
    },
    /// The content breaks the rules of its format or ends early.
    #[error("this {kind} file is broken or cut short: {reason}; fetch it again")]
    Broken {
        /// What the file is.
        kind: &'static str,
        /// What the decoder met.
        reason: String,
    },
}
