//! Convolutions, forward and backward.
use cnn_kernels::channels::Planes;
use cnn_kernels::conv::Conv;
use cnn_kernels::window::Span;

use super::elementwise::{self, Ending};
use super::{blocks, int};
use crate::device::{Gpu, In, Launch, Out, Result, sizes as wrong};
use crate::sizes::Product;
use crate::source::{CONV, Scalar};

/// The strides of maps (images, channels, rows, columns).
#[derive(Clone, Copy)]
struct Strides {
    image: usize,
    channel: usize,
    row: usize,
    column: usize,
}

impl Strides {
    const fn first(channels: usize, height: usize, width: usize) -> Self {
        Self { image: channels * height * width, channel: height * width, row: width, column: 1 }
    }
}

/// Every `stride`-th value of an axis of the input, and the taps that reach it: the value at `phase + stride i` is seen by
/// window `i - lead + tap spread` through tap `first + tap step`.
///
/// ([`Span::transposed_phase`] says the same as a window that slides forwards, where there is one.)
pub(super) struct Phase {
    count: usize,
    taps: usize,
    first: i64,
    step: i64,
    lead: i64,
    spread: i64,
}

impl Phase {
    /// The phase, or `None` where no window reaches it.
    pub(super) fn of(span: Span, phase: usize) -> Option<Self> {
        let (stride, dilation) = (long(span.stride()), long(span.dilation()));
        let at = long(phase + span.before());
        let mut taps = (0..long(span.kernel())).filter(|tap| (at - tap * dilation).rem_euclid(stride) == 0);
        let first = taps.next()?;
        let step = taps.next().map_or(1, |second| second - first);
        let taps = (long(span.kernel()) - 1 - first) / step + 1;
        // Where only one tap is left, its step leads out of the kernel.
        let taps = if (step * dilation) % stride == 0 { taps } else { 1 };
        Some(Self {
            count: span.input().saturating_sub(phase).div_ceil(span.stride()),
            taps: taps as usize,
            first,
            step,
            lead: -(at - first * dilation).div_euclid(stride),
            spread: -(step * dilation).div_euclid(stride),
        })
    }
}

/// The part of what a convolution read that begins at this row and column, as a convolution of what it gave: with every so manyth
/// row and column, and the taps that reach them.
pub(super) fn phase_product(
    name: &'static str,
    there: &Product,
    [top, left]: [usize; 2],
    [down, across]: [&Phase; 2],
) -> Result<Product> {
    Ok(Product {
        images: there.images,
        out_height: int(name, down.count)?,
        out_width: int(name, across.count)?,
        height: there.out_height,
        width: there.out_width,
        taps_y: int(name, down.taps)?,
        taps_x: int(name, across.taps)?,
        stride_y: 1,
        stride_x: 1,
        step_y: short(name, down.spread)?,
        step_x: short(name, across.spread)?,
        lead_y: short(name, down.lead)?,
        lead_x: short(name, across.lead)?,
        inputs: there.outputs,
        outputs: there.inputs,
        groups: there.groups,
        source_image: there.target_image,
        source_channel: there.target_channel,
        source_y: there.target_y,
        source_x: there.target_x,
        target_image: there.source_image,
        target_channel: there.source_channel,
        target_y: there.source_y * i64::from(there.stride_y),
        target_x: there.source_x * i64::from(there.stride_x),
        target_offset: there.source_y * long(top) + there.source_x * long(left),
        weight_group: there.weight_group,
        weight_out: there.weight_in,
        weight_in: there.weight_out,
        weight_y: there.weight_y * down.step,
        weight_x: there.weight_x * across.step,
        weight_offset: there.weight_y * down.first + there.weight_x * across.first,
    })
}

fn check(conv: &Conv, name: &'static str, scalar: Scalar, maps: [(Scalar, usize); 3]) -> Result<()> {
    let Conv { in_channels, out_channels, groups, .. } = *conv;
    if groups == 0 || !in_channels.is_multiple_of(groups) || !out_channels.is_multiple_of(groups) {
        return wrong(name, format_args!("{groups} groups of {in_channels} and {out_channels} channels"));
    }
    let expected = [conv.input_len(), conv.weight_len(), conv.output_len()].map(|len| (scalar, len));
    if maps != expected {
        let what = format_args!("expected an input, weight and output of {expected:?}, found {maps:?}");
        return wrong(name, what);
    }
    Ok(())
}

fn long(value: usize) -> i64 {
    // Sizes of memory: below 2^63.
    value as i64
}

fn short(name: &'static str, value: i64) -> Result<i32> {
    match i32::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => wrong(name, format_args!("a distance of {value} is too large")),
    }
}

