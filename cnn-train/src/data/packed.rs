//! Files that may be packed with gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// First bytes of a gzip stream (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file's content, unpacked as it is read.
pub(super) struct Packed {
    pub(super) packed: bool,
    pub(super) bytes: Box<dyn Read>,
}

impl Packed {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        // By content and not by name: browsers unpack .gz files and keep the name.
        let packed = file.fill_buf()?.starts_with(&GZIP);
        let bytes: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Self { packed, bytes })
    }
}
