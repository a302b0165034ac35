//! Where the repository's files are, and how a path is shown.

use std::path::{Path, PathBuf};

/// The repository's folder, wherever the program is started from.
pub fn repository() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The path as seen from the working folder, where it is inside.
pub fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}
