//! Zip archives that lie.

use std::io::Write as _;

use super::pickles::{self, STOP};
use super::{Case, case, sound};

/// An entry, its own header and that of the directory alike.
#[derive(Clone)]
pub(super) struct Entry {
    name: Vec<u8>,
    bytes: Vec<u8>,
    flags: u16,
    method: u16,
    crc32: u32,
    /// Its stated lengths, in the archive and unpacked.
    packed: u32,
    length: u32,
    /// Where the directory says that it is, if not where it is.
    at: Option<u32>,
}

pub(super) fn stored(name: impl Into<Vec<u8>>, bytes: impl Into<Vec<u8>>) -> Entry {
    let bytes = bytes.into();
    let (crc32, length) = (crc32fast::hash(&bytes), bytes.len() as u32);
    Entry { name: name.into(), bytes, flags: 0, method: 0, crc32, packed: length, length, at: None }
}

fn deflated(name: &str, bytes: &[u8]) -> Entry {
    let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).expect("in memory");
    let packed = writer.finish().expect("in memory");
    Entry { packed: packed.len() as u32, bytes: packed, method: 8, ..stored(name, bytes) }
}

/// What of a header the two kinds have in common.
fn common(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in [20, entry.flags, entry.method, 0, 0] {
        bytes.extend(field.to_le_bytes());
    }
    for field in [entry.crc32, entry.packed, entry.length] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend((entry.name.len() as u16).to_le_bytes());
    bytes.extend(0u16.to_le_bytes());
    bytes
}

/// The entries, their directory, its start.
fn parts(entries: &[Entry]) -> (Vec<u8>, Vec<u8>) {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let at = entry.at.unwrap_or(archive.len() as u32);
        directory.extend([b"PK\x01\x02\x14\0", &common(entry)[..], &[0; 10]].concat());
        directory.extend([&at.to_le_bytes()[..], &entry.name].concat());
        archive.extend([b"PK\x03\x04", &common(entry)[..], &entry.name, &entry.bytes].concat());
    }
    (archive, directory)
}

/// The record at the end.
fn end(disk: u16, count: u16, size: u32, start: u32) -> Vec<u8> {
    let mut bytes = b"PK\x05\x06".to_vec();
    for field in [disk, disk, count, count] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend([&size.to_le_bytes()[..], &start.to_le_bytes(), &[0; 2]].concat());
    bytes
}

pub(super) fn archive(entries: &[Entry]) -> Vec<u8> {
    let (mut archive, directory) = parts(entries);
    let end = end(0, entries.len() as u16, directory.len() as u32, archive.len() as u32);
    archive.extend(directory);
    archive.extend(end);
    archive
}

/// An archive whose end says something else of it.
fn with_end(record: impl FnOnce(u16, u32, u32) -> Vec<u8>) -> Vec<u8> {
    let entries = [stored("archive/data.pkl", pickles::one_tensor()), stored("archive/data/0", [0; 24])];
    let (mut archive, directory) = parts(&entries);
    let record = record(2, directory.len() as u32, archive.len() as u32);
    archive.extend(directory);
    archive.extend(record);
    archive
}

/// The records at the end of a large archive, which say this.
fn large_end(count: u64, size: u64, start: u64, at: u64) -> Vec<u8> {
    let mut bytes = b"PK\x06\x06".to_vec();
    bytes.extend(44u64.to_le_bytes());
    bytes.extend([0; 12]);
    for field in [count, count, size, start] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend([b"PK\x06\x07\0\0\0\0", &at.to_le_bytes()[..], &1u32.to_le_bytes()].concat());
    bytes.extend(end(0, u16::MAX, u32::MAX, u32::MAX));
    bytes
}

/// A sound archive of one tensor of six values, with its pickle and its storage changed.
fn changed(pickle: impl FnOnce(Entry) -> Entry, storage: impl FnOnce(Entry) -> Entry) -> Vec<u8> {
    archive(&[
        pickle(stored("archive/data.pkl", pickles::one_tensor())),
        storage(stored("archive/data/0", [1; 24])),
    ])
}

