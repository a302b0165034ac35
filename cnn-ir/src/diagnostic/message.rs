//! Problems in words: a headline that stands alone, then what helps.

use super::{Diagnostic, Problem};
use crate::lint::Finding;
use crate::window::Padding;
use std::fmt::{self, Write};

impl fmt::Display for Diagnostic {
    /// The headline; how it came to that; what helps. As the macro and the text front end print it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.headline())?;
        if !self.notes.is_empty() || !self.trace.rows.is_empty() {
            f.write_str("\n")?;
        }
        for note in &self.notes {
            write!(f, "\n{note}")?;
        }
        if !self.trace.rows.is_empty() {
            write!(f, "\n{}", self.trace)?;
        }
        // What was tried and fits says more than what may help.
        let help = self.problem.help().filter(|_| self.fits.is_empty());
        f.write_str("\n")?;
        if let Some(help) = help {
            write!(f, "\nhelp: {help}")?;
        }
        for fit in &self.fits {
            write!(f, "\nfits: {fit}")?;
        }
        write!(f, "\n[{}]", self.problem.code())
    }
}

impl fmt::Display for Finding {
    /// The headline; what helps; how to say that it is meant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.headline)?;
        if let Some(help) = &self.help {
            writeln!(f, "help: {help}")?;
        }
        writeln!(
            f,
            "note: `#[allow(network::{})]` before the network says that it is meant",
            self.lint.name()
        )?;
        write!(f, "[{}]", self.lint.code())
    }
}

