//! Convolutions: plain, depthwise, transposed.

use super::pool::slide;
use super::{BuildResult, Built, Conv, Deconv, Fault, Op, Options};
use crate::diagnostic::Problem;
use crate::dim::Dim;
use crate::shape::Shape;
use crate::window::{Axis, Padding, Window};

/// The three sizes of an image, or an error that a vector arrives.
pub(super) fn image<'s>(options: &Options, input: &'s Shape) -> Result<&'s [Dim; 3], Fault> {
    match input {
        Shape::Chw(dims) => Ok(dims),
        _ => Err(Problem::NeedsImage { layer: options.layer.clone(), found: input.to_string() }.into()),
    }
}

fn window(options: &Options, default_padding: &'static str) -> Result<Window, Fault> {
    let kernel = options.kernel()?;
    let dilation = options.dilation()?;
    let padding = options.padding(kernel, dilation, default_padding)?;
    Ok(Window::new(kernel).with_stride(options.stride([1, 1])?).with_padding(padding).with_dilation(dilation))
}

fn divides(options: &Options, groups: &Dim, channels: &Dim, which: &'static str) -> Result<(), Fault> {
    match (groups.number(), channels.number()) {
        (Some(groups), Some(channels)) if channels % groups.max(1) != 0 => Err(Problem::GroupsDoNotDivide {
            layer: options.layer.clone(),
            groups: groups.to_string(),
            channels: channels.to_string(),
            which,
        }
        .into()),
        _ => Ok(()),
    }
}

pub(super) fn conv(options: &Options, input: &Shape) -> BuildResult {
    let out_channels = options.required_size()?;
    let window = window(options, "half")?;
    let groups = options.dim("groups")?.unwrap_or(Dim::ONE);
    let [in_channels, ..] = image(options, input)?.clone();
    divides(options, &groups, &in_channels, "channels that arrive")?;
    divides(options, &groups, &out_channels, "filters")?;
    let linear = options.word("linear");
    if linear && !(is_pointwise(&window) && groups == Dim::ONE) {
        return Err(
            options.contradiction("`linear` (a 1x1 kernel at each position)", "another window or groups")
        );
    }
    let kind = if linear { Kind::Linear } else { Kind::Plain };
    finish(options, input, in_channels, out_channels, groups, window, kind)
}

/// Whether a window is a single value, at every position of the input.
fn is_pointwise(window: &Window) -> bool {
    let bare = window.with_padding(Padding::NONE) == Window::new([1, 1]);
    bare && window.axes([1, 1]).is_some_and(|axes| axes.iter().all(|axis| axis.before + axis.after == 0))
}

/// What a convolution is besides its window and channels.
#[derive(PartialEq)]
enum Kind {
    Plain,
    Depthwise,
    Linear,
}

pub(super) fn depthwise(options: &Options, input: &Shape) -> BuildResult {
    let window = window(options, "half")?;
    let [channels, ..] = image(options, input)?.clone();
    finish(options, input, channels.clone(), channels.clone(), channels, window, Kind::Depthwise)
}

fn finish(
    options: &Options,
    input: &Shape,
    in_channels: Dim,
    out_channels: Dim,
    groups: Dim,
    window: Window,
    kind: Kind,
) -> BuildResult {
    let [height, width] = slide(options, input, &window)?;
    let bias = options.flag("bias", !options.norm_follows)?;
    let output = Shape::Chw([out_channels.clone(), height, width]);
    let (depthwise, linear) = (kind == Kind::Depthwise, kind == Kind::Linear);
    let conv = Conv { in_channels, out_channels, window, groups, bias, depthwise, linear };
    Ok(Built { op: Op::Conv(conv), output })
}

pub(super) fn deconv(options: &Options, input: &Shape) -> BuildResult {
    let out_channels = options.required_size()?;
    let window = window(options, "valid")?;
    if window.padding == Padding::Same {
        let problem = Problem::OptionValue {
            layer: options.layer.clone(),
            option: "the padding".into(),
            expected: "`pad=`, `half`, `full` or `valid` (`same` belongs to convolutions)",
        };
        return Err(problem.into());
    }
    let groups = options.dim("groups")?.unwrap_or(Dim::ONE);
    let [in_channels, height, width] = image(options, input)?.clone();
    divides(options, &groups, &in_channels, "channels that arrive")?;
    divides(options, &groups, &out_channels, "filters")?;
    let axes = window.axes([1, 1]).ok_or_else(|| too_large(options))?;
    let bare = [transposed(options, &height, axes[0])?, transposed(options, &width, axes[1])?];
    let output_padding = output_padding(options, &window, &bare)?;
    let added = |axis: usize| &bare[axis] + &Dim::from(output_padding[axis] as u64);
    let sizes = [added(0), added(1)];
    if sizes.iter().any(|size| size.at_least(1) == Some(false)) {
        let problem = Problem::DeconvTooSmall { layer: options.layer.clone(), input: input.to_string() };
        return Err(problem.into());
    }
    let [height, width] = sizes;
    let bias = options.flag("bias", !options.norm_follows)?;
    let output = Shape::Chw([out_channels.clone(), height, width]);
    let deconv = Deconv { in_channels, out_channels, window, output_padding, groups, bias };
    Ok(Built { op: Op::Deconv(deconv), output })
}

fn too_large(options: &Options) -> Fault {
    Problem::SizesTooLarge { layer: options.layer.clone() }.into()
}

/// `(input - 1) * stride - before - after + extent`
fn transposed(options: &Options, input: &Dim, axis: Axis) -> Result<Dim, Fault> {
    let extent = axis.extent().ok_or_else(|| too_large(options))?;
    let number = |n: usize| Dim::from(n as u64);
    let steps = &(input - &Dim::ONE) * &number(axis.stride);
    let pads = &number(axis.before) + &number(axis.after);
    Ok(&(&steps + &number(extent)) - &pads)
}

/// `outpad=`, or what it takes to reach the size of `like @tap`.
fn output_padding(options: &Options, window: &Window, bare: &[Dim; 2]) -> Result<[usize; 2], Fault> {
    if let Some(padding) = options.pair("outpad")? {
        let allowed = |axis: usize| window.stride[axis].max(window.dilation[axis]);
        if padding[0] >= allowed(0) || padding[1] >= allowed(1) {
            let problem = Problem::OptionValue {
                layer: options.layer.clone(),
                option: "`outpad`".into(),
                expected: "less than the stride (or the dilation)",
            };
            return Err(Fault {
                range: options.named("outpad").map(|argument| argument.range),
                problem: Box::new(problem),
            });
        }
        return Ok(padding);
    }
    let Some((tap, shape, range)) = options.like() else { return Ok([0, 0]) };
    let Some(wanted) = shape.spatial() else { return Ok([0, 0]) };
    let mut padding = [0; 2];
    for axis in 0..2 {
        let difference = wanted[axis] - &bare[axis];
        let allowed = window.stride[axis].max(window.dilation[axis]);
        match difference.as_usize().filter(|&surplus| surplus < allowed) {
            Some(surplus) => padding[axis] = surplus,
            None => {
                let problem = Problem::LikeOutOfReach {
                    layer: options.layer.clone(),
                    tap: tap.to_owned(),
                    wanted: format!("{}x{}", wanted[0], wanted[1]),
                    found: format!("{}x{}", bare[0], bare[1]),
                    decided: difference.number().is_some(),
                };
                return Err(Fault::at(range, problem));
            }
        }
    }
    Ok(padding)
}
