//! Reading and writing weights in the safetensors format, as files that may be damaged or hostile.
//!
//! Nothing is allocated on a header's word: its claims are checked against the length of the file
//! first. A tensor is read when it is asked for, so that loading costs the memory of the network and
//! of its largest tensor.
//!
//! Format: <https://huggingface.co/docs/safetensors>: the length of the header (8 bytes, little
//! endian), the header (JSON: name to element type, shape and byte range), the values.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use crate::error::{Error, Result};

pub(crate) mod report;
pub use report::WeightProblem;

/// The longest header that is accepted (the format's own limit).
const MAX_HEADER: u64 = 100_000_000;

/// An open safetensors file whose header was found sound.
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{Device, Tensor};
/// use cnn_runtime::weights::{self, WeightFile};
///
/// let path = std::env::temp_dir().join(format!("weight-file-doc-{}.safetensors", std::process::id()));
/// let bias = Tensor::new(&[1f32, 2.], &Device::Cpu)?;
/// weights::save(&path, [("fc.bias", &bias)])?;
///
/// let file = WeightFile::open(&path)?;
/// assert_eq!(file.shape("fc.bias"), Some(&[2][..]));
/// assert_eq!(file.read("fc.bias", &Device::Cpu)?.to_vec1::<f32>()?, [1., 2.]);
/// # std::fs::remove_file(&path).ok();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WeightFile {
    path: PathBuf,
    file: File,
    /// Where the values start.
    start: u64,
    tensors: HashMap<String, TensorInfo>,
}

impl WeightFile {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read; [`Error::NotSafetensors`] where it is not a whole
    /// safetensors file, saying what it is instead where that can be told (a pickled `.pth`, a git LFS
    /// pointer, a truncated download).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let io = |error| Error::Io { doing: "read", path: path.clone(), error };
        let broken = |reason| Error::NotSafetensors { path: path.clone(), reason };

        // Opening a pipe for reading would wait for a writer, so look before opening.
        if !fs::metadata(&path).map_err(io)?.is_file() {
            let kind = if path.is_dir() { "it is a directory" } else { "it is not a regular file" };
            return Err(broken(format!("{kind}; name a .safetensors file")));
        }
        let mut file = File::open(&path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(8).read_to_end(&mut head).map_err(io)?;
        let foreign = foreign_format(&head);
        let Ok(claimed) = <[u8; 8]>::try_from(head.as_slice()).map(u64::from_le_bytes) else {
            return Err(broken(foreign.map_or_else(
                || format!("it has {length} bytes, and the format starts with 8; it may be truncated"),
                str::to_owned,
            )));
        };
        if claimed > MAX_HEADER.min(length - 8) {
            return Err(broken(foreign.map_or_else(
                || {
                    format!(
                        "its first bytes announce a header of {claimed} bytes, but the file has \
                         {length}; it is truncated or of another format"
                    )
                },
                str::to_owned,
            )));
        }

        let header = read_exactly(&mut file, claimed).map_err(io)?;
        let header: Metadata = serde_json::from_slice(&header)
            .map_err(|error| broken(format!("its header is not valid: {error}")))?;
        let expected = header.data_len() as u64;
        let found = length - 8 - claimed;
        if expected != found {
            let advice = if found < expected { "it is truncated: fetch it again" } else { "it was altered" };
            return Err(broken(format!(
                "its header describes {expected} bytes of values, but {found} follow; {advice}"
            )));
        }
        let tensors = header.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        Ok(Self { path, file, start: 8 + claimed, tensors })
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the file's tensors, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.tensors.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The shape of a tensor of the file.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|info| info.shape.as_slice())
    }

    /// The element type of a tensor of the file, in the format's words (`F32`, `BF16`, `I64`).
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<String> {
        self.tensors.get(name).map(|info| format!("{:?}", info.dtype))
    }

    /// Reads a tensor onto a device, in the file's element type.
    ///
    /// # Errors
    /// Where the file has no such tensor, cannot be read, or holds a type that candle lacks.
    pub fn read(&self, name: &str, device: &Device) -> Result<Tensor> {
        let info = self.tensors.get(name).ok_or_else(|| {
            candle_core::Error::Msg(format!("`{}` has no tensor named `{name}`", self.path.display()))
        })?;
        let dtype = candle_dtype(info.dtype).ok_or_else(|| {
            candle_core::Error::Msg(format!(
                "`{name}` in `{}` is of type {:?}, which has no candle type",
                self.path.display(),
                info.dtype
            ))
        })?;
        let (from, to) = info.data_offsets;
        // `&File` reads too, and the position is set before each read.
        let mut file = &self.file;
        let bytes = file
            .seek(SeekFrom::Start(self.start + from as u64))
            .and_then(|_| read_exactly(&mut file, (to - from) as u64))
            .map_err(|error| Error::Io { doing: "read", path: self.path.clone(), error })?;
        Ok(Tensor::from_raw_buffer(&bytes, dtype, &info.shape, device)?)
    }
}