fn same(entry: Entry) -> Entry {
    entry
}

pub(super) fn cases() -> Vec<Case> {
    // What the cases below are changes of is sound.
    let path = std::env::temp_dir().join(format!("cnn-hostile-sound-{}.pth", std::process::id()));
    for sound in [
        changed(same, same),
        changed(
            |_| deflated("archive/data.pkl", &pickles::one_tensor()),
            |_| deflated("archive/data/0", &[1; 24]),
        ),
        with_end(|count, size, start| end(0, count, size, start)),
        with_end(|count, size, start| {
            large_end(count.into(), size.into(), start.into(), (start + size).into())
        }),
    ] {
        std::fs::write(&path, sound).expect("a file to read");
        assert_eq!(super::read_whole(&path).expect("a sound file"), 1);
    }
    std::fs::remove_file(&path).expect("cleaned up");

    let pickle = pickles::one_tensor();
    let zeros = deflated("archive/data/0", &vec![0; 4_000_000]);
    let damaged = |name: &str| {
        let mut bytes = sound("net.pth");
        let at = bytes.windows(name.len()).position(|window| window == name.as_bytes()).expect("there");
        bytes[at] ^= 0x40;
        bytes
    };
    vec![
        case(
            "archive cut off",
            &sound("net.pth")[..3000],
            "without a directory at its end; it is truncated: fetch it again",
        ),
        case(
            "wrong checksum of the pickle",
            changed(|entry| Entry { crc32: 1, ..entry }, same),
            "00000001 is stated; the file is damaged",
        ),
        case(
            "wrong checksum of values",
            changed(same, |entry| Entry { crc32: 2, ..entry }),
            "its tensor \"x\": the checksum of an entry's 24 bytes is",
        ),
        case(
            "names that climb",
            archive(&[
                stored("../../etc/data.pkl", pickles::with_key("../../../passwd")),
                stored("../../etc/passwd", [0; 24]),
            ]),
            "its storage \"../../../passwd\" is not in the file",
        ),
        case(
            "absolute names",
            archive(&[stored("/data.pkl", pickles::with_key("/etc/passwd")), stored("/etc/passwd", [0; 24])]),
            "its storage \"/etc/passwd\" is not in the file",
        ),
        case(
            "bomb",
            changed(same, |_| Entry { length: 4_000_000_000, ..zeros.clone() }),
            "as a zip bomb does; torch.save does not compress",
        ),
        case(
            "bomb of a pickle",
            changed(
                |_| Entry { name: b"archive/data.pkl".into(), length: 3_000_000_000, ..zeros.clone() },
                same,
            ),
            "as a zip bomb does",
        ),
        case(
            "unpacks to more",
            changed(same, |_| Entry { length: 24, ..zeros.clone() }),
            "unpacks to more than the 24 bytes it announces",
        ),
        case(
            "unpacks to fewer",
            changed(same, |_| Entry { length: 24, ..deflated("archive/data/0", &[0; 23]) }),
            "unpacks to fewer than the 24 bytes it announces",
        ),
        case(
            "not deflated",
            changed(same, |entry| Entry { method: 8, ..entry }),
            "a compressed entry is damaged",
        ),
        case(
            "pickle of 70 MB",
            changed(|_| deflated("archive/data.pkl", &vec![b'N'; 70_000_000]), same),
            "as a zip bomb does",
        ),
        case(
            "encrypted",
            changed(same, |entry| Entry { flags: 1, ..entry }),
            "its entry \"archive/data/0\" is encrypted",
        ),
        case(
            "compressed otherwise",
            changed(same, |entry| Entry { method: 93, ..entry }),
            "is compressed by method 93",
        ),
        case(
            "two lengths",
            changed(same, |entry| Entry { length: 4_000_000_000, ..entry }),
            "is not compressed, but has two sizes",
        ),
        case(
            "entry of gigabytes",
            changed(same, |entry| Entry { packed: 4_000_000_000, length: 4_000_000_000, ..entry }),
            "\"archive/data/0\" reaches beyond the archive",
        ),
        case(
            "entry beyond the end",
            changed(same, |entry| Entry { at: Some(1_000_000), ..entry }),
            "reaches beyond the archive",
        ),
        case(
            "entry of 2^64",
            changed(same, |entry| Entry { packed: u32::MAX, length: u32::MAX, ..entry }),
            "the directory of its zip archive is damaged",
        ),
        case("entry where there is none", changed(same, |entry| Entry { at: Some(60), ..entry }), "overlap"),
        case("overlapping entries", changed(same, |entry| Entry { at: Some(0), ..entry }), "overlap"),
        case("other header", damaged("net/data/0"), "the header of its entry"),
        case(
            "entry twice",
            archive(&[
                stored("archive/data.pkl", pickle.clone()),
                stored("archive/data/0", [0; 24]),
                stored("archive/data/0", [1; 24]),
            ]),
            "\"archive/data/0\" is in the archive twice",
        ),
        case(
            "name that is not UTF-8",
            changed(same, |entry| Entry { name: b"archive/\xff".into(), ..entry }),
            "a name that is not UTF-8",
        ),
        case(
            "several pickles",
            archive(&[stored("a/data.pkl", pickle.clone()), stored("b/data.pkl", pickle.clone())]),
            "several data.pkl",
        ),
        case(
            "no pickle",
            archive(&[stored("word/document.xml", "<w>")]),
            "torch.save did not write: it has no data.pkl",
        ),
        case("npz", archive(&[stored("weight.npy", "\u{93}NUMPY")]), "it is a NumPy .npz archive"),
        case(
            "TorchScript",
            archive(&[stored("a/data.pkl", pickle.clone()), stored("a/constants.pkl", STOP)]),
            "it is a TorchScript archive",
        ),
        case(
            "big-endian archive",
            archive(&[
                stored("a/data.pkl", pickle.clone()),
                stored("a/byteorder", "big"),
                stored("a/data/0", [0; 24]),
            ]),
            "saved on a big-endian machine",
        ),
        case(
            "several parts",
            with_end(|count, size, start| end(1, count, size, start)),
            "one of several parts",
        ),
        case(
            "directory beyond the end",
            with_end(|count, size, _| end(0, count, size, 4_000_000_000)),
            "announces a directory of",
        ),
        case(
            "directory of gigabytes",
            with_end(|count, _, start| end(0, count, 4_000_000_000, start)),
            "announces a directory of 4000000000 bytes",
        ),
        case(
            "more entries than there are",
            with_end(|_, size, start| end(0, 60_000, size, start)),
            "announces 60000 entries in a directory of",
        ),
        case(
            "large archive without its record",
            with_end(|_, _, _| end(0, u16::MAX, u32::MAX, u32::MAX)),
            "the end of its zip archive is damaged",
        ),
        case(
            "large archive of 2^60 entries",
            with_end(|_, size, start| large_end(1 << 60, size.into(), start.into(), (start + size).into())),
            "announces 1152921504606846976 entries",
        ),
        case(
            "large directory of 2^63",
            with_end(|_, size, start| large_end(2, 1 << 63, start.into(), (start + size).into())),
            "announces a directory of 9223372036854775808 bytes",
        ),
        case(
            "large directory that wraps",
            with_end(|_, size, start| large_end(2, u64::MAX, start.into(), (start + size).into())),
            "announces a directory of",
        ),
        case(
            "large record elsewhere",
            with_end(|_, size, start| large_end(2, size.into(), start.into(), u64::MAX)),
            "the end of its zip archive is damaged",
        ),
    ]
}