impl Problem {
    /// One line that stands alone: what is wrong, and what met there.
    #[must_use]
    #[allow(clippy::too_many_lines, reason = "one arm a problem: this is the table of messages")]
    pub fn headline(&self) -> String {
        use Problem as P;
        match self {
            P::UnclosedBracket { bracket } => format!("this `{bracket}` is never closed"),
            P::StrayBracket { bracket } => format!("this `{bracket}` closes nothing"),
            P::TooDeep => "brackets or calls are nested too deeply".into(),
            P::Expected { expected, found } => format!("expected {expected}, found {found}"),
            P::SpacedArrow => "the arrow is written `->`, without a space".into(),
            P::ArrowWithoutLayer => "this arrow does not stand between two layers".into(),
            P::NumberAsLayer { number, layer: Some(layer) } => {
                format!("`{number}` is not a layer; did you mean `{layer}-{number}`?")
            }
            P::NumberAsLayer { number, layer: None } => format!("expected a layer, found `{number}`"),
            P::NumberTooLarge { text } => format!("`{text}` is larger than any layer (at most 2147483648)"),
            P::Hexadecimal { text } => format!("`{text}` is a hexadecimal or binary number to Rust"),
            P::NotANumber { text } => format!("`{text}` is not a number here"),
            P::RepeatInSize { layer, repeat } => {
                format!("`{repeat}` cannot be glued to the size of `{layer}`")
            }
            P::StrayElse => "`else` belongs to a `residual { .. }` right before it".into(),
            P::StrayRepeat { text } => {
                format!("`{text}` repeats a group, a block or a combination, and none stands before it")
            }
            P::ShapeNotStated { layer } => {
                format!("the shape that `{layer}` gives must be stated: `{layer} => 64x7x7`")
            }
            P::UnicodeArrow { character } => format!("`{character}` is not a character of Rust source"),
            P::NoNetwork => "no network is declared here".into(),
            P::EmptyPath => "there is no layer here".into(),
            P::InnerAttribute => "only `#![network(crate = path)]` may stand here".into(),
            P::NetworkAttribute => {
                "the attribute is written `#[network(crate = path::to::cnn_runtime)]`".into()
            }
            P::Duplicate { what, name } => format!("the {what} `{name}` is there twice"),
            P::NameTaken { name } => format!("`{name}` is the name of a layer, so a block cannot have it"),
            P::ShapeRank { count, text } => {
                format!("a shape has one size or three (channels, height, width); `{text}` has {count}")
            }
            P::ZeroInShape { text } => format!("a size in `{text}` is not at least 1"),
            P::UnknownSymbol { name, .. } => format!("`{name}` is not a symbol of the input's shape"),
            P::ImpossibleFact { text, earlier: None } => {
                format!("`{text}` can never hold: what is left is less than the divisor")
            }
            P::ImpossibleFact { text, earlier: Some(earlier) } => format!("`{text}` contradicts `{earlier}`"),
            P::NoBeginning { .. } => "this path does not say which input it begins with".into(),
            P::InputInside { name } => {
                format!("the input `{name}` can only stand at the beginning of a path")
            }
            P::OutputWithoutTap { name, .. } => {
                format!("nothing is named `@{name}`, which the network gives")
            }
            P::UnknownLayer { name, .. } => format!("`{name}` is not a layer"),
            P::UnknownOption { head, option, .. } => format!("`{head}` has no option `{option}`"),
            P::UnknownWord { name, .. } => format!("`{name}` is neither a number nor an option here"),
            P::UnknownNumber { name, .. } => format!("`{name}` is not a number that is known here"),
            P::UnknownTap { name, .. } => format!("there is no tap `@{name}` before this"),
            P::UnknownParameter { block, name, .. } => {
                format!("the block `{block}` has no parameter `{name}`")
            }
            P::NumberAsWord { name } => format!("`{name}` is a number, not a layer"),
            P::LayerAsNumber { name } => format!("`{name}` is a layer, and a number is needed here"),
            P::DuplicatePath { path, .. } => {
                format!("two layers would be named `{path}`, and share their weights' names")
            }
            P::NumberedWithoutRepeat { label } => {
                format!("`{label}[..]` numbers the copies of a repeat, and nothing is repeated here")
            }
            P::DigitsMissing { layer, what, .. } => format!("`{layer}` lacks its {what}"),
            P::DigitsUnexpected { word, head } => format!("`{head}` takes no number like that of `{word}`"),
            P::SizeMissing { layer, what, .. } => format!("`{layer}` lacks its {what}"),
            P::SizeUnexpected { layer, head } => {
                format!("`{head}` takes no size behind `-`, as `{layer}` has")
            }
            P::SizeOfCall { name } => format!("`{name}` is a block: its arguments stand in parentheses"),
            P::TwoSizes { layer } => format!("`{layer}` has two numbers of features"),
            P::StrideUnexpected { layer, head } => format!("`{head}` has no stride, as `{layer}` has"),
            P::UnexpectedArgument { layer, argument, .. } => format!("`{layer}` does not take `{argument}`"),
            P::OptionValue { layer, option, expected } => format!("{option} of `{layer}` must be {expected}"),
            P::ZeroInLayer { layer, what } => format!("the {what} of `{layer}` must be at least 1"),
            P::SizesTooLarge { layer } => format!("the numbers of `{layer}` are too large"),
            P::NotASize { text } => format!("`{text}` is not a whole number"),
            P::BadDivision { text } => {
                format!("the divisor of `{text}` must be a number of at least 1 that the macro sees")
            }
            P::NumberNotVisible { what, text } => {
                format!("{what} must be a number that the macro sees, not `{text}`")
            }
            P::RepeatZero => "a repeat of 0 is nothing".into(),
            P::RepeatOfLayer { layer, repeat } => {
                format!("`{repeat}` repeats a group, and `{layer}` is a single layer")
            }
            P::TooManyLayers => "the network unrolls to more than 100000 layers".into(),
            P::RecursiveBlock { name } => format!("the block `{name}` calls itself"),
            P::RecursiveNetwork { name } => format!("the network `{name}` contains itself"),
            P::ArgumentCount { block, needed, parameters, found } => {
                let takes = match (*needed, parameters.len()) {
                    (needed, all) if needed == all => count(all, "argument"),
                    (needed, all) => format!("{needed} to {}", count(all, "argument")),
                };
                format!("the block `{block}` takes {takes}, and gets {found}")
            }
            P::LikeInCall => "`like` belongs to `deconv` and `crop`".into(),
            P::GenericMissing { network, generic } => format!("`{network}` needs a value for `{generic}`"),
            P::SeveralPorts { network } => {
                format!("`{network}` has several inputs and cannot stand as a layer")
            }
            P::SeveralOutputs { network, label: None } => {
                format!("`{network}` gives several values: label it, end its path, and go on from `@label.name`")
            }
            P::SeveralOutputs { network, label: Some(label) } => {
                format!("`{network}` gives several values: end its path, and go on from one, as `@{label}.name`")
            }
            P::StageNamed { name } => {
                format!("`@{name}` is a value inside a network, and can only be read")
            }
            P::TransparentLabel => "the label `_` is for networks as layers".into(),
            P::OneBranch { what } => format!("`{what}` needs two branches or more"),
            P::Contradiction { layer, first, second } => {
                format!("`{layer}` has {first} and {second}, and only one of them can hold")
            }
            P::GenericOfNetwork { network, value } => {
                format!(
                    "a const generic of `{network}` can be a number, a const, or outside of blocks a const generic by itself, and this is `{value}`"
                )
            }
            P::ExtraInCall { network } => {
                format!("`{network}` as a layer takes the values of its const generics and nothing else")
            }
            P::StructTaken { name } => {
                format!("this block's struct would be named `{name}`, which another struct is")
            }
            P::CountTooLarge { what } => {
                format!("the network has more {what} than a 64-bit number can count")
            }
            P::FeaturesNotKnown { layer, input } => {
                format!("`{layer}` needs a known number of features, and gets {input}")
            }
            P::NeedsImage { layer, found } => {
                format!("`{layer}` needs channels, height and width, and gets {found} features")
            }
            P::EvenHalf { layer, kernel } => format!(
                "`{layer}` has no half padding: the kernel {} is even, so one side would get more",
                by(*kernel)
            ),
            P::PoolPadding { layer, kernel } => {
                format!("`{layer}` pads by more than half of its {} window", by(*kernel))
            }
            P::WindowTooLarge { layer, kernel, dilation, input, padding } => {
                let dilated = if *dilation == [1, 1] {
                    String::new()
                } else {
                    format!(" dilated by {}", by(*dilation))
                };
                format!(
                    "`{layer}` does not fit: its {} window{dilated} is larger than {input}{}",
                    by(*kernel),
                    padded(*padding)
                )
            }
            P::DeconvTooSmall { layer, input } => {
                format!("`{layer}` leaves nothing of {input}: it pads away all of it")
            }
            P::LikeOutOfReach { layer, tap, wanted, found, decided: false } => format!(
                "`{layer}` gives {found}, and what is missing to the {wanted} of `@{tap}` depends on the image"
            ),
            P::LikeOutOfReach { layer, tap, wanted, found, decided: true } => format!(
                "`{layer}` gives {found} and cannot reach the {wanted} of `@{tap}`: an output padding is less than the stride"
            ),
            P::CeilOfSymbol { layer } => {
                format!(
                    "the size of `{layer}` in `ceil` mode depends on its input in a way that cannot be written down"
                )
            }
            P::GroupsDoNotDivide { layer, groups, channels, which } => {
                format!("`{layer}`: {groups} groups do not divide the {channels} {which}")
            }
            P::ShuffleDoesNotDivide { layer, channels, square } => {
                format!("`{layer}` needs channels in multiples of {square}, and gets {channels}")
            }
            P::SplitDoesNotDivide { channels, branches } => {
                format!("{channels} channels cannot be split into {branches} equal parts")
            }
            P::CropTooLarge { layer, wanted, input } => {
                format!("`{layer}` cannot cut {wanted} out of {input}")
            }
            P::ResidualShapes { input, body, decided: true } => {
                format!("the residual adds {body} to {input}: the body changes the shape")
            }
            P::ResidualShapes { input, body, decided: false } => {
                format!("the residual adds {body} to {input}, which need not be equal")
            }
            P::SidesDiffer { what, left, right } => {
                format!("the two sides of the {what} differ: {left} from the body, {right} from `else`")
            }
            P::ConcatShapes { shapes } => {
                format!("`concat` needs one height and width, and gets {}", list(shapes))
            }
            P::MergeShapes { what, shapes } => {
                format!("`{what}` needs equal shapes, and gets {}", list(shapes))
            }
            P::NetworkInput { network, wanted, found } => {
                format!("`{network}` takes {wanted}, and gets {found}")
            }
            P::Ascription { stated, found, giver: Some(giver) } => {
                format!("`{giver}` gives {found}, but {stated} is stated here")
            }
            P::Ascription { stated, found, giver: None } => {
                format!("{found} arrives here, but {stated} is stated")
            }
            P::OutputShape { output: None, stated, found, giver: Some(giver) } => {
                format!("the network is declared to give {stated}, but `{giver}` at its end gives {found}")
            }
            P::OutputShape { output: None, stated, found, giver: None } => {
                format!("the network is declared to give {stated}, but gives {found}")
            }
            P::OutputShape { output: Some(output), stated, found, .. } => {
                format!("the output `{output}` is declared as {stated}, but `@{output}` is {found}")
            }
            P::NotDecidable { found, stated } => format!("{found} need not be {stated} for every size"),
            P::MayVanish { layer, input, output } => {
                format!("`{layer}` makes {output} of {input}, which is nothing for small sizes")
            }
            P::BudgetForm => {
                "a budget is written `params < 5M`, `macs < 300M`, `activations < 16MB` or `receptive_field >= 224`"
                    .into()
            }
            P::BudgetUnknown { what } => format!("the {what} depend on sizes that are known when the network runs"),
            P::OverBudget { what, found, written, over } => {
                format!("the network has {found} {what}, and its budget is {written}: {over}")
            }
            P::MixedLints => "lints of the network and of rustc stand in attributes of their own".into(),
            P::UnknownLint { name, .. } => format!("`network::{name}` is not a lint"),
            P::DeniedLint { headline, .. } => headline.clone(),
        }
    }

