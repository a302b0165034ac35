//! The readers of weights: any bytes as a file, and as the pickle of a sound archive.

#![no_main]

use std::path::PathBuf;

use candle_core::Device;
use cnn_runtime::weights::WeightFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    read(data);
    read(&archive(data));
});

/// Opens the bytes as a file and reads every tensor; whatever is wrong is an error.
fn read(bytes: &[u8]) {
    let path: PathBuf = std::env::temp_dir().join(format!("cnn-fuzz-{}.pth", std::process::id()));
    if std::fs::write(&path, bytes).is_err() {
        return;
    }
    if let Ok(file) = WeightFile::open(&path) {
        for name in file.names() {
            let _ = file.read(name, &Device::Cpu);
        }
    }
}

/// A zip archive with this pickle and a storage of 24 bytes. Checksums of 0 are not compared.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in [("a/data.pkl", pickle), ("a/data/0", &[0; 24])] {
        let mut common = [0; 26];
        common[14..18].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        common[18..22].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        common[22..24].copy_from_slice(&(name.len() as u16).to_le_bytes());
        let at = archive.len() as u32;
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat());
        archive.extend([b"PK\x03\x04", &common[..], name.as_bytes(), bytes].concat());
    }
    let mut end = *b"PK\x05\x06\0\0\0\0\x02\0\x02\0\0\0\0\0\0\0\0\0\0\0";
    end[12..16].copy_from_slice(&(directory.len() as u32).to_le_bytes());
    end[16..20].copy_from_slice(&(archive.len() as u32).to_le_bytes());
    [archive, directory, end.to_vec()].concat()
}
