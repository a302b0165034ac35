//! Damaged and hostile files give errors that name the file; saving never harms the old file.

use std::io::{BufWriter, Write};

use super::save::write_atomically;
use super::*;

/// A directory of the test's own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cnn-weights-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("a file to read");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A file with this header over these values.
fn with_header(header: &str, values: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), values].concat()
}

fn refused(scratch: &Scratch, bytes: &[u8]) -> String {
    let path = scratch.file("broken.safetensors", bytes);
    let error = WeightFile::open(&path).expect_err("a broken file").to_string();
    assert!(error.contains("broken.safetensors"), "the error names the file: {error}");
    error
}

#[test]
fn reads_the_format_as_specified() {
    // Bytes written by hand from the format's description, not by our writer.
    let scratch = Scratch::new("format");
    let header = r#"{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}"#;
    let values = [&1.5f32.to_le_bytes()[..], &(-2f32).to_le_bytes(), &7i64.to_le_bytes()].concat();
    let path = scratch.file("two.safetensors", &with_header(header, &values));
    let file = WeightFile::open(path).expect("a sound file");
    assert_eq!(file.names(), ["a", "b"]);
    assert_eq!(file.dtype("a").as_deref(), Some("I64"));
    let b = file.read("b", &Device::Cpu).expect("b");
    assert_eq!(b.to_vec1::<f32>().expect("values"), [1.5, -2.0]);
    let a = file.read("a", &Device::Cpu).expect("a");
    assert_eq!(a.to_scalar::<i64>().expect("a value"), 7);
    assert!(file.read("c", &Device::Cpu).expect_err("no c").to_string().contains("`c`"));
}

