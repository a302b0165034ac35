//! Operations that have no kernels of their own here: the operation on tensors, and candle's way back through it.

use candle_core::{Device, Tensor, Var};

use super::builder::{Builder, Form, Slot};
use super::dropout::{Draw, DrawRow};
use super::fuse::Node;
use crate::error::{Error, Result};
use crate::value::{Operation, Value};

/// Row-major values in the arena.
#[derive(Clone, Debug)]
pub(super) struct Row {
    offset: usize,
    shape: Vec<usize>,
}

impl Row {
    fn of<'a>(&self, arena: &'a [f32]) -> &'a [f32] {
        &arena[self.offset..][..self.shape.iter().product()]
    }

    fn of_mut<'a>(&self, arena: &'a mut [f32]) -> &'a mut [f32] {
        &mut arena[self.offset..][..self.shape.iter().product()]
    }

    fn tensor(&self, arena: &[f32]) -> candle_core::Result<Tensor> {
        Tensor::from_slice(self.of(arena), self.shape.as_slice(), &Device::Cpu)
    }
}

/// Something that is done between steps.
#[derive(Debug)]
pub(super) enum Host {
    /// Computes a value and remembers how.
    Forward {
        /// What it does.
        operation: Box<Operation>,
        /// What it takes.
        inputs: Vec<Row>,
        /// What it gives.
        output: Row,
        /// Where it is remembered.
        tape: usize,
    },
    /// Draws a mask of a map.
    Draw(Draw),
    /// Draws a mask of a weight.
    DrawRow(DrawRow),
    /// Goes back.
    Backward {
        /// Where it was remembered.
        tape: usize,
        /// The gradient of what it gave.
        grad: Row,
        /// The gradients of what it took, as far as somebody wants them.
        inputs: Vec<Option<Row>>,
        /// Learned tensors, and the outputs that take their gradients.
        parameters: Vec<(Var, usize)>,
    },
}

/// What an operation took and gave.
#[derive(Debug)]
pub(super) struct Tape {
    inputs: Vec<Var>,
    output: Tensor,
}

impl Host {
    pub(super) fn run(
        &self,
        arena: &mut [f32],
        tapes: &mut [Option<Tape>],
        outputs: &mut [Vec<f32>],
    ) -> candle_core::Result<()> {
        match self {
            Self::Forward { operation, inputs, output, tape } => {
                let inputs = inputs
                    .iter()
                    .map(|row| Var::from_tensor(&row.tensor(arena)?))
                    .collect::<candle_core::Result<Vec<Var>>>()?;
                let tensors: Vec<&Tensor> = inputs.iter().map(Var::as_tensor).collect();
                let result = <Tensor as Value>::apply(operation, &tensors)?;
                with_values(&result, |values| output.of_mut(arena).copy_from_slice(values))?;
                tapes[*tape] = Some(Tape { inputs, output: result });
            }
            Self::Draw(draw) => draw.run(arena),
            Self::DrawRow(draw) => draw.run(arena),
            Self::Backward { tape, grad, inputs, parameters } => {
                let Some(Tape { inputs: took, output }) = tapes[*tape].take() else {
                    candle_core::bail!("a way back without a way there")
                };
                let store = (&output * grad.tensor(arena)?)?.sum_all()?.backward()?;
                for (var, row) in took.iter().zip(inputs) {
                    let Some(row) = row else { continue };
                    match store.get(var) {
                        Some(gradient) => {
                            with_values(gradient, |values| row.of_mut(arena).copy_from_slice(values))?;
                        }
                        None => row.of_mut(arena).fill(0.0),
                    }
                }
                for (var, output) in parameters {
                    match store.get(var) {
                        Some(gradient) => {
                            with_values(gradient, |values| outputs[*output].copy_from_slice(values))?;
                        }
                        None => outputs[*output].fill(0.0),
                    }
                }
            }
        }
        Ok(())
    }
}

fn with_values(tensor: &Tensor, f: impl FnOnce(&[f32])) -> candle_core::Result<()> {
    crate::plan::with_values(tensor, f)
}

