//! Which format a file is in, told by its first bytes, whatever its name is.

use super::safetensors::MAX_HEADER;

/// The format of a file of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// <https://huggingface.co/docs/safetensors>.
    Safetensors,
    /// What `torch.save` writes since PyTorch 1.6: a zip archive with a pickle in it.
    Pth,
    /// What `torch.save` wrote before: pickles with the values behind.
    LegacyPth,
}

/// The format, and the length that a safetensors file gives its header.
///
/// # Errors
/// What the file is instead, where that can be told.
pub(super) fn detect(head: &[u8], length: u64) -> Result<(Format, u64), String> {
    // A safetensors file may begin with any two bytes: they are part of a length. Then comes a brace.
    if head.get(8) != Some(&b'{') {
        if head.starts_with(b"PK\x03\x04") {
            return Ok((Format::Pth, 0));
        }
        // Few bytes are no sign of a format where they may be a length.
        let claimed = head.first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
        if matches!(head, [0x80, 2..=5, ..]) && claimed > MAX_HEADER {
            return Ok((Format::LegacyPth, 0));
        }
        if let Some(what) = foreign(head, if claimed > MAX_HEADER { 1 } else { 3 }) {
            return Err(what.to_owned());
        }
    }
    let claimed = head.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)).ok_or_else(|| {
        format!("it has {length} bytes, and no format of weights is so short; it may be truncated")
    })?;
    if claimed > MAX_HEADER.min(length - 8) {
        return Err(format!(
            "its first bytes announce a safetensors header of {claimed} bytes, but the file has {length}; it \
             is truncated or of another format"
        ));
    }
    Ok((Format::Safetensors, claimed))
}

/// What a file is that is in none of the formats, told by at least so many bytes.
fn foreign(head: &[u8], least: usize) -> Option<&'static str> {
    const KNOWN: [(usize, &[u8], &str); 17] = [
        (0, b"version https://git-lfs", "it is a git LFS pointer; fetch the file itself with `git lfs pull`"),
        (0, b"<", "it looks like a web page; the download may have failed"),
        (0, b"GGUF", "it is a GGUF file, which holds no network of this kind"),
        (0, b"\x89HDF", "it is an HDF5 file (Keras, old Caffe); convert it in Python to safetensors"),
        (0, b"\x93NUMPY", "it is a NumPy .npy file; save a dict of arrays with safetensors.numpy.save_file"),
        (
            257,
            b"ustar",
            "it is a tar archive, unpack it; if it is PyTorch's format of before 0.1.10, load and save it again \
             with PyTorch",
        ),
        (0, b"\x1f\x8b\x08", "it is compressed with gzip; unpack it first"),
        (0, b"BZh", "it is compressed with bzip2; unpack it first"),
        (0, b"\xfd7zXZ", "it is compressed with xz; unpack it first"),
        (0, b"\x28\xb5\x2f\xfd", "it is compressed with zstd; unpack it first"),
        (0, b"7z\xbc\xaf", "it is a 7z archive; unpack it first"),
        (0, b"Rar!", "it is a RAR archive; unpack it first"),
        (0, b"PK\x05\x06", "it is an empty or damaged zip archive"),
        (0, b"\x89PNG", "it is a PNG image"),
        (0, b"\xff\xd8\xff", "it is a JPEG image"),
        (4, b"TFL3", "it is a TensorFlow Lite model"),
        (0, b"\x08", "it looks like an ONNX model or another protocol buffer, which are not read"),
    ];
    let known = |(at, magic, _): &&(usize, &[u8], &str)| {
        magic.len() >= least && head.get(*at..).is_some_and(|rest| rest.starts_with(magic))
    };
    KNOWN.iter().find(known).map(|&(.., what)| what)
}
