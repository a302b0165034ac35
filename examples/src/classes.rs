//! The names of the classes that a network tells apart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// ImageNet's classes, line n is class n - 1.
const IMAGENET: &str = include_str!("../../data/imagenet/imagenet_classes.txt");
/// The longest file of names that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Names of classes, by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes(Vec<String>);

/// Why there are no names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read, or is not UTF-8 text.
    #[error("{} cannot be read: {source}; give a text file with a name on each line (--classes)", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Not a text file of a reasonable size.
    #[error("{} is no text file of at most {MAX_BYTES} bytes; give one with a name on each line (--classes)", path.display())]
    NotNames {
        /// The file.
        path: PathBuf,
    },
    /// Another number of names than the network has classes.
    #[error("{} names {found} classes, but the network has {classes}: give a file of as many lines (--classes)", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// Names in it.
        found: usize,
        /// Classes of the network.
        classes: usize,
    },
}

impl Classes {
    /// The 1,000 classes of ImageNet (ILSVRC 2012) in the order of torchvision's weights.
    ///
    /// ```
    /// use cnn_examples::classes::Classes;
    /// let classes = Classes::imagenet();
    /// assert_eq!(classes.name(285), "Egyptian cat");
    /// assert_eq!(classes.name(698), "palace");
    /// ```
    #[must_use]
    pub fn imagenet() -> Self {
        Self(IMAGENET.lines().map(str::to_owned).collect())
    }

    /// Classes that have no names: `class 0`, `class 1`, ...
    #[must_use]
    pub fn numbered(classes: usize) -> Self {
        Self((0..classes).map(|class| format!("class {class}")).collect())
    }

    /// What is known of `classes` classes: ImageNet's names for as many as it has, else numbers.
    #[must_use]
    pub fn usual(classes: usize) -> Self {
        let imagenet = Self::imagenet();
        if classes == imagenet.0.len() { imagenet } else { Self::numbered(classes) }
    }

    /// Reads the names of `classes` classes: line n is class n - 1.
    ///
    /// # Errors
    /// If the file cannot be read or has another number of lines.
    pub fn read(path: &Path, classes: usize) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return Err(Error::NotNames { path: path.to_owned() });
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
        if names.len() != classes {
            return Err(Error::Count { path: path.to_owned(), found: names.len(), classes });
        }
        Ok(Self(names))
    }

    /// The name of class `class`; its number where it has none.
    #[must_use]
    pub fn name(&self, class: usize) -> String {
        self.0.get(class).filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| format!("class {class}"))
    }
}
