//! Layers that change the size or the arrangement of values: upsampling, shuffling, cropping, padding.

use super::conv::image;
use super::{BuildResult, Built, Fault, Op, Options, UpsampleMode, Value};
use crate::diagnostic::Problem;
use crate::dim::Dim;
use crate::shape::Shape;

pub(super) fn upsample(options: &Options, input: &Shape) -> BuildResult {
    let scale = match options.positive_pair("scale")? {
        Some(_) if !options.digits.is_empty() => {
            return Err(options.contradiction("the factor in its name", "`scale=`"));
        }
        Some(scale) => scale,
        None => match options.digit_pair() {
            Some(scale) if !scale.contains(&0) => scale,
            _ => [options.digit()?; 2],
        },
    };
    if options.word("nearest") && options.word("bilinear") {
        return Err(options.contradiction("`nearest`", "`bilinear`"));
    }
    let mode = if options.word("bilinear") { UpsampleMode::Bilinear } else { UpsampleMode::Nearest };
    let [channels, height, width] = image(options, input)?;
    let times = |size: &Dim, factor: usize| size * &Dim::from(factor as u64);
    let output = Shape::Chw([channels.clone(), times(height, scale[0]), times(width, scale[1])]);
    Ok(Built { op: Op::Upsample { mode, scale }, output })
}

pub(super) fn pixel_shuffle(options: &Options, input: &Shape) -> BuildResult {
    let factor = options.digit()?;
    let [channels, height, width] = image(options, input)?;
    let square = factor.saturating_mul(factor);
    if let Some(count) = channels.as_usize()
        && count % square != 0
    {
        let problem = Problem::ShuffleDoesNotDivide {
            layer: options.layer.clone(),
            channels: count.to_string(),
            square: square.to_string(),
        };
        return Err(problem.into());
    }
    let times = |size: &Dim| size * &Dim::from(factor as u64);
    let fewer = channels.floor_div(i128::try_from(square).unwrap_or(i128::MAX));
    Ok(Built { op: Op::PixelShuffle(factor), output: Shape::Chw([fewer, times(height), times(width)]) })
}

pub(super) fn channel_shuffle(options: &Options, input: &Shape) -> BuildResult {
    let groups = options.digit()?;
    let [channels, ..] = image(options, input)?;
    if let Some(count) = channels.as_usize()
        && count % groups.max(1) != 0
    {
        let problem = Problem::GroupsDoNotDivide {
            layer: options.layer.clone(),
            groups: groups.to_string(),
            channels: count.to_string(),
            which: "channels that arrive",
        };
        return Err(problem.into());
    }
    Ok(Built { op: Op::ChannelShuffle(groups), output: input.clone() })
}

pub(super) fn flatten(_: &Options, input: &Shape) -> BuildResult {
    Ok(Built { op: Op::Flatten, output: Shape::Flat(input.values()) })
}

pub(super) fn identity(_: &Options, input: &Shape) -> BuildResult {
    Ok(Built { op: Op::Identity, output: input.clone() })
}

pub(super) fn crop(options: &Options, input: &Shape) -> BuildResult {
    let [channels, height, width] = image(options, input)?;
    let (size, like, range) = if let Some((tap, shape, range)) = options.like() {
        let Some([rows, columns]) = shape.spatial() else {
            return Ok(Built { op: Op::Identity, output: Shape::Unknown });
        };
        ([rows.clone(), columns.clone()], Some(tap.to_owned()), range)
    } else {
        let wrong = |range: Option<_>| Fault {
            range,
            problem: Box::new(Problem::OptionValue {
                layer: options.layer.clone(),
                option: "the argument".into(),
                expected: "a size, as in `crop(24x24)`, or a tap, as in `crop(like @skip)`",
            }),
        };
        let Some(argument) = options.positional() else { return Err(wrong(None)) };
        match &argument.value {
            Value::List(sizes) if sizes.len() == 2 => {
                ([sizes[0].clone(), sizes[1].clone()], None, argument.range)
            }
            Value::Size(size) => ([size.clone(), size.clone()], None, argument.range),
            _ => return Err(wrong(Some(argument.range))),
        }
    };
    let fits = [height, width]
        .into_iter()
        .zip(&size)
        .all(|(have, want)| (have - want).at_least(0) != Some(false) && want.at_least(1) != Some(false));
    if !fits {
        let problem = Problem::CropTooLarge {
            layer: options.layer.clone(),
            wanted: format!("{}x{}", size[0], size[1]),
            input: input.to_string(),
        };
        return Err(Fault::at(range, problem));
    }
    let output = Shape::Chw([channels.clone(), size[0].clone(), size[1].clone()]);
    Ok(Built { op: Op::Crop { size, like }, output })
}

pub(super) fn pad(options: &Options, input: &Shape) -> BuildResult {
    let [channels, height, width] = image(options, input)?;
    let sizes: Option<Vec<usize>> = match options.positional().map(|argument| &argument.value) {
        Some(Value::Size(all)) => all.as_usize().map(|n| vec![n; 4]),
        Some(Value::List(sizes)) => {
            sizes.iter().map(Dim::as_usize).collect::<Option<Vec<_>>>().map(|sizes| match sizes.as_slice() {
                &[rows, columns] => vec![rows, rows, columns, columns],
                _ => sizes,
            })
        }
        _ => None,
    };
    let Some(&[top, bottom, left, right]) = sizes.as_deref() else {
        return Err(Problem::OptionValue {
            layer: options.layer.clone(),
            option: "the argument".into(),
            expected: "`pad(1)`, `pad([rows, columns])` or `pad([top, bottom, left, right])`",
        }
        .into());
    };
    let grown = |size: &Dim, before: usize, after: usize| {
        &(size + &Dim::from(before as u64)) + &Dim::from(after as u64)
    };
    let output = Shape::Chw([channels.clone(), grown(height, top, bottom), grown(width, left, right)]);
    Ok(Built { op: Op::Pad { top, bottom, left, right }, output })
}
