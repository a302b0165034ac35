//! Scalars as TensorBoard reads them.
//!
//! A file of events is a sequence of records: the length (8 bytes), its checksum (4), the content, its checksum (4), all
//! little-endian; the checksum is CRC-32C, rotated and shifted ("masked", TensorFlow's `record_writer.cc`). The content is a
//! protocol buffer, TensorFlow's `event.proto` and `summary.proto`, of which this has what scalars need.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

/// `tensorflow.Event`.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

/// `tensorflow.Summary`.
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

/// `tensorflow.Summary.Value`.
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// `tensorflow.SessionLog`.
#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `tensorflow.SessionLog.START`.
const START: i32 = 1;

/// Writes scalars to a file of events, for `tensorboard --logdir`: as PyTorch's `SummaryWriter.add_scalar`.
///
/// ```
/// use cnn_train::report::EventWriter;
///
/// let folder = std::env::temp_dir().join(format!("cnn-train-events-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let mut events = EventWriter::create(&folder)?;
/// events.scalar("loss/train", 2.3, 0)?;
/// events.flush()?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl EventWriter {
    /// Begins a new file in a folder. TensorBoard shows all files of a folder as one run.
    ///
    /// # Errors
    /// Where the folder is not there or may not be written to.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let (now, process) = (now(), std::process::id());
        // The parts of the name that TensorBoard looks at are the first four; a second file of one second has a number.
        for number in 0.. {
            let name = format!("events.out.tfevents.{:010}.cnn-train.{process}.{number}", now as u64);
            let path = folder.join(name);
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            let mut writer = Self { path, file: BufWriter::new(file) };
            writer.write(&Event {
                wall_time: now,
                file_version: Some("brain.Event:2".to_owned()),
                ..Event::default()
            })?;
            writer.flush()?;
            return Ok(writer);
        }
        unreachable!("there are more numbers than files")
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a value: `tag` is the name of the curve, with `/` behind its group's.
    ///
    /// # Errors
    /// What the operating system says, a full disk for instance.
    pub fn scalar(&mut self, tag: &str, value: f64, step: u64) -> io::Result<()> {
        self.scalar_at(now(), tag, value, step)
    }

    fn scalar_at(&mut self, wall_time: f64, tag: &str, value: f64, step: u64) -> io::Result<()> {
        let value = Value { tag: tag.to_owned(), simple_value: Some(value as f32) };
        let summary = Some(Summary { value: vec![value] });
        self.write(&Event { wall_time, step: step as i64, summary, ..Event::default() })
    }

    /// Says that a run goes on at `step`: TensorBoard forgets what earlier files have of this and later steps.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn resume(&mut self, step: u64) -> io::Result<()> {
        let session_log = Some(SessionLog { status: START });
        self.write(&Event { wall_time: now(), step: step as i64, session_log, ..Event::default() })
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// What it says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        self.file.write_all(&record(&event.encode_to_vec()))
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn record(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let parts = [&length[..], &masked(&length), content, &masked(content)];
    parts.concat()
}

fn masked(content: &[u8]) -> [u8; 4] {
    crc32c::crc32c(content).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_tensorboards_own_byte_for_byte() {
        // What TensorBoard's writer made, and its reader read: see `tests/tensorboard/generate.py`.
        let expected = include_bytes!("../../tests/tensorboard/expected.tfevents");
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path()).unwrap();
        for (wall_time, step, tag, value) in [
            (1_700_000_000.0, 0, "loss/train", 2.25),
            (1_700_000_000.5, 1, "loss/train", 0.0),
            (1_700_000_001.25, 1, "accuracy/valid", 0.8125),
            (1_700_000_002.0, 1 << 33, "größe", -1e-30),
        ] {
            writer.scalar_at(wall_time, tag, value, step).unwrap();
        }
        writer.flush().unwrap();
        let written = std::fs::read(writer.path()).unwrap();
        // The first record says when the file was begun, in the content's first nine bytes, and has its checksum.
        let first = 8 + 4 + 24 + 4;
        assert_eq!(written[..12], expected[..12]);
        assert_eq!(written[21..36], expected[21..36]);
        assert_eq!(written[first..], expected[first..]);
        let at =
            Event { wall_time: 1.7e9, file_version: Some("brain.Event:2".to_owned()), ..Event::default() };
        assert_eq!(record(&at.encode_to_vec()), expected[..first]);
    }

    #[test]
    fn the_checksum_is_crc_32c() {
        // TensorBoard's `masked_crc32c` of 32 bytes of zeros, whose CRC-32C is 8a9136aa (RFC 3720, appendix B.4).
        assert_eq!(masked(&[0; 32]), 265_814_010_u32.to_le_bytes());
    }

    #[test]
    fn files_of_one_second_are_several() {
        let folder = tempfile::tempdir().unwrap();
        let paths: std::collections::HashSet<_> =
            (0..3).map(|_| EventWriter::create(folder.path()).unwrap().path().to_owned()).collect();
        assert_eq!(paths.len(), 3);
        assert!(EventWriter::create(&folder.path().join("none")).is_err());
    }
}