/// The convolution as the kernels have it, of maps in NCHW order and a weight (out, in, rows, columns).
pub(super) fn forward_product(name: &'static str, conv: &Conv) -> Result<Product> {
    let Conv { batch, in_channels, out_channels, groups, rows, columns } = *conv;
    let (inputs, outputs) = (in_channels / groups, out_channels / groups);
    let source = Strides::first(in_channels, rows.input(), columns.input());
    let target = Strides::first(out_channels, rows.output(), columns.output());
    let taps = conv.taps();
    Ok(Product {
        images: int(name, batch)?,
        out_height: int(name, rows.output())?,
        out_width: int(name, columns.output())?,
        height: int(name, rows.input())?,
        width: int(name, columns.input())?,
        taps_y: int(name, rows.kernel())?,
        taps_x: int(name, columns.kernel())?,
        stride_y: int(name, rows.stride())?,
        stride_x: int(name, columns.stride())?,
        step_y: int(name, rows.dilation())?,
        step_x: int(name, columns.dilation())?,
        lead_y: int(name, rows.before())?,
        lead_x: int(name, columns.before())?,
        inputs: int(name, inputs)?,
        outputs: int(name, outputs)?,
        groups: int(name, groups)?,
        source_image: long(source.image),
        source_channel: long(source.channel),
        source_y: long(source.row),
        source_x: long(source.column),
        target_image: long(target.image),
        target_channel: long(target.channel),
        target_y: long(target.row),
        target_x: long(target.column),
        target_offset: 0,
        weight_group: long(outputs * inputs * taps),
        weight_out: long(inputs * taps),
        weight_in: long(taps),
        weight_y: long(columns.kernel()),
        weight_x: 1,
        weight_offset: 0,
    })
}

pub(super) fn is_depthwise(conv: &Conv) -> bool {
    conv.groups > 1 && conv.groups == conv.in_channels
}

/// What follows a convolution: a term for each output channel, a map that is added, a function.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// Of biases.
    pub bias: Option<&'a In<'a>>,
    /// Of the output's sizes.
    pub residual: Option<&'a In<'a>>,
    /// The function.
    pub ending: Ending,
}

/// The convolution of `x` with `weight`, and what follows it. Maps are in NCHW order.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn forward(
    gpu: &Gpu,
    conv: &Conv,
    x: &In<'_>,
    weight: &In<'_>,
    epilogue: Epilogue<'_>,
    y: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "convolution";
    let scalar = x.scalar();
    check(
        conv,
        NAME,
        scalar,
        [(x.scalar(), x.len()), (weight.scalar(), weight.len()), (y.scalar(), y.len())],
    )?;
    if let Some(bias) = epilogue.bias {
        bias.check(NAME, "the biases", scalar.of_parameters(), conv.out_channels)?;
    }
    if let Some(residual) = epilogue.residual {
        residual.check(NAME, "the residual", scalar, y.len())?;
    }
    let product = forward_product(NAME, conv)?;
    if is_depthwise(conv) {
        return Launch::new(gpu, CONV, "depthwise", scalar)
            .pass(x)
            .pass(weight)
            .pass(&epilogue.bias)
            .pass(&epilogue.residual)
            .pass(y)
            .pass(&product)
            .pass(&epilogue.ending.function)
            .pass(&epilogue.ending.parameter)
            .each(y.len());
    }
    #[cfg(feature = "cudnn")]
    if super::cudnn::forward(gpu, conv, x, weight, y)? {
        return end(gpu, conv, epilogue, y);
    }
    launch(gpu, &product, x, weight, epilogue, y)
}

/// What follows a convolution that cuDNN computed.
#[cfg(feature = "cudnn")]
fn end(gpu: &Gpu, conv: &Conv, epilogue: Epilogue<'_>, y: &mut Out<'_>) -> Result<()> {
    let planes = Planes { batch: conv.batch, channels: conv.out_channels, plane: conv.output_plane() };
    let Epilogue { bias, residual, ending } = epilogue;
    if bias.is_none() && residual.is_none() && ending == Ending::NONE {
        return Ok(());
    }
    elementwise::end_in_place(gpu, &planes, bias, residual, ending, y)
}

