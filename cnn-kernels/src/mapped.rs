//! A file's bytes as a slice, without reading them first.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::Mmap;

/// The bytes that a file had when it was mapped. Pages are read when they are looked at, and the system may
/// drop them again, so a mapping costs address space and no memory of its own.
///
/// It is read-only and private to this process. What remains is a risk that no program can exclude: where another
/// process shortens the file meanwhile, looking at what is gone ends this process (`SIGBUS`; on Windows the
/// file cannot be shortened), and where it writes into the file, the bytes may or may not change. Replacing the file
/// by another of its name (as writers that are careful do) is harmless: the mapping keeps the old one.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use cnn_kernels::mapped::MappedFile;
///
/// # let path = std::env::temp_dir().join(format!("mapped-doc-{}", std::process::id()));
/// std::fs::write(&path, b"weights")?;
/// let bytes = MappedFile::new(&std::fs::File::open(&path)?)?;
/// assert_eq!(&bytes[..], b"weights");
/// # drop(bytes);
/// # std::fs::remove_file(&path)
/// # }
/// ```
#[derive(Debug)]
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps the whole file, whatever the file's position is. The file may be closed afterwards.
    ///
    /// # Errors
    /// Where the system cannot map it: not a regular file, a file system without mappings, no address
    /// space left.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the mapping is read-only, lives as long as the slices that borrow from it, and the
        // bytes are handed out as plain `u8`, for which every value is valid. That no other process
        // shortens or writes the file meanwhile is the contract stated above; no caller can do it
        // through this type.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self(map))
    }

    /// Lets go of the pages of a range: they no longer count as this process's memory, and are read again when they are
    /// looked at again.
    pub fn release(&self, range: std::ops::Range<usize>) {
        let range = range.start.min(self.0.len())..range.end.min(self.0.len());
        #[cfg(unix)]
        if !range.is_empty() {
            // SAFETY: of a read-only mapping of a file nothing is lost: its pages come back from the file.
            let _ = unsafe {
                self.0.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len())
            };
        }
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