/// Reads `length` bytes, where the file was found to have them; an error if it has shrunk since or the
/// memory does not suffice.
fn read_exactly(file: &mut impl Read, length: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = usize::try_from(length).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    bytes.try_reserve_exact(length).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    file.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() == length { Ok(bytes) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

/// The element types whose values this crate can hold or convert.
fn candle_dtype(dtype: Dtype) -> Option<DType> {
    DType::try_from(dtype).ok()
}

/// What a file is that is not in the format, told by its first bytes.
fn foreign_format(head: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 6] = [
        (
            b"PK\x03\x04",
            "it is a zip archive, such as PyTorch's .pth; convert it in Python with \
             `safetensors.torch.save_file(torch.load(path, weights_only=True), \"weights.safetensors\")`",
        ),
        (
            b"\x80\x02",
            "it is a Python pickle, such as an old PyTorch .pth; convert it in Python with \
             `safetensors.torch.save_file(torch.load(path, weights_only=True), \"weights.safetensors\")`",
        ),
        (b"version ", "it is a git LFS pointer; fetch the file itself with `git lfs pull`"),
        (b"GGUF", "it is a GGUF file"),
        (b"\x89HDF", "it is an HDF5 file"),
        (b"<", "it looks like a web page; the download may have failed"),
    ];
    KNOWN.iter().find(|(start, _)| head.starts_with(start)).map(|&(_, what)| what)
}

/// Writes named tensors as a safetensors file: to a temporary file beside it, synced, then renamed, so
/// that a full disk or a crash leaves the old file as it was.
///
/// The file carries `format: pt`, as PyTorch's own do.
///
/// # Errors
/// [`Error::Io`] where the directory or the disk refuses; [`Error::DuplicateName`] where two tensors
/// have one name; [`Error::Candle`] where a tensor cannot be fetched from its device.
///
/// For an example see [`WeightFile`].
pub fn save<'a>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
) -> Result<()> {
    let path = path.as_ref();
    let tensors: Vec<(&str, &Tensor)> = tensors.into_iter().collect();
    let header = header_of(path, &tensors)?;
    write_atomically(path, |file| {
        let io = |error| Error::Io { doing: "write", path: path.to_path_buf(), error };
        file.write_all(&(header.len() as u64).to_le_bytes()).map_err(io)?;
        file.write_all(&header).map_err(io)?;
        for (_, tensor) in &tensors {
            file.write_all(&little_endian(tensor)?).map_err(io)?;
        }
        Ok(())
    })
}

/// The header, padded so that the values are aligned to 8 bytes.
fn header_of(path: &Path, tensors: &[(&str, &Tensor)]) -> Result<Vec<u8>> {
    let broken = |reason| Error::NotSafetensors { path: path.to_path_buf(), reason };
    let mut infos: Vec<(String, TensorInfo)> = Vec::with_capacity(tensors.len());
    let mut names = std::collections::HashSet::new();
    let mut offset = 0;
    for (name, tensor) in tensors {
        if !names.insert(*name) {
            return Err(Error::DuplicateName { name: (*name).to_owned() });
        }
        let end = offset + tensor.elem_count() * tensor.dtype().size_in_bytes();
        let info = TensorInfo {
            dtype: tensor.dtype().into(),
            shape: tensor.dims().to_vec(),
            data_offsets: (offset, end),
        };
        infos.push(((*name).to_owned(), info));
        offset = end;
    }
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let header = Metadata::new(Some(format), infos).map_err(|error| broken(error.to_string()))?;
    let mut header = serde_json::to_vec(&header).map_err(|error| broken(error.to_string()))?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}

/// A tensor's values as bytes.
fn little_endian(tensor: &Tensor) -> candle_core::Result<Vec<u8>> {
    macro_rules! bytes {
        ($type:ty) => {
            tensor.flatten_all()?.to_vec1::<$type>()?.into_iter().flat_map(<$type>::to_le_bytes).collect()
        };
    }
    Ok(match tensor.dtype() {
        DType::U8 => tensor.flatten_all()?.to_vec1::<u8>()?,
        DType::U32 => bytes!(u32),
        DType::I16 => bytes!(i16),
        DType::I32 => bytes!(i32),
        DType::I64 => bytes!(i64),
        DType::BF16 => bytes!(half::bf16),
        DType::F16 => bytes!(half::f16),
        DType::F32 => bytes!(f32),
        DType::F64 => bytes!(f64),
        dtype => candle_core::bail!("tensors of type {dtype:?} cannot be saved: convert with to_dtype"),
    })
}

/// Lets `fill` write a temporary file beside `path`, then puts it in `path`'s place.
fn write_atomically(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // A link stays a link: its target is replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let io = |error| Error::Io { doing: "write", path: path.clone(), error };
    let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
        return Err(io(std::io::ErrorKind::IsADirectory.into()));
    };
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let temporary = path.with_file_name(temporary);

    let written =
        File::options().write(true).create_new(true).open(&temporary).map_err(io).and_then(|file| {
            let mut writer = BufWriter::with_capacity(1 << 20, file);
            fill(&mut writer)?;
            let file = writer.into_inner().map_err(|error| io(error.into_error()))?;
            file.sync_all().map_err(io)?;
            drop(file);
            fs::rename(&temporary, path).map_err(io)
        });
    if written.is_err() {
        // Best effort: the first error is the one to tell.
        drop(fs::remove_file(&temporary));
        return written;
    }
    // The new name itself is durable once the directory is; not every system can sync one.
    if let Some(Ok(directory)) = path.parent().map(File::open) {
        drop(directory.sync_all());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
