//! Operations that have no kernels for this order: the operation on tensors, and candle's way back through it.

use candle_core::{Result as CandleResult, Tensor, Var, bail};

use super::Back;
use super::builder::Builder;
use super::run::{Map, Parameter, Slot};
use crate::error::Result;
use crate::plan::training::fuse::Node;
use crate::plan::training::host::tensors;
use crate::value::{Operation, Value};

/// What operations took and gave, on their way back.
#[derive(Debug, Default)]
pub(super) struct Tapes(Vec<Option<Tape>>);

#[derive(Debug)]
struct Tape {
    inputs: Vec<Var>,
    output: Tensor,
}

impl Tapes {
    fn put(&mut self, index: usize, tape: Tape) {
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some(tape);
    }

    fn take(&mut self, index: usize) -> CandleResult<Tape> {
        match self.0.get_mut(index).and_then(Option::take) {
            Some(tape) => Ok(tape),
            None => bail!("a way back without a way there"),
        }
    }
}

/// The way there; its result is the way back.
pub(super) fn forward(
    builder: &mut Builder,
    node: &Node,
    operation: &Operation,
    inputs: &[usize],
) -> Result<(usize, Back)> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for tensor in &tensors(operation)? {
        parameters.push(builder.parameter(tensor)?);
    }
    let maps: Vec<_> = inputs.iter().map(|&input| builder.values[input].clone()).collect();
    let learns = parameters.iter().any(|&parameter| builder.is_learned(parameter));
    let wants = learns || maps.iter().any(|map| map.wants);
    let output = builder.map_slot(&node.shape);
    let value = builder.value(&node.shape, output, wants);
    let slots: Vec<Slot> = maps.iter().map(|map| map.slot).chain([output]).collect();
    // There are no more tapes than values.
    let (tape, operation, from, to) = (value, operation.clone(), maps.clone(), builder.values[value].clone());
    builder.host(&slots, move |run, tapes| {
        let inputs =
            from.iter().map(|map| Var::from_tensor(&run.tensor(map)?)).collect::<CandleResult<Vec<Var>>>()?;
        let tensors: Vec<&Tensor> = inputs.iter().map(Var::as_tensor).collect();
        let output = <Tensor as Value>::apply(&operation, &tensors)?;
        run.put(&to, &output.detach())?;
        tapes.put(tape, Tape { inputs, output });
        Ok(())
    });
    let inputs = inputs.to_vec();
    Ok((
        value,
        Box::new(move |builder: &mut Builder| {
            let Some(grad) = builder.gradient(value) else { return Ok(()) };
            let behind = Map { slot: grad, ..builder.values[value].clone() };
            let mut learned = Vec::new();
            for &parameter in &parameters {
                if let (Some(_), Some(var)) = (builder.gradient_of(parameter)?, builder.var(parameter)) {
                    learned.push((parameter, var));
                }
            }
            let mut slots = vec![grad];
            let mut targets = Vec::new();
            for map in &maps {
                let target = map.wants.then(|| builder.map_slot(&map.shape));
                slots.extend(target);
                targets.push(target.map(|slot| Map { slot, ..map.clone() }));
            }
            let given = targets.clone();
            builder.host(&slots, move |run, tapes| {
                let Tape { inputs, output } = tapes.take(tape)?;
                let store = (&output * run.tensor(&behind)?)?.sum_all()?.backward()?;
                let zeros = |tensor: &Tensor| tensor.detach().zeros_like();
                for (var, map) in inputs.iter().zip(&given) {
                    let Some(map) = map else { continue };
                    match store.get(var) {
                        Some(gradient) => run.put(map, gradient)?,
                        None => run.put(map, &zeros(var)?)?,
                    }
                }
                for (parameter, var) in &learned {
                    match store.get(var) {
                        Some(gradient) => run.put_gradient(*parameter, gradient)?,
                        None => run.put_gradient(*parameter, &zeros(var)?)?,
                    }
                }
                Ok(())
            });
            for (&input, target) in inputs.iter().zip(&targets) {
                if let Some(map) = target {
                    builder.add_gradient(input, map.slot);
                }
            }
            Ok(())
        }),
    ))
}
