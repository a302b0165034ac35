//! Layers as they are written, and as they could be.

/// A layer in a headline: a long one is cut.
pub(super) fn short(source: &str) -> String {
    if source.chars().count() > 40 {
        format!("{} ..", source.chars().take(36).collect::<String>())
    } else {
        source.to_owned()
    }
}

/// The layer as it would be written with an option more, in place of those that it contradicts: `valid` stands for
/// the word, `pad=` for the option with any value.
pub(super) fn with_option(source: &str, option: &str, contradicts: &[&str]) -> String {
    let mut pieces = pieces(source);
    for piece in &mut pieces {
        if let Piece::Arguments(arguments) = piece {
            arguments.retain(|argument| {
                !contradicts
                    .iter()
                    .any(|old| argument == old || old.ends_with('=') && argument.starts_with(old))
            });
        }
    }
    match pieces.iter_mut().rev().find_map(Piece::arguments) {
        Some(arguments) => arguments.push(option),
        None => pieces.push(Piece::Arguments(vec![option])),
    }
    pieces.iter().map(Piece::text).collect()
}

/// A part of a layer as written.
enum Piece<'s> {
    /// The head, a size, a stride.
    Other(&'s str),
    /// What stands in a parenthesis that is not a size or a stride.
    Arguments(Vec<&'s str>),
}

impl<'s> Piece<'s> {
    fn arguments(&mut self) -> Option<&mut Vec<&'s str>> {
        match self {
            Self::Arguments(arguments) => Some(arguments),
            Self::Other(_) => None,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Other(text) => (*text).to_owned(),
            Self::Arguments(arguments) if arguments.is_empty() => String::new(),
            Self::Arguments(arguments) => format!("({})", arguments.join(", ")),
        }
    }
}

fn pieces(source: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, character) in source.char_indices() {
        match character {
            // Behind `-` or `/` it is a size or a stride.
            '(' if depth == 0 && !source[..at].ends_with(['-', '/']) => {
                pieces.push(Piece::Other(&source[start..at]));
                start = at;
                depth += 1;
            }
            '(' | '[' => depth += 1,
            ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && source[start..].starts_with('(') {
                    pieces.push(Piece::Arguments(arguments(&source[start + 1..at])));
                    start = at + 1;
                }
            }
            _ => {}
        }
    }
    if start < source.len() {
        pieces.push(Piece::Other(&source[start..]));
    }
    pieces
}

/// What stands between the commas that are in no bracket.
fn arguments(inner: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let split = inner.split(|character| {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    split.map(str::trim).filter(|argument| !argument.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::with_option;

    #[test]
    fn an_option_is_added_where_it_belongs() {
        let bias = |source| with_option(source, "bias=false", &["bias="]);
        assert_eq!(bias("conv3-8"), "conv3-8(bias=false)");
        assert_eq!(bias("conv3-8/2(pad=[1, 2])"), "conv3-8/2(pad=[1, 2], bias=false)");
        assert_eq!(bias("conv1-(4*c)"), "conv1-(4*c)(bias=false)");
        assert_eq!(bias("conv1-(4*c)/(2)"), "conv1-(4*c)/(2)(bias=false)");
        assert_eq!(bias("conv1-8(bias=true, groups=(2*g))"), "conv1-8(groups=(2*g), bias=false)");
        assert_eq!(bias("conv(kernel=3)-8/[2, 1]"), "conv(kernel=3, bias=false)-8/[2, 1]");
        assert_eq!(bias("dw3()"), "dw3(bias=false)");
    }

    #[test]
    fn what_it_contradicts_goes() {
        let pad = |source| with_option(source, "pad=2", &["pad=", "valid"]);
        assert_eq!(pad("conv11-96/4(valid)"), "conv11-96/4(pad=2)");
        assert_eq!(pad("conv(kernel=5, valid)-8/4(bias=true)"), "conv(kernel=5)-8/4(bias=true, pad=2)");
        assert_eq!(pad("conv(valid)-8/4(bias=true)"), "conv-8/4(bias=true, pad=2)");
    }
}
