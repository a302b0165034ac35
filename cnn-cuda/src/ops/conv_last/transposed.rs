//! The transposed convolution: the gradient of what a convolution reads.
use cnn_kernels::conv::Conv;
use cnn_kernels::window::Span;

use super::{Kernel, Planned, pack_of, product_of};
use crate::device::{Gpu, In, Launch, Out, Question, Result};
use crate::ops::conv::{Epilogue, Phase, is_depthwise, phase_product};
#[cfg(feature = "cudnn")]
use crate::ops::cudnn;
use crate::source::{CONV, CONV_LAST, Scalar};

const NAME: &str = "transposed convolution";

/// A convolution's transpose, of maps with their channels last: the kernels and the orders of its weight.
#[derive(Clone, Debug)]
pub struct Transposed {
    conv: Conv,
    scalar: Scalar,
    /// A convolution for each remainder of rows and columns modulo the strides; the depthwise one, as it is, has a kernel for all.
    parts: Vec<Planned>,
    /// Whether the parts are all values.
    is_whole: bool,
}

impl Transposed {
    /// The transpose of a convolution of maps of this element type. `tensor_cores` says whether those may be used, of `f32` with
    /// TF32's precision.
    ///
    /// # Errors
    /// For sizes that are too large.
    pub fn new(gpu: &Gpu, conv: &Conv, scalar: Scalar, tensor_cores: bool) -> Result<Self> {
        let there = product_of(conv, conv.in_channels)?;
        if is_depthwise(conv) {
            let parts = vec![Planned::new(gpu, conv, scalar, conv.in_channels, tensor_cores)?];
            return Ok(Self { conv: *conv, scalar, parts, is_whole: true });
        }
        let phases =
            |span: Span| (0..span.stride().min(span.input())).map(move |at| (at, Phase::of(span, at)));
        let (mut parts, mut is_whole) = (Vec::new(), true);
        for (top, down) in phases(conv.rows) {
            for (left, across) in phases(conv.columns) {
                let (Some(down), Some(across)) = (&down, across) else {
                    is_whole = false;
                    continue;
                };
                let product = phase_product(NAME, &there, [top, left], [down, &across])?;
                let pack = pack_of(&product, product.inputs);
                let chunks = conv.out_channels.is_multiple_of(16 / scalar.bytes());
                let kernel = Kernel::of(gpu, &product, scalar, tensor_cores && chunks);
                let lens = [conv.output_len(), conv.weight_len(), conv.input_len()];
                let planned = Planned::of(scalar, kernel, product, pack, lens);
                parts.push(Planned { parts: kernel.parts(gpu, &product), ..planned });
            }
        }
        Ok(Self { conv: *conv, scalar, parts, is_whole })
    }

