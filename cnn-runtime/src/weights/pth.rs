//! What `torch.save` writes: a zip archive since PyTorch 1.6, before that pickles with the storages behind.
//!
//! The archive `name.pth` has `name/data.pkl`, in which storages are named by keys, and `name/data/KEY`, their
//! bytes. The older format has five pickles (a magic number, the version, the machine, the object, the
//! keys) and then for each key the number of elements and their bytes.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use super::contents::Contents;
use super::index::{Index, Refusal, Storage};
use super::pickle::{MAX_PICKLE, Object, Pickle};
use super::state_dict::{StorageRef, storage_ref, tensors};
use super::zip::Directory;

/// The older format's magic number, as its pickle has it.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// Reads a zip archive.
pub(super) fn zipped(contents: &Contents) -> Result<Index, Refusal> {
    let directory = Directory::read(contents)?;
    let root = root(&directory)?;
    if let Some(item) = directory.get(&format!("{root}byteorder")) {
        let name = format!("{root}byteorder");
        if item.length > 16 || *directory.bytes(contents, &name, item)? != *b"little" {
            return Err(big_endian().into());
        }
    }
    let name = format!("{root}data.pkl");
    let item = directory.get(&name).ok_or("it has no data.pkl")?;
    if item.length > MAX_PICKLE {
        return Err(format!("its pickle has {} bytes, and at most {MAX_PICKLE} are read", item.length).into());
    }
    let bytes = directory.bytes(contents, &name, item)?;
    let pickle = Pickle::read(&bytes)?;

    let mut storages = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut refusal = None;
    let index = tensors(&pickle, contents.length(), |storage| {
        let place = match places.get(storage.key) {
            Some(&place) => place,
            None => match locate(&directory, contents, &root, storage) {
                Ok(found) => {
                    storages.push(found);
                    places.insert(storage.key, storages.len() - 1);
                    storages.len() - 1
                }
                Err(Refusal::Broken(reason)) => return Err(reason),
                Err(io) => {
                    refusal = Some(io);
                    return Err(String::new());
                }
            },
        };
        let found = storages[place].length;
        let claimed = storage.count.checked_mul(storage.size());
        if claimed != Some(found) {
            let claimed =
                claimed.map_or("more than can be counted".to_owned(), |claimed| claimed.to_string());
            return Err(format!(
                "its storage {:?} has {found} bytes, and {claimed} are claimed",
                storage.key
            ));
        }
        Ok(place)
    });
    match (index, refusal) {
        (_, Some(io)) => Err(io),
        (index, None) => Ok(Index { storages, ..index? }),
    }
}

/// The directory of the archive that its pickle is in, `archive/`.
fn root(directory: &Directory) -> Result<String, Refusal> {
    let mut roots = directory
        .names()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|root| root.is_empty() || root.ends_with('/'));
    let Some(root) = roots.next().map(str::to_owned) else {
        let what = if directory.names().any(|name| name.ends_with(".npy")) {
            "it is a NumPy .npz archive; save its arrays as a .safetensors file"
        } else {
            "it is a zip archive that torch.save did not write: it has no data.pkl"
        };
        return Err(what.into());
    };
    if roots.next().is_some() {
        return Err("it is a zip archive with several data.pkl; save one network in a file".into());
    }
    if directory.get(&format!("{root}constants.pkl")).is_some() {
        return Err("it is a TorchScript archive, which holds a program; save its tensors in Python: \
                    torch.save(torch.jit.load(path).state_dict(), \"weights.pth\")"
            .into());
    }
    Ok(root)
}

fn locate(
    directory: &Directory,
    contents: &Contents,
    root: &str,
    storage: &StorageRef<'_>,
) -> Result<Storage, Refusal> {
    let name = format!("{root}data/{}", storage.key);
    let item = directory.get(&name);
    let item = item.ok_or_else(|| format!("its storage {:?} is not in the file", storage.key))?;
    Ok(Storage {
        start: directory.locate(contents, &name, item)?,
        length: item.length,
        packed: item.deflated.then_some(item.packed),
        crc32: Some(item.crc32),
        verified: AtomicBool::new(false),
    })
}

