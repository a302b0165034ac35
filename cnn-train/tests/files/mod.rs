//! What the tests share: folders for a test's files, and small IDX files.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// An empty folder of a test's own, gone when the test is over.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// `name` is the test's: no other test of the program has it.
    pub(crate) fn new(name: &str) -> Self {
        let program = env!("CARGO_CRATE_NAME");
        let path = std::env::temp_dir().join(format!("{program}-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.0.join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.0.join(name)).unwrap();
    }

    /// The names of the files in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An image file of `count` pictures of 28x28 pixels; pixel p of picture i is i + p (modulo 256).
pub(crate) fn images(count: usize) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0x0803, count as u32, 28, 28] {
        file.extend(word.to_be_bytes());
    }
    file.extend((0..count).flat_map(|image| (0..784).map(move |pixel| (image + pixel) as u8)));
    file
}

/// A label file of `count` labels: 0, 1, ... 9, 0, 1, ...
pub(crate) fn labels(count: usize) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0x0801, count as u32] {
        file.extend(word.to_be_bytes());
    }
    file.extend((0..count).map(|label| (label % 10) as u8));
    file
}

/// `content` packed with gzip.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

/// The folder of the digits that the repository ships.
pub(crate) fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("data/mnist")
}
