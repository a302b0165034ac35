//! What only moves values, there and back.

use cnn_cuda::arrange::{self, Frame, PixelShuffle};
use cnn_cuda::layout::{self, Channels};

use super::Back;
use super::builder::Builder;
use super::elements::{Launch, Told, Unary, step, unary};
use crate::plan::training::fuse::Node;

/// Values as one row each, of this shape.
pub(super) fn flatten(builder: &mut Builder, shape: &[usize], x: usize) -> (usize, Back) {
    let map = builder.values[x].clone();
    let planes = map.planes();
    if planes.plane == 1 {
        // The same values in the same order.
        let value = builder.value(shape, map.slot, map.wants);
        let back = move |builder: &mut Builder| {
            if let Some(grad) = builder.gradient(value) {
                builder.add_gradient(x, grad);
            }
            Ok(())
        };
        return (value, Box::new(back));
    }
    let how = Unary {
        name: "rows",
        told: Told::Nothing,
        there: Box::new(move |run, [x], mut y| {
            layout::flatten(run.gpu, &planes, planes.channels, &x, &mut y)
        }),
        back: Box::new(move |run, [_, _, grad], mut to| layout::unflatten(run.gpu, &planes, &grad, &mut to)),
    };
    unary(builder, shape, x, how)
}

/// Channels one after another.
pub(super) fn concat(builder: &mut Builder, node: &Node, inputs: &[usize]) -> (usize, Back) {
    let output = builder.map_slot(&node.shape);
    let mut parts = Vec::with_capacity(inputs.len());
    let mut first = 0;
    for &input in inputs {
        let map = builder.values[input].clone();
        let rows = map.rows();
        let from = Channels { pitch: rows.channels, first: 0 };
        parts.push((input, map.slot, [rows.batch, rows.channels], from, first, map.wants));
        first += rows.channels;
    }
    let pitch = first;
    for &(_, slot, sizes, from, first, _) in &parts {
        let to = Channels { pitch, first };
        let launch: Launch<1> =
            Box::new(move |run, [x], mut y| layout::copy_channels(run.gpu, sizes, (&x, from), (&mut y, to)));
        step(builder, "channels", [slot], output, launch);
    }
    let wants = parts.iter().any(|(.., wants)| *wants);
    let value = builder.value(&node.shape, output, wants);
    let back = move |builder: &mut Builder| {
        let Some(grad) = builder.gradient(value) else { return Ok(()) };
        for (input, _, sizes, part, first, wants) in parts {
            if !wants {
                continue;
            }
            let to = builder.values_slot(sizes[0] * sizes[1]);
            let from = Channels { pitch, first };
            let launch: Launch<1> = Box::new(move |run, [grad], mut to| {
                layout::copy_channels(run.gpu, sizes, (&grad, from), (&mut to, part))
            });
            step(builder, "channels", [grad], to, launch);
            builder.add_gradient(input, to);
        }
        Ok(())
    };
    (value, Box::new(back))
}

/// Some of the channels, from `first` on.
pub(super) fn slice(builder: &mut Builder, node: &Node, first: usize, x: usize) -> (usize, Back) {
    let map = builder.values[x].clone();
    let pitch = map.pitch;
    let output = builder.map_slot(&node.shape);
    let value = builder.value(&node.shape, output, map.wants);
    let rows = builder.values[value].rows();
    let sizes = [rows.batch, rows.channels];
    let (whole, part) = (Channels { pitch, first }, Channels { pitch: rows.channels, first: 0 });
    let launch: Launch<1> =
        Box::new(move |run, [x], mut y| layout::copy_channels(run.gpu, sizes, (&x, whole), (&mut y, part)));
    step(builder, "channels", [map.slot], output, launch);
    let back = move |builder: &mut Builder| {
        let Some(grad) = builder.gradient(value) else { return Ok(()) };
        let to = builder.map_slot(&map.shape);
        let launch: Launch<1> = Box::new(move |run, [grad], mut to| {
            to.clear(run.gpu)?;
            layout::copy_channels(run.gpu, sizes, (&grad, part), (&mut to, whole))
        });
        step(builder, "channels", [grad], to, launch);
        builder.add_gradient(x, to);
        Ok(())
    };
    (value, Box::new(back))
}

/// Images and channels, and rows and columns; none of what is no map.
fn map(shape: &[usize]) -> Option<[[usize; 2]; 2]> {
    match *shape {
        [batch, channels, height, width] => Some([[batch, channels], [height, width]]),
        _ => None,
    }
}

/// Channels of one group after each other become those of all groups in turn.
pub(super) fn channel_shuffle(builder: &mut Builder, node: &Node, groups: usize, x: usize) -> (usize, Back) {
    let rows = builder.values[x].rows();
    let sizes = [rows.batch, rows.channels];
    let how = Unary {
        name: "channels",
        told: Told::Nothing,
        there: Box::new(move |run, [x], mut y| arrange::channel_shuffle(run.gpu, sizes, groups, &x, &mut y)),
        back: Box::new(move |run, [_, _, grad], mut to| {
            arrange::channel_shuffle(run.gpu, sizes, sizes[1] / groups.max(1), &grad, &mut to)
        }),
    };
    unary(builder, &node.shape, x, how)
}

/// Channels become rows and columns; none of what is no map.
pub(super) fn pixel_shuffle(
    builder: &mut Builder,
    node: &Node,
    factor: usize,
    x: usize,
) -> Option<(usize, Back)> {
    let ([_, input], [maps, _]) = (map(&builder.values[x].shape)?, map(&node.shape)?);
    let shuffle = PixelShuffle { maps, input, factor };
    let how = Unary {
        name: "pixels",
        told: Told::Nothing,
        there: Box::new(move |run, [x], mut y| arrange::pixel_shuffle(run.gpu, &shuffle, &x, &mut y)),
        back: Box::new(move |run, [_, _, grad], mut to| {
            arrange::pixel_shuffle_gradient(run.gpu, &shuffle, &grad, &mut to)
        }),
    };
    Some(unary(builder, &node.shape, x, how))
}

/// The rows and columns from these on; none of what is no map.
pub(super) fn crop(builder: &mut Builder, node: &Node, first: [usize; 2], x: usize) -> Option<(usize, Back)> {
    let ([maps, whole], [_, part]) = (map(&builder.values[x].shape)?, map(&node.shape)?);
    let frame = Frame { maps, part, whole, first };
    let how = Unary {
        name: "crop",
        told: Told::Nothing,
        there: Box::new(move |run, [x], mut y| arrange::crop(run.gpu, &frame, &x, &mut y)),
        back: Box::new(move |run, [_, _, grad], mut to| arrange::pad(run.gpu, &frame, &grad, &mut to)),
    };
    Some(unary(builder, &node.shape, x, how))
}

/// With zeros around, the first row and column there; none of what is no map.
pub(super) fn pad(builder: &mut Builder, node: &Node, first: [usize; 2], x: usize) -> Option<(usize, Back)> {
    let ([maps, part], [_, whole]) = (map(&builder.values[x].shape)?, map(&node.shape)?);
    let frame = Frame { maps, part, whole, first };
    let how = Unary {
        name: "zeros around",
        told: Told::Nothing,
        there: Box::new(move |run, [x], mut y| arrange::pad(run.gpu, &frame, &x, &mut y)),
        back: Box::new(move |run, [_, _, grad], mut to| arrange::crop(run.gpu, &frame, &grad, &mut to)),
    };
    Some(unary(builder, &node.shape, x, how))
}
