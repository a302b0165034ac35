//! The tensors that a checkpoint's pickle describes.
//!
//! Of calls only those are understood by which PyTorch (`torch/_utils.py`) builds tensors and parameters
//! over storages. Whatever else is called remains a note, and no tensor.

use std::collections::{BTreeMap, HashMap};

use safetensors::Dtype;

use super::index::{Entry, Index, MAX_RANK, MAX_TENSORS, room};
use super::pickle::{Id, Object, Pickle, path};

/// The keys under which training programs save a `state_dict`, the one that is taken first.
const SECTIONS: [&str; 10] = [
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "ema_state_dict",
    "ema",
];

/// How deep sections are looked for in sections.
const MAX_DEPTH: usize = 4;

/// What repeats values (a stride of 0) may take this many bytes, or as many as the file has.
const MAX_EXPANDED: u64 = 16 << 20;

/// A storage as a pickle refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StorageRef<'a> {
    pub(super) key: &'a str,
    pub(super) dtype: Dtype,
    /// Its number of elements.
    pub(super) count: u64,
    /// Where it begins in the storage of that key and how much it has, in elements, where it is a part
    /// (of the legacy format).
    pub(super) part: Option<(u64, u64)>,
}

impl StorageRef<'_> {
    /// The size of an element in bytes.
    pub(super) fn size(&self) -> u64 {
        self.dtype.bitsize() as u64 / 8
    }
}

/// Reads the id by which a pickle names a storage.
pub(super) fn storage_ref<'a>(pickle: &Pickle<'a>, id: Id) -> Result<StorageRef<'a>, String> {
    let strange = || "it refers to a storage in a way that torch.save does not".to_owned();
    let items = pickle.tuple(id).ok_or_else(strange)?;
    let Some((&[kind, class, key, _, elements], rest)) = items.split_first_chunk() else {
        return Err(strange());
    };
    if pickle.text(kind) != Some("storage") {
        return Err(strange());
    }
    let (module, name) = pickle.global(class).ok_or_else(strange)?;
    let dtype = storage_dtype(module, name).ok_or_else(|| {
        format!("it has a storage of type `{}`, whose values cannot be read", path(module, name))
    })?;
    let count = |id| {
        let count = pickle.int(id).ok_or_else(strange)?;
        u64::try_from(count).map_err(|_| format!("a storage has {count} elements"))
    };
    let part = match rest.first() {
        Some(&part) => match pickle.tuple(part) {
            Some(&[_, offset, length]) => Some((count(offset)?, count(length)?)),
            _ => None,
        },
        None => None,
    };
    let key = pickle.text(key).ok_or_else(strange)?;
    Ok(StorageRef { key, dtype, count: count(elements)?, part })
}

/// `torch.FloatStorage` and its kin.
fn storage_dtype(module: &str, name: &str) -> Option<Dtype> {
    if !matches!(module, "torch" | "torch.cuda" | "torch.storage") {
        return None;
    }
    Some(match name {
        "DoubleStorage" => Dtype::F64,
        "FloatStorage" => Dtype::F32,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "LongStorage" => Dtype::I64,
        "IntStorage" => Dtype::I32,
        "ShortStorage" => Dtype::I16,
        "CharStorage" => Dtype::I8,
        "ByteStorage" | "UntypedStorage" => Dtype::U8,
        "BoolStorage" => Dtype::BOOL,
        "ComplexFloatStorage" => Dtype::C64,
        _ => return None,
    })
}

/// `torch.float8_e4m3fn` and the other types that have no storage of their own.
fn tensor_dtype(module: &str, name: &str) -> Option<Dtype> {
    if module != "torch" {
        return None;
    }
    Some(match name {
        "uint16" => Dtype::U16,
        "uint32" => Dtype::U32,
        "uint64" => Dtype::U64,
        "float8_e4m3fn" => Dtype::F8_E4M3,
        "float8_e5m2" => Dtype::F8_E5M2,
        "float8_e4m3fnuz" => Dtype::F8_E4M3FNUZ,
        "float8_e5m2fnuz" => Dtype::F8_E5M2FNUZ,
        "float8_e8m0fnu" => Dtype::F8_E8M0,
        _ => return None,
    })
}

