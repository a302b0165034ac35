//! Reading inside one token: `conv3`, `conv7x1`, `x2`, `3x224x224`, `0.5`.
//!
//! rustc hands these over as single words or literals; everything here is a pure function of the text.

/// A literal, decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// `64`
    Int(u64),
    /// `0.5`, `1e-6`
    Float(f64),
    /// `3x224x224`, `7x7`
    Sizes(Vec<u64>),
    /// Anything else, with what is wrong.
    Bad(BadNumber),
}

/// Why a literal is not a number of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadNumber {
    /// Larger than [`LARGEST`].
    TooLarge,
    /// `0x7` is hexadecimal to Rust, so no size may begin with `0x`.
    Hexadecimal,
    /// Something else: a suffix, a string, …
    NotANumber,
}

/// The largest number that the language accepts (no layer is larger, and products stay exact).
pub const LARGEST: u64 = 1 << 31;

/// Decodes a literal.
#[must_use]
pub fn number(text: &str) -> Number {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("0x") || lower.starts_with("0b") || lower.starts_with("0o") {
        return Number::Bad(BadNumber::Hexadecimal);
    }
    let plain: String = text.chars().filter(|&c| c != '_').collect();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if digits(&plain) {
        return int(&plain).map_or(Number::Bad(BadNumber::TooLarge), Number::Int);
    }
    if plain.contains('x') && plain.split('x').all(digits) {
        let sizes: Option<Vec<u64>> = plain.split('x').map(int).collect();
        return sizes.map_or(Number::Bad(BadNumber::TooLarge), Number::Sizes);
    }
    let numeric = plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
    match plain.parse::<f64>() {
        Ok(value) if numeric && value.is_finite() => Number::Float(value),
        _ => Number::Bad(BadNumber::NotANumber),
    }
}

fn int(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|&n| n <= LARGEST)
}

/// Splits `conv3` into (`conv`, `[3]`), `conv7x1` into (`conv`, `[7, 1]`), `relu` into (`relu`, `[]`).
///
/// ```
/// use cnn_ir::spec::split_word;
/// assert_eq!(split_word("conv7x1"), Some(("conv", vec![7, 1])));
/// assert_eq!(split_word("gap"), Some(("gap", vec![])));
/// assert_eq!(split_word("conv99999999999"), None);
/// ```
#[must_use]
pub fn split_word(word: &str) -> Option<(&str, Vec<u64>)> {
    let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let last = &word[stem.len()..];
    if last.is_empty() {
        return Some((word, Vec::new()));
    }
    if let Some(before_x) = stem.strip_suffix('x') {
        let head = before_x.trim_end_matches(|c: char| c.is_ascii_digit());
        let first = &before_x[head.len()..];
        if !first.is_empty() && !head.is_empty() {
            return Some((head, vec![int(first)?, int(last)?]));
        }
    }
    Some((stem, vec![int(last)?]))
}

/// `x2` is a repeat of two.
#[must_use]
pub fn repeat_word(word: &str) -> Option<&str> {
    let digits = word.strip_prefix('x')?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        assert_eq!(number("64"), Number::Int(64));
        assert_eq!(number("1_000"), Number::Int(1000));
        assert_eq!(number("3x224x224"), Number::Sizes(vec![3, 224, 224]));
        assert_eq!(number("0.5"), Number::Float(0.5));
        assert_eq!(number("1e-6"), Number::Float(1e-6));
        assert_eq!(number("0x7"), Number::Bad(BadNumber::Hexadecimal));
        assert_eq!(number("99999999999"), Number::Bad(BadNumber::TooLarge));
        assert_eq!(number("64k"), Number::Bad(BadNumber::NotANumber));
        assert_eq!(number("3xx3"), Number::Bad(BadNumber::NotANumber));
        assert_eq!(number("\"3\""), Number::Bad(BadNumber::NotANumber));
    }

    #[test]
    fn words() {
        assert_eq!(split_word("fc1000"), Some(("fc", vec![1000])));
        assert_eq!(split_word("x2"), Some(("x", vec![2])));
        assert_eq!(split_word("max3x3"), Some(("max", vec![3, 3])));
        assert_eq!(repeat_word("x12"), Some("12"));
        assert_eq!(repeat_word("x"), None);
    }
}
