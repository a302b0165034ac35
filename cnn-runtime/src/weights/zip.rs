//! The directory of a zip archive, read strictly.
//!
//! The library for this format (`zip`) reserves memory on a directory's word and looks for other
//! directories where one is damaged; here every claim is compared with the length of the file first, and
//! there is one directory, at the end. Format: PKWARE's APPNOTE 6.3.10.

use std::borrow::Cow;
use std::collections::HashMap;

use super::contents::Contents;
use super::index::{Refusal, check, inflate};

/// The most entries of an archive: those of a network of [`MAX_TENSORS`](super::index::MAX_TENSORS) with its optimizer's.
const MAX_ENTRIES: u64 = 300_000;

/// The longest directory.
const MAX_DIRECTORY: u64 = 64 << 20;

/// Compressed entries are unpacked up to this many bytes, or this many times their size.
const MAX_UNPACKED: u64 = 64 << 20;
const MAX_RATIO: u64 = 20;

/// What stands in a field of 32 bits where the number does not fit.
const LARGE: u64 = 0xffff_ffff;

const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;

/// An entry.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Where its own header is.
    header: u64,
    /// Its length in the file.
    pub(super) packed: u64,
    /// Its length.
    pub(super) length: u64,
    pub(super) deflated: bool,
    pub(super) crc32: u32,
}

/// The entries by name.
#[derive(Debug)]
pub(super) struct Directory {
    items: HashMap<String, Item>,
    /// Where the directory starts: no entry reaches beyond.
    start: u64,
}

impl Directory {
    /// Reads the directory.
    pub(super) fn read(contents: &Contents) -> Result<Self, Refusal> {
        let (start, length, count) = place(contents)?;
        let bytes = contents.slice(start, length)?;
        let mut fields = Fields(&bytes);
        let mut items = HashMap::new();
        for _ in 0..count {
            let (name, item) = entry(&mut fields).ok_or("the directory of its zip archive is damaged")??;
            if item.packed > start || item.header > start - item.packed {
                return Err(format!("its entry {name:?} reaches beyond the archive").into());
            }
            if items.insert(name.clone(), item).is_some() {
                return Err(format!("its entry {name:?} is in the archive twice").into());
            }
        }
        let mut ordered: Vec<(&Item, &str)> =
            items.iter().map(|(name, item)| (item, name.as_str())).collect();
        ordered.sort_unstable_by_key(|(item, _)| item.header);
        for pair in ordered.windows(2) {
            let [(one, name), (next, other)] = pair else { continue };
            if one.header + one.packed > next.header {
                return Err(format!("its entries {name:?} and {other:?} overlap").into());
            }
        }
        Ok(Self { items, start })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.items.keys().map(String::as_str)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Item> {
        self.items.get(name)
    }

    /// Where an entry's bytes start.
    pub(super) fn locate(&self, contents: &Contents, name: &str, item: &Item) -> Result<u64, Refusal> {
        let damaged = || format!("the header of its entry {name:?} is damaged");
        let header = contents.slice(item.header, 30)?;
        let mut fields = Fields(&header);
        let mut lengths = || {
            (fields.take(4)? == b"PK\x03\x04").then_some(())?;
            fields.take(22)?;
            Some((fields.u16()?, fields.u16()?))
        };
        let (name_length, extra) = lengths().ok_or_else(damaged)?;
        if *contents.slice(item.header + 30, name_length.into())? != *name.as_bytes() {
            return Err(damaged().into());
        }
        let start = item.header + 30 + u64::from(name_length) + u64::from(extra);
        match start.checked_add(item.packed) {
            Some(end) if end <= self.start => Ok(start),
            _ => Err(format!("its entry {name:?} reaches beyond the archive").into()),
        }
    }

    /// An entry's bytes, unpacked and compared with their checksum.
    pub(super) fn bytes<'a>(
        &self,
        contents: &'a Contents,
        name: &str,
        item: &Item,
    ) -> Result<Cow<'a, [u8]>, Refusal> {
        let start = self.locate(contents, name, item)?;
        let bytes = contents.slice(start, item.packed)?;
        let bytes = if item.deflated { Cow::Owned(inflate(&bytes, item.length)?) } else { bytes };
        check(&bytes, Some(item.crc32))?;
        Ok(bytes)
    }
}