/// The tensors of a checkpoint. `place` finds a storage: its place in the index and its length in
/// elements of the reference; `length` is that of the file.
///
/// # Errors
/// Where it holds no tensors by name, or one of them does not lie inside its storage.
pub(super) fn tensors<'a>(
    pickle: &Pickle<'a>,
    length: u64,
    mut place: impl FnMut(&StorageRef<'a>) -> Result<usize, String>,
) -> Result<Index, String> {
    let (section, items) = find(pickle)?;
    let mut tensors = HashMap::new();
    let mut unread = BTreeMap::new();
    for &(key, value) in items {
        // A number as a key, of another program's bookkeeping.
        let Some(name) = pickle.text(key) else { continue };
        if tensors.len() + unread.len() == MAX_TENSORS {
            return Err(format!("it has more than {MAX_TENSORS} tensors"));
        }
        let entry = match Described::find(pickle, value) {
            None => match pickle.get(value) {
                // PyTorch lets modules save what they want under this name.
                Object::Call(..) if name.rsplit('.').next() != Some("_extra_state") => {
                    unread.insert(
                        name.to_owned(),
                        format!("is {}, which is not called: only tensors are read", pickle.describe(value)),
                    );
                    continue;
                }
                _ => continue,
            },
            Some(described) => described.and_then(|described| {
                let at = place(&described.storage)?;
                described.entry(at, length)
            }),
        };
        let entry = entry.map_err(|what| format!("its tensor {}: {what}", quoted(name)))?;
        if tensors.insert(name.to_owned(), entry).is_some() {
            return Err(format!("it has two tensors of the name {}", quoted(name)));
        }
    }
    Ok(Index { section, tensors, unread, storages: Vec::new() })
}

/// A name from a file, to stand in a message.
fn quoted(name: &str) -> String {
    format!("{:?}", name.chars().take(200).collect::<String>())
}

/// The keys that lead to a dict, and its items.
type Found<'p> = (Vec<String>, &'p [(Id, Id)]);

/// The dict that holds the tensors, and the keys that lead to it: that under the first of [`SECTIONS`]
/// that has tensors, itself or in a section of its own; the whole, if it has; the only one that has.
fn find<'p>(pickle: &'p Pickle<'_>) -> Result<Found<'p>, String> {
    let mut dicts = Dicts { pickle, seen: HashMap::new() };
    let mut section = Vec::new();
    let mut root = pickle.root;
    for _ in 0..MAX_DEPTH {
        let Object::Dict(items) = pickle.get(root) else { break };
        let inner = dicts.sections(root).into_iter().find(|&(_, inner)| {
            dicts.has_tensors(inner)
                || dicts.sections(inner).into_iter().any(|(_, inner)| dicts.has_tensors(inner))
        });
        if let Some((key, inner)) = inner {
            section.push(key.to_owned());
            root = inner;
            continue;
        }
        if dicts.has_tensors(root) {
            return Ok((section, items));
        }
        let inner: Vec<(Id, Id)> =
            items.iter().filter(|(_, inner)| dicts.has_tensors(*inner)).copied().collect();
        match &inner[..] {
            [] => break,
            &[(key, inner)] => {
                section.push(pickle.text(key).unwrap_or("?").to_owned());
                root = inner;
            }
            several => {
                let keys = several.iter().take(8).filter_map(|(key, _)| pickle.text(*key));
                let keys: Vec<String> = keys.map(quoted).collect();
                return Err(format!(
                    "it holds several networks, under {}; save one of them alone in Python: \
                     torch.save(torch.load(path)[{}], \"weights.pth\")",
                    keys.join(", "),
                    keys.first().map_or("..", String::as_str)
                ));
            }
        }
    }
    Err(nothing(pickle, root))
}

/// Looks into dicts, and into each once: a hostile one may be in itself or in a million others.
struct Dicts<'p, 'a> {
    pickle: &'p Pickle<'a>,
    /// Whether those that were looked into have tensors.
    seen: HashMap<Id, bool>,
}

