//! What can be wrong with a data set: the file, what is wrong with it, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::{CLASSES, MAX_ITEMS, SIDE};

/// Why a data set could not be read. The message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder does not exist.
    #[error("there is no folder {}: give the one that holds the IDX files", path.display())]
    NoFolder {
        /// The folder asked for.
        path: PathBuf,
    },
    /// The folder's name is a file's.
    #[error("{} is not a folder: give the folder that holds the IDX files", path.display())]
    NotAFolder {
        /// The path asked for.
        path: PathBuf,
    },
    /// A file of the set is not in the folder.
    #[error("{} has no {names} (or the same with .gz): put the file there or give another folder", folder.display())]
    NoFile {
        /// The folder that was searched.
        folder: PathBuf,
        /// The names that would have done.
        names: String,
    },
    /// The operating system would not open or read a file.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file packed with gzip ends before its stream does.
    #[error("{} is cut short: its gzip stream does not end; fetch the file again", path.display())]
    GzipTruncated {
        /// The file.
        path: PathBuf,
    },
    /// A file packed with gzip does not unpack.
    #[error("{} is damaged: {source}; fetch the file again", path.display())]
    GzipDamaged {
        /// The file.
        path: PathBuf,
        /// What the unpacker said.
        source: io::Error,
    },
    /// A file does not start as its kind of IDX file does.
    #[error("{} does not hold {kind}: it starts with 0x{found:08x}, not 0x{expected:08x}{}", path.display(), .hint)]
    Magic {
        /// The file.
        path: PathBuf,
        /// What was looked for: images or labels.
        kind: &'static str,
        /// The number that such a file starts with.
        expected: u32,
        /// The number that it starts with.
        found: u32,
        /// What it may be instead, and what to do.
        hint: &'static str,
    },
    /// A file ends before what its header announces does.
    #[error(
        "{} is cut short: it should hold {expected} bytes (unpacked) and holds {found}; fetch the file again",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes announced, with the header.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// A file goes on after what its header announces.
    #[error(
        "{} goes on after the {expected} bytes (unpacked) that its header announces; fetch the file again",
        path.display()
    )]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// Bytes announced, with the header.
        expected: u64,
    },
    /// The pictures have another size.
    #[error(
        "{} holds pictures of {rows}x{columns} pixels, not {SIDE}x{SIDE}: scale them first, or give another data set",
        path.display()
    )]
    ImageSize {
        /// The file.
        path: PathBuf,
        /// Rows of a picture.
        rows: u32,
        /// Columns of a picture.
        columns: u32,
    },
    /// A header announces more than any such data set holds; nothing was allocated for it.
    #[error(
        "{} announces {count} {kind}, more than the {MAX_ITEMS} read here: its header is damaged; fetch the file again",
        path.display()
    )]
    TooMany {
        /// The file.
        path: PathBuf,
        /// Images or labels.
        kind: &'static str,
        /// How many the header announces.
        count: u32,
    },
    /// A header announces nothing.
    #[error("{} holds no {kind}: fetch the file again or give another data set", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// Images or labels.
        kind: &'static str,
    },
    /// The image and the label file are not of one set.
    #[error(
        "{} holds {image_count} images and {} holds {label_count} labels: take both files from one data set",
        images.display(),
        labels.display()
    )]
    CountsDisagree {
        /// The image file.
        images: PathBuf,
        /// Pictures in it.
        image_count: usize,
        /// The label file.
        labels: PathBuf,
        /// Labels in it.
        label_count: usize,
    },
    /// A label is no class.
    #[error(
        "{} says {label} for picture {index} (counted from 0), where labels are 0 to {}: give a data set of {CLASSES} classes",
        path.display(),
        CLASSES - 1
    )]
    Label {
        /// The label file.
        path: PathBuf,
        /// Which label it is.
        index: usize,
        /// The label.
        label: u8,
    },
}
