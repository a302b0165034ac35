//! Photos in folders.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::{Error, Problem};

/// The endings of photos' names.
pub const EXTENSIONS: [&str; 12] =
    ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "pnm", "ppm", "pgm", "pbm"];

/// The photos that a path means: itself, or in a folder (and the folders in it) all files whose names end in one of
/// [`EXTENSIONS`], sorted. Hidden files and folders do not count.
///
/// An item is an error where a folder cannot be read, or where links lead in a circle. A path that is no folder is not
/// looked at.
pub fn find(path: &Path) -> Vec<Result<PathBuf, Error>> {
    if !path.is_dir() {
        return vec![Ok(path.to_owned())];
    }
    let counts =
        |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".");
    WalkDir::new(path)
        .follow_links(true)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(counts)
        .filter_map(|entry| match entry {
            Ok(entry) => is_photo(&entry).then(|| Ok(entry.into_path())),
            Err(error) => {
                let path = error.path().unwrap_or(path).to_owned();
                Some(Err(Error { path, problem: Problem::Io(error.into()) }))
            }
        })
        .collect()
}

fn is_photo(entry: &DirEntry) -> bool {
    let ending = entry.path().extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    entry.file_type().is_file() && ending.is_some_and(|ending| EXTENSIONS.contains(&ending.as_str()))
}
