//! What works value by value, pixel by pixel or window by window, and what only moves values; there and back.

use candle_core::Result as CandleResult;
use cnn_cuda::elementwise::{self, Activation as Function};
use cnn_cuda::layout::{self, Affine, Operator};
use cnn_cuda::lrn;
use cnn_cuda::resize::{self, Mode};
use cnn_cuda::source::Scalar;
use cnn_cuda::{In, Out, norm, pool, softmax};
use cnn_kernels::blocked::PoolKind;
use cnn_kernels::lrn::Response;
use cnn_kernels::pool::{Adaptive, Pool};
use cnn_kernels::resize::Upsample;
use cnn_kernels::window::Span;

use super::Back;
use super::builder::Builder;
use super::run::{Run, Slot};
use crate::error::Result;
use crate::layers;
use crate::plan::cuda::wrong;
use crate::plan::training::fuse::Node;

/// What a way there or back launches: from its inputs to its output.
pub(super) type Launch<const N: usize> =
    Box<dyn Fn(&Run<'_>, [In<'_>; N], Out<'_>) -> cnn_cuda::Result<()> + Send + Sync>;

/// A step from some slots to another.
pub(super) fn step<const N: usize>(
    builder: &mut Builder,
    name: &str,
    from: [Slot; N],
    to: Slot,
    launch: Launch<N>,
) {
    let slots = [from.as_slice(), &[to]].concat();
    builder.step(name, &slots, move |run| {
        let inputs = from.iter().map(|&slot| run.read(slot)).collect::<CandleResult<Vec<_>>>()?;
        let Ok(inputs) = <[In<'_>; N]>::try_from(inputs) else { unreachable!("one for each slot") };
        launch(run, inputs, run.write(to)?).map_err(wrong)
    });
}

/// What is read on the way back beside the gradient.
pub(super) enum Told {
    Nothing,
    Input,
    Output,
    Both,
}

/// Of one value another, and of its gradient that of the first, with no parameters.
pub(super) struct Unary {
    pub(super) name: &'static str,
    pub(super) told: Told,
    pub(super) there: Launch<1>,
    /// Takes the input, the output and the gradient; what is not told is the gradient again.
    pub(super) back: Launch<3>,
}

pub(super) fn unary(builder: &mut Builder, shape: &[usize], x: usize, how: Unary) -> (usize, Back) {
    let Unary { name, told, there, back } = how;
    let map = builder.values[x].clone();
    let (input, output) = (map.slot, builder.map_slot(shape));
    step(builder, name, [input], output, there);
    let value = builder.value(shape, output, map.wants);
    let way_back = move |builder: &mut Builder| {
        let (Some(grad), true) = (builder.gradient(value), map.wants) else { return Ok(()) };
        let to = builder.map_slot(&map.shape);
        let [x_slot, y_slot] = match told {
            Told::Nothing => [grad, grad],
            Told::Input => [input, grad],
            Told::Output => [grad, output],
            Told::Both => [input, output],
        };
        step(builder, &format!("{name}'s gradient"), [x_slot, y_slot, grad], to, back);
        builder.add_gradient(x, to);
        Ok(())
    };
    (value, Box::new(way_back))
}

/// A function of each value.
pub(super) fn activation(builder: &mut Builder, node: &Node, function: Function, x: usize) -> (usize, Back) {
    unary(
        builder,
        &node.shape,
        x,
        Unary {
            name: "function",
            told: Told::Both,
            there: Box::new(move |run, [x], mut y| elementwise::forward(run.gpu, function, &x, &mut y)),
            back: Box::new(move |run, [x, y, grad], mut to| {
                elementwise::gradient(run.gpu, function, &x, &y, &grad, &mut to)
            }),
        },
    )
}

/// Softmax over the channels of each pixel.
pub(super) fn softmax(builder: &mut Builder, node: &Node, x: usize) -> (usize, Back) {
    let rows = builder.values[x].rows();
    unary(
        builder,
        &node.shape,
        x,
        Unary {
            name: "softmax",
            told: Told::Output,
            there: Box::new(move |run, [x], mut y| softmax::forward(run.gpu, &rows, &x, &mut y)),
            back: Box::new(move |run, [_, y, grad], mut to| {
                softmax::gradient(run.gpu, &rows, &y, &grad, &mut to)
            }),
        },
    )
}

/// Local response normalization.
pub(super) fn response(builder: &mut Builder, node: &Node, response: Response, x: usize) -> (usize, Back) {
    let rows = builder.values[x].rows();
    unary(
        builder,
        &node.shape,
        x,
        Unary {
            name: "response norm",
            told: Told::Input,
            there: Box::new(move |run, [x], mut y| lrn::forward(run.gpu, &rows, &response, &x, &mut y)),
            back: Box::new(move |run, [x, _, grad], mut to| {
                lrn::gradient(run.gpu, &rows, &response, &x, &grad, &mut to)
            }),
        },
    )
}

/// Upsampling of maps.
pub(super) fn upsample(
    builder: &mut Builder,
    node: &Node,
    (mode, factors): (Mode, [usize; 2]),
    x: usize,
) -> Option<(usize, Back)> {
    let [batch, channels, height, width] = *builder.values[x].shape.as_slice() else { return None };
    let sizes = Upsample { planes: batch * channels, input: [height, width], factors };
    let how = Unary {
        name: "upsampling",
        told: Told::Nothing,
        there: Box::new(move |run, [x], mut y| resize::forward(run.gpu, &sizes, mode, channels, &x, &mut y)),
        back: Box::new(move |run, [_, _, grad], mut to| {
            resize::gradient(run.gpu, &sizes, mode, channels, &grad, &mut to)
        }),
    };
    Some(unary(builder, &node.shape, x, how))
}

/// Pooling.
pub(super) fn pool(
    builder: &mut Builder,
    node: &Node,
    (kind, [rows, columns]): (PoolKind, [Span; 2]),
    x: usize,
) -> (usize, Back) {
    let planes = builder.values[x].planes();
    let (channels, planes) = (planes.channels, planes.batch * planes.channels);
    let windows = Pool { planes, rows, columns };
    let bins = Adaptive {
        planes,
        input: [rows.input(), columns.input()],
        output: [rows.output(), columns.output()],
    };
    let padding = kind == PoolKind::MeanWithPadding;
    let (there, back): (Launch<1>, Launch<3>) = match kind {
        PoolKind::Max => return maxima(builder, node, windows, x),
        PoolKind::Mean | PoolKind::MeanWithPadding => (
            Box::new(move |run, [x], mut y| pool::average(run.gpu, &windows, channels, padding, &x, &mut y)),
            Box::new(move |run, [_, _, grad], mut to| {
                pool::average_gradient(run.gpu, &windows, channels, padding, &grad, &mut to)
            }),
        ),
        PoolKind::Adaptive => (
            Box::new(move |run, [x], mut y| pool::adaptive_average(run.gpu, &bins, channels, &x, &mut y)),
            Box::new(move |run, [_, _, grad], mut to| {
                pool::adaptive_average_gradient(run.gpu, &bins, channels, &grad, &mut to)
            }),
        ),
    };
    unary(builder, &node.shape, x, Unary { name: "pooling", told: Told::Nothing, there, back })
}

/// The maximum of each window: where it stands is remembered.
fn maxima(builder: &mut Builder, node: &Node, windows: Pool, x: usize) -> (usize, Back) {
    let map = builder.values[x].clone();
    let (channels, input) = (map.planes().channels, map.slot);
    let output = builder.map_slot(&node.shape);
    let places = builder.slot(Scalar::F32, node.shape.iter().product());
    builder.step("pooling", &[input, output, places], move |run| {
        let (x, mut y, mut places) = (run.read(input)?, run.write(output)?, run.write(places)?);
        pool::max_with_places(run.gpu, &windows, channels, &x, &mut y, &mut places).map_err(wrong)
    });
    let value = builder.value(&node.shape, output, map.wants);
    let back = move |builder: &mut Builder| {
        let (Some(grad), true) = (builder.gradient(value), map.wants) else { return Ok(()) };
        let to = builder.map_slot(&map.shape);
        builder.step("pooling's gradient", &[places, grad, to], move |run| {
            let (places, grad, mut to) = (run.read(places)?, run.read(grad)?, run.write(to)?);
            pool::max_gradient_by_places(run.gpu, &windows, channels, &places, &grad, &mut to).map_err(wrong)
        });
        builder.add_gradient(x, to);
        Ok(())
    };
    (value, Box::new(back))
}

/// The sum of two maps.
pub(super) fn add(builder: &mut Builder, node: &Node, inputs: [usize; 2]) -> (usize, Back) {
    let maps = inputs.map(|input| builder.values[input].clone());
    let [a, b] = [&maps[0], &maps[1]].map(|map| map.slot);
    let (planes, output) = (maps[0].planes(), builder.map_slot(&node.shape));
    let launch: Launch<2> = Box::new(move |run, [a, b], mut y| {
        layout::combine(run.gpu, &planes, &a, Some((Operator::Add, &b)), Affine::default(), &mut y)
    });
    step(builder, "sum", [a, b], output, launch);
    let wants = maps.map(|map| map.wants);
    let value = builder.value(&node.shape, output, wants.contains(&true));
    let back = move |builder: &mut Builder| {
        let Some(grad) = builder.gradient(value) else { return Ok(()) };
        for (input, wants) in inputs.into_iter().zip(wants) {
            if wants {
                builder.add_gradient(input, grad);
            }
        }
        Ok(())
    };
    (value, Box::new(back))
}

/// A learned slope for negative values.
pub(super) fn prelu(
    builder: &mut Builder,
    node: &Node,
    layer: &layers::PRelu,
    x: usize,
) -> Result<(usize, Back)> {
    let map = builder.values[x].clone();
    let (rows, input) = (map.rows(), map.slot);
    let parameter = builder.parameter(layer.weight())?;
    let slopes = builder.values_slot(layer.weight().elem_count());
    builder.step("weight", &[slopes], move |run| {
        layout::cast(run.gpu, run.parameter(parameter), &mut run.write(slopes)?).map_err(wrong)
    });
    let output = builder.map_slot(&node.shape);
    let launch: Launch<2> =
        Box::new(move |run, [x, slopes], mut y| elementwise::prelu(run.gpu, &rows, &x, &slopes, &mut y));
    step(builder, "function", [input, slopes], output, launch);
    let learns = builder.is_learned(parameter);
    let value = builder.value(&node.shape, output, learns || map.wants);
    let back = move |builder: &mut Builder| {
        let Some(grad) = builder.gradient(value) else { return Ok(()) };
        if let Some(target) = builder.gradient_of(parameter)? {
            builder.step("slopes", &[input, grad], move |run| {
                let (x, grad, mut to) = (run.read(input)?, run.read(grad)?, run.write_target(target)?);
                norm::slopes(run.gpu, &rows, &x, &grad, &mut to).map_err(wrong)
            });
        }
        if map.wants {
            let to = builder.map_slot(&map.shape);
            let launch: Launch<3> = Box::new(move |run, [x, slopes, grad], mut to| {
                elementwise::prelu_input_gradient(run.gpu, &rows, &x, &slopes, &grad, &mut to)
            });
            step(builder, "function's gradient", [input, slopes, grad], to, launch);
            builder.add_gradient(x, to);
        }
        Ok(())
    };
    Ok((value, Box::new(back)))
}