impl Dicts<'_, '_> {
    /// Whether it is a dict with a tensor directly under a name.
    fn has_tensors(&mut self, id: Id) -> bool {
        let pickle = self.pickle;
        let Object::Dict(items) = pickle.get(id) else { return false };
        *self.seen.entry(id).or_insert_with(|| {
            items.iter().any(|&(key, value)| pickle.text(key).is_some() && Described::is_one(pickle, value))
        })
    }

    /// The values of a dict under [`SECTIONS`], in their order.
    fn sections(&self, id: Id) -> Vec<(&'static str, Id)> {
        let Object::Dict(items) = self.pickle.get(id) else { return Vec::new() };
        let value = |known| items.iter().find(|(key, _)| self.pickle.text(*key) == Some(known));
        SECTIONS.into_iter().filter_map(|known| Some((known, value(known)?.1))).collect()
    }
}

/// What a checkpoint is that has no tensors by name.
fn nothing(pickle: &Pickle<'_>, root: Id) -> String {
    let inner = match pickle.get(root) {
        Object::Dict(items) => items
            .iter()
            .filter(|(key, _)| pickle.text(*key).is_some_and(|key| SECTIONS.contains(&key)))
            .find(|(_, value)| matches!(pickle.get(*value), Object::Call(..))),
        _ => None,
    };
    let (id, at) = match inner {
        Some(&(key, value)) => (value, pickle.text(key).map_or(String::new(), |key| format!("[{key:?}]"))),
        None => (root, String::new()),
    };
    if Described::find(pickle, id).is_some() {
        return "it holds a single tensor without a name; save a state_dict".to_owned();
    }
    match pickle.get(id) {
        Object::Call(..) => format!(
            "it holds {}, a whole pickled object and not a state_dict; nothing of it was run. If you trust it, \
             save its tensors in Python: torch.save(torch.load(path, weights_only=False){at}.state_dict(), \
             \"weights.pth\")",
            pickle.describe(id)
        ),
        _ => format!("it holds {} without tensors by name; save a state_dict", pickle.describe(id)),
    }
}

/// A tensor as a pickle describes it.
struct Described<'a> {
    dtype: Dtype,
    storage: StorageRef<'a>,
    /// In elements.
    offset: i64,
    shape: Vec<i64>,
    strides: Vec<i64>,
}

