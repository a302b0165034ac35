//! The header of a safetensors file.
//!
//! Format: <https://huggingface.co/docs/safetensors>: the length of the header (8 bytes, little
//! endian), the header (JSON: name to element type, shape and byte range), the values.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::AtomicBool;

use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensorError};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::contents::Contents;
use super::index::{Entry, Index, MAX_RANK, MAX_TENSORS, Refusal, Storage, room};

/// The longest header that is accepted (the format's own limit).
pub(super) const MAX_HEADER: u64 = 100_000_000;

/// Reads the header of `claimed` bytes, which the file was found to have.
pub(super) fn index(contents: &Contents, claimed: u64) -> Result<Index, Refusal> {
    let header = contents.slice(8, claimed)?;
    let header: Header = serde_json::from_slice(&header).map_err(|error| invalid(&error.to_string()))?;
    let mut infos = header.0;
    infos.sort_by_key(|(_, info)| info.data_offsets);
    let mut names = HashSet::new();
    for (name, info) in &infos {
        if !names.insert(name.as_str()) {
            return Err(invalid(&format!("{name:?} is in it twice")));
        }
        if room(&info.shape).is_none() {
            return Err(invalid(&format!("{name:?} has more values than can be counted")));
        }
    }
    let mut tensors = std::collections::HashMap::with_capacity(infos.len());
    for (name, info) in &infos {
        let (from, to) = info.data_offsets;
        let entry = Entry {
            dtype: info.dtype,
            shape: info.shape.clone(),
            strides: None,
            storage: 0,
            offset: from as u64,
            extent: to.saturating_sub(from) as u64,
        };
        tensors.insert(name.clone(), entry);
    }
    let described = Metadata::new(None, infos).map_err(|error| invalid(&explain(&error)))?.data_len() as u64;
    let found = contents.length() - 8 - claimed;
    if described != found {
        let advice = if found < described { "it is truncated: fetch it again" } else { "it was altered" };
        return Err(format!(
            "its header describes {described} bytes of values, but {found} follow; {advice}"
        )
        .into());
    }
    let values = Storage {
        start: 8 + claimed,
        length: found,
        packed: None,
        crc32: None,
        verified: AtomicBool::new(false),
    };
    Ok(Index { storages: vec![values], tensors, ..Index::default() })
}

fn invalid(what: &str) -> Refusal {
    format!("its safetensors header is not valid: {what}").into()
}

/// The library's errors with more words.
fn explain(error: &SafeTensorError) -> String {
    match error {
        SafeTensorError::InvalidOffset(name) => format!(
            "the bytes of {name:?} do not begin where those of the tensor before it end (tensors neither \
             overlap nor leave holes)"
        ),
        SafeTensorError::TensorInvalidInfo => {
            "a tensor's shape and element type need another number of bytes than its offsets give".to_owned()
        }
        SafeTensorError::ValidationOverflow => "the size of a tensor overflows".to_owned(),
        other => other.to_string(),
    }
}

/// Names with what is said of them. The library's own type keeps the last of two equal names.
struct Header(Vec<(String, TensorInfo)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Header, M::Error> {
                let mut infos = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    if infos.len() == MAX_TENSORS {
                        return Err(M::Error::custom(format!("more than {MAX_TENSORS} tensors")));
                    }
                    let Info { dtype, shape, data_offsets } = map.next_value()?;
                    infos.push((name, TensorInfo { dtype, shape: shape.0, data_offsets }));
                }
                Ok(Header(infos))
            }
        }

        deserializer.deserialize_map(Names)
    }
}

#[derive(serde::Deserialize)]
struct Info {
    dtype: Dtype,
    shape: Shape,
    data_offsets: (usize, usize),
}

/// At most [`MAX_RANK`] dimensions, so that a long header is not blown up in memory.
struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;

        impl<'de> Visitor<'de> for Sizes {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the sizes of a shape")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut sizes: S) -> Result<Shape, S::Error> {
                let mut shape = Vec::new();
                while let Some(size) = sizes.next_element()? {
                    if shape.len() == MAX_RANK {
                        return Err(S::Error::custom(format!("a shape of more than {MAX_RANK} dimensions")));
                    }
                    shape.push(size);
                }
                Ok(Shape(shape))
            }
        }

        deserializer.deserialize_seq(Sizes)
    }
}