#[test]
fn what_is_written_is_in_the_format_as_specified() {
    let scratch = Scratch::new("written");
    let path = scratch.0.join("out.safetensors");
    let matrix = Tensor::new(&[[1f32, 2.], [3., 4.]], &Device::Cpu).expect("a matrix");
    let transposed = matrix.t().expect("a view that is not contiguous");
    save(&path, [("w", &transposed)]).expect("saved");
    let bytes = fs::read(&path).expect("the file");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
    assert_eq!(length % 8, 0);
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    assert_eq!(header["w"], serde_json::json!({"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}));
    assert_eq!(header["__metadata__"]["format"], "pt");
    let values: Vec<u8> = [1f32, 3., 2., 4.].into_iter().flat_map(f32::to_le_bytes).collect();
    assert_eq!(bytes[8 + length..], values);
}

#[test]
fn every_element_type_that_is_saved_is_read_back() {
    let scratch = Scratch::new("types");
    let values = Tensor::new(&[0f32, 1., 2., 200.], &Device::Cpu).expect("values");
    use DType::{BF16, F16, F32, F64, I16, I32, I64, U8, U32};
    for dtype in [U8, U32, I16, I32, I64, BF16, F16, F32, F64] {
        let path = scratch.0.join("typed.safetensors");
        save(&path, [("x", &values.to_dtype(dtype).expect("converted"))]).expect("saved");
        let back = WeightFile::open(&path).expect("opened").read("x", &Device::Cpu).expect("read");
        assert_eq!(back.dtype(), dtype);
        let back = back.to_dtype(DType::F32).expect("converted").to_vec1::<f32>().expect("values");
        assert_eq!(back, [0., 1., 2., 200.]);
    }
}

#[test]
fn what_cannot_be_mapped_is_read() {
    let scratch = Scratch::new("unmapped");
    let header = r#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"F32","shape":[2],"data_offsets":[3,11]}}"#;
    // The values of `b` are not aligned.
    let values = [&[7, 8, 9][..], &1.5f32.to_le_bytes(), &(-2f32).to_le_bytes()].concat();
    let path = scratch.file("unmapped.safetensors", &with_header(header, &values));
    let mut file = WeightFile::open(&path).expect("a sound file");
    for mapped in [true, false] {
        if !mapped {
            file.contents = Contents::new(File::open(&path).expect("the file")).expect("its length");
        }
        let a = file.read("a", &Device::Cpu).expect("a").to_vec1::<u8>().expect("values");
        let b = file.read("b", &Device::Cpu).expect("b").to_vec1::<f32>().expect("values");
        assert_eq!((&a[..], &b[..]), (&[7, 8, 9][..], &[1.5, -2.0][..]));
    }
    // Shortened meanwhile.
    let writer = File::options().write(true).open(&path).expect("the file");
    writer.set_len(20).expect("shortened");
    let error = file.read("b", &Device::Cpu).expect_err("nothing there");
    assert!(matches!(error, Error::Io { doing: "read", .. }), "{error}");
}

#[test]
fn damaged_files_are_refused_by_name() {
    let scratch = Scratch::new("damaged");
    assert!(refused(&scratch, b"").contains("0 bytes"));
    assert!(refused(&scratch, b"\x10\0\0").contains("3 bytes"));
    assert!(refused(&scratch, &u64::MAX.to_le_bytes()).contains("announce"));
    assert!(refused(&scratch, &9u64.to_le_bytes()).contains("truncated"));
    assert!(refused(&scratch, b"version https://git-lfs.github.com/spec/v1").contains("LFS"));
    assert!(refused(&scratch, b"<!DOCTYPE html>").contains("web page"));
    assert!(refused(&scratch, &with_header("{]", b"")).contains("header"));
    assert!(refused(&scratch, &with_header("\u{0}\u{1}\u{2}", b"")).contains("header"));
    assert!(refused(&scratch, &with_header(&"[".repeat(100_000), b"")).contains("header"));
    let of = |shape: &str, from: u64, to: u64| {
        format!(r#"{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}}}"#)
    };
    assert!(refused(&scratch, &with_header(&of("[2]", 0, 8), b"abcd")).contains("truncated"));
    assert!(refused(&scratch, &with_header(&of("[1]", 0, 4), b"abcdefgh")).contains("altered"));
    assert!(refused(&scratch, &with_header(&of("[1]", 4, 8), b"abcdefgh")).contains("header"));
    assert!(refused(&scratch, &with_header(&of("[1]", 8, 4), b"abcdefgh")).contains("header"));
    assert!(
        refused(&scratch, &with_header(&of("[4294967296,4294967296]", 0, 8), &[0; 8])).contains("header")
    );
    assert!(
        refused(&scratch, &with_header(&of("[1099511627776]", 0, 4398046511104), b"")).contains("truncated")
    );
}

#[test]
fn a_claimed_header_of_gigabytes_is_not_allocated() {
    let scratch = Scratch::new("sparse");
    let path = scratch.0.join("broken.safetensors");
    // A sparse file that is as long as it says.
    let file = File::create(&path).expect("a file");
    (&file).write_all(&3_000_000_000u64.to_le_bytes()).expect("its first bytes");
    file.set_len(3_000_000_008).expect("a sparse file");
    let error = WeightFile::open(&path).expect_err("a broken file").to_string();
    assert!(error.contains("broken.safetensors") && error.contains("3000000000"), "{error}");
}

#[test]
fn missing_files_and_directories_are_named() {
    let scratch = Scratch::new("missing");
    let error = WeightFile::open(scratch.0.join("nowhere.safetensors")).expect_err("nothing there");
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("nowhere.safetensors"));
    let error = WeightFile::open(&scratch.0).expect_err("a directory").to_string();
    assert!(error.contains("directory"), "{error}");
}

#[test]
fn a_failed_save_leaves_the_old_file_and_nothing_else() {
    let scratch = Scratch::new("full");
    let path = scratch.file("weights.safetensors", b"the old file");
    let full = |file: &mut BufWriter<File>| {
        file.write_all(&[0; 4096]).expect("the first block");
        let error = std::io::ErrorKind::StorageFull.into();
        Err(Error::Io { doing: "write", path: path.clone(), error })
    };
    write_atomically(&path, full).expect_err("a full disk");
    assert_eq!(fs::read(&path).expect("the old file"), b"the old file");
    assert_eq!(fs::read_dir(&scratch.0).expect("the directory").count(), 1);
}

#[test]
fn saving_where_nothing_can_be_written_names_the_place() {
    let scratch = Scratch::new("nowhere");
    let tensor = Tensor::new(&[1f32], &Device::Cpu).expect("a tensor");
    let error =
        save(scratch.0.join("no/such/dir/w.safetensors"), [("x", &tensor)]).expect_err("no directory");
    assert!(error.to_string().contains("no/such/dir"), "{error}");
    let error = save(&scratch.0, [("x", &tensor)]).expect_err("a directory");
    assert!(matches!(error, Error::Io { .. }), "{error}");
    let error = save(scratch.0.join("w"), [("x", &tensor), ("x", &tensor)]).expect_err("a name twice");
    assert!(matches!(error, Error::DuplicateName { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn saving_through_a_link_replaces_its_target() {
    let scratch = Scratch::new("link");
    let target = scratch.file("target.safetensors", b"old");
    let link = scratch.0.join("latest.safetensors");
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    let tensor = Tensor::new(&[1f32], &Device::Cpu).expect("a tensor");
    save(&link, [("x", &tensor)]).expect("saved");
    assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
    assert_eq!(WeightFile::open(&target).expect("the target").names(), ["x"]);
}

#[test]
fn no_damage_makes_the_reader_panic() {
    let scratch = Scratch::new("mutated");
    let header = r#"{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]}}"#;
    let sound = with_header(header, &[0; 12]);
    let mut random = crate::random::Stream::keyed(0, "mutations");
    let mut below = |limit: usize| random.next_u32() as usize % limit;
    let mut refusals = 0;
    for _ in 0..500 {
        let mut bytes = sound.clone();
        for _ in 0..=below(3) {
            let place = below(bytes.len());
            match below(4) {
                0 => bytes[place] = below(256) as u8,
                1 => bytes[place] ^= 1 << below(8),
                // Digits make other sizes and offsets of a header that still parses.
                2 => bytes[place] = b'0' + below(10) as u8,
                _ => bytes.truncate(place.max(1)),
            }
        }
        match WeightFile::open(scratch.file("mutated.safetensors", &bytes)) {
            // What opens can be read whole, or says why not.
            Ok(file) => file.names().into_iter().for_each(|name| drop(file.read(name, &Device::Cpu))),
            Err(error) => {
                refusals += 1;
                assert!(error.to_string().contains("mutated.safetensors"), "{error}");
            }
        }
    }
    assert!((100..500).contains(&refusals), "{refusals} of 500");
}
