//! Damaged and hostile files of weights are refused with an error that names the file, what is wrong and, where it can
//! be told, what to do; and nothing is allocated that only the file says is needed.
//!
//! On Linux all of it runs in a process whose address space is limited to less than the files claim.

use std::path::{Path, PathBuf};

use cnn_runtime::Error;
use cnn_runtime::prelude::*;
use cnn_runtime::weights::WeightFile;

#[path = "hostile/archive.rs"]
mod archive;
#[path = "hostile/pickles.rs"]
mod pickles;
#[path = "hostile/safetensors.rs"]
mod safetensors;

network! {
    Net: 2x4x4 -> 3 { conv1: conv3-4 bn1: bn -> gap -> fc: fc3 }
}

/// A file and the part of the error that tells what is wrong with it.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    telling: &'static str,
}

fn case(name: &'static str, bytes: impl Into<Vec<u8>>, telling: &'static str) -> Case {
    Case { name, bytes: bytes.into(), telling }
}

/// A directory of the test's own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cnn-hostile-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Opens a file and reads all of it; both may say what is wrong.
fn read_whole(path: &Path) -> Result<usize> {
    let file = WeightFile::open(path)?;
    let names = file.names();
    for name in &names {
        match file.read(name, &Device::Cpu) {
            // A type that candle lacks is nothing wrong with the file.
            Err(Error::Candle(_)) | Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(names.len())
}

fn every_case_is_refused() {
    let scratch = Scratch::new("cases");
    let cases: Vec<Case> =
        [foreign(), safetensors::cases(), archive::cases(), pickles::cases(), pickles::legacy_cases()]
            .into_iter()
            .flatten()
            .collect();
    let kinds: std::collections::HashSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(kinds.len(), cases.len(), "each kind once");
    assert!(cases.len() >= 150, "{} kinds", cases.len());
    let mut wrong = Vec::new();
    for Case { name, bytes, telling } in cases {
        let path = scratch.0.join("weights.bin");
        std::fs::write(&path, bytes).expect("a file to read");
        let error = match read_whole(&path) {
            Ok(count) => format!("{count} tensors were read"),
            Err(error) => error.to_string(),
        };
        let head = format!("`{}` is not a usable file of weights: ", path.display());
        let clear = error.starts_with(&head) && error.contains(telling);
        if !clear || error.len() > 1500 || error.contains(['\u{1b}', '\n']) {
            wrong.push(format!("{name}: {error}"));
        }
        // The network says the same, and there is no network.
        let loaded = Net::load(&path, &Device::Cpu);
        if !matches!(loaded, Err(Error::BadWeightFile { .. } | Error::Weights { .. })) {
            wrong.push(format!("{name}: {loaded:?} was loaded"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is something else altogether.
fn foreign() -> Vec<Case> {
    let mut tar = vec![0; 1024];
    tar[..8].copy_from_slice(b"sys_info");
    tar[257..262].copy_from_slice(b"ustar");
    vec![
        case("empty", "", "it has 0 bytes"),
        case("three bytes", "\x10\0\0", "it has 3 bytes"),
        case("zeros", [0; 4096], "header is not valid"),
        case(
            "LFS pointer",
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 46830571\n",
            "it is a git LFS pointer; fetch the file itself with `git lfs pull`",
        ),
        case("web page", "<!DOCTYPE html><html>404</html>", "it looks like a web page"),
        case("GGUF", [&b"GGUF\x03\0\0\0"[..], &[0; 64]].concat(), "it is a GGUF file"),
        case("HDF5", b"\x89HDF\r\n\x1a\n\0\0\0\0", "it is an HDF5 file"),
        case("npy", b"\x93NUMPY\x01\0v\0{'descr'", "it is a NumPy .npy file"),
        case("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\xff rest", "it is compressed with gzip; unpack it first"),
        case("xz", b"\xfd7zXZ\0\0\x04 rest of it", "it is compressed with xz"),
        case("tar", tar, "it is a tar archive, unpack it; if it is PyTorch's format of before 0.1.10"),
        case("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", "it is a PNG image"),
        case("ONNX", b"\x08\x07\x12\x07pytorch\x1a\x051.0", "it looks like an ONNX model"),
        case("empty zip", [&b"PK\x05\x06"[..], &[0; 18]].concat(), "it is an empty or damaged zip archive"),
        case(
            "text",
            "these are not the weights that you are looking for",
            "it is truncated or of another format",
        ),
    ]
}

/// What is not a file of bytes, and files that are as long as they claim.
fn special_files_are_refused() {
    let scratch = Scratch::new("special");
    let refusal = |path: &Path| WeightFile::open(path).expect_err("this must be refused").to_string();
    assert!(refusal(&scratch.0).contains("it is a directory; name a .safetensors or .pth file"));
    let nowhere = refusal(&scratch.0.join("nowhere.pth"));
    assert!(nowhere.starts_with("cannot read") && nowhere.contains("nowhere.pth"), "{nowhere}");

    // Sparse: three gigabytes that take no room on the disk.
    for (name, head, telling) in [
        (
            "header.safetensors",
            3_000_000_000u64.to_le_bytes(),
            "announce a safetensors header of 3000000000 bytes",
        ),
        ("header_that_fits.safetensors", 90_000_000u64.to_le_bytes(), "header is not valid"),
        ("archive.pth", *b"PK\x03\x04\0\0\x08\x08", "without a directory at its end"),
        ("pickle.pth", *b"\x80\x02}q\0(X\x05", "its pickle is damaged"),
    ] {
        let path = scratch.0.join(name);
        let file = std::fs::File::create(&path).expect("a file");
        std::io::Write::write_all(&mut &file, &head).expect("its first bytes");
        file.set_len(3_000_000_008).expect("a sparse file");
        let error = refusal(&path);
        assert!(error.contains(name) && error.contains(telling), "{error}");
    }

    #[cfg(unix)]
    {
        let error = refusal(Path::new("/dev/zero"));
        assert!(error.contains("it is not a regular file"), "{error}");
        let fifo = scratch.0.join("fifo.pth");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        if made.is_ok_and(|status| status.success()) {
            let error = refusal(&fifo);
            assert!(error.contains("it is not a regular file"), "{error}");
        }
        let dangling = scratch.0.join("dangling.pth");
        std::os::unix::fs::symlink(scratch.0.join("nowhere"), &dangling).expect("a link");
        assert!(refusal(&dangling).starts_with("cannot read"));
    }
}

fn sound(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights").join(name)).expect(name)
}

fn every_truncation_is_refused() {
    let scratch = Scratch::new("truncated");
    let path = scratch.0.join("truncated.bin");
    for name in ["net.pth", "net_legacy.pth", "half.safetensors", "deflated.pth"] {
        let bytes = sound(name);
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).expect("a file to read");
            let error = read_whole(&path).expect_err(name).to_string();
            assert!(error.contains("truncated.bin"), "{name}, {length} bytes: {error}");
        }
        std::fs::write(&path, &bytes).expect("a file to read");
        assert_eq!(read_whole(&path).expect("the whole file"), 8);
    }
}

/// Pseudo-random numbers (Marsaglia's xorshift), the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

fn no_damage_makes_the_readers_panic() {
    let scratch = Scratch::new("mutated");
    let path = scratch.0.join("mutated.bin");
    let mut random = Random(0x2026_1125);
    for name in [
        "net.pth",
        "net_legacy.pth",
        "views_legacy.pth",
        "checkpoint.pth",
        "half.safetensors",
        "deflated.pth",
    ] {
        let sound = sound(name);
        let mut refusals = 0;
        for _ in 0..300 {
            let mut bytes = sound.clone();
            for _ in 0..=random.below(4) {
                // Mostly near the beginning, where the descriptions are.
                let end = if random.below(4) == 0 { bytes.len() } else { bytes.len().min(700) };
                let place = random.below(end);
                match random.below(6) {
                    0 => bytes[place] = random.below(256) as u8,
                    1 => bytes[place] ^= 1 << random.below(8),
                    2 => bytes[place] = b'0' + random.below(10) as u8,
                    3 => {
                        bytes[place] = *b"(.]}tRQQuesbqhK\x85\x86\x88\xff".get(random.below(19)).unwrap_or(&0)
                    }
                    4 => drop(bytes.remove(place)),
                    _ => bytes.insert(place, random.below(256) as u8),
                }
            }
            std::fs::write(&path, &bytes).expect("a file to read");
            if let Err(error) = read_whole(&path) {
                refusals += 1;
                assert!(error.to_string().contains("mutated.bin"), "{name}: {error}");
            }
        }
        // Padding and unused fields may be changed without harm; most of a file may not.
        assert!((90..300).contains(&refusals), "{name}: {refusals} of 300");
    }
}

fn everything() {
    every_case_is_refused();
    special_files_are_refused();
    every_truncation_is_refused();
    no_damage_makes_the_readers_panic();
}

#[cfg(not(target_os = "linux"))]
#[test]
fn hostile_files_are_refused() {
    everything();
}

/// Runs as the child of the test below, and does nothing otherwise.
#[test]
fn child_under_a_limit() {
    if std::env::var_os("CNN_HOSTILE_CHILD").is_none() {
        return;
    }
    // The limit holds: this is what trusting a file would do.
    assert!(Vec::<u8>::new().try_reserve_exact(LIMIT_KIB << 10).is_err(), "the limit is not in force");
    everything();
}

/// The address space of the child, program and stacks included.
const LIMIT_KIB: usize = 512 << 10;

#[cfg(target_os = "linux")]
#[test]
fn hostile_files_are_refused_under_a_memory_limit() {
    let child = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!(
            "ulimit -v {LIMIT_KIB} && exec \"$0\" --exact child_under_a_limit --nocapture --test-threads 1"
        ))
        .arg(std::env::current_exe().expect("this program"))
        .env("CNN_HOSTILE_CHILD", "1")
        .output()
        .expect("a shell");
    let output =
        [child.stdout, child.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(child.status.success() && output.contains("1 passed"), "{}\n{output}", child.status);
}
