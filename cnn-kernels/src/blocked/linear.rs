//! Fully connected layers, at the speed of memory.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::epilogue::activate;
use super::places::Limits;
use super::program::{Step, require, sealed::Run};
use super::stored::Stored;
use super::team::Member;
use super::{Activation, Buffer, Memory, Needs, Plain, Target, part};
use crate::simd::{Kernel, LANES, Vector};

/// A weight (out_features, in_features), where it already is or in bf16.
#[derive(Clone)]
pub enum Weight {
    /// Values of whoever holds them.
    Shared(Arc<dyn Lend>),
    /// In bf16, rounded to the nearest.
    Bf16(Arc<Buffer<u16>>),
}

/// Who holds values and lends them: always the same number.
pub trait Lend: Send + Sync {
    /// Calls `f` with the values.
    fn lend(&self, f: &mut dyn FnMut(&[f32]));
}

impl Lend for Buffer {
    fn lend(&self, f: &mut dyn FnMut(&[f32])) {
        f(self);
    }
}

impl Weight {
    /// A copy.
    #[must_use]
    pub fn f32(values: &[f32]) -> Self {
        Self::Shared(Arc::new(Buffer::from_slice(values)))
    }

    /// Rounded by [`to_bf16`].
    #[must_use]
    pub fn bf16(values: &[f32]) -> Self {
        let mut halves = Buffer::zeros(values.len());
        to_bf16(values, &mut halves);
        Self::Bf16(Arc::new(halves))
    }

    fn len(&self) -> usize {
        match self {
            Self::Shared(values) => {
                let mut len = 0;
                values.lend(&mut |values| len = values.len());
                len
            }
            Self::Bf16(values) => values.len(),
        }
    }
}

/// Rounds values to bf16, ties to even; NaN stays NaN.
///
/// ```
/// let mut halves = [0; 3];
/// cnn_kernels::blocked::to_bf16(&[1.0, -0.1, f32::INFINITY], &mut halves);
/// assert_eq!(halves, [0x3f80, 0xbdcd, 0x7f80]);
/// ```
///
/// # Panics
/// Where the lengths differ.
pub fn to_bf16(values: &[f32], halves: &mut [u16]) {
    assert_eq!(values.len(), halves.len(), "as many of each");
    for (half, &value) in halves.iter_mut().zip(values) {
        *half = Stored::nearest(value);
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Shared(_) => "f32",
            Self::Bf16(_) => "bf16",
        };
        write!(f, "{} values of {kind}", self.len())
    }
}

/// `y = activation(x weight^T + bias)`, for every sample.
#[derive(Debug)]
pub struct Linear {
    target: Target,
    features: [usize; 2],
    batch: usize,
    weight: Weight,
    bias: Option<Vec<f32>>,
    activation: Option<Activation>,
    input: Plain,
    output: Plain,
}

impl Linear {
    /// Prepares it, for `[in_features, out_features]`.
    ///
    /// # Panics
    /// Where lengths do not agree, or the processor has not the instruction set.
    #[must_use]
    pub fn new(
        target: Target,
        features: [usize; 2],
        batch: usize,
        weight: Weight,
        bias: Option<&[f32]>,
        activation: Option<Activation>,
        [input, output]: [Plain; 2],
    ) -> Self {
        require(target.isa);
        assert_eq!(weight.len(), features[0] * features[1], "the length of a weight");
        assert!(bias.is_none_or(|bias| bias.len() == features[1]), "one bias per output feature");
        let bias = bias.map(<[f32]>::to_vec);
        Self { target, features, batch, weight, bias, activation, input, output }
    }
}

impl Step for Linear {
    fn needs(&self) -> Needs {
        Needs { phases: 1, ..Needs::default() }
    }

    fn weight_bytes(&self) -> usize {
        match &self.weight {
            Weight::Shared(_) => 4 * self.weight.len(),
            Weight::Bf16(_) => 2 * self.weight.len(),
        }
    }

    fn algorithm(&self) -> String {
        match self.weight {
            Weight::Shared(_) => "dot products",
            Weight::Bf16(_) => "dot products, bf16",
        }
        .to_owned()
    }
}

impl Run for Linear {
    fn check(&self, limits: &Limits<'_>) {
        assert_eq!(self.batch, limits.batch(), "the batch of a layer");
        limits.plain(self.input, self.features[0], false);
        limits.plain(self.output, self.features[1], true);
        let [inputs, outputs] = self.features;
        if let (Some(read), Some(written)) = (self.input.stretches(inputs), self.output.stretches(outputs)) {
            limits.apart(read, written);
        }
    }

