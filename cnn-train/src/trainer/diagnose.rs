//! Where a loss that is not finite comes from.

use candle_core::{DType, Tensor};
use cnn_runtime::params::Role;
use cnn_runtime::{Network, Pass};

use crate::error::Result;

/// What one can do about it.
const ADVICE: &str = "lower the learning rate, begin with a warm-up, or clip the gradients";

/// Looks for the first value that is not finite: in the batch, in the weights, then layer by layer, in training mode with the
/// same random masks.
pub(super) fn diagnose(net: &dyn Network, inputs: &Tensor) -> Result<String> {
    if let Some(found) = first_odd(inputs)? {
        let sample = found.index / inputs.elem_count().max(1).div_ceil(inputs.dim(0)?.max(1)).max(1);
        return Ok(format!(
            "the batch's input has {} in sample {sample} already: look at the data",
            found.value
        ));
    }
    // Not the running statistics: this very step moved them, and training does not read them.
    for (name, var, _) in net.state().named().filter(|(_, _, role)| *role == Role::Parameter) {
        if let Some(found) = first_odd(var)? {
            return Ok(format!("`{name}` has {} since an earlier step: {ADVICE}", found.value));
        }
    }
    let pass = Pass::train(net.state().generator());
    let (result, operations) = cnn_runtime::value::watched(|| net.forward_pass(inputs, &pass));
    result?;
    // Where there is an operation for each layer, the table of the layers names it.
    let layers = net.layers();
    for (index, (name, output)) in operations.iter().enumerate() {
        if let Some(found) = first_odd(output)? {
            let place = match layers.get(index).filter(|_| layers.len() == operations.len()) {
                Some(layer) => format!("layer `{}` (`{}`)", layer.path, layer.layer),
                None => format!("operation {} of {}, {name},", index + 1, operations.len()),
            };
            let value = found.value;
            return Ok(format!("the output of {place} is the first that has {value}: {ADVICE}"));
        }
    }
    Ok(format!("every layer's output is finite, the loss alone is not: {ADVICE}"))
}

/// A value that is not finite.
struct Odd {
    index: usize,
    value: f64,
}

fn first_odd(tensor: &Tensor) -> Result<Option<Odd>> {
    if !tensor.dtype().is_float() {
        return Ok(None);
    }
    let values = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    Ok(values.iter().position(|value| !value.is_finite()).map(|index| Odd { index, value: values[index] }))
}
