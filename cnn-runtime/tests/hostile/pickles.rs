//! Pickles that no `torch.save` writes.

use super::archive::{archive, stored};
use super::{Case, case, sound};

/// The end of a pickle.
pub(super) const STOP: &[u8] = b"N.";

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A whole number, of 64 bits where it needs them.
fn int(value: i64) -> Vec<u8> {
    match i32::try_from(value) {
        Ok(value) => [b"J", &value.to_le_bytes()[..]].concat(),
        Err(_) => [b"\x8a\x08", &value.to_le_bytes()[..]].concat(),
    }
}

fn ints(values: &[i64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|&value| int(value)).collect();
    [b"(", &values[..], b"t"].concat()
}

/// A tensor as `torch.save` describes it.
struct Tensor<'a> {
    class: &'a str,
    key: &'a str,
    count: i64,
    offset: i64,
    shape: &'a [i64],
    strides: &'a [i64],
}

/// Two rows of three values, in a storage of six.
const SIX: Tensor<'static> =
    Tensor { class: "FloatStorage", key: "0", count: 6, offset: 0, shape: &[2, 3], strides: &[3, 1] };

impl Tensor<'_> {
    fn pickle(&self) -> Vec<u8> {
        let storage = [
            b"((".to_vec(),
            text("storage"),
            format!("ctorch\n{}\n", self.class).into_bytes(),
            text(self.key),
            text("cpu"),
            int(self.count),
            b"tQ".to_vec(),
        ];
        let rest = [int(self.offset), ints(self.shape), ints(self.strides), b"\x89}tR".to_vec()];
        [b"ctorch._utils\n_rebuild_tensor_v2\n", &storage.concat()[..], &rest.concat()].concat()
    }
}

/// A dict of these names and values, as a whole pickle.
fn dict(items: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let items: Vec<u8> =
        items.iter().flat_map(|(name, value)| [text(name), value.clone()].concat()).collect();
    [b"\x80\x02}(", &items[..], b"u."].concat()
}

/// The pickle of `{"x": tensor}`.
pub(super) fn one_tensor() -> Vec<u8> {
    dict(&[("x", SIX.pickle())])
}

pub(super) fn with_key(key: &str) -> Vec<u8> {
    dict(&[("x", Tensor { key, ..SIX }.pickle())])
}

/// An archive with this pickle and a storage of six values.
fn pth(pickle: impl AsRef<[u8]>) -> Vec<u8> {
    archive(&[stored("a/data.pkl", pickle.as_ref()), stored("a/data/0", [0; 24])])
}

/// `{"x": tensor}` of a tensor that is wrong.
fn of(tensor: Tensor<'_>) -> Vec<u8> {
    pth(dict(&[("x", tensor.pickle())]))
}

/// The pickle that would call `module.name("touch /tmp/owned")`.
fn call(module: &str, name: &str) -> Vec<u8> {
    [format!("c{module}\n{name}\n").into_bytes(), text("touch /tmp/owned"), b"\x85R".to_vec()].concat()
}

fn whole(body: impl AsRef<[u8]>) -> Vec<u8> {
    [b"\x80\x02", body.as_ref(), b"."].concat()
}

