//! Normalizations: the shape stays.

use super::{BuildResult, Built, Fault, Op, Options};
use crate::diagnostic::Problem;
use crate::dim::Dim;
use crate::shape::Shape;

fn channels(input: &Shape) -> Dim {
    input.channels().cloned().unwrap_or(Dim::ONE)
}

fn spatial(options: &Options, input: &Shape) -> Result<Dim, Fault> {
    match input {
        Shape::Flat(_) => {
            Err(Problem::NeedsImage { layer: options.layer.clone(), found: input.to_string() }.into())
        }
        _ => Ok(channels(input)),
    }
}

fn eps(options: &Options) -> Result<f64, Fault> {
    let Some(argument) = options.named("eps") else { return Ok(1e-5) };
    match options.float("eps", 1e-5)? {
        eps if eps >= 0.0 => Ok(eps),
        _ => {
            let (layer, option) = (options.layer.clone(), "`eps`".into());
            Err(Fault::at(argument.range, Problem::OptionValue { layer, option, expected: "at least 0" }))
        }
    }
}

pub(super) fn batch(options: &Options, input: &Shape) -> BuildResult {
    let momentum = if options.named("momentum").is_some() { options.float("momentum", 0.1)? } else { 0.1 };
    let affine = options.flag("affine", true)?;
    let op = Op::BatchNorm { features: channels(input), eps: eps(options)?, momentum, affine };
    Ok(Built { op, output: input.clone() })
}

pub(super) fn layer(options: &Options, input: &Shape) -> BuildResult {
    let op = Op::LayerNorm { channels: channels(input), eps: eps(options)? };
    Ok(Built { op, output: input.clone() })
}

pub(super) fn instance(options: &Options, input: &Shape) -> BuildResult {
    let channels = spatial(options, input)?;
    let op = Op::InstanceNorm { channels, eps: eps(options)?, affine: options.flag("affine", false)? };
    Ok(Built { op, output: input.clone() })
}

pub(super) fn group(options: &Options, input: &Shape) -> BuildResult {
    let groups = options.digit()?;
    let channels = channels(input);
    if let Some(count) = channels.as_usize()
        && count % groups != 0
    {
        let problem = Problem::GroupsDoNotDivide {
            layer: options.layer.clone(),
            groups: groups.to_string(),
            channels: count.to_string(),
            which: "channels that arrive",
        };
        return Err(problem.into());
    }
    Ok(Built { op: Op::GroupNorm { groups, channels, eps: eps(options)? }, output: input.clone() })
}

pub(super) fn local_response(options: &Options, input: &Shape) -> BuildResult {
    spatial(options, input)?;
    let named = |name: &str, default: f64| match options.named(name) {
        Some(_) => options.float(name, default),
        None => Ok(default),
    };
    let op = Op::LocalResponseNorm {
        size: options.digit()?,
        alpha: named("alpha", 1e-4)?,
        beta: named("beta", 0.75)?,
        k: named("k", 1.0)?,
    };
    Ok(Built { op, output: input.clone() })
}
