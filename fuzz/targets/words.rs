//! Bytes as words of the language, so that the fuzzer spends its time behind the lexer.

/// What a byte stands for. Brackets need not match.
pub const WORDS: &[&str] = &[
    "Net", "block", "let", "where", "residual", "dense", "concat", "add", "mul", "else", "none", "rust", "like", "x2",
    "x3", "x", "conv3", "conv1", "conv4", "conv7x1", "dw3", "deconv4", "pool2", "pool3", "avgpool2", "avgpool", "gap",
    "up2", "shuffle2", "fc10", "fc", "bn", "gn4", "ln", "lrn5", "relu", "softmax", "dropout", "flatten", "id", "scale",
    "crop", "pad", "valid", "same", "half", "full", "ceil", "groups", "stride", "dilation", "kernel", "bias", "outpad",
    "cin", "H", "W", "K", "SIDE", "a", "b", "c", "label", "network", "budget", "allow", "params", "crate", "pub", "self",
    "true", "->", "=>", "==", ">=", "::", "-", "/", "*", "+", "%", ",", ";", ":", "@", "|", "=", "<", ">", "#", "!",
    "(", ")", "[", "]", "{", "}", "1", "2", "3", "4", "8", "10", "16", "0", "64", "2147483648", "99999999999", "0.5",
    "1e-6", "3x32x32", "1x8x8", "7x7", "0x7", "64x2", "5M", "16MB", "\"s\"", "'a'",
];

/// The words of an input, with spaces between them.
#[allow(dead_code, reason = "the token target makes tokens of the words itself")]
pub fn text(data: &[u8]) -> String {
    let words: Vec<&str> = data.iter().map(|&byte| WORDS[usize::from(byte) % WORDS.len()]).collect();
    words.join(" ")
}
