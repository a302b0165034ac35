//! What can be wrong with CIFAR's files: the file, what is wrong with it, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::{MAX_IMAGES, SIDE};
use crate::data::photo;

/// Why a data set could not be read. The message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder does not exist.
    #[error("there is no folder {}: give the one that holds CIFAR's files", path.display())]
    NoFolder {
        /// The folder asked for.
        path: PathBuf,
    },
    /// The folder's name is a file's.
    #[error("{} is not a folder: give the folder that holds CIFAR's files", path.display())]
    NotAFolder {
        /// The path asked for.
        path: PathBuf,
    },
    /// A file of the set is not in the folder.
    #[error("{} has no {names}: put the file there or give another folder", folder.display())]
    NoFile {
        /// The folder that was searched.
        folder: PathBuf,
        /// The names that would have done.
        names: String,
    },
    /// A folder, a pipe or a device has a file's name.
    #[error("{} is not a regular file: put the data set's file there", path.display())]
    NotAFile {
        /// What has the name.
        path: PathBuf,
    },
    /// The operating system would not open or read a file.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file packed with gzip does not unpack, or ends before its stream does.
    #[error("{} is damaged or cut short: {source}; fetch the file again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the unpacker said.
        source: io::Error,
    },
    /// A file holds nothing.
    #[error("{} is empty: fetch the file again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file does not consist of whole records.
    #[error(
        "{} is cut short or is no file of CIFAR: after {whole} records of {record} bytes there are {left} bytes at \
         offset {offset} (unpacked); fetch the file again",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes of a record.
        record: usize,
        /// Whole records.
        whole: usize,
        /// Where the rest begins.
        offset: usize,
        /// Bytes of the rest.
        left: usize,
    },
    /// A file holds more than either data set.
    #[error(
        "{} holds more than {most} bytes (unpacked), more than CIFAR's {MAX_IMAGES} pictures: it is another file; \
         fetch it again",
        path.display()
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        most: usize,
    },
    /// A label is no class.
    #[error(
        "{} says class {label} for picture {index} (counted from 0, at offset {offset}), where there are {classes}: it is \
         another data set or damaged; fetch the file again",
        path.display()
    )]
    Label {
        /// The file.
        path: PathBuf,
        /// Which picture it is.
        index: usize,
        /// Where the label is, unpacked.
        offset: usize,
        /// The label.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
    /// A file of names does not name a hundred classes.
    #[error("{} names {found} classes, not 100: fetch the file again, or remove it", path.display())]
    Names {
        /// The file.
        path: PathBuf,
        /// Names in it.
        found: usize,
    },
    /// A mosaic is no picture that can be read.
    #[error(transparent)]
    Picture(#[from] photo::Error),
    /// A mosaic does not consist of pictures.
    #[error(
        "{} has {width}x{height} pixels, which are not rows of {SIDE}x{SIDE} pictures, as many of each of ten classes: \
         fetch the file again",
        path.display()
    )]
    Mosaic {
        /// The file.
        path: PathBuf,
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
}
