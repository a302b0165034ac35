//! Fully connected layers in training: three products, of whole batches.

use std::ops::Range;

use super::Parameter;
use crate::blocked::places::Limits;
use crate::blocked::program::{Step, sealed::Run};
use crate::blocked::team::Member;
use crate::blocked::{Memory, Needs, Target, part};
use crate::matmul::{Place, Write, product};

/// Where a weight is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightFrom {
    /// An input of the run.
    Input(Parameter),
    /// The arena, from this value on.
    Arena(usize),
}

impl WeightFrom {
    fn assert(self, len: usize) {
        if let Self::Input(parameter) = self {
            assert_eq!(parameter.1, len, "the length of a weight");
        }
    }

    /// That it can be read while other values of the arena are written, offset and length.
    fn check(self, limits: &Limits<'_>, len: usize, written: [usize; 2]) {
        match self {
            Self::Input(parameter) => limits.parameter(parameter.0, parameter.1),
            Self::Arena(offset) => limits.apart_rows([offset, len], written),
        }
    }

    /// Where it begins.
    fn first(self, memory: &Memory<'_>) -> *const f32 {
        match self {
            Self::Input(parameter) => memory.inputs[parameter.0].as_ptr(),
            Self::Arena(offset) => memory.arena.wrapping_add(offset),
        }
    }
}

/// The sizes of a fully connected layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    batch: usize,
    inputs: usize,
    outputs: usize,
}

impl Sizes {
    fn weight_len(self) -> usize {
        self.inputs * self.outputs
    }

    /// A product's work is shared by columns or rows, of which an item has at least so many.
    const LEAST: usize = 32;

    fn ranges(self, target: Target, count: usize) -> usize {
        if target.threads == 1 { 1 } else { (3 * target.threads).min(count.div_ceil(Self::LEAST)).max(1) }
    }
}

/// `y = relu(x wᵀ + b)` over whole batches; ReLU where there is one.
#[derive(Debug)]
pub struct Product {
    target: Target,
    sizes: Sizes,
    weight: WeightFrom,
    bias: Option<Parameter>,
    relu: bool,
    /// Where the batch's values begin.
    input: usize,
    output: usize,
}

impl Product {
    /// From the arena to the arena, rows of `features` (in, out) without gaps.
    ///
    /// # Panics
    /// Where lengths do not agree.
    #[must_use]
    pub fn new(
        target: Target,
        batch: usize,
        [inputs, outputs]: [usize; 2],
        weight: WeightFrom,
        bias: Option<Parameter>,
        relu: bool,
        [input, output]: [usize; 2],
    ) -> Self {
        weight.assert(inputs * outputs);
        assert!(bias.is_none_or(|bias| bias.1 == outputs), "one bias per feature");
        Self { target, sizes: Sizes { batch, inputs, outputs }, weight, bias, relu, input, output }
    }
}

impl Step for Product {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "product".to_owned()
    }
}

impl Run for Product {
    fn check(&self, limits: &Limits<'_>) {
        let Sizes { batch, inputs, outputs } = self.sizes;
        let written = [self.output, batch * outputs];
        limits.apart_rows([self.input, batch * inputs], written);
        self.weight.check(limits, self.sizes.weight_len(), written);
        if let Some(bias) = self.bias {
            limits.parameter(bias.0, bias.1);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let Sizes { batch, inputs, outputs } = self.sizes;
        let ranges = self.sizes.ranges(self.target, outputs);
        let (weight, bias) = (self.weight.first(&memory), self.bias.map(|bias| memory.inputs[bias.0]));
        let x = Place {
            first: memory.arena.wrapping_add(self.input).cast_const(),
            row_stride: inputs,
            column_stride: 1,
        };
        member.each(ranges, |item| {
            let Range { start, end } = part(outputs, ranges, item);
            let first = weight.wrapping_add(start * inputs);
            let w = Place { first, row_stride: 1, column_stride: inputs };
            let y = memory.arena.wrapping_add(self.output + start);
            // SAFETY: the places were checked; items write different features.
            unsafe {
                product([batch, end - start, inputs], x, w, y, outputs, Write::Set);
                for n in 0..batch {
                    for o in 0..end - start {
                        let y = y.add(n * outputs + o);
                        let sum = *y + bias.map_or(0.0, |bias| bias[start + o]);
                        // A NaN stays one.
                        *y = if self.relu && sum < 0.0 { 0.0 } else { sum };
                    }
                }
            }
        });
    }
}

/// `dx = dy w`.
#[derive(Debug)]
pub struct ProductInputGradient {
    target: Target,
    sizes: Sizes,
    weight: WeightFrom,
    grad: usize,
    to: usize,
}

impl ProductInputGradient {
    /// As [`Product::new`], from the gradient of the output to that of the input.
    ///
    /// # Panics
    /// As there.
    #[must_use]
    pub fn new(
        target: Target,
        batch: usize,
        [inputs, outputs]: [usize; 2],
        weight: WeightFrom,
        [grad, to]: [usize; 2],
    ) -> Self {
        weight.assert(inputs * outputs);
        Self { target, sizes: Sizes { batch, inputs, outputs }, weight, grad, to }
    }
}

impl Step for ProductInputGradient {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "gradient of the input".to_owned()
    }
}