impl<'a> Described<'a> {
    /// The call that builds the tensor, without the parameters and subclasses around it.
    fn call<'p>(pickle: &'p Pickle<'a>, mut id: Id) -> Option<(&'a str, &'p [Id])> {
        // They are nested twice at most; the bound is for what contains itself.
        for _ in 0..4 {
            match pickle.call(id)? {
                ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state", arguments) => {
                    id = *arguments.first()?;
                }
                ("torch._utils", name, arguments)
                    if matches!(name, "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3") =>
                {
                    return Some((name, arguments));
                }
                // A subclass of Tensor: the function, the class, the function's arguments, its state.
                ("torch._tensor", "_rebuild_from_type_v2", &[function, _, arguments, ..]) => {
                    return match pickle.global(function)? {
                        ("torch._utils", name)
                            if matches!(name, "_rebuild_tensor_v2" | "_rebuild_tensor_v3") =>
                        {
                            Some((name, pickle.tuple(arguments)?))
                        }
                        _ => None,
                    };
                }
                _ => return None,
            }
        }
        None
    }

    fn is_one(pickle: &Pickle<'a>, id: Id) -> bool {
        Self::call(pickle, id).is_some()
    }

    /// The tensor that the object is, if it is one.
    fn find(pickle: &Pickle<'a>, id: Id) -> Option<Result<Self, String>> {
        let (name, arguments) = Self::call(pickle, id)?;
        Some(Self::read(pickle, name, arguments))
    }

    /// Arguments: storage, offset, size, stride, then what does not matter; the type is the seventh of v3.
    fn read(pickle: &Pickle<'a>, name: &str, arguments: &[Id]) -> Result<Self, String> {
        let strange = || "it is described in a way that torch.save does not".to_owned();
        let &[storage, offset, shape, strides, ..] = arguments else { return Err(strange()) };
        let Object::Persistent(storage) = pickle.get(storage) else { return Err(strange()) };
        let storage = storage_ref(pickle, *storage)?;
        let mut dtype = storage.dtype;
        if name == "_rebuild_tensor_v3" {
            let stated = arguments.get(6).and_then(|&id| pickle.global(id)).ok_or_else(strange)?;
            dtype = tensor_dtype(stated.0, stated.1)
                .ok_or_else(|| format!("its type `{}` is not known", path(stated.0, stated.1)))?;
        }
        let numbers = |id| {
            // torch.Size is a tuple in a call of its own.
            let items = match pickle.call(id) {
                Some(("torch", "Size", &[items])) => pickle.tuple(items),
                _ => pickle.tuple(id),
            };
            let items = items.ok_or_else(strange)?;
            if items.len() > MAX_RANK {
                return Err(format!(
                    "it has {} dimensions, and at most {MAX_RANK} are possible",
                    items.len()
                ));
            }
            items.iter().map(|&id| pickle.int(id).ok_or_else(strange)).collect::<Result<Vec<i64>, _>>()
        };
        Ok(Self {
            dtype,
            storage,
            offset: pickle.int(offset).ok_or_else(strange)?,
            shape: numbers(shape)?,
            strides: numbers(strides)?,
        })
    }

    /// Checks that it lies inside its storage.
    fn entry(self, storage: usize, length: u64) -> Result<Entry, String> {
        let Self { dtype, storage: of, offset, shape, strides } = self;
        let sizes = |numbers: &[i64], what: &str| -> Result<Vec<usize>, String> {
            let sizes = numbers.iter().map(|&size| usize::try_from(size)).collect();
            let sizes: Result<Vec<usize>, _> = sizes;
            sizes.map_err(|_| format!("its {what} {numbers:?} has a negative number"))
        };
        let (shape, strides) = (sizes(&shape, "shape")?, sizes(&strides, "stride")?);
        let offset = u64::try_from(offset).map_err(|_| format!("its offset is {offset}"))?;
        if shape.len() != strides.len() {
            return Err(format!("it has {} sizes and {} strides", shape.len(), strides.len()));
        }
        let size = dtype.bitsize() as u64 / 8;
        let bytes = room(&shape).and_then(|room| (room as u64).checked_mul(size));
        let bytes =
            bytes.ok_or_else(|| format!("its shape {shape:?} has more values than can be counted"))?;
        let empty = shape.contains(&0);

        // Elements from the first to behind the last.
        let spread = shape.iter().zip(&strides).try_fold(1u64, |spread, (&size, &stride)| {
            spread.checked_add((size.saturating_sub(1) as u64).checked_mul(stride as u64)?)
        });
        let extent = if empty { Some(0) } else { spread.and_then(|spread| spread.checked_mul(size)) };
        let (part, whole) = of.part.unwrap_or((0, of.count));
        if part.checked_add(whole).is_none_or(|end| end > of.count) {
            return Err(format!(
                "its part of a storage, {whole} from {part} on, is more than its {}",
                of.count
            ));
        }
        let whole = whole.saturating_mul(of.size());
        let first = offset.checked_mul(size);
        let begin = part.checked_mul(of.size()).zip(first).and_then(|(part, first)| part.checked_add(first));
        let inside = first.zip(extent).and_then(|(first, extent)| first.checked_add(extent));
        let (Some(extent), Some(begin), true) = (extent, begin, inside.is_some_and(|end| end <= whole))
        else {
            return Err(format!(
                "its shape {shape:?} with strides {strides:?} from {offset} on reaches beyond its storage of {whole} bytes"
            ));
        };
        if bytes > length.max(MAX_EXPANDED) && !empty {
            return Err(format!(
                "its strides {strides:?} repeat {extent} bytes to {bytes}, more than the file has; \
                 save it with .contiguous()"
            ));
        }
        let strides = (!in_order(&shape, &strides)).then_some(strides);
        Ok(Entry { dtype, shape, strides, storage, offset: if empty { 0 } else { begin }, extent })
    }
}

/// Whether the values stand in row-major order without gaps. A dimension of size 1 has no order.
fn in_order(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    for (&size, &stride) in shape.iter().zip(strides).rev() {
        if size != 1 && stride != expected && !shape.contains(&0) {
            return false;
        }
        expected *= size;
    }
    true
}
