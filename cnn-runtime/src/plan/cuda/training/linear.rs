//! Fully connected layers, there and back.

use cnn_cuda::elementwise;
use cnn_cuda::source::Scalar;
use cnn_cuda::{layout, linear};
use cnn_kernels::blocked::Activation as Function;
use cnn_kernels::linear::Linear as Sizes;

use super::Back;
use super::builder::Builder;
use super::conv::{before_end, ending};
use super::run::{Parameter, Run, Slot};
use crate::error::Result;
use crate::layers;
use crate::plan::cuda::wrong;
use crate::plan::training::fuse::Node;

/// The weight, as the products take it.
#[derive(Clone, Copy)]
enum Weight {
    Parameter(Parameter),
    /// Rounded.
    Slot(Slot),
}

impl Weight {
    fn with<T>(
        self,
        run: &Run<'_>,
        f: impl FnOnce(&cnn_cuda::In<'_>) -> cnn_cuda::Result<T>,
    ) -> candle_core::Result<T> {
        match self {
            Self::Parameter(parameter) => f(run.parameter(parameter)),
            Self::Slot(slot) => f(&run.read(slot)?),
        }
        .map_err(wrong)
    }

    fn slot(self) -> Option<Slot> {
        match self {
            Self::Parameter(_) => None,
            Self::Slot(slot) => Some(slot),
        }
    }
}

/// The way there, with or without ReLU behind; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder,
    node: &Node,
    (layer, relu): (&layers::Linear, bool),
    x: usize,
) -> Result<(usize, Back)> {
    let map = builder.values[x].clone();
    let (inputs, outputs) = (layer.config().in_features, layer.config().out_features);
    let sizes = Sizes { batch: node.shape[0], inputs, outputs };
    let parameter = builder.parameter(layer.weight())?;
    let bias = layer.bias().map(|bias| builder.parameter(bias)).transpose()?;
    let weight = if builder.scalar == Scalar::F32 {
        Weight::Parameter(parameter)
    } else {
        let slot = builder.values_slot(inputs * outputs);
        builder.step("weight", &[slot], move |run| {
            layout::cast(run.gpu, run.parameter(parameter), &mut run.write(slot)?).map_err(wrong)
        });
        Weight::Slot(slot)
    };
    let (input, output) = (map.slot, builder.map_slot(&node.shape));
    let slots: Vec<Slot> = [input, output].into_iter().chain(weight.slot()).collect();
    let activation = relu.then_some(Function::Relu);
    let value = {
        let learns = builder.is_learned(parameter) || bias.is_some_and(|bias| builder.is_learned(bias));
        builder.value(&node.shape, output, map.wants || learns)
    };
    let rows = builder.values[value].rows();
    builder.step("product, cuBLAS", &slots, move |run| {
        let (x, mut y) = (run.read(input)?, run.write(output)?);
        weight.with(run, |weight| linear::forward(run.gpu, &sizes, &x, weight, &mut y))?;
        let bias = bias.map(|bias| run.parameter(bias));
        elementwise::end_in_place(run.gpu, &rows, bias, None, ending(activation), &mut y).map_err(wrong)
    });
    Ok((
        value,
        Box::new(move |builder: &mut Builder| {
            let Some(grad) = builder.gradient(value) else { return Ok(()) };
            let grad = before_end(builder, value, (activation, bias), grad)?;
            if let Some(target) = builder.gradient_of(parameter)? {
                builder.step("weight gradient, cuBLAS", &[input, grad], move |run| {
                    let (x, grad) = (run.read(input)?, run.read(grad)?);
                    let mut to = run.write_target(target)?;
                    linear::weight_gradient(run.gpu, &sizes, &x, &grad, &mut to).map_err(wrong)
                });
            }
            if map.wants {
                let to = builder.map_slot(&map.shape);
                let slots: Vec<Slot> = [grad, to].into_iter().chain(weight.slot()).collect();
                builder.step("transposed product, cuBLAS", &slots, move |run| {
                    let (grad, mut to) = (run.read(grad)?, run.write(to)?);
                    weight.with(run, |weight| linear::input_gradient(run.gpu, &sizes, weight, &grad, &mut to))
                });
                builder.add_gradient(x, to);
            }
            Ok(())
        }),
    ))
}
