//! Compiled kernels on disk: NVRTC takes seconds for what a process uses, in every process anew.
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A folder of compiled kernels, by their source, the architecture and the compiler. A file that was changed or cut off is as
/// none; where the folder cannot be written nothing is kept.
///
/// ```
/// use cnn_cuda::cache::Cache;
///
/// let folder = tempfile::tempdir()?;
/// let cache = Cache::at(folder.path());
/// assert_eq!(cache.get(&["source", "compute_90"]), None);
/// cache.put(&["source", "compute_90"], ".version 8.0");
/// assert_eq!(cache.get(&["source", "compute_90"]).as_deref(), Some(".version 8.0"));
/// assert_eq!(cache.get(&["source", "compute_80"]), None);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// That in this folder, which is made when something is kept.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()) }
    }

    /// That which keeps nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self { folder: None }
    }

    /// The user's: `$CNN_CUDA_CACHE`, none where that is empty; else `cnn-cuda` in the folder that the system has for caches.
    #[must_use]
    pub fn of_user() -> Self {
        if let Some(folder) = std::env::var_os("CNN_CUDA_CACHE") {
            return if folder.is_empty() { Self::none() } else { Self::at(Path::new(&folder)) };
        }
        let path = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let caches = path("XDG_CACHE_HOME")
            .or_else(|| path("LOCALAPPDATA"))
            .or_else(|| path("HOME").map(|home| home.join(".cache")));
        Self { folder: caches.map(|caches| caches.join("cnn-cuda")) }
    }

    fn file(&self, key: &[&str]) -> Option<PathBuf> {
        let mut hash = Sha256::new();
        for part in key {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Some(self.folder.as_ref()?.join(format!("{}.ptx", hex(&hash.finalize()))))
    }

    /// What was kept for this key.
    #[must_use]
    pub fn get(&self, key: &[&str]) -> Option<String> {
        let text = std::fs::read_to_string(self.file(key)?).ok()?;
        let (first, ptx) = text.split_once('\n')?;
        (first == checked(ptx)).then(|| ptx.to_owned())
    }

    /// Keeps this for a key. A reader finds all of it or nothing.
    pub fn put(&self, key: &[&str], ptx: &str) {
        let Some(file) = self.file(key) else { return };
        let write = || -> std::io::Result<()> {
            let folder = file.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            let mut new = tempfile::NamedTempFile::new_in(folder)?;
            writeln!(new, "{}", checked(ptx))?;
            new.write_all(ptx.as_bytes())?;
            new.persist(&file)?;
            Ok(())
        };
        // What is not kept is compiled again.
        drop(write());
    }
}

/// The first line of a file: a comment that says what follows.
fn checked(ptx: &str) -> String {
    format!("// {}", hex(&Sha256::digest(ptx)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