    /// All ways to do it, that of [`new`](Self::new) first: cuDNN is another.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn variants(gpu: &Gpu, conv: &Conv, scalar: Scalar, tensor_cores: bool) -> Result<Vec<Self>> {
        #[cfg_attr(not(feature = "cudnn"), allow(unused_mut, reason = "there are no others"))]
        let mut all = vec![Self::new(gpu, conv, scalar, tensor_cores)?];
        #[cfg(feature = "cudnn")]
        {
            let job = cudnn::Job { way: cudnn::Way::ByInput, conv: *conv, scalar, order: cudnn::Order::Last };
            if let Some(bytes) = cudnn::space(gpu, &job)? {
                let there = product_of(conv, conv.in_channels)?;
                let lens = [conv.output_len(), conv.weight_len(), conv.input_len()];
                let kernel = Kernel::Cudnn { job, bytes };
                let planned = Planned::of(scalar, kernel, there, pack_of(&there, there.inputs), lens);
                all.push(Self { conv: *conv, scalar, parts: vec![planned], is_whole: true });
            }
        }
        Ok(all)
    }

    /// That of the [`variants`](Self::variants) which is the fastest on this device now.
    ///
    /// # Errors
    /// As [`new`](Self::new); if there is no memory for it.
    pub fn measured(gpu: &Gpu, conv: &Conv, scalar: Scalar, tensor_cores: bool) -> Result<Self> {
        let mut all = Self::variants(gpu, conv, scalar, tensor_cores)?;
        let most = |len: fn(&Self) -> usize| all.iter().map(len).max().unwrap_or(0);
        let [x, mut y] = [gpu.scratch(scalar, conv.output_len())?, gpu.scratch(scalar, conv.input_len())?];
        let weight = gpu.scratch(scalar, most(Self::weight_len))?;
        let mut sums = gpu.scratch(scalar.of_parameters(), most(Self::sums_len))?;
        let pitch = conv.out_channels;
        let question = Question { kind: NAME, conv: *conv, scalar, pitch, tensor_cores };
        let fastest = gpu.fastest(question, all.len(), |index| {
            let transposed = &all[index];
            let weight = weight.read_part(gpu, 0, transposed.weight_len());
            let mut sums = sums.write_part(gpu, 0, transposed.sums_len());
            let (x, mut y) = (x.read(gpu), y.write(gpu));
            transposed.run(gpu, &x, &weight, Epilogue::default(), Some(&mut sums), &mut y)
        })?;
        Ok(all.swap_remove(fastest))
    }

    /// Whether a kernel of its own does all of it: that of depthwise convolutions.
    fn is_by_values(&self) -> bool {
        is_depthwise(&self.conv)
            && self.parts.iter().all(|part| matches!(part.kernel, Kernel::Depthwise { .. }))
    }

    /// Numbers that its sums or cuDNN work in, one part after another.
    #[must_use]
    pub fn sums_len(&self) -> usize {
        self.parts.iter().map(Planned::sums_len).max().unwrap_or(0)
    }

    /// Where each part's weight begins, in whole chunks, and the length of all.
    fn places(&self) -> (Vec<usize>, usize) {
        let mut end = 0;
        let starts = self.parts.iter().map(|planned| {
            let start = end;
            end += planned.weight_len().next_multiple_of(16);
            start
        });
        (starts.collect(), end)
    }

    /// Values of the packed weight.
    #[must_use]
    pub fn weight_len(&self) -> usize {
        self.places().1
    }

    /// The convolution's weight (out, in, rows, columns) of `f32`, in the order of the kernels.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn pack_on(&self, gpu: &Gpu, weight: &In<'_>, to: &mut Out<'_>) -> Result<()> {
        let (starts, len) = self.places();
        to.check(NAME, "the packed weight", self.scalar, len)?;
        for (planned, start) in self.parts.iter().zip(starts) {
            planned.pack_on(gpu, weight, &mut to.part(start, planned.weight_len()))?;
        }
        Ok(())
    }

    /// What computes it.
    #[must_use]
    pub fn algorithm(&self) -> String {
        self.parts.first().map_or_else(String::new, Planned::algorithm)
    }

    /// Maps as the convolution reads them, of maps as it gives them; and what follows. `sums` are of
    /// [`sums_len`](Self::sums_len) numbers, if there are any.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn run(
        &self,
        gpu: &Gpu,
        x: &In<'_>,
        weight: &In<'_>,
        epilogue: Epilogue<'_>,
        mut sums: Option<&mut Out<'_>>,
        y: &mut Out<'_>,
    ) -> Result<()> {
        let (starts, len) = self.places();
        x.check(NAME, "the input", self.scalar, self.conv.output_len())?;
        weight.check(NAME, "the weight", self.scalar, len)?;
        y.check(NAME, "the output", self.scalar, self.conv.input_len())?;
        let parts = || self.parts.iter().zip(&starts);
        if self.is_by_values() {
            for (planned, &start) in parts() {
                let (source, name, values) = match planned.kernel {
                    Kernel::Depthwise { values } if values > 1 => {
                        (CONV_LAST, "depthwise_input_gradient_wide", values)
                    }
                    _ => (CONV, "depthwise_input_gradient", 1),
                };
                Launch::new(gpu, source, name, self.scalar)
                    .pass(&weight.part(start, planned.weight_len()))
                    .pass(x)
                    .pass(y)
                    .pass(&planned.product)
                    .each(y.len() / values)?;
            }
        } else {
            if !self.is_whole {
                // Values that no window reaches.
                y.clear(gpu)?;
            }
            let each = if self.is_whole { epilogue } else { Epilogue::default() };
            for (planned, &start) in parts() {
                let mut sums = sums.as_deref_mut().map(|sums| sums.part(0, planned.sums_len()));
                let weight = weight.part(start, planned.weight_len());
                planned.run(gpu, x, &weight, each, sums.as_mut(), y)?;
            }
            if self.is_whole {
                return Ok(());
            }
        }
        super::end(gpu, self.conv.in_channels, epilogue, y)
    }
}
