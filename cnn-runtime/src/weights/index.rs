//! What a weight file holds, and where: the common result of the readers of all formats.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use safetensors::Dtype;

use super::contents::{Contents, reserved};

/// The most dimensions of a tensor (PyTorch's own limit).
pub(super) const MAX_RANK: usize = 64;

/// The most tensors of a file.
pub(super) const MAX_TENSORS: usize = 100_000;

/// What makes a file unusable.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It cannot be read.
    Io(io::Error),
    /// What is wrong with its contents, and what to do.
    Broken(String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Broken(reason.to_owned())
    }
}

/// The tensors of a file and where their values are.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The keys of a checkpoint under which the tensors were: `["state_dict"]`.
    pub(super) section: Vec<String>,
    pub(super) storages: Vec<Storage>,
    pub(super) tensors: HashMap<String, Entry>,
    /// Names that stand for something which is not read, and why.
    pub(super) unread: BTreeMap<String, String>,
}

/// A tensor: a view of a storage. All of it lies inside; that was checked.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// In elements; none where the values are in order and without gaps.
    pub(super) strides: Option<Vec<usize>>,
    /// Its place among [`Index::storages`].
    pub(super) storage: usize,
    /// Of the first element, in bytes from the start of the storage.
    pub(super) offset: u64,
    /// From the first element to the end of the last, in bytes.
    pub(super) extent: u64,
}

/// A run of bytes in the file that tensors are views of.
#[derive(Debug)]
pub(super) struct Storage {
    /// Where it starts in the file.
    pub(super) start: u64,
    /// Its length in bytes, unpacked.
    pub(super) length: u64,
    /// Its length in the file, where it is deflated.
    pub(super) packed: Option<u64>,
    /// What zip archives say of it.
    pub(super) crc32: Option<u32>,
    /// Whether it was found to have that checksum.
    pub(super) verified: AtomicBool,
}

/// The number of values of that shape, counted with empty dimensions as 1, so that no part of the product
/// overflows either.
pub(super) fn room(shape: &[usize]) -> Option<usize> {
    let room = shape.iter().try_fold(1usize, |room, &size| room.checked_mul(size.max(1)))?;
    (isize::try_from(room).is_ok()).then_some(room)
}

/// Storages that were unpacked: the last one, because tensors beside each other share it.
pub(super) type Unpacked = Mutex<Option<(usize, Arc<Vec<u8>>)>>;

impl Index {
    /// The values of a tensor in row-major order, as the file has them.
    pub(super) fn values<'a>(
        &self,
        entry: &Entry,
        contents: &'a Contents,
        unpacked: &Unpacked,
    ) -> Result<Cow<'a, [u8]>, Refusal> {
        let storage = &self.storages[entry.storage];
        if let Some(packed) = storage.packed {
            let whole = unpack(entry.storage, storage, packed, contents, unpacked)?;
            let range = entry.offset as usize..(entry.offset + entry.extent) as usize;
            let bytes = whole.get(range).ok_or(io::Error::from(io::ErrorKind::UnexpectedEof))?;
            return Ok(Cow::Owned(arrange(bytes, entry)?));
        }
        if storage.crc32.is_some() && !storage.verified.load(Ordering::Relaxed) {
            check(&contents.slice(storage.start, storage.length)?, storage.crc32)?;
            storage.verified.store(true, Ordering::Relaxed);
        }
        let bytes = contents.slice(storage.start + entry.offset, entry.extent)?;
        if entry.strides.is_none() { Ok(bytes) } else { Ok(Cow::Owned(arrange(&bytes, entry)?)) }
    }
}

/// The whole of a deflated storage.
fn unpack(
    place: usize,
    storage: &Storage,
    packed: u64,
    contents: &Contents,
    unpacked: &Unpacked,
) -> Result<Arc<Vec<u8>>, Refusal> {
    let mut unpacked = unpacked.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((held, bytes)) = &*unpacked
        && *held == place
    {
        return Ok(Arc::clone(bytes));
    }
    *unpacked = None;
    let bytes = Arc::new(inflate(&contents.slice(storage.start, packed)?, storage.length)?);
    check(&bytes, storage.crc32)?;
    *unpacked = Some((place, Arc::clone(&bytes)));
    Ok(bytes)
}

/// Deflated bytes, unpacked to exactly the length that was announced.
pub(super) fn inflate(packed: &[u8], length: u64) -> Result<Vec<u8>, Refusal> {
    let mut bytes = reserved(length.saturating_add(1))?;
    // One more than announced shows that there is more, and no more is unpacked.
    let mut reader = flate2::read::DeflateDecoder::new(packed).take(length.saturating_add(1));
    reader.read_to_end(&mut bytes).map_err(|error| format!("a compressed entry is damaged: {error}"))?;
    if bytes.len() as u64 != length {
        let found = if bytes.len() as u64 > length { "more" } else { "fewer" };
        return Err(
            format!("a compressed entry unpacks to {found} than the {length} bytes it announces").into()
        );
    }
    Ok(bytes)
}

/// Compares with a zip entry's checksum. PyTorch writes 0 where it was told not to compute one.
pub(super) fn check(bytes: &[u8], crc32: Option<u32>) -> Result<(), Refusal> {
    match crc32 {
        Some(expected) if expected != 0 => {
            let found = crc32fast::hash(bytes);
            if found == expected {
                return Ok(());
            }
            Err(format!(
                "the checksum of an entry's {} bytes is {found:08x}, and {expected:08x} is stated; \
                 the file is damaged: fetch it again",
                bytes.len()
            )
            .into())
        }
        _ => Ok(()),
    }
}

/// A strided view's values in row-major order.
fn arrange(bytes: &[u8], entry: &Entry) -> io::Result<Vec<u8>> {
    let size = entry.dtype.bitsize() / 8;
    let count: usize = entry.shape.iter().product();
    let mut values = reserved((count * size) as u64)?;
    let Some(strides) = &entry.strides else {
        values.extend_from_slice(bytes);
        return Ok(values);
    };
    // What is in order at the end of the shape is copied as one run.
    let (mut outer, mut run) = (entry.shape.len(), 1);
    while outer > 0 && (entry.shape[outer - 1] == 1 || strides[outer - 1] == run) {
        run *= entry.shape[outer - 1];
        outer -= 1;
    }
    let mut position = vec![0; outer];
    let mut from = 0;
    for _ in 0..count / run.max(1) {
        values.extend_from_slice(
            bytes.get(from * size..(from + run) * size).ok_or(io::ErrorKind::UnexpectedEof)?,
        );
        for axis in (0..outer).rev() {
            position[axis] += 1;
            from += strides[axis];
            if position[axis] < entry.shape[axis] {
                break;
            }
            from -= strides[axis] * entry.shape[axis];
            position[axis] = 0;
        }
    }
    Ok(values)
}