/// Where the directory is: its start, its length, its number of entries.
fn place(contents: &Contents) -> Result<(u64, u64, u64), Refusal> {
    let length = contents.length();
    let tail = length.min(END_LENGTH as u64 + u64::from(u16::MAX));
    let tail_start = length - tail;
    let tail = contents.slice(tail_start, tail)?;
    let ends = |at: &usize| {
        let comment = [tail[at + 20], tail[at + 21]];
        tail[*at..].starts_with(END)
            && at + END_LENGTH + usize::from(u16::from_le_bytes(comment)) == tail.len()
    };
    let at =
        (0..=tail.len().saturating_sub(END_LENGTH)).rev().filter(|_| tail.len() >= END_LENGTH).find(ends);
    let at =
        at.ok_or("it is a zip archive without a directory at its end; it is truncated: fetch it again")?;
    let end = tail_start + at as u64;

    let mut fields = Fields(&tail[at + 4..]);
    let mut read = || {
        let disks = [fields.u16()?, fields.u16()?];
        fields.u16()?;
        Some((disks, u64::from(fields.u16()?), u64::from(fields.u32()?), u64::from(fields.u32()?)))
    };
    let damaged = "the end of its zip archive is damaged";
    let (disks, mut count, mut size, mut start) = read().ok_or(damaged)?;
    let mut limit = end;
    if disks == [u16::MAX; 2] || count == 0xffff || size == LARGE || start == LARGE {
        let locator = end.checked_sub(20).ok_or(damaged)?;
        let record = zip64_end(&contents.slice(locator, 20)?).ok_or(damaged)?;
        if record.checked_add(56).is_none_or(|behind| behind > locator) {
            return Err(damaged.into());
        }
        (count, size, start) = zip64_counts(&contents.slice(record, 56)?).ok_or(damaged)?;
        limit = record;
    } else if disks != [0; 2] {
        return Err("its zip archive is one of several parts; join them first".into());
    }
    if start.checked_add(size).is_none_or(|behind| behind > limit) {
        return Err(format!(
            "its zip archive announces a directory of {size} bytes at byte {start}, but the file has {length}; \
             it is damaged"
        )
        .into());
    }
    // An entry takes 46 bytes at least.
    if count > MAX_ENTRIES || size > MAX_DIRECTORY || count > size / 46 {
        return Err(
            format!("its zip archive announces {count} entries in a directory of {size} bytes").into()
        );
    }
    Ok((start, size, count))
}

/// Where the end record of a large archive is, by its locator.
fn zip64_end(bytes: &[u8]) -> Option<u64> {
    let mut fields = Fields(bytes);
    (fields.take(4)? == b"PK\x06\x07").then_some(())?;
    fields.u32()?;
    fields.u64()
}

/// Number of entries, length and start of the directory, by a large archive's end record.
fn zip64_counts(bytes: &[u8]) -> Option<(u64, u64, u64)> {
    let mut fields = Fields(bytes);
    (fields.take(4)? == b"PK\x06\x06").then_some(())?;
    fields.take(28)?;
    Some((fields.u64()?, fields.u64()?, fields.u64()?))
}

/// One entry of the directory.
fn entry(fields: &mut Fields<'_>) -> Option<Result<(String, Item), Refusal>> {
    (fields.take(4)? == b"PK\x01\x02").then_some(())?;
    fields.u32()?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    fields.u32()?;
    let crc32 = fields.u32()?;
    let (mut packed, mut length) = (u64::from(fields.u32()?), u64::from(fields.u32()?));
    let (name_length, extra_length, comment) = (fields.u16()?, fields.u16()?, fields.u16()?);
    fields.take(8)?;
    let mut header = u64::from(fields.u32()?);
    let name = fields.take(name_length.into())?;
    let mut extra = Fields(fields.take(extra_length.into())?);
    fields.take(comment.into())?;
    // Sizes that do not fit 32 bits stand behind, in this order.
    while [length, packed, header].contains(&LARGE) {
        let (kind, size) = (extra.u16()?, extra.u16()?);
        let mut values = Fields(extra.take(size.into())?);
        if kind == 1 {
            for size in [&mut length, &mut packed, &mut header] {
                if *size == LARGE {
                    *size = values.u64()?;
                }
            }
            break;
        }
    }
    Some(item(name, flags, method, Item { header, packed, length, deflated: method == 8, crc32 }))
}

/// Whether the entry can be read.
fn item(name: &[u8], flags: u16, method: u16, item: Item) -> Result<(String, Item), Refusal> {
    let name =
        std::str::from_utf8(name).map_err(|_| "an entry of its zip archive has a name that is not UTF-8")?;
    if flags & 1 != 0 {
        return Err(format!("its entry {name:?} is encrypted; unpack it with its password first").into());
    }
    match method {
        0 if item.packed != item.length => {
            return Err(format!("its entry {name:?} is not compressed, but has two sizes").into());
        }
        0 => {}
        8 if item.length > MAX_UNPACKED.max(item.packed.saturating_mul(MAX_RATIO)) => {
            return Err(format!(
                "its entry {name:?} would unpack {} bytes to {}, as a zip bomb does; torch.save does not compress",
                item.packed, item.length
            )
            .into());
        }
        8 => {}
        _ => {
            return Err(format!(
                "its entry {name:?} is compressed by method {method}; pack it again without compression"
            )
            .into());
        }
    }
    Ok((name.to_owned(), item))
}

/// Little-endian fields, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}
