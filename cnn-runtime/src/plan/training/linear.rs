//! Fully connected layers, there and back, with all weights or those that a mask leaves.

use cnn_kernels::blocked::Activation as Function;
use cnn_kernels::blocked::training::{
    MaskedWeight, Parameter, Product, ProductInputGradient, ProductWeightGradient, RowActivationGradient,
    WeightFrom,
};

use super::Back;
use super::builder::{Builder, Form, Offsets, Slot};
use super::dropout::DrawRow;
use super::fuse::Node;
use super::host::Host;
use crate::error::Result;
use crate::layers;
use crate::random::Generator;

/// The way there, with the source of masks where weights are dropped, and whether ReLU follows; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder<'_>,
    node: &Node,
    (layer, generator, relu): (&layers::Linear, Option<&Generator>, bool),
    x: usize,
) -> Result<(usize, Back)> {
    let features = [layer.config().in_features, layer.config().out_features];
    let weight = builder.parameter(layer.weight())?;
    let bias = layer.bias().map(|bias| builder.parameter(bias)).transpose()?;
    let (target, batch, wants) = (builder.target, builder.batch, builder.values[x].wants);
    let input = builder.as_row(x);
    let output = builder.slot(batch * features[1]);
    let dropped =
        generator.map(|generator| drop_weights(builder, weight, generator, layer.config().dropconnect));
    let from = move |at: &Offsets| match dropped {
        Some(Dropped { masked, .. }) => WeightFrom::Arena(at.of(masked)),
        None => WeightFrom::Input(weight),
    };
    let masked = dropped.map(|dropped| dropped.masked);
    let slots: Vec<Slot> = [input, output].into_iter().chain(masked).collect();
    builder.step(&slots, move |at| {
        Product::new(target, batch, features, from(at), bias, relu, [at.of(input), at.of(output)])
    });
    let learns = builder.is_learned(weight) || bias.is_some_and(|bias| builder.is_learned(bias));
    let value = builder.value(&node.shape, Form::Plain(output), wants || learns);
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(mut grad) = builder.gradient_row(value) else { return Ok(()) };
            if relu {
                let (len, behind) = (batch * features[1], grad);
                let before = builder.slot(len);
                builder.step(&[output, behind, before], move |at| {
                    let rows = [output, behind, before].map(|slot| at.of(slot));
                    RowActivationGradient::new(target, Function::Relu, rows, len)
                });
                grad = before;
            }
            if learns {
                // One of them may be frozen alone.
                let to = builder.gradient_of(weight)?.unwrap_or_else(|| builder.output(weight.1));
                let bias = match bias {
                    Some(bias) => builder.gradient_of(bias)?,
                    None => None,
                };
                let mask = dropped.map(|dropped| dropped.mask);
                let slots: Vec<Slot> = [input, grad].into_iter().chain(mask).collect();
                builder.step(&slots, move |at| {
                    let places = [at.of(input), at.of(grad)];
                    let gradient = ProductWeightGradient::new(target, batch, features, to, bias, places);
                    match mask {
                        Some(mask) => gradient.masked(at.of(mask)),
                        None => gradient,
                    }
                });
            }
            if wants {
                let to = builder.slot(batch * features[0]);
                let slots: Vec<Slot> = [grad, to].into_iter().chain(masked).collect();
                builder.step(&slots, move |at| {
                    ProductInputGradient::new(target, batch, features, from(at), [at.of(grad), at.of(to)])
                });
                builder.add_gradient(x, Form::Plain(to));
            }
            Ok(())
        }),
    ))
}

/// A weight of which some values are dropped.
#[derive(Clone, Copy)]
struct Dropped {
    mask: Slot,
    masked: Slot,
}

/// Draws a mask and multiplies by it.
fn drop_weights(builder: &mut Builder<'_>, weight: Parameter, generator: &Generator, p: f64) -> Dropped {
    let (target, len) = (builder.target, weight.1);
    let [mask, masked] = [(); 2].map(|()| builder.slot(len));
    let generator = generator.clone();
    builder.host(vec![mask], move |at| Host::DrawRow(DrawRow { generator, p, len, to: at.of(mask) }));
    builder.step(&[mask, masked], move |at| MaskedWeight::new(target, weight, [at.of(mask), at.of(masked)]));
    Dropped { mask, masked }
}
