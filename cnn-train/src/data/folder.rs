//! A folder of images, one folder for each class.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::photo::{self, Photo};
use super::{Dataset, Error, Image, Result};

/// Images in one folder for each class, as torchvision's `ImageFolder` takes them: `root/dog/1.png`, `root/cat/deep/2.jpg`.
///
/// Classes are the folders' names, sorted; hidden files and folders do not count. A file is decoded when it is asked for,
/// to red, green and blue, upright ([`Photo::read`]): images have different sizes until a transform makes them equal.
///
/// ```no_run
/// use cnn_train::data::transform::{Normalize, RandomHorizontalFlip, RandomResizedCrop};
/// use cnn_train::data::{ImageFolder, Loader};
///
/// # fn main() -> cnn_train::Result<()> {
/// let loader = Loader::new(ImageFolder::open("flowers/train".as_ref())?, 32)?
///     .shuffle(true)
///     .workers(4)
///     .transform(RandomResizedCrop::new(224))
///     .transform(RandomHorizontalFlip::default())
///     .transform(Normalize::imagenet());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    classes: Vec<String>,
    files: Vec<(PathBuf, u32)>,
    skipped: Vec<PathBuf>,
}

impl ImageFolder {
    /// Looks for the images in `root`. Of each file the first bytes are read.
    ///
    /// # Errors
    /// If the folder or one in it cannot be read, there is no class, a class has no image, or a file is none by its
    /// first bytes. Files that begin well and are broken behind that are errors of [`image`](Dataset::image).
    pub fn open(root: &Path) -> Result<Self> {
        Self::find(root, |path| match is_image(path) {
            Ok(true) => Ok(true),
            Ok(false) => Err(Error::NotAnImage { path: path.to_owned() }),
            Err(source) => Err(Error::Unreadable { path: path.to_owned(), source }),
        })
    }

    /// The same, but files that cannot be decoded are left out; [`skipped`](Self::skipped) lists them. Every file is
    /// decoded once, so no later one fails.
    ///
    /// # Errors
    /// If the folder or one in it cannot be read, there is no class, or a class has no image.
    pub fn open_skipping(root: &Path) -> Result<Self> {
        Self::find(root, |path| Ok(Photo::read(path).is_ok()))
    }

    /// The files that were left out.
    #[must_use]
    pub fn skipped(&self) -> &[PathBuf] {
        &self.skipped
    }

    /// The file of image `index`.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn path(&self, index: usize) -> &Path {
        &self.files[index].0
    }

    fn find(root: &Path, mut take: impl FnMut(&Path) -> Result<bool>) -> Result<Self> {
        let mut found = Self { classes: Vec::new(), files: Vec::new(), skipped: Vec::new() };
        for class in folders(root)? {
            let path = root.join(&class);
            let before = found.files.len();
            for file in files(&path)? {
                if take(&file)? {
                    found.files.push((file, found.classes.len() as u32));
                } else {
                    found.skipped.push(file);
                }
            }
            if found.files.len() == before {
                return Err(Error::EmptyClass { path });
            }
            found.classes.push(class);
        }
        if found.classes.is_empty() {
            return Err(Error::NoClasses { path: root.to_owned() });
        }
        Ok(found)
    }
}

impl Dataset for ImageFolder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> usize {
        self.files[index].1 as usize
    }

    fn image(&self, index: usize) -> Result<Image> {
        Ok(Photo::read(self.path(index))?.image().into())
    }
}

/// The names of the folders in a folder, sorted.
fn folders(root: &Path) -> Result<Vec<String>> {
    let unreadable = |source| Error::Unreadable { path: root.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(root).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The files in a folder and those in it: folder by folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let counts =
        |entry: &DirEntry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".");
    let mut files = Vec::new();
    for entry in WalkDir::new(folder).follow_links(true).into_iter().filter_entry(counts) {
        let entry = entry.map_err(|error| Error::Unreadable {
            path: error.path().unwrap_or(folder).to_owned(),
            source: error.into(),
        })?;
        if !entry.file_type().is_dir() {
            files.push(entry.into_path());
        }
    }
    files.sort_unstable_by(|a, b| (a.parent(), a.file_name()).cmp(&(b.parent(), b.file_name())));
    Ok(files)
}

/// Whether the first bytes of a file are those of an image.
fn is_image(path: &Path) -> io::Result<bool> {
    // Opening a pipe would wait for somebody to write to it.
    if !fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut first = Vec::new();
    File::open(path)?.take(64).read_to_end(&mut first)?;
    Ok(photo::is_known(&first))
}