fn launch(
    gpu: &Gpu,
    product: &Product,
    x: &In<'_>,
    weight: &In<'_>,
    epilogue: Epilogue<'_>,
    y: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "convolution";
    let pixels = product.images as usize * product.out_height as usize * product.out_width as usize;
    let (outputs, groups) = (product.outputs as usize, product.groups as usize);
    let tiles = |size: usize| pixels.div_ceil(size) * outputs.div_ceil(size) * groups;
    // Large tiles read less, small ones keep all processors busy.
    let large = x.scalar() != Scalar::F64 && outputs > 64 && tiles(128) >= gpu.processors();
    let (name, size) = if large { ("product_first_128", 128) } else { ("product_first_64", 64) };
    Launch::new(gpu, CONV, name, x.scalar())
        .pass(x)
        .pass(weight)
        .pass(&epilogue.bias)
        .pass(&epilogue.residual)
        .pass(y)
        .pass(product)
        .pass(&epilogue.ending.function)
        .pass(&epilogue.ending.parameter)
        // All of the sums at once.
        .pass(&None::<&Out<'_>>)
        .pass(&1i32)
        .blocks([
            blocks(NAME, pixels.div_ceil(size))?,
            blocks(NAME, outputs.div_ceil(size))?,
            blocks(NAME, groups)?,
        ])
}

/// The gradient of [`forward`] by its input, which is the transposed convolution of `grad`; plus `bias` for each channel of
/// the input.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn input_gradient(
    gpu: &Gpu,
    conv: &Conv,
    weight: &In<'_>,
    grad: &In<'_>,
    bias: Option<&In<'_>>,
    to: &mut Out<'_>,
) -> Result<()> {
    const NAME: &str = "transposed convolution";
    let scalar = grad.scalar();
    check(
        conv,
        NAME,
        scalar,
        [(to.scalar(), to.len()), (weight.scalar(), weight.len()), (grad.scalar(), grad.len())],
    )?;
    let Conv { batch, in_channels, rows, columns, .. } = *conv;
    let planes = Planes { batch, channels: in_channels, plane: conv.input_plane() };
    if let Some(bias) = bias {
        bias.check(NAME, "the biases", scalar.of_parameters(), in_channels)?;
    }
    let there = forward_product(NAME, conv)?;
    if is_depthwise(conv) {
        Launch::new(gpu, CONV, "depthwise_input_gradient", scalar)
            .pass(weight)
            .pass(grad)
            .pass(to)
            .pass(&there)
            .each(to.len())?;
        return match bias {
            Some(bias) => elementwise::end_in_place(gpu, &planes, Some(bias), None, Ending::NONE, to),
            None => Ok(()),
        };
    }
    #[cfg(feature = "cudnn")]
    if super::cudnn::input_gradient(gpu, conv, weight, grad, to)? {
        return match bias {
            Some(bias) => elementwise::end_in_place(gpu, &planes, Some(bias), None, Ending::NONE, to),
            None => Ok(()),
        };
    }
    let phases =
        |span: Span| (0..span.stride().min(span.input())).map(|at| (at, Phase::of(span, at))).collect();
    let (down, across): (Vec<_>, Vec<_>) = (phases(rows), phases(columns));
    let whole = down.iter().chain(&across).all(|(_, phase)| phase.is_some());
    if !whole {
        // Values that no window reaches.
        to.clear(gpu)?;
    }
    for (top, down) in &down {
        for (left, across) in &across {
            let (Some(down), Some(across)) = (down, across) else { continue };
            let product = phase_product(NAME, &there, [*top, *left], [down, across])?;
            let epilogue = Epilogue { bias: bias.filter(|_| whole), ..Epilogue::default() };
            launch(gpu, &product, grad, weight, epilogue, to)?;
        }
    }
    match bias {
        Some(bias) if !whole => elementwise::end_in_place(gpu, &planes, Some(bias), None, Ending::NONE, to),
        _ => Ok(()),
    }
}

/// The gradient of [`forward`] by its weight.
///
/// # Errors
/// For lengths or element types that do not fit.
pub fn weight_gradient(gpu: &Gpu, conv: &Conv, x: &In<'_>, grad: &In<'_>, to: &mut Out<'_>) -> Result<()> {
    const NAME: &str = "convolution's weight gradient";
    /// Rows and columns of a tile, as in `conv.cu`.
    const SIZE: usize = 64;
    let scalar = x.scalar();
    check(conv, NAME, scalar, [(x.scalar(), x.len()), (to.scalar(), to.len()), (grad.scalar(), grad.len())])?;
    #[cfg(feature = "cudnn")]
    if !is_depthwise(conv) && super::cudnn::weight_gradient(gpu, conv, x, grad, to)? {
        return Ok(());
    }
    let product = forward_product(NAME, conv)?;
    let pixels = conv.batch * conv.output_plane();
    let factors = conv.in_channels / conv.groups * conv.taps();
    let outputs = conv.out_channels / conv.groups;
    let depthwise = is_depthwise(conv);
    let tiles = if depthwise {
        conv.out_channels * conv.taps()
    } else {
        outputs.div_ceil(SIZE) * factors.div_ceil(SIZE) * conv.groups
    };
    let most = 65_535 / if depthwise { 1 } else { conv.groups };
    let parts = gpu.parts(tiles, pixels).min(most.max(1));
    let mut sums = gpu.scratch(scalar.of_parameters(), parts * to.len())?;
    if depthwise {
        Launch::new(gpu, CONV, "depthwise_weight_gradient", scalar)
            .pass(x)
            .pass(grad)
            .pass(&sums.write(gpu))
            .pass(&product)
            .blocks([blocks(NAME, tiles)?, blocks(NAME, parts)?, 1])?;
    } else {
        Launch::new(gpu, CONV, "weight_gradient_first", scalar)
            .pass(x)
            .pass(grad)
            .pass(&sums.write(gpu))
            .pass(&product)
            .pass(&int(NAME, parts)?)
            .blocks([
                blocks(NAME, outputs.div_ceil(SIZE))?,
                blocks(NAME, factors.div_ceil(SIZE))?,
                blocks(NAME, parts * conv.groups)?,
            ])?;
    }
    Launch::new(gpu, CONV, "add_parts", scalar)
        .pass(&sums.read(gpu))
        .pass(to)
        .pass(&int(NAME, parts)?)
        .pass(&to.len())
        .each(to.len())
}