fn big_endian() -> &'static str {
    "it was saved on a big-endian machine, and its values stand in that order; load and save it again on \
     another"
}

/// Reads the older format.
pub(super) fn legacy(contents: &Contents) -> Result<Index, Refusal> {
    let bytes = contents.slice(0, contents.length().min(MAX_PICKLE))?;
    let mut at = 0;
    let mut next = || {
        let pickle = Pickle::read(&bytes[at..])?;
        at += pickle.length;
        Ok::<_, String>(pickle)
    };
    let magic = next()?;
    if !bytes[..magic.length].windows(MAGIC.len()).any(|bytes| bytes == MAGIC) {
        return Err(format!(
            "it is a Python pickle of {}, which torch.save did not write; nothing of it was run. Save a \
             state_dict with torch.save",
            magic.describe(magic.root)
        )
        .into());
    }
    let version = next()?;
    if version.int(version.root) != Some(1001) {
        return Err("it is of a version of PyTorch's older format that is not known".into());
    }
    let machine = next()?;
    let little = match machine.get(machine.root) {
        Object::Dict(items) => items.iter().any(|&(key, value)| {
            machine.text(key) == Some("little_endian") && *machine.get(value) == Object::Bool(true)
        }),
        _ => false,
    };
    if !little {
        return Err(big_endian().into());
    }
    let pickle = next()?;
    let keys = next()?;
    let (storages, places) = storages(contents, &pickle, &keys, at as u64)?;
    let index = tensors(&pickle, contents.length(), |storage| {
        let place = places.get(storage.key).copied();
        place.ok_or_else(|| format!("its storage {:?} is not in the file", storage.key))
    })?;
    Ok(Index { storages, ..index })
}

/// The storages behind the pickles of the older format, and their places by key.
fn storages<'k>(
    contents: &Contents,
    pickle: &Pickle<'_>,
    keys: &Pickle<'k>,
    mut at: u64,
) -> Result<(Vec<Storage>, HashMap<&'k str, usize>), Refusal> {
    let mut known: HashMap<&str, StorageRef<'_>> = HashMap::new();
    for object in &pickle.objects {
        let Object::Persistent(id) = object else { continue };
        // Modules are kept in this way too; a network that is saved whole is refused later.
        let named = pickle.tuple(*id).and_then(|items| items.first());
        if named.and_then(|&kind| pickle.text(kind)) != Some("storage") {
            continue;
        }
        let storage = StorageRef { part: None, ..storage_ref(pickle, *id)? };
        if *known.entry(storage.key).or_insert_with(|| storage.clone()) != storage {
            return Err(format!("its storage {:?} is described in two ways", storage.key).into());
        }
    }
    let Object::List(list) = keys.get(keys.root) else {
        return Err("it does not list its storages; it is damaged".into());
    };
    let (mut storages, mut places) = (Vec::new(), HashMap::new());
    for &key in list {
        let key = keys.text(key).ok_or("it does not list its storages by name; it is damaged")?;
        let storage = known.get(key).ok_or_else(|| format!("its storage {key:?} is listed and not used"))?;
        let header = contents.slice(at, 8).map_err(|_| truncated(key))?;
        let found = <[u8; 8]>::try_from(&header[..]).map(u64::from_le_bytes).unwrap_or_default();
        if found != storage.count {
            return Err(format!(
                "its storage {key:?} has {found} elements, and {} are claimed",
                storage.count
            )
            .into());
        }
        let length = found.checked_mul(storage.size());
        let start = at + 8;
        let end = length.and_then(|length| start.checked_add(length)).filter(|&end| end <= contents.length());
        let Some((end, length)) = end.zip(length) else { return Err(truncated(key).into()) };
        if places.insert(key, storages.len()).is_some() {
            return Err(format!("its storage {key:?} is listed twice").into());
        }
        let verified = AtomicBool::new(false);
        storages.push(Storage { start, length, packed: None, crc32: None, verified });
        at = end;
    }
    Ok((storages, places))
}

fn truncated(key: &str) -> String {
    format!("it ends in its storage {key:?}; it is truncated: fetch it again")
}
