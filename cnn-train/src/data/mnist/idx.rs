//! The IDX form of MNIST's files: a big-endian magic number, the sizes, then one byte a value.
//!
//! A header is not trusted: it is checked before anything is allocated, and the memory for the values grows with what
//! the file really holds.

use std::io::{self, Read};
use std::path::Path;

use super::super::packed::Packed;
use super::{CLASSES, Error, PIXELS, Result, SIDE};

/// The most images or labels that a file may announce (784 MB of pixels; the largest set of this form, EMNIST, has
/// 814,255).
pub const MAX_ITEMS: u32 = 1_000_000;

/// First bytes of an image file: unsigned bytes (08) in three dimensions.
const IMAGES: u32 = 0x0803;
/// First bytes of a label file: unsigned bytes (08) in one dimension.
const LABELS: u32 = 0x0801;

/// The pixels of every image in the file at `path`.
pub(super) fn read_images(path: &Path) -> Result<Vec<u8>> {
    let mut file = Idx::open(path, "images", IMAGES)?;
    let count = file.size()?;
    let (rows, columns) = (file.size()?, file.size()?);
    if (rows as usize, columns as usize) != (SIDE, SIDE) {
        return Err(Error::ImageSize { path: path.to_owned(), rows, columns });
    }
    file.values(count, PIXELS)
}

/// The labels in the file at `path`, each below [`CLASSES`].
pub(super) fn read_labels(path: &Path) -> Result<Vec<u8>> {
    let mut file = Idx::open(path, "labels", LABELS)?;
    let count = file.size()?;
    let labels = file.values(count, 1)?;
    match labels.iter().position(|&label| usize::from(label) >= CLASSES) {
        Some(index) => Err(Error::Label { path: path.to_owned(), index, label: labels[index] }),
        None => Ok(labels),
    }
}

/// An open IDX file, unpacked as it is read.
struct Idx<'a> {
    path: &'a Path,
    kind: &'static str,
    packed: bool,
    bytes: Box<dyn Read>,
    /// Bytes read so far (unpacked).
    position: u64,
}

impl<'a> Idx<'a> {
    /// Opens the file and checks that it starts with `magic`, as a file of this `kind` does.
    fn open(path: &'a Path, kind: &'static str, magic: u32) -> Result<Self> {
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let Packed { packed, bytes } = Packed::open(path).map_err(unreadable)?;
        let mut idx = Self { path, kind, packed, bytes, position: 0 };
        let found = idx.size()?;
        if found != magic {
            let hint = match found {
                IMAGES => ", as an image file does: the two files are mixed up",
                LABELS => ", as a label file does: the two files are mixed up",
                _ => ": it is no IDX file of bytes; fetch it again",
            };
            return Err(Error::Magic { path: path.to_owned(), kind, expected: magic, found, hint });
        }
        Ok(idx)
    }

    /// The next number of the header.
    fn size(&mut self) -> Result<u32> {
        let header = if self.kind == "images" { 16 } else { 8 };
        let mut word = [0; 4];
        let mut filled = 0;
        while filled < word.len() {
            match self.bytes.read(&mut word[filled..]) {
                Ok(0) => return Err(self.truncated(header, self.position + filled as u64)),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        self.position += word.len() as u64;
        Ok(u32::from_be_bytes(word))
    }

    /// The rest of the file: `count` items of `width` bytes and nothing more.
    fn values(mut self, count: u32, width: usize) -> Result<Vec<u8>> {
        if count > MAX_ITEMS {
            return Err(Error::TooMany { path: self.path.to_owned(), kind: self.kind, count });
        }
        if count == 0 {
            return Err(Error::Empty { path: self.path.to_owned(), kind: self.kind });
        }
        let length = u64::from(count) * width as u64;
        let mut values = Vec::new();
        // One byte more than announced, so as to see a file that goes on, and a gzip stream's checksum.
        let read = (&mut self.bytes).take(length + 1).read_to_end(&mut values);
        read.map_err(|error| self.failed(error))?;
        let found = values.len() as u64;
        if found < length {
            return Err(self.truncated(self.position + length, self.position + found));
        }
        if found > length {
            return Err(Error::TrailingBytes {
                path: self.path.to_owned(),
                expected: self.position + length,
            });
        }
        Ok(values)
    }

    fn truncated(&self, expected: u64, found: u64) -> Error {
        Error::Truncated { path: self.path.to_owned(), expected, found }
    }

    /// What a failed read means: the unpacker's complaints arrive as errors of reading too.
    fn failed(&self, source: io::Error) -> Error {
        let path = self.path.to_owned();
        match source.kind() {
            io::ErrorKind::UnexpectedEof if self.packed => Error::GzipTruncated { path },
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if self.packed => {
                Error::GzipDamaged { path, source }
            }
            _ => Error::Unreadable { path, source },
        }
    }
}
