//! Reading and writing weights, as files that may be damaged or hostile.
//!
//! Three formats are read, told apart by their contents: safetensors, and both of PyTorch's (`.pth`, `.pt`). Nothing is
//! allocated on a file's word: its claims are checked against its length first. The file is mapped into
//! memory, and a tensor is copied when it is asked for, so that loading costs the memory of the network
//! and of its largest tensor. A plan that is compiled from a file reads tensors as it packs them, and leaves the others
//! in the mapping. Pickles are read as data, and nothing in them is ever called.

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};

mod contents;
mod deferred;
mod format;
mod index;
mod pickle;
mod prefix;
mod pth;
pub(crate) mod report;
mod safetensors;
mod save;
mod state_dict;
mod zip;

pub(crate) use deferred::Deferred;
pub use format::Format;
pub(crate) use prefix::Names;
pub use report::WeightProblem;
pub use save::save;

use contents::Contents;
use index::{Index, Refusal, Unpacked};

/// An open file of weights whose description was found sound.
///
/// The file is mapped: another process must not shorten it meanwhile (see
/// [`MappedFile`](cnn_kernels::mapped::MappedFile)).
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{Device, Tensor};
/// use cnn_runtime::weights::{self, Format, WeightFile};
///
/// let path = std::env::temp_dir().join(format!("weight-file-doc-{}.safetensors", std::process::id()));
/// let bias = Tensor::new(&[1f32, 2.], &Device::Cpu)?;
/// weights::save(&path, [("fc.bias", &bias)])?;
///
/// let file = WeightFile::open(&path)?;
/// assert_eq!(file.format(), Format::Safetensors);
/// assert_eq!(file.shape("fc.bias"), Some(&[2][..]));
/// assert_eq!(file.read("fc.bias", &Device::Cpu)?.to_vec1::<f32>()?, [1., 2.]);
/// # std::fs::remove_file(&path).ok();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WeightFile {
    path: PathBuf,
    format: Format,
    contents: Contents,
    index: Index,
    unpacked: Unpacked,
}

impl WeightFile {
    /// Opens a file and checks what it says of its tensors.
    ///
    /// - safetensors: the header must be sound, without overlaps, holes or names given twice.
    /// - What `torch.save` wrote of a `state_dict`, as a zip archive or in the older format: tensors and
    ///   parameters of any strides, views that share storages, little endian. A checkpoint may hold it under a key: the
    ///   first of `state_dict`, `model_state_dict`, `model`, `net`, `network`, `module`, `weights`,
    ///   `params`, `ema_state_dict` and `ema` that has tensors, or the only one that has
    ///   ([`section`](Self::section) says which was taken). A module that was pickled whole
    ///   is refused: reading it would mean running it.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read; [`Error::BadWeightFile`] where it is not a whole file
    /// of weights, saying what it is instead where that can be told (a git LFS pointer, a truncated
    /// download, TorchScript, ..) and what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let io = |error| Error::Io { doing: "read", path: path.clone(), error };
        let broken = |reason| Error::BadWeightFile { path: path.clone(), reason };

        // Opening a pipe for reading would wait for a writer, so look before opening.
        if !fs::metadata(&path).map_err(io)?.is_file() {
            let kind = if path.is_dir() { "it is a directory" } else { "it is not a regular file" };
            return Err(broken(format!("{kind}; name a .safetensors or .pth file")));
        }
        let mut contents = Contents::new(File::open(&path).map_err(io)?).map_err(io)?;
        let head = contents.slice(0, contents.length().min(512)).map_err(io)?;
        let (format, header) = format::detect(&head, contents.length()).map_err(broken)?;
        drop(head);
        let index = match format {
            Format::Safetensors => safetensors::index(&contents, header),
            Format::Pth => {
                contents.map();
                pth::zipped(&contents)
            }
            Format::LegacyPth => {
                contents.map();
                pth::legacy(&contents)
            }
        };
        let index = index.map_err(|refusal| match refusal {
            Refusal::Io(error) => io(error),
            Refusal::Broken(reason) => broken(reason),
        })?;
        if format == Format::Safetensors {
            contents.map();
        }
        Ok(Self { path, format, contents, index, unpacked: Unpacked::default() })
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's format.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The keys of a checkpoint under which the tensors were found, from the outside: `["state_dict"]`.
    /// Empty where the file holds the tensors directly.
    #[must_use]
    pub fn section(&self) -> &[String] {
        &self.index.section
    }

    /// The names of the file's tensors, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.index.tensors.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The shape of a tensor of the file.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.index.tensors.get(name).map(|entry| entry.shape.as_slice())
    }

    /// The element type of a tensor of the file, in safetensors' words (`F32`, `BF16`, `I64`).
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<String> {
        self.index.tensors.get(name).map(|entry| format!("{:?}", entry.dtype))
    }

    /// Names in the file that stand for something which is not read (the result of a call in a pickle), and what it
    /// is.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &str)> {
        self.index.unread.iter().map(|(name, what)| (name.as_str(), what.as_str()))
    }

    /// Why a name of the file is not read, if it stands for something else than a tensor.
    pub(crate) fn why_unread(&self, name: &str) -> Option<&str> {
        self.index.unread.get(name).map(String::as_str)
    }

    /// Reads a tensor onto a device, in the file's element type.
    ///
    /// # Errors
    /// Where the file has no such tensor, cannot be read, or holds a type that candle lacks;
    /// [`Error::BadWeightFile`] where the values differ from their checksum.
    pub fn read(&self, name: &str, device: &Device) -> Result<Tensor> {
        let entry = self.index.tensors.get(name).ok_or_else(|| {
            candle_core::Error::Msg(format!("`{}` has no tensor named `{name}`", self.path.display()))
        })?;
        let dtype = DType::try_from(entry.dtype).map_err(|_| {
            candle_core::Error::Msg(format!(
                "`{name}` in `{}` is of type {:?}, which has no candle type",
                self.path.display(),
                entry.dtype
            ))
        })?;
        let values = self.index.values(entry, &self.contents, &self.unpacked);
        let values = values.map_err(|refusal| match refusal {
            Refusal::Io(error) => Error::Io { doing: "read", path: self.path.clone(), error },
            Refusal::Broken(reason) => Error::BadWeightFile {
                path: self.path.clone(),
                reason: format!("its tensor {name:?}: {reason}"),
            },
        })?;
        let tensor = Tensor::from_raw_buffer(&values, dtype, &entry.shape, device)?;
        drop(values);
        self.release(name, 0..entry.extent);
        Ok(tensor)
    }

    /// Lets go of the pages of a tensor's bytes, which were copied.
    pub(crate) fn release(&self, name: &str, bytes: Range<u64>) {
        if let Some(entry) = self.index.tensors.get(name) {
            let start = self.index.storages[entry.storage].start + entry.offset;
            self.contents.release(start + bytes.start, bytes.end - bytes.start);
        }
    }

    /// The values of a tensor where they are mapped, if they are `f32`, in order, aligned, and have no checksum that
    /// was not looked at.
    pub(crate) fn mapped(&self, name: &str) -> Option<&[f32]> {
        let entry = self.index.tensors.get(name)?;
        let storage = &self.index.storages[entry.storage];
        let checked = storage.crc32.is_none() || storage.verified.load(Ordering::Relaxed);
        let plain = storage.packed.is_none() && entry.strides.is_none() && checked;
        if !plain || entry.dtype != ::safetensors::Dtype::F32 || cfg!(target_endian = "big") {
            return None;
        }
        let bytes = self.contents.mapped(storage.start + entry.offset, entry.extent)?;
        bytemuck::try_cast_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests;
