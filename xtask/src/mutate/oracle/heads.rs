//! What may be written of each layer: the table of layers in `docs/language.md`, once more.

/// What the value of an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number of at least 1, or a pair of them.
    Extent,
    /// A number of at least 0, or a pair of them.
    Extra,
    /// A number, a pair, or four numbers, each at least 0.
    Padding,
    /// A size or a pair of them, which need not be numbers that the macro sees.
    Sizes,
    /// A number of at least 1.
    Count,
    /// `true` or `false`.
    Bool,
    /// Any number, with or without a fraction.
    Real,
    /// At least 0 and below 1.
    Probability,
}

/// What digits behind a head mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digits {
    /// There are none.
    None,
    /// A kernel or factor: one number or two.
    Pair,
    /// A count.
    One,
}

/// A layer's row.
#[derive(Debug)]
pub(super) struct Head {
    /// How it is called.
    pub(super) name: &'static str,
    /// What digits it takes.
    pub(super) digits: Digits,
    /// Whether `-size` may follow.
    pub(super) size: bool,
    /// Whether `/stride` may follow.
    pub(super) stride: bool,
    /// `name=value`.
    pub(super) options: &'static [(&'static str, Kind)],
    /// Words that stand alone.
    pub(super) words: &'static [&'static str],
    /// What a value without a name is.
    pub(super) lone: Option<Kind>,
    /// Whether `like @tap` may stand there.
    pub(super) like: bool,
    /// Whether an image must arrive.
    pub(super) image: bool,
}

const PLAIN: Head = Head {
    name: "",
    digits: Digits::None,
    size: false,
    stride: false,
    options: &[],
    words: &[],
    lone: None,
    like: false,
    image: false,
};

const fn plain(name: &'static str) -> Head {
    Head { name, ..PLAIN }
}

const WINDOW: Head = Head { digits: Digits::Pair, stride: true, image: true, ..PLAIN };

use Kind::{Bool, Count, Extent, Extra, Padding, Probability, Real, Sizes};

const HEADS: &[Head] = &[
    Head {
        name: "conv",
        size: true,
        options: &[
            ("kernel", Extent),
            ("stride", Extent),
            ("pad", Padding),
            ("dilation", Extent),
            ("groups", Count),
            ("bias", Bool),
        ],
        words: &["half", "valid", "full", "same", "linear"],
        ..WINDOW
    },
    Head {
        name: "dw",
        options: &[
            ("kernel", Extent),
            ("stride", Extent),
            ("pad", Padding),
            ("dilation", Extent),
            ("bias", Bool),
        ],
        words: &["half", "valid", "full", "same"],
        ..WINDOW
    },
    Head {
        name: "deconv",
        size: true,
        options: &[
            ("kernel", Extent),
            ("stride", Extent),
            ("pad", Padding),
            ("outpad", Extra),
            ("dilation", Extent),
            ("groups", Count),
            ("bias", Bool),
        ],
        words: &["half", "valid", "full"],
        like: true,
        ..WINDOW
    },
    Head {
        name: "pool",
        options: &[("kernel", Extent), ("stride", Extent), ("pad", Padding), ("dilation", Extent)],
        words: &["half", "valid", "same", "ceil"],
        ..WINDOW
    },
    Head {
        name: "avgpool",
        options: &[("kernel", Extent), ("stride", Extent), ("pad", Padding), ("count_include_pad", Bool)],
        words: &["half", "valid", "same", "ceil"],
        lone: Some(Sizes),
        ..WINDOW
    },
    Head { name: "gap", image: true, ..PLAIN },
    Head {
        name: "up",
        digits: Digits::Pair,
        options: &[("scale", Extent)],
        words: &["nearest", "bilinear"],
        image: true,
        ..PLAIN
    },
    Head { name: "shuffle", digits: Digits::One, image: true, ..PLAIN },
    Head { name: "channelshuffle", digits: Digits::One, image: true, ..PLAIN },
    Head {
        name: "fc",
        digits: Digits::One,
        size: true,
        options: &[("bias", Bool), ("dropconnect", Probability)],
        ..PLAIN
    },
    Head { name: "bn", options: &[("eps", Real), ("momentum", Real), ("affine", Bool)], ..PLAIN },
    Head { name: "ln", options: &[("eps", Real)], ..PLAIN },
    Head { name: "inorm", options: &[("eps", Real), ("affine", Bool)], image: true, ..PLAIN },
    Head { name: "gn", digits: Digits::One, options: &[("eps", Real)], ..PLAIN },
    Head {
        name: "lrn",
        digits: Digits::One,
        options: &[("alpha", Real), ("beta", Real), ("k", Real)],
        image: true,
        ..PLAIN
    },
    plain("relu"),
    plain("relu6"),
    Head { name: "leaky", options: &[("slope", Real)], lone: Some(Real), ..PLAIN },
    Head { name: "prelu", words: &["channels"], ..PLAIN },
    Head { name: "elu", options: &[("alpha", Real)], lone: Some(Real), ..PLAIN },
    plain("gelu"),
    plain("silu"),
    plain("hardswish"),
    plain("hardsigmoid"),
    plain("sigmoid"),
    plain("tanh"),
    plain("softmax"),
    Head { name: "dropout", options: &[("p", Probability)], lone: Some(Probability), ..PLAIN },
    Head { name: "dropout2d", options: &[("p", Probability)], lone: Some(Probability), ..PLAIN },
    Head { name: "droppath", options: &[("p", Probability)], lone: Some(Probability), ..PLAIN },
    plain("flatten"),
    plain("id"),
    Head { name: "scale", options: &[("init", Real)], lone: Some(Real), ..PLAIN },
    Head { name: "crop", lone: Some(Sizes), like: true, image: true, ..PLAIN },
    Head { name: "pad", lone: Some(Padding), image: true, ..PLAIN },
];

/// The head and the digits of a word; `None` where it is no layer.
pub(super) fn find(word: &str) -> Option<(&'static Head, Vec<i128>)> {
    let exactly = |name: &str| HEADS.iter().find(|head| head.name == name);
    if let Some(head) = exactly(word) {
        return Some((head, Vec::new()));
    }
    let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let last: i128 = word[stem.len()..].parse().ok()?;
    if let Some(head) = exactly(stem) {
        return Some((head, vec![last]));
    }
    let before = stem.strip_suffix('x')?;
    let stem = before.trim_end_matches(|c: char| c.is_ascii_digit());
    let first: i128 = before[stem.len()..].parse().ok()?;
    exactly(stem).map(|head| (head, vec![first, last]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let found = |word| find(word).map(|(head, digits)| (head.name, digits));
        assert_eq!(found("conv3"), Some(("conv", vec![3])));
        assert_eq!(found("conv7x1"), Some(("conv", vec![7, 1])));
        assert_eq!(found("relu6"), Some(("relu6", vec![])));
        assert_eq!(found("relu7"), Some(("relu", vec![7])));
        assert_eq!(found("dropout2d"), Some(("dropout2d", vec![])));
        assert_eq!(found("x2"), None);
        assert_eq!(found("rellu"), None);
    }
}
