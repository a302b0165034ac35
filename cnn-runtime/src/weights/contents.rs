//! The bytes of an open file: read where they are few, mapped where they are many.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use cnn_kernels::mapped::MappedFile;

/// An open file of a length that was looked at once.
#[derive(Debug)]
pub(super) struct Contents {
    /// Locked while its position matters.
    file: Mutex<File>,
    length: u64,
    mapped: Option<MappedFile>,
}

impl Contents {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file: Mutex::new(file), length, mapped: None })
    }

    /// The length of the file in bytes, as it was when it was opened.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Maps the file, so that [`slice`](Self::slice) copies nothing from now on. Where that cannot be,
    /// it goes on reading.
    pub(super) fn map(&mut self) {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.mapped = MappedFile::new(file).ok();
    }

    /// The bytes of that range, where they are mapped.
    pub(super) fn mapped(&self, from: u64, length: u64) -> Option<&[u8]> {
        let (from, length) = (usize::try_from(from).ok()?, usize::try_from(length).ok()?);
        self.mapped.as_ref()?.get(from..from.checked_add(length)?)
    }

    /// Lets go of what was read of that range of the mapping.
    pub(super) fn release(&self, from: u64, length: u64) {
        let end = usize::try_from(from.saturating_add(length)).unwrap_or(usize::MAX);
        if let (Some(mapped), Ok(from)) = (&self.mapped, usize::try_from(from)) {
            mapped.release(from..end);
        }
    }

    /// The bytes of that range.
    ///
    /// # Errors
    /// Where the file has no such range or has shrunk, cannot be read, or memory does not suffice.
    pub(super) fn slice(&self, from: u64, length: u64) -> io::Result<Cow<'_, [u8]>> {
        let end = from.checked_add(length).filter(|&end| end <= self.length);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        if let Some(mapped) = &self.mapped {
            let range = usize::try_from(from).ok().zip(usize::try_from(end).ok());
            let bytes = range.and_then(|(from, end)| mapped.get(from..end));
            return bytes.map(Cow::Borrowed).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = reserved(length)?;
        Read::by_ref(&mut *file).take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Cow::Owned(bytes))
    }
}

/// An empty vector with room for that many bytes; an error where the memory does not suffice.
pub(super) fn reserved(length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes.try_reserve_exact(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    Ok(bytes)
}
