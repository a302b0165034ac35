//! Pooling, and the sliding of a window over a shape.

use super::conv::image;
use super::{BuildResult, Built, Fault, Op, Options, Value};
use crate::diagnostic::Problem;
use crate::dim::Dim;
use crate::shape::Shape;
use crate::window::{Axis, Padding, Window};

/// Height and width after a window slid over `input`.
pub(super) fn slide(options: &Options, input: &Shape, window: &Window) -> Result<[Dim; 2], Fault> {
    let [_, height, width] = image(options, input)?;
    if let (Some(rows), Some(columns)) = (height.as_usize(), width.as_usize()) {
        return match window.out([rows, columns]) {
            Some([rows, columns]) => Ok([Dim::from(rows as u64), Dim::from(columns as u64)]),
            None => Err(Problem::WindowTooLarge {
                layer: options.layer.clone(),
                kernel: window.kernel_size,
                dilation: window.dilation,
                input: input.to_string(),
                padding: window.padding,
            }
            .into()),
        };
    }
    // Padding that depends on the size is not needed for the formula below.
    let axes = window.axes([1, 1]).ok_or_else(|| Problem::SizesTooLarge { layer: options.layer.clone() })?;
    let same = window.padding == Padding::Same;
    Ok([
        symbolic(options, height, axes[0], window.ceil, same)?,
        symbolic(options, width, axes[1], window.ceil, same)?,
    ])
}

/// The rule of [`Axis::out`] for a size that is not a number.
fn symbolic(options: &Options, input: &Dim, axis: Axis, ceil: bool, same: bool) -> Result<Dim, Fault> {
    let too_large = || Problem::SizesTooLarge { layer: options.layer.clone() };
    let stride = i128::try_from(axis.stride).map_err(|_| too_large())?;
    if same {
        return Ok(input.ceil_div(stride));
    }
    let extent = axis.extent().ok_or_else(too_large)?;
    let number = |n: usize| Dim::from(n as u64);
    let room = &(&(input + &number(axis.before)) + &number(axis.after)) - &number(extent);
    if !ceil {
        return Ok(&room.floor_div(stride) + &Dim::ONE);
    }
    // PyTorch drops a last window that would start in the padding behind the input; with this it cannot.
    if axis.stride + axis.after > extent {
        return Err(Problem::CeilOfSymbol { layer: options.layer.clone() }.into());
    }
    Ok(&room.ceil_div(stride) + &Dim::ONE)
}

fn window(options: &Options, max: bool) -> Result<Window, Fault> {
    let kernel = options.kernel()?;
    let dilation = if max { options.dilation()? } else { [1, 1] };
    let padding = options.padding(kernel, dilation, "valid")?;
    if let Padding::Explicit { top, bottom, left, right } = padding {
        let too_wide = |pad: usize, axis: usize| pad > kernel[axis] / 2;
        if too_wide(top, 0) || too_wide(bottom, 0) || too_wide(left, 1) || too_wide(right, 1) {
            let problem = Problem::PoolPadding { layer: options.layer.clone(), kernel };
            return Err(Fault {
                range: options.named("pad").map(|argument| argument.range),
                problem: Box::new(problem),
            });
        }
    }
    if options.word("ceil") && padding == Padding::Same {
        return Err(options.contradiction("`same`", "`ceil`"));
    }
    let window = Window::new(kernel)
        .with_stride(options.stride(kernel)?)
        .with_padding(padding)
        .with_dilation(dilation);
    Ok(if options.word("ceil") { window.with_ceil() } else { window })
}

pub(super) fn max(options: &Options, input: &Shape) -> BuildResult {
    let window = window(options, true)?;
    let [height, width] = slide(options, input, &window)?;
    let channels = image(options, input)?[0].clone();
    Ok(Built { op: Op::MaxPool(window), output: Shape::Chw([channels, height, width]) })
}

pub(super) fn average(options: &Options, input: &Shape) -> BuildResult {
    if let Some(argument) = options.positional() {
        let size = match &argument.value {
            Value::List(sizes) if sizes.len() == 2 => [sizes[0].as_usize(), sizes[1].as_usize()],
            Value::Size(size) => [size.as_usize(); 2],
            _ => [None; 2],
        };
        let alone = options.digits.is_empty() && options.stride.is_none() && options.arguments.len() == 1;
        let (&[Some(height), Some(width)], true) = (&size, alone) else {
            let problem = Problem::OptionValue {
                layer: options.layer.clone(),
                option: "the argument".into(),
                expected: "the output's size, as in `avgpool(7x7)`, and no window size then",
            };
            return Err(Fault::at(argument.range, problem));
        };
        if height == 0 || width == 0 {
            return Err(Problem::ZeroInLayer { layer: options.layer.clone(), what: "output size" }.into());
        }
        let channels = image(options, input)?[0].clone();
        let output = Shape::Chw([channels, (height as u64).into(), (width as u64).into()]);
        return Ok(Built { op: Op::AdaptiveAvgPool([height, width]), output });
    }
    let window = window(options, false)?;
    let [height, width] = slide(options, input, &window)?;
    let channels = image(options, input)?[0].clone();
    let count_include_pad = options.flag("count_include_pad", true)?;
    let op = Op::AvgPool { window, count_include_pad };
    Ok(Built { op, output: Shape::Chw([channels, height, width]) })
}

pub(super) fn global_average(options: &Options, input: &Shape) -> BuildResult {
    let channels = image(options, input)?[0].clone();
    Ok(Built { op: Op::GlobalAvgPool, output: Shape::Chw([channels, Dim::ONE, Dim::ONE]) })
}
