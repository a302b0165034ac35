//! Safetensors files with wrong headers.

use super::{Case, case};

/// A file with this header over these values.
fn file(header: impl AsRef<[u8]>, values: &[u8]) -> Vec<u8> {
    let header = header.as_ref();
    [&(header.len() as u64).to_le_bytes(), header, values].concat()
}

/// One tensor `x`.
fn one(dtype: &str, shape: &str, from: u64, to: u64, values: &[u8]) -> Vec<u8> {
    let header = format!(r#"{{"x":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]}}}}"#);
    file(header, values)
}

/// Two tensors `a` and `b` of two `F32` each.
fn two(a: [u64; 2], b: [u64; 2], values: &[u8]) -> Vec<u8> {
    let entry = |name, [from, to]: [u64; 2]| {
        format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":[{from},{to}]}}"#)
    };
    file(format!("{{{},{}}}", entry("a", a), entry("b", b)), values)
}

pub(super) fn cases() -> Vec<Case> {
    let many: Vec<String> =
        (0..100_001).map(|i| format!(r#""{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#)).collect();
    vec![
        case(
            "header of 2^64",
            [&[0xff; 8][..], b"{}"].concat(),
            "announce a safetensors header of 18446744073709551615 bytes",
        ),
        case("header beyond the file", [&9u64.to_le_bytes()[..], b"{"].concat(), "but the file has 9"),
        case("header of 100 MB", [&100_000_001u64.to_le_bytes()[..], b"{"].concat(), "but the file has 9"),
        case("not JSON", file("{]", b""), "header is not valid"),
        case("JSON that ends", file(r#"{"x":{"dtype":"F32""#, b""), "header is not valid"),
        case("a list", file("[1, 2]", b""), "header is not valid"),
        case("not UTF-8", file(b"{\"\xff\xfe\":1}", b""), "header is not valid"),
        case("control characters", file("{\u{1b}[31m}", b""), "header is not valid"),
        case("deep JSON", file(format!(r#"{{"x":{}"#, "[".repeat(1_000_000)), b""), "header is not valid"),
        case(
            "deep metadata",
            file(format!(r#"{{"__metadata__":{}"#, "{\"a\":".repeat(1_000_000)), b""),
            "EOF while parsing",
        ),
        case(
            "missing field",
            file(r#"{"x":{"dtype":"F32","shape":[1]}}"#, b"abcd"),
            "missing field `data_offsets`",
        ),
        case("unknown type", one("F31", "[1]", 0, 4, b"abcd"), "unknown variant `F31`"),
        case("negative size", one("F32", "[-1]", 0, 4, b"abcd"), "invalid value"),
        case("fractional size", one("F32", "[1.0]", 0, 4, b"abcd"), "invalid type"),
        case("size beyond u64", one("F32", "[18446744073709551616]", 0, 4, b"abcd"), "header is not valid"),
        case(
            "negative offset",
            one("F32", "[1]", 0, 4, b"abcd")
                .iter()
                .map(|&byte| if byte == b'4' { b'-' } else { byte })
                .collect::<Vec<u8>>(),
            "header is not valid",
        ),
        case(
            "count overflows",
            one("F32", "[4294967296,4294967296]", 0, 8, &[0; 8]),
            "more values than can be counted",
        ),
        case(
            "bytes overflow",
            one("F64", "[4611686018427387904]", 0, 8, &[0; 8]),
            "the size of a tensor overflows",
        ),
        case(
            "empty and overflowing",
            one("F32", "[0,1099511627776,1099511627776]", 0, 0, b""),
            "more values than can be counted",
        ),
        case(
            "terabytes",
            one("F32", "[1099511627776]", 0, 4398046511104, b""),
            "describes 4398046511104 bytes of values, but 0 follow; it is truncated: fetch it again",
        ),
        case(
            "offsets backwards",
            one("F32", "[1]", 8, 4, b"abcdefgh"),
            "do not begin where those of the tensor before it end",
        ),
        case(
            "bytes of another shape",
            one("F32", "[3]", 0, 8, b"abcdefgh"),
            "need another number of bytes than its offsets give",
        ),
        case("values cut off", one("F32", "[2]", 0, 8, b"abcd"), "it is truncated"),
        case("values behind", one("F32", "[1]", 0, 4, b"abcdefgh"), "it was altered"),
        case("hole at the beginning", one("F32", "[1]", 4, 8, b"abcdefgh"), "nor leave holes"),
        case("hole", two([0, 8], [12, 20], &[0; 20]), "the bytes of \"b\" do not begin where"),
        case("overlap", two([0, 8], [4, 12], &[0; 12]), "the bytes of \"b\" do not begin where"),
        case("same bytes twice", two([0, 8], [0, 8], &[0; 8]), "neither overlap nor leave holes"),
        case(
            "name twice",
            file(
                r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#,
                b"",
            ),
            "\"a\" is in it twice",
        ),
        case(
            "65 dimensions",
            one("U8", &format!("[{}]", ["1"; 65].join(",")), 0, 1, b"a"),
            "a shape of more than 64 dimensions",
        ),
        case(
            "millions of dimensions",
            one("U8", &format!("[{}1]", "1,".repeat(5_000_000)), 0, 1, b"a"),
            "a shape of more than 64 dimensions",
        ),
        case("too many tensors", file(format!("{{{}}}", many.join(",")), b""), "more than 100000 tensors"),
        case("half a byte", one("F4", "[1]", 0, 1, b"a"), "header is not valid"),
    ]
}
