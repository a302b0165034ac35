//! Writing weights as a safetensors file, whole or not at all.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{DType, Tensor};
use safetensors::tensor::{Metadata, TensorInfo};

use crate::error::{Error, Result};

/// Writes named tensors as a safetensors file: to a temporary file beside it, synced, then renamed, so
/// that a full disk or a crash leaves the old file as it was.
///
/// The file carries `format: pt`, as PyTorch's own do.
///
/// # Errors
/// [`Error::Io`] where the directory or the disk refuses; [`Error::DuplicateName`] where two tensors
/// have one name; [`Error::Candle`] where a tensor cannot be fetched from its device.
///
/// For an example see [`WeightFile`](super::WeightFile).
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
    let broken = |reason: String| Error::Io {
        doing: "write",
        path: path.to_path_buf(),
        error: std::io::Error::new(std::io::ErrorKind::InvalidInput, reason),
    };
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
        ($type:ty) => {{
            let values = tensor.flatten_all()?.to_vec1::<$type>()?;
            let mut bytes = vec![0; size_of_val(&values[..])];
            for (place, value) in bytes.chunks_exact_mut(size_of::<$type>()).zip(values) {
                place.copy_from_slice(&value.to_le_bytes());
            }
            bytes
        }};
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
pub(super) fn write_atomically(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
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