impl Run for ProductInputGradient {
    fn check(&self, limits: &Limits<'_>) {
        let Sizes { batch, inputs, outputs } = self.sizes;
        let written = [self.to, batch * inputs];
        limits.apart_rows([self.grad, batch * outputs], written);
        self.weight.check(limits, self.sizes.weight_len(), written);
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let Sizes { batch, inputs, outputs } = self.sizes;
        let ranges = self.sizes.ranges(self.target, inputs);
        let weight = self.weight.first(&memory);
        let first = memory.arena.wrapping_add(self.grad).cast_const();
        member.each(ranges, |item| {
            let Range { start, end } = part(inputs, ranges, item);
            let grad = Place { first, row_stride: outputs, column_stride: 1 };
            let w = Place { first: weight.wrapping_add(start), row_stride: inputs, column_stride: 1 };
            let to = memory.arena.wrapping_add(self.to + start);
            // SAFETY: the places were checked; items write different features.
            unsafe { product([batch, end - start, outputs], grad, w, to, inputs, Write::Set) }
        });
    }
}

/// `dw = dyᵀ x`, and `db`, the sums of `dy`.
#[derive(Debug)]
pub struct ProductWeightGradient {
    target: Target,
    sizes: Sizes,
    weight: Parameter,
    bias: Option<Parameter>,
    input: usize,
    grad: usize,
    mask: Option<usize>,
}

impl ProductWeightGradient {
    /// As [`Product::new`], from the input and the gradient of the output to outputs of the run.
    ///
    /// # Panics
    /// As there.
    #[must_use]
    pub fn new(
        target: Target,
        batch: usize,
        [inputs, outputs]: [usize; 2],
        weight: Parameter,
        bias: Option<Parameter>,
        [input, grad]: [usize; 2],
    ) -> Self {
        assert_eq!(weight.1, inputs * outputs, "the length of a weight");
        assert!(bias.is_none_or(|bias| bias.1 == outputs), "one bias per feature");
        assert!(bias.is_none_or(|bias| bias.0 != weight.0), "an output for each gradient");
        Self { target, sizes: Sizes { batch, inputs, outputs }, weight, bias, input, grad, mask: None }
    }

    /// Of a weight that was multiplied by a mask of its own shape, which is in the arena from this value on ([`MaskedWeight`]).
    #[must_use]
    pub fn masked(self, mask: usize) -> Self {
        Self { mask: Some(mask), ..self }
    }
}

impl Step for ProductWeightGradient {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "gradient of the weight".to_owned()
    }
}

impl Run for ProductWeightGradient {
    fn check(&self, limits: &Limits<'_>) {
        let Sizes { batch, inputs, outputs } = self.sizes;
        limits.whole(self.input, batch * inputs);
        limits.whole(self.grad, batch * outputs);
        if let Some(mask) = self.mask {
            limits.whole(mask, self.sizes.weight_len());
        }
        limits.result(self.weight.0, self.weight.1);
        if let Some(bias) = self.bias {
            limits.result(bias.0, bias.1);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let Sizes { batch, inputs, outputs } = self.sizes;
        let ranges = self.sizes.ranges(self.target, outputs);
        let x = memory.arena.wrapping_add(self.input).cast_const();
        let grad = memory.arena.wrapping_add(self.grad).cast_const();
        member.each(ranges, |item| {
            let Range { start, end } = part(outputs, ranges, item);
            let dy = Place { first: grad.wrapping_add(start), row_stride: 1, column_stride: outputs };
            let x = Place { first: x, row_stride: inputs, column_stride: 1 };
            let to = memory.outputs[self.weight.0].wrapping_add(start * inputs);
            // SAFETY: the places were checked; items write different features.
            unsafe {
                product([end - start, inputs, batch], dy, x, to, inputs, Write::Set);
                if let Some(mask) = self.mask {
                    let mask = memory.arena.wrapping_add(mask + start * inputs).cast_const();
                    multiply(to, mask, to, (end - start) * inputs);
                }
                if let Some(bias) = self.bias {
                    for o in start..end {
                        let mut sum = 0.0;
                        for n in 0..batch {
                            sum += *grad.add(n * outputs + o);
                        }
                        *memory.outputs[bias.0].add(o) = sum;
                    }
                }
            }
        });
    }
}

/// A weight times a mask: drop-connect (Wan et al., "Regularization of neural networks using DropConnect", 2013).
#[derive(Debug)]
pub struct MaskedWeight {
    target: Target,
    weight: Parameter,
    mask: usize,
    to: usize,
}

impl MaskedWeight {
    /// From an input of the run and a mask in the arena to the arena.
    #[must_use]
    pub fn new(target: Target, weight: Parameter, [mask, to]: [usize; 2]) -> Self {
        Self { target, weight, mask, to }
    }
}

impl Step for MaskedWeight {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn algorithm(&self) -> String {
        "mask".to_owned()
    }
}

impl Run for MaskedWeight {
    fn check(&self, limits: &Limits<'_>) {
        limits.apart_rows([self.mask, self.weight.1], [self.to, self.weight.1]);
        limits.parameter(self.weight.0, self.weight.1);
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let weight = memory.inputs[self.weight.0];
        let parts = self.target.parts(1, weight.len(), 4096);
        member.each(parts, |item| {
            let some = part(weight.len(), parts, item);
            let [mask, to] =
                [self.mask, self.to].map(|offset| memory.arena.wrapping_add(offset + some.start));
            // SAFETY: the places were checked; items write different values.
            unsafe { multiply(weight[some.start..].as_ptr(), mask.cast_const(), to, some.len()) }
        });
    }
}

/// `to = a * b`, value by value.
///
/// # Safety
/// Each has so many values; nobody else writes them. `to` may be `a`.
unsafe fn multiply(a: *const f32, b: *const f32, to: *mut f32, len: usize) {
    for index in 0..len {
        // SAFETY: the caller's promise.
        unsafe { *to.add(index) = *a.add(index) * *b.add(index) };
    }
}
