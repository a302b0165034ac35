//! The transposed convolution: the gradient of what a convolution reads.
use cnn_kernels::channels::Planes;
use cnn_kernels::conv::Conv;
use cnn_kernels::window::Span;

use super::{Kernel, Planned, pack_of, product_of};
use crate::device::{Gpu, In, Launch, Out, Result};
use crate::ops::conv::{Epilogue, Phase, is_depthwise, short};
use crate::ops::elementwise::{self, Ending};
use crate::ops::int;
use crate::sizes::{Pack, Product};
use crate::source::{CONV, Scalar};

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
                let product = phase_product(&there, [top, left], [down, &across])?;
                let pack = phase_pack(conv, &product, [down, &across])?;
                let chunks = conv.out_channels.is_multiple_of(16 / scalar.bytes());
                let kernel = Kernel::of(gpu, &product, scalar, tensor_cores && chunks);
                let lens = [conv.output_len(), conv.weight_len(), conv.input_len()];
                parts.push(Planned::of(scalar, kernel, product, pack, lens));
            }
        }
        Ok(Self { conv: *conv, scalar, parts, is_whole })
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

    /// Maps as the convolution reads them, of maps as it gives them; and what follows.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn run(
        &self,
        gpu: &Gpu,
        x: &In<'_>,
        weight: &In<'_>,
        epilogue: Epilogue<'_>,
        y: &mut Out<'_>,
    ) -> Result<()> {
        let (starts, len) = self.places();
        let Conv { batch, in_channels, .. } = self.conv;
        x.check(NAME, "the input", self.scalar, self.conv.output_len())?;
        weight.check(NAME, "the weight", self.scalar, len)?;
        y.check(NAME, "the output", self.scalar, self.conv.input_len())?;
        let parts = || self.parts.iter().zip(&starts);
        if is_depthwise(&self.conv) {
            for (planned, &start) in parts() {
                Launch::new(gpu, CONV, "depthwise_input_gradient", self.scalar)
                    .pass(&weight.part(start, planned.weight_len()))
                    .pass(x)
                    .pass(y)
                    .pass(&planned.product)
                    .each(y.len())?;
            }
        } else {
            if !self.is_whole {
                // Values that no window reaches.
                y.clear(gpu)?;
            }
            let each = if self.is_whole { epilogue } else { Epilogue::default() };
            for (planned, &start) in parts() {
                planned.run(gpu, x, &weight.part(start, planned.weight_len()), each, None, y)?;
            }
            if self.is_whole {
                return Ok(());
            }
        }
        let Epilogue { bias, residual, ending } = epilogue;
        if bias.is_none() && residual.is_none() && ending == Ending::NONE {
            return Ok(());
        }
        let pixels = Planes { batch: batch * self.conv.input_plane(), channels: in_channels, plane: 1 };
        elementwise::end_in_place(gpu, &pixels, bias, residual, ending, y)
    }
}

/// The part of every so manyth row and column, from these on, as a convolution of what the convolution gives.
fn phase_product(there: &Product, first: [usize; 2], [down, across]: [&Phase; 2]) -> Result<Product> {
    let [top, left] = first.map(|at| at as i64);
    Ok(Product {
        images: there.images,
        out_height: int(NAME, down.count)?,
        out_width: int(NAME, across.count)?,
        height: there.out_height,
        width: there.out_width,
        taps_y: int(NAME, down.taps)?,
        taps_x: int(NAME, across.taps)?,
        stride_y: 1,
        stride_x: 1,
        step_y: short(NAME, down.spread)?,
        step_x: short(NAME, across.spread)?,
        lead_y: short(NAME, down.lead)?,
        lead_x: short(NAME, across.lead)?,
        inputs: there.outputs,
        outputs: there.inputs,
        groups: there.groups,
        source_image: there.target_image,
        source_channel: 1,
        source_y: there.target_y,
        source_x: there.target_x,
        target_image: there.source_image,
        target_channel: 1,
        target_y: there.source_y * i64::from(there.stride_y),
        target_x: there.source_x * i64::from(there.stride_x),
        target_offset: there.source_y * top + there.source_x * left,
        ..*there
    })
}

/// The taps of a part, in the order of the variable: its outputs are the convolution's inputs.
fn phase_pack(conv: &Conv, product: &Product, [down, across]: [&Phase; 2]) -> Result<Pack> {
    let there = pack_of(conv, product)?;
    let (row, column) = (there.from_y, there.from_x);
    Ok(Pack {
        channels: product.inputs,
        from_group: there.from_out * i64::from(product.inputs),
        from_out: there.from_in,
        from_in: there.from_out,
        from_y: row * down.step,
        from_x: column * across.step,
        from_offset: row * down.first + column * across.first,
        ..there
    })
}