/// The way there; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder<'_>,
    node: &Node,
    operation: &Operation,
    inputs: &[usize],
    tape: usize,
) -> Result<(usize, super::Back)> {
    let tensors = tensors(operation)?;
    let mut parameters = Vec::new();
    for tensor in &tensors {
        parameters.push(builder.parameter(tensor)?);
    }
    let wants_inputs: Vec<bool> = inputs.iter().map(|&input| builder.values[input].wants).collect();
    let learns = parameters.iter().any(|&parameter| builder.is_learned(parameter));
    let wants = learns || wants_inputs.contains(&true);
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|&input| builder.values[input].shape.clone()).collect();
    let rows: Vec<Slot> = inputs.iter().map(|&input| builder.as_row(input)).collect();
    let output = builder.slot(node.shape.iter().product());
    let slots = [rows.as_slice(), &[output]].concat();
    let (operation, shape) = (Box::new(operation.clone()), node.shape.clone());
    let row_shapes = shapes.clone();
    builder.host(slots, move |at| {
        let row = |(&slot, shape): (&Slot, &Vec<usize>)| Row { offset: at.of(slot), shape: shape.clone() };
        let inputs = rows.iter().zip(&row_shapes).map(row).collect();
        Host::Forward { operation, inputs, output: Row { offset: at.of(output), shape }, tape }
    });
    let value = builder.value(&node.shape, Form::Plain(output), wants);
    let (inputs, shape) = (inputs.to_vec(), node.shape.clone());
    Ok((
        value,
        Box::new(move |builder: &mut Builder<'_>| {
            let Some(grad) = builder.gradient_row(value) else { return Ok(()) };
            let mut learned = Vec::new();
            for &parameter in &parameters {
                if let (Some(output), Some(var)) = (builder.gradient_of(parameter)?, builder.var(parameter)) {
                    learned.push((var, output.0));
                }
            }
            let mut slots = vec![grad];
            let mut targets = Vec::new();
            for ((&input, wants), shape) in inputs.iter().zip(wants_inputs).zip(&shapes) {
                let target = wants.then(|| builder.slot(shape.iter().product()));
                slots.extend(target);
                targets.push((input, target, shape.clone()));
            }
            let rows = targets.clone();
            builder.host(slots, move |at| {
                let row = |(_, target, shape): (usize, Option<Slot>, Vec<usize>)| {
                    target.map(|slot| Row { offset: at.of(slot), shape })
                };
                let inputs = rows.into_iter().map(row).collect();
                let grad = Row { offset: at.of(grad), shape };
                Host::Backward { tape, grad, inputs, parameters: learned }
            });
            for (input, target, _) in targets {
                if let Some(slot) = target {
                    builder.add_gradient(input, Form::Plain(slot));
                }
            }
            Ok(())
        }),
    ))
}

/// The parameters of an operation.
pub(in crate::plan) fn tensors(operation: &Operation) -> Result<Vec<Tensor>> {
    let of = |tensors: &[Option<&Tensor>]| -> Vec<Tensor> {
        tensors.iter().flatten().map(|&tensor| tensor.clone()).collect()
    };
    Ok(match operation {
        Operation::Conv2d(layer) => of(&[Some(layer.weight()), layer.bias()]),
        Operation::ConvTranspose2d(layer) => of(&[Some(layer.weight()), layer.bias()]),
        Operation::Linear { layer, .. } => of(&[Some(layer.weight()), layer.bias()]),
        Operation::BatchNorm2d { layer, .. } => of(&[layer.weight(), layer.bias()]),
        Operation::LayerNorm(layer) => of(&[Some(layer.weight()), Some(layer.bias())]),
        Operation::InstanceNorm2d(layer) => of(&[layer.weight(), layer.bias()]),
        Operation::GroupNorm(layer) => of(&[Some(layer.weight()), Some(layer.bias())]),
        Operation::PRelu(layer) => of(&[Some(layer.weight())]),
        Operation::Scale(layer) => of(&[Some(layer.weight())]),
        Operation::Custom(_) => {
            let reason = "`rust(..)` may have parameters of its own".to_owned();
            return Err(Error::from(candle_core::Error::Msg(reason)));
        }
        _ => Vec::new(),
    })
}
