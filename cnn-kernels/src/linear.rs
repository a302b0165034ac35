//! The fully connected layer, `output = input weight^T + bias`, and its gradients.
use crate::{
    Float,
    matmul::{Matrix, MatrixMut, Threads, Write, matmul},
};

/// The sizes of a fully connected layer: input `(batch, inputs)`, weight `(outputs, inputs)`, output
/// `(batch, outputs)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Rows of the input.
    pub batch: usize,
    /// Features that arrive.
    pub inputs: usize,
    /// Features that leave.
    pub outputs: usize,
}

/// Writes `input weight^T + bias` to `output`.
///
/// # Panics
/// If a slice has another length than `linear` says.
pub fn forward<T: Float>(linear: &Linear, input: &[T], weight: &[T], bias: Option<&[T]>, output: &mut [T]) {
    let Linear { batch, inputs, outputs } = *linear;
    check(linear, input.len(), weight.len(), output.len());
    let write = match bias {
        Some(bias) => {
            assert_eq!(bias.len(), outputs, "one bias per output feature");
            output.chunks_exact_mut(outputs.max(1)).for_each(|row| row.copy_from_slice(bias));
            Write::Add
        }
        None => Write::Set,
    };
    let (input, weight) =
        (Matrix::new(input, batch, inputs, inputs), Matrix::new(weight, outputs, inputs, inputs));
    matmul(input, weight.transposed(), MatrixMut::new(output, batch, outputs, outputs), write, Threads::Pool);
}

/// Writes the gradient of the input, `grad_output weight`, to `grad_input`.
///
/// # Panics
/// If a slice has another length than `linear` says.
pub fn input_gradient<T: Float>(linear: &Linear, weight: &[T], grad_output: &[T], grad_input: &mut [T]) {
    let Linear { batch, inputs, outputs } = *linear;
    check(linear, grad_input.len(), weight.len(), grad_output.len());
    let grads = Matrix::new(grad_output, batch, outputs, outputs);
    let weight = Matrix::new(weight, outputs, inputs, inputs);
    matmul(grads, weight, MatrixMut::new(grad_input, batch, inputs, inputs), Write::Set, Threads::Pool);
}

/// Writes the gradient of the weight, `grad_output^T input`, to `grad_weight`.
///
/// # Panics
/// If a slice has another length than `linear` says.
pub fn weight_gradient<T: Float>(linear: &Linear, input: &[T], grad_output: &[T], grad_weight: &mut [T]) {
    let Linear { batch, inputs, outputs } = *linear;
    check(linear, input.len(), grad_weight.len(), grad_output.len());
    let grads = Matrix::new(grad_output, batch, outputs, outputs).transposed();
    let input = Matrix::new(input, batch, inputs, inputs);
    matmul(grads, input, MatrixMut::new(grad_weight, outputs, inputs, inputs), Write::Set, Threads::Pool);
}

fn check(linear: &Linear, input: usize, weight: usize, output: usize) {
    let Linear { batch, inputs, outputs } = *linear;
    assert_eq!(
        (input, weight, output),
        (batch * inputs, outputs * inputs, batch * outputs),
        "lengths of a fully connected layer's input, weight and output"
    );
}