    unsafe fn run(&self, member: &mut Member<'_>, memory: Memory<'_>) {
        let rows = self.features[1];
        // Large enough that streams of weights are long, small enough that the last ones end together.
        let parts = if self.target.threads == 1 { 1 } else { (rows / 8).clamp(1, 16 * self.target.threads) };
        member.each(parts, |item| {
            let rows = part(rows, parts, item);
            // SAFETY: the places were checked; items write different features.
            unsafe {
                match &self.weight {
                    Weight::Shared(values) => {
                        values.lend(&mut |weight| {
                            assert_eq!(weight.len(), self.features[0] * self.features[1], "values were lost");
                            let rows = rows.clone();
                            self.target.isa.run(Rows { of: self, memory, weight: weight.as_ptr(), rows });
                        });
                    }
                    Weight::Bf16(values) => {
                        self.target.isa.run(Rows { of: self, memory, weight: values.pointer(), rows });
                    }
                }
            }
        });
    }
}

struct Rows<'a, T> {
    of: &'a Linear,
    memory: Memory<'a>,
    weight: *const T,
    rows: Range<usize>,
}

impl<T: Stored> Kernel for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let mut n = 0;
        // SAFETY: the caller's promise.
        unsafe {
            while n < self.of.batch {
                // Eight samples share a reading of the weights.
                let samples = (self.of.batch - n).min(8);
                match samples {
                    8 => self.samples::<V, 3, 8>(n),
                    4..8 => self.samples::<V, 2, 4>(n),
                    2 | 3 => self.samples::<V, 4, 2>(n),
                    _ => self.samples::<V, 4, 1>(n),
                }
                n += match samples {
                    8 => 8,
                    4..8 => 4,
                    2 | 3 => 2,
                    _ => 1,
                };
            }
        }
    }
}

impl<T: Stored> Rows<'_, T> {
    /// `R` features of `N` samples at a time.
    #[inline(always)]
    unsafe fn samples<V: Vector, const R: usize, const N: usize>(&self, first: usize) {
        let mut row = self.rows.start;
        // SAFETY: the caller's promise.
        unsafe {
            while row + R <= self.rows.end {
                V::enter(Dots::<T, R, N> {
                    of: self.of,
                    memory: self.memory,
                    weight: self.weight,
                    first,
                    row,
                });
                row += R;
            }
            while row < self.rows.end {
                V::enter(Dots::<T, 1, N> {
                    of: self.of,
                    memory: self.memory,
                    weight: self.weight,
                    first,
                    row,
                });
                row += 1;
            }
        }
    }
}

/// `R` features of `N` samples.
struct Dots<'a, T, const R: usize, const N: usize> {
    of: &'a Linear,
    memory: Memory<'a>,
    weight: *const T,
    first: usize,
    row: usize,
}

impl<T: Stored, const R: usize, const N: usize> Kernel for Dots<'_, T, R, N> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, memory, weight, first, row } = self;
        let [inputs, outputs] = of.features;
        // SAFETY: the caller's promise.
        unsafe {
            let x: [*const f32; N] = std::array::from_fn(|n| memory.plain(of.input, first + n, inputs));
            let w: [*const T; R] = std::array::from_fn(|r| weight.add((row + r) * inputs));
            let mut sums = [[V::zero(); N]; R];
            // A second set of sums where one alone would wait for itself; more would not fit the registers.
            let mut more = [[V::zero(); N]; R];
            let mut i = 0;
            while R * N <= 8 && i + 2 * LANES <= inputs {
                for r in 0..R {
                    let (one, two) = (T::load::<V>(w[r].add(i)), T::load::<V>(w[r].add(i + LANES)));
                    for n in 0..N {
                        sums[r][n] = one.mul_add(V::load(x[n].add(i)), sums[r][n]);
                        more[r][n] = two.mul_add(V::load(x[n].add(i + LANES)), more[r][n]);
                    }
                }
                i += 2 * LANES;
            }
            while i + LANES <= inputs {
                for r in 0..R {
                    let one = T::load::<V>(w[r].add(i));
                    for n in 0..N {
                        sums[r][n] = one.mul_add(V::load(x[n].add(i)), sums[r][n]);
                    }
                }
                i += LANES;
            }
            for r in 0..R {
                for n in 0..N {
                    let mut sum = sums[r][n].add(more[r][n]).sum();
                    for i in i..inputs {
                        sum += (*w[r].add(i)).value() * *x[n].add(i);
                    }
                    if let Some(bias) = &of.bias {
                        sum += bias[row + r];
                    }
                    let value = one_value::<V>(of.activation, sum);
                    *memory.plain_mut(of.output, first + n, outputs).add(row + r) = value;
                }
            }
        }
    }
}

/// An activation of one value.
#[inline(always)]
unsafe fn one_value<V: Vector>(activation: Option<Activation>, value: f32) -> f32 {
    match activation {
        None => value,
        Some(Activation::Relu) if value < 0.0 => 0.0,
        Some(Activation::Relu) => value,
        Some(activation) => {
            let mut lanes = [0.0; LANES];
            // SAFETY: the caller's promise; the array has sixteen values.
            unsafe { activate(activation, V::splat(value)).store(lanes.as_mut_ptr()) };
            lanes[0]
        }
    }
}
