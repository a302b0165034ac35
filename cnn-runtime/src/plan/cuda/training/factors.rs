//! Products: of two maps, of a map and what scales its channels image by image (squeeze and excitation), of a map and learned
//! factors of its channels, and of a map and a mask. There and back.

use cnn_cuda::layout::{self, Affine, Operator};
use cnn_cuda::norm_last::Pixels;
use cnn_kernels::channels::Planes;

use super::Back;
use super::builder::Builder;
use super::run::{Map, Slot};
use crate::error::Result;
use crate::layers;
use crate::plan::cuda::value::planes_of;
use crate::plan::cuda::wrong;
use crate::plan::training::fuse::Node;
use crate::random::Generator;

/// A step that multiplies two maps, the second of the first's size or of one pixel.
fn product(builder: &mut Builder, planes: Planes, [a, b]: [Slot; 2], to: Slot) {
    builder.step("product", &[a, b, to], move |run| {
        let (a, b, mut to) = (run.read(a)?, run.read(b)?, run.write(to)?);
        let other = Some((Operator::Multiply, &b));
        layout::combine(run.gpu, &planes, &a, other, Affine::default(), &mut to).map_err(wrong)
    });
}

/// The product of two values, of which one may have one pixel for all of the other's.
pub(super) fn multiply(builder: &mut Builder, node: &Node, inputs: [usize; 2]) -> (usize, Back) {
    // The larger one first.
    let [x, factors] =
        if builder.values[inputs[0]].shape == node.shape { inputs } else { [inputs[1], inputs[0]] };
    let (map, other) = (builder.values[x].clone(), builder.values[factors].clone());
    let planes = map.planes();
    let (a, b, output) = (map.slot, other.slot, builder.map_slot(&node.shape));
    product(builder, planes, [a, b], output);
    let value = builder.value(&node.shape, output, map.wants || other.wants);
    let back = move |builder: &mut Builder| {
        let Some(grad) = builder.gradient(value) else { return Ok(()) };
        if map.wants {
            let to = builder.map_slot(&map.shape);
            product(builder, planes, [grad, b], to);
            builder.add_gradient(x, to);
        }
        if other.wants {
            let to = builder.map_slot(&other.shape);
            if planes_of(&other.shape) == planes {
                product(builder, planes, [grad, a], to);
            } else {
                sums_of_images(builder, planes, [grad, a], to);
            }
            builder.add_gradient(factors, to);
        }
        Ok(())
    };
    (value, Box::new(back))
}

/// The sums of the products of two maps over the pixels of each image.
fn sums_of_images(builder: &mut Builder, planes: Planes, [a, b]: [Slot; 2], to: Slot) {
    let Planes { batch, channels, plane } = planes;
    let pixels = Pixels::of_images(&builder.gpu, builder.scalar, batch, plane, channels);
    let parts = builder.numbers_slot(pixels.sums_len(1));
    builder.step("sums", &[a, b, parts], move |run| {
        let mut parts = run.write(parts)?;
        pixels.sums_of_products(run.gpu, &run.read(a)?, &run.read(b)?, &mut parts).map_err(wrong)
    });
    builder.step("sums", &[parts, to], move |run| {
        pixels.finish_images(run.gpu, &run.read(parts)?, &mut run.write(to)?).map_err(wrong)
    });
}

/// Learned factors of channels.
pub(super) fn scale(
    builder: &mut Builder,
    node: &Node,
    layer: &layers::Scale,
    x: usize,
) -> Result<(usize, Back)> {
    let map = builder.values[x].clone();
    let planes = map.planes();
    let factors = builder.parameter(layer.weight())?;
    let (input, output) = (map.slot, builder.map_slot(&node.shape));
    let scaled = move |builder: &mut Builder, from: Slot, to: Slot| {
        builder.step("factors", &[from, to], move |run| {
            let affine = Affine { scale: Some(run.parameter(factors)), ..Affine::default() };
            layout::combine(run.gpu, &planes, &run.read(from)?, None, affine, &mut run.write(to)?)
                .map_err(wrong)
        });
    };
    scaled(builder, input, output);
    let learns = builder.is_learned(factors);
    let value = builder.value(&node.shape, output, map.wants || learns);
    let back = move |builder: &mut Builder| {
        let Some(grad) = builder.gradient(value) else { return Ok(()) };
        if let Some(target) = builder.gradient_of(factors)? {
            let pixels = builder.pixels(&map.shape);
            let parts = builder.numbers_slot(pixels.sums_len(1));
            builder.step("sums", &[input, grad, parts], move |run| {
                let mut parts = run.write(parts)?;
                pixels
                    .sums_of_products(run.gpu, &run.read(input)?, &run.read(grad)?, &mut parts)
                    .map_err(wrong)
            });
            builder.step("sums", &[parts], move |run| {
                let mut to = run.write_target(target)?;
                pixels.finish_sums(run.gpu, &run.read(parts)?, &mut to, None).map_err(wrong)
            });
        }
        if map.wants {
            let to = builder.map_slot(&map.shape);
            scaled(builder, grad, to);
            builder.add_gradient(x, to);
        }
        Ok(())
    };
    Ok((value, Box::new(back)))
}

/// Zeros at random, and the rest scaled: the same numbers in the same order as the operation on tensors draws.
pub(super) fn mask(
    builder: &mut Builder,
    node: &Node,
    (generator, p, rank): (&Generator, f64, usize),
    x: usize,
) -> (usize, Back) {
    let map = builder.values[x].clone();
    let planes = map.planes();
    // Of every value, or of every channel of a sample for all of its pixels; or of every sample.
    let shape = if rank > 2 { map.shape.clone() } else { map.shape[..2].to_vec() };
    let drawn: Vec<usize> = if rank == 1 { vec![shape[0], 1] } else { shape.clone() };
    let slot = builder.map_slot(&shape);
    let mask = Map { pitch: planes_of(&shape).channels, shape, slot, wants: false };
    let (generator, to) = (generator.clone(), mask.clone());
    builder.host(&[slot], move |run, _| {
        let stream = generator.stream(drawn.iter().product());
        let (kept, scale) = (1.0 - p, (1.0 - p).recip());
        let dtype = candle_core::DType::F32;
        let values = crate::cuda::mask(run.device, dtype, &drawn, &stream, (kept, scale))?;
        run.put(&to, &values.broadcast_as(to.shape.as_slice())?)
    });
    let output = builder.map_slot(&node.shape);
    product(builder, planes, [map.slot, slot], output);
    let value = builder.value(&node.shape, output, map.wants);
    let back = move |builder: &mut Builder| {
        let Some(grad) = builder.gradient(value) else { return Ok(()) };
        let to = builder.map_slot(&map.shape);
        product(builder, planes, [grad, mask.slot], to);
        builder.add_gradient(x, to);
        Ok(())
    };
    (value, Box::new(back))
}
