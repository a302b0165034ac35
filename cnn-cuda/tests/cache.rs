//! Compiled kernels on disk: what is kept, and what is not believed.

use std::fs;

use cnn_cuda::cache::Cache;

const KEY: [&str; 2] = ["a source", "compute_90"];

#[test]
fn another_process_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    Cache::at(folder.path()).put(&KEY, "kernels\nof two lines\n");
    assert_eq!(Cache::at(folder.path()).get(&KEY).as_deref(), Some("kernels\nof two lines\n"));
    // The parts of a key are apart.
    assert_eq!(Cache::at(folder.path()).get(&["a sourcecompute_90", ""]), None);
    assert_eq!(Cache::at(folder.path()).get(&["a source", "compute_80"]), None);
    Cache::at(folder.path()).put(&KEY, "others");
    assert_eq!(Cache::at(folder.path()).get(&KEY).as_deref(), Some("others"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "files that were written halfway");
}

#[test]
fn a_file_that_was_changed_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    cache.put(&KEY, "the kernels");
    let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..cut]).unwrap();
        assert_eq!(cache.get(&KEY), None, "{cut} bytes");
    }
    let mut other = whole.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(&file, &other).unwrap();
    assert_eq!(cache.get(&KEY), None);
    fs::write(&file, [0xff, 0xfe, b'\n']).unwrap();
    assert_eq!(cache.get(&KEY), None);
    cache.put(&KEY, "the kernels");
    assert_eq!(cache.get(&KEY).as_deref(), Some("the kernels"));
}

#[test]
fn a_folder_that_cannot_be_is_no_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let cache = Cache::at(&file.path().join("below a file"));
    cache.put(&KEY, "the kernels");
    assert_eq!(cache.get(&KEY), None);
    Cache::none().put(&KEY, "the kernels");
    assert_eq!(Cache::none().get(&KEY), None);
}