pub(super) fn cases() -> Vec<Case> {
    // Each list holds the one before ten times: a tree of 10^40 leaves.
    let laughs: Vec<u8> = [
        b"]q\0".to_vec(),
        (0..40u8)
            .flat_map(|i| [b"](".to_vec(), [b'h', i].repeat(10), vec![b'e', b'q', i + 1]].concat())
            .collect(),
    ]
    .concat();
    // Pairs of one list, given to a hundred thousand dicts.
    let pairs = [
        &b"]q\0(NN\x86q\x01"[..],
        &b"h\x01".repeat(1000),
        b"eccollections\nOrderedDict\nq\x02",
        &b"h\x02h\0\x85R".repeat(100_000),
    ]
    .concat();
    // A dict of many numbers, under a hundred thousand keys.
    let many = [
        &b"}q\0("[..],
        &b"NN".repeat(100_000),
        b"u0}(",
        &(0..100_000).flat_map(|i| [text(&i.to_string()), b"h\0".to_vec()].concat()).collect::<Vec<u8>>(),
        b"u",
    ]
    .concat();
    let memo = (0..300_000u32)
        .flat_map(|i| [b"Nr".to_vec(), i.wrapping_mul(0x9e37_79b9).to_le_bytes().to_vec()].concat());
    let scalar = |strides| Tensor { shape: &[1 << 20, 1 << 20], strides, ..SIX };
    let good = || ("good", SIX.pickle());
    vec![
        case(
            "unknown opcode",
            pth(b"\x80\x02\xff."),
            "at byte 2: opcode 0xff, which torch.save does not write",
        ),
        case("extension", pth(b"\x80\x02\x82\x01."), "opcode 0x82"),
        case("protocol 0", pth(b"(dp0\n."), "opcode 0x70"),
        case("protocol 9", pth(b"\x80\x09N."), "pickle protocol 9 is not known (2 to 5 are)"),
        case("empty pickle", pth(b""), "at byte 0: it ends too early"),
        case("pickle without end", pth(b"\x80\x02}"), "it ends too early"),
        case("empty stack", pth(b"\x80\x02."), "nothing is on the stack"),
        case("call of nothing", pth(b"\x80\x02R."), "nothing is on the stack"),
        case("stack below a bracket", pth(b"\x80\x02N(R."), "nothing is on the stack"),
        case("bracket without beginning", pth(b"\x80\x02t."), "a bracket is closed that was not opened"),
        case("string of 4 GB", pth(b"\x80\x02X\xff\xff\xff\xff."), "it ends too early"),
        case("string of 2^64", pth(b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), "it ends too early"),
        case("bytes of 2^63", pth(b"\x80\x04\x8e\0\0\0\0\0\0\0\x80."), "it ends too early"),
        case("number of 2 GB", pth(b"\x80\x02\x8b\0\0\0\x80."), "it ends too early"),
        case("string that is not UTF-8", pth(b"\x80\x02X\x02\0\0\0\xc3\x28."), "a string that is not UTF-8"),
        case("global without end", pth(b"\x80\x02cos"), "a line without end"),
        case("unknown object", pth(b"\x80\x02h\x07."), "object 7 is used before it is there"),
        case("key without value", pth(b"\x80\x02}(Nu."), "a key without a value"),
        case("items of a number", pth(b"\x80\x02K\x01(NNu."), "put into what is not a dict"),
        case("appended to a tuple", pth(b"\x80\x02)Na."), "appended to what is not a list"),
        case("global that is no string", pth(b"\x80\x04NN\x93."), "a global is not named by strings"),
        case(
            "millions of opcodes",
            pth([&b"\x80\x02"[..], &b"N0".repeat(3_000_000)].concat()),
            "it goes on after 2097152 opcodes",
        ),
        case(
            "memo bomb",
            pth(whole([memo.collect::<Vec<u8>>(), b"]".to_vec()].concat())),
            "it holds a list without tensors",
        ),
        case("a billion laughs", pth(whole(laughs)), "it holds a list without tensors by name"),
        case("pairs for many dicts", pth(whole(pairs)), "its dicts have too many items"),
        case("dict under many keys", pth(whole(many)), "it holds a dict without tensors by name"),
        case("list in itself", pth(whole(b"]q\0h\0a")), "it holds a list without tensors"),
        case(
            "dict in itself",
            pth(whole([&b"}q\0("[..], &text("state_dict"), b"h\0u"].concat())),
            "it holds a dict without tensors",
        ),
        case(
            "tensor in itself",
            pth(whole(
                [&b"}("[..], &text("x"), b"ctorch._utils\n_rebuild_parameter\n]q\0(h\0e\x85Ru"].concat(),
            )),
            "it holds a dict without tensors by name",
        ),
        case(
            "parameter of parameters",
            pth(dict(&[(
                "x",
                [&b"ctorch._utils\n_rebuild_parameter\nq\0".repeat(9)[..], b"N", &b"\x85R".repeat(9)]
                    .concat(),
            )])),
            "it holds a dict without tensors by name",
        ),
        case(
            "deep nesting",
            pth(whole([&b"N"[..], &b"\x85".repeat(1_000_000)].concat())),
            "it holds a tuple without tensors",
        ),
        case(
            "os.system",
            pth(whole(call("os", "system"))),
            "holds what calling `os.system` gives, a whole pickled object and not a state_dict; nothing of it was run",
        ),
        case(
            "builtins.eval of protocol 4",
            pth(whole(
                [text("builtins"), text("eval"), b"\x93".to_vec(), text("1"), b"\x85R".to_vec()].concat(),
            )),
            "`builtins.eval`",
        ),
        case("posix.system under model", pth(dict(&[("model", call("posix", "system"))])), "`posix.system`"),
        case(
            "os.system by an object's class",
            pth(whole([b"cos\nsystem\n)\x81}(".to_vec(), text("a"), b"K\x01ub".to_vec()].concat())),
            "`os.system`",
        ),
        case("hostile global", pth(whole(b"cos\x1b[31m\nsystem\n)R")), "\\u{1b}[31m"),
        case("number", pth(whole(b"K\x07")), "it holds a number without tensors"),
        case("storage alone", pth(whole(b"NQ")), "it holds a storage without tensors"),
        case("one name twice", pth(dict(&[good(), good()])), "two tensors of the name \"good\""),
        case(
            "negative shape",
            of(Tensor { shape: &[-2, 3], ..SIX }),
            "its tensor \"x\": its shape [-2, 3] has a negative number",
        ),
        case(
            "negative stride",
            of(Tensor { strides: &[3, -1], ..SIX }),
            "its stride [3, -1] has a negative number",
        ),
        case("negative offset in a pickle", of(Tensor { offset: -1, ..SIX }), "its offset is -1"),
        case("negative count", of(Tensor { count: -6, ..SIX }), "a storage has -6 elements"),
        case(
            "count of 2^62",
            of(Tensor { count: 1 << 62, ..SIX }),
            "has 24 bytes, and more than can be counted are claimed",
        ),
        case(
            "absurd stride",
            of(Tensor { strides: &[1 << 62, 1], ..SIX }),
            "reaches beyond its storage of 24 bytes",
        ),
        case(
            "absurd offset",
            of(Tensor { offset: i64::MAX, ..SIX }),
            "reaches beyond its storage of 24 bytes",
        ),
        case(
            "one too far",
            of(Tensor { offset: 1, ..SIX }),
            "its shape [2, 3] with strides [3, 1] from 1 on reaches beyond its storage of 24 bytes",
        ),
        case("shape beyond the storage", of(Tensor { shape: &[3, 3], ..SIX }), "reaches beyond its storage"),
        case(
            "shape of 2^80",
            of(Tensor { shape: &[1 << 40, 1 << 40], ..SIX }),
            "more values than can be counted",
        ),
        case(
            "empty of 2^80",
            of(Tensor { shape: &[1 << 40, 0, 1 << 40], strides: &[1, 1, 1], ..SIX }),
            "more values than can be counted",
        ),
        case(
            "terabytes of one value",
            of(scalar(&[0, 0])),
            "repeat 4 bytes to 4398046511104, more than the file has; save it with .contiguous()",
        ),
        case("strides of another rank", of(Tensor { strides: &[1], ..SIX }), "it has 2 sizes and 1 strides"),
        case(
            "65 dimensions of a pickle",
            of(Tensor { shape: &[1; 65], strides: &[1; 65], ..SIX }),
            "it has 65 dimensions, and at most 64 are possible",
        ),
        case(
            "storage shorter than claimed",
            of(Tensor { count: 7, ..SIX }),
            "its storage \"0\" has 24 bytes, and 28 are claimed",
        ),
        case(
            "storage of another type",
            of(Tensor { class: "DoubleStorage", ..SIX }),
            "has 24 bytes, and 48 are claimed",
        ),
        case("missing storage", of(Tensor { key: "1", ..SIX }), "its storage \"1\" is not in the file"),
        case(
            "storage of no known type",
            of(Tensor { class: "QInt8Storage", ..SIX }),
            "a storage of type `torch.QInt8Storage`, whose values cannot be read",
        ),
        case(
            "tensor of a number",
            pth(dict(&[("x", b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\0))tR".to_vec())])),
            "described in a way that torch.save does not",
        ),
        case(
            "tensor of nothing",
            pth(dict(&[("x", b"ctorch._utils\n_rebuild_tensor_v2\n)R".to_vec())])),
            "described in a way that torch.save does not",
        ),
        case(
            "storage of nothing",
            pth(dict(&[("x", b"ctorch._utils\n_rebuild_tensor_v2\n()QK\0))tR".to_vec())])),
            "refers to a storage in a way that torch.save does not",
        ),
    ]
}

/// A file of the older format: these pickles and what is behind.
fn legacy(version: &[u8], machine: &[u8], pickle: &[u8], keys: &[u8], rest: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    [magic, version, machine, pickle, keys, rest].concat()
}

pub(super) fn legacy_cases() -> Vec<Case> {
    let version = whole(b"M\xe9\x03");
    let machine = dict(&[("little_endian", b"\x88".to_vec())]);
    let keys = |keys: &[&str]| {
        whole([b"](".to_vec(), keys.iter().flat_map(|key| text(key)).collect(), b"e".to_vec()].concat())
    };
    let six = [&6u64.to_le_bytes()[..], &[0; 24]].concat();
    let of = |keys: &[u8], rest: &[u8]| legacy(&version, &machine, &one_tensor(), keys, rest);
    let part = |part: [i64; 2]| {
        let mut pickle = one_tensor();
        let at = pickle.windows(2).position(|bytes| bytes == b"tQ").expect("a storage");
        let part = [b"(".to_vec(), text("1"), int(part[0]), int(part[1]), b"t".to_vec()].concat();
        drop(pickle.splice(at..at, part));
        legacy(&version, &machine, &pickle, &keys(&["0"]), &six)
    };
    let path = std::env::temp_dir().join(format!("cnn-hostile-legacy-{}.pth", std::process::id()));
    for sound in [of(&keys(&["0"]), &six), part([0, 6])] {
        std::fs::write(&path, sound).expect("a file to read");
        assert_eq!(super::read_whole(&path).expect("a sound file"), 1);
    }
    std::fs::remove_file(&path).expect("cleaned up");

    let mut other_end = sound("net_legacy.pth");
    let at = other_end.windows(13).position(|bytes| bytes == b"little_endian").expect("there");
    let flag = other_end[at..].iter().position(|&byte| byte == 0x88).expect("true") + at;
    other_end[flag] = 0x89;
    let module = whole([b"(".to_vec(), text("module"), b"c__main__\nNet\nNNtQ)\x81}b".to_vec()].concat());
    vec![
        case(
            "plain pickle",
            whole(b"}(X\x01\0\0\0aK\x01u"),
            "it is a Python pickle of a dict, which torch.save did not write; nothing of it was run",
        ),
        case(
            "plain pickle of a call",
            whole(call("os", "system")),
            "a Python pickle of what calling `os.system` gives",
        ),
        case(
            "other version",
            legacy(&whole(b"M\xea\x03"), &machine, &one_tensor(), &keys(&["0"]), &six),
            "a version of PyTorch's older format that is not known",
        ),
        case("big-endian machine", other_end, "saved on a big-endian machine"),
        case(
            "whole module",
            legacy(&version, &machine, &module, &keys(&[]), b""),
            "a whole pickled object and not a state_dict",
        ),
        case("no list of storages", of(&whole(b"N"), &six), "it does not list its storages"),
        case("list of numbers", of(&whole(b"]K\x01a"), &six), "it does not list its storages by name"),
        case("storage that is not used", of(&keys(&["7"]), &six), "its storage \"7\" is listed and not used"),
        case("storage that is not listed", of(&keys(&[]), b""), "its storage \"0\" is not in the file"),
        case("storage twice", of(&keys(&["0", "0"]), &six.repeat(2)), "its storage \"0\" is listed twice"),
        case(
            "storage of another length",
            of(&keys(&["0"]), &[&7u64.to_le_bytes()[..], &[0; 28]].concat()),
            "its storage \"0\" has 7 elements, and 6 are claimed",
        ),
        case(
            "storage of 2^63",
            of(&keys(&["0"]), &[&(1u64 << 63).to_le_bytes()[..], &[0; 28]].concat()),
            "its storage \"0\" has 9223372036854775808 elements",
        ),
        case(
            "storage cut off",
            of(&keys(&["0"]), &six[..20]),
            "it ends in its storage \"0\"; it is truncated: fetch it again",
        ),
        case(
            "part beyond its storage",
            part([1, 6]),
            "its part of a storage, 6 from 1 on, is more than its 6",
        ),
        case("part of 2^62", part([1 << 62, 1 << 62]), "is more than its 6"),
        case("part too short", part([0, 5]), "reaches beyond its storage of 20 bytes"),
    ]
}