    /// What helps, if anything beyond the headline does.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        use Problem as P;
        match self {
            P::Hexadecimal { .. } => Some("sizes do not begin with 0".into()),
            P::RepeatInSize { layer, repeat } => {
                Some(format!("put the layer in parentheses: `({layer}) {repeat}`"))
            }
            P::RepeatOfLayer { layer, repeat } => {
                Some(format!("put it in parentheses: `({layer}) {repeat}`"))
            }
            P::UnicodeArrow { character } => Some(match character {
                '→' => "layers are joined with the ASCII arrow `->`".into(),
                '×' => "a repeat is written with the letter x: `x2`".into(),
                _ => "use the ASCII minus `-`".into(),
            }),
            P::NumberAsLayer { number, layer: None } if number.ends_with('x') => Some(format!(
                "a repeat stands behind what it repeats: `(..) x{}`",
                number.trim_end_matches('x')
            )),
            P::NoNetwork => Some("write `Name: 3x224x224 -> 1000 { conv3-64 -> .. }`".into()),
            P::NoBeginning { inputs } => Some(format!("begin it with {} or a tap", or(inputs))),
            P::OutputWithoutTap { name, nearest } => Some(match nearest {
                Some(nearest) => format!("a tap with a similar name exists: `@{nearest}`"),
                None => format!("write `@{name}` behind the layer that gives it"),
            }),
            P::UnknownLayer { nearest: Some(nearest), other_name: true, .. } => {
                Some(format!("it is called `{nearest}` here"))
            }
            P::UnknownLayer { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            P::UnknownOption { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            P::UnknownOption { nearest: None, options, words, head, .. } => {
                options_help(head, options, words)
            }
            P::UnexpectedArgument { layer, options, words, .. } => options_help(layer, options, words),
            P::UnknownWord { nearest, known, .. }
            | P::UnknownNumber { nearest, known, .. }
            | P::UnknownSymbol { nearest, known, .. } => similar(nearest.as_deref(), known, ""),
            P::UnknownTap { nearest, known, .. } => similar(nearest.as_deref(), known, "@"),
            P::UnknownParameter { nearest, known, .. } => similar(nearest.as_deref(), known, ""),
            P::DuplicatePath { repeated: false, .. } => Some("give one of them another label".into()),
            P::DuplicatePath { repeated: true, .. } => Some(
                "the group repeats: number its copies, `name[1..]: (..) x2`, or leave the label out".into(),
            ),
            P::NumberedWithoutRepeat { label } => {
                Some(format!("write `{label}: ..`, or repeat what follows: `.. x2`"))
            }
            P::DigitsMissing { example, .. } | P::SizeMissing { example, .. } => {
                let plain = example.split(['/', '(']).next().unwrap_or(example);
                Some(format!("it is written like `{plain}`"))
            }
            P::OneBranch { what } => {
                Some(format!("what arrives is no branch: name it, `@a -> {what}(@a, @b)`"))
            }
            P::ShapeRank { count: 2, .. } => Some("a grey image has one channel: `1x28x28`".into()),
            P::ShapeRank { count: 4, .. } => Some("the batch is implied: leave it out".into()),
            P::LikeInCall => {
                Some("write the `deconv` or the `crop` where the tap is, outside of the block".into())
            }
            P::ArgumentCount { parameters, .. } if !parameters.is_empty() => {
                Some(format!("its parameters are {}", parameters.join(", ")))
            }
            P::NeedsImage { .. } => Some("layers on images stand before `flatten` and `fc`".into()),
            P::EvenHalf { kernel, .. } => Some(format!(
                "say which padding it gets: `valid`, `same`, or `pad={}`",
                if kernel[0] == kernel[1] {
                    (kernel[0].saturating_sub(1) / 2).max(1).to_string()
                } else {
                    format!("[{}, {}]", kernel[0].saturating_sub(1) / 2, kernel[1].saturating_sub(1) / 2)
                }
            )),
            P::ResidualShapes { decided: true, .. } => {
                Some("give the shortcut a projection, `else (conv1-c/stride bn)`, or `else none`".into())
            }
            P::FeaturesNotKnown { .. } => {
                Some("`gap` before it makes one value of each channel, whatever the size".into())
            }
            P::LikeOutOfReach { decided: false, .. } => {
                Some("a fact in `where`, such as `H % 2 == 0`, makes it one number".into())
            }
            P::NotDecidable { .. } => Some("a fact in `where`, such as `H % 32 == 0`, may decide it".into()),
            P::MayVanish { .. } => Some("a fact in `where`, such as `H >= 8`, may help".into()),
            P::MixedLints => {
                Some("write `#[allow(network::dropped_pixels)]` and `#[allow(dead_code)]`".into())
            }
            P::UnknownLint { nearest, known, .. } => similar(nearest.as_deref(), known, "network::"),
            P::DeniedLint { name, help, .. } => Some(match help {
                Some(help) => format!("{help} (`network::{name}` is denied)"),
                None => format!("`network::{name}` is denied"),
            }),
            P::UnclosedBracket { .. }
            | P::StrayBracket { .. }
            | P::TooDeep
            | P::Expected { .. }
            | P::SpacedArrow
            | P::ArrowWithoutLayer
            | P::NumberAsLayer { .. }
            | P::NumberTooLarge { .. }
            | P::NotANumber { .. }
            | P::StrayElse
            | P::StrayRepeat { .. }
            | P::ShapeNotStated { .. }
            | P::EmptyPath
            | P::InnerAttribute
            | P::NetworkAttribute
            | P::Duplicate { .. }
            | P::NameTaken { .. }
            | P::ShapeRank { .. }
            | P::ZeroInShape { .. }
            | P::ImpossibleFact { .. }
            | P::InputInside { .. }
            | P::UnknownLayer { .. }
            | P::NumberAsWord { .. }
            | P::LayerAsNumber { .. }
            | P::DigitsUnexpected { .. }
            | P::SizeUnexpected { .. }
            | P::SizeOfCall { .. }
            | P::TwoSizes { .. }
            | P::Contradiction { .. }
            | P::GenericOfNetwork { .. }
            | P::ExtraInCall { .. }
            | P::CountTooLarge { .. }
            | P::StructTaken { .. }
            | P::StrideUnexpected { .. }
            | P::OptionValue { .. }
            | P::ZeroInLayer { .. }
            | P::SizesTooLarge { .. }
            | P::NotASize { .. }
            | P::BadDivision { .. }
            | P::NumberNotVisible { .. }
            | P::RepeatZero
            | P::TooManyLayers
            | P::RecursiveBlock { .. }
            | P::RecursiveNetwork { .. }
            | P::ArgumentCount { .. }
            | P::GenericMissing { .. }
            | P::SeveralPorts { .. }
            | P::SeveralOutputs { .. }
            | P::StageNamed { .. }
            | P::TransparentLabel
            | P::PoolPadding { .. }
            | P::WindowTooLarge { .. }
            | P::DeconvTooSmall { .. }
            | P::LikeOutOfReach { .. }
            | P::CeilOfSymbol { .. }
            | P::GroupsDoNotDivide { .. }
            | P::ShuffleDoesNotDivide { .. }
            | P::SplitDoesNotDivide { .. }
            | P::CropTooLarge { .. }
            | P::ResidualShapes { .. }
            | P::SidesDiffer { .. }
            | P::ConcatShapes { .. }
            | P::MergeShapes { .. }
            | P::NetworkInput { .. }
            | P::Ascription { .. }
            | P::OutputShape { .. }
            | P::BudgetForm
            | P::BudgetUnknown { .. }
            | P::OverBudget { .. } => None,
        }
    }
}

fn by([height, width]: [usize; 2]) -> String {
    format!("{height}x{width}")
}

fn padded(padding: Padding) -> String {
    match padding {
        Padding::Explicit { top: 0, bottom: 0, left: 0, right: 0 } | Padding::Same => String::new(),
        Padding::Explicit { top, bottom, left, right } if top == bottom && left == right => {
            if top == left {
                format!(" padded by {top}")
            } else {
                format!(" padded by [{top}, {left}]")
            }
        }
        Padding::Explicit { top, bottom, left, right } => {
            format!(" padded by [{top}, {bottom}, {left}, {right}]")
        }
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// `a, b and c`
fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn or(items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("`{item} ->`")).collect();
    quoted.join(", ")
}

fn similar(nearest: Option<&str>, known: &[String], mark: &str) -> Option<String> {
    if let Some(nearest) = nearest {
        return Some(format!("did you mean `{mark}{nearest}`?"));
    }
    if known.is_empty() {
        return None;
    }
    let names: Vec<String> = known.iter().map(|name| format!("`{mark}{name}`")).collect();
    Some(format!("known here: {}", names.join(", ")))
}

fn options_help(layer: &str, options: &[&str], words: &[&str]) -> Option<String> {
    let mut help = String::new();
    for option in options {
        let _ = write!(help, "{}`{option}=`", if help.is_empty() { "" } else { ", " });
    }
    for word in words {
        let _ = write!(help, "{}`{word}`", if help.is_empty() { "" } else { ", " });
    }
    (!help.is_empty()).then(|| format!("`{layer}` takes {help}"))
}
