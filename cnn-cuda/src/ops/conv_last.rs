//! Convolutions of maps with their channels last, as plans have them: with a kernel that is chosen beforehand and a weight
//! that is packed for it.
use cnn_kernels::conv::Conv;

use super::conv::{Epilogue, forward_product, is_depthwise};
use super::{blocks, int};
use crate::device::{Gpu, In, Launch, Out, Result, sizes as wrong};
use crate::sizes::Product;
use crate::source::{CONV, Scalar, TENSOR_CORES};

/// A convolution, its kernel and the order of its weight.
#[derive(Clone, Debug)]
pub struct Planned {
    conv: Conv,
    scalar: Scalar,
    /// Values of an input pixel: its channels, and zeros.
    pitch: usize,
    kernel: Kernel,
    product: Product,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    /// A thread for each value.
    Depthwise,
    /// Tiles of products, by the arithmetic of every thread.
    Tiles { name: &'static str, size: usize },
    /// Tiles of products on tensor cores.
    TensorCores { name: &'static str, pixels: usize, outputs: usize, threads: u32 },
}

impl Planned {
    /// The convolution of maps of this element type, whose pixels have `pitch` values: more than channels only where there is
    /// one group. `tensor_cores` says whether those may be used, of `f32` with TF32's precision.
    ///
    /// # Errors
    /// For sizes that are too large, or a pitch that does not fit.
    pub fn new(gpu: &Gpu, conv: &Conv, scalar: Scalar, pitch: usize, tensor_cores: bool) -> Result<Self> {
        const NAME: &str = "convolution";
        let Conv { batch, in_channels, out_channels, groups, rows, columns } = *conv;
        if pitch < in_channels || (groups > 1 && pitch != in_channels) {
            return wrong(NAME, format_args!("{pitch} values of a pixel for {in_channels} channels"));
        }
        let (inputs, outputs) = (pitch / groups, out_channels / groups);
        let pixels = batch * conv.output_plane();
        let chunk = 16 / scalar.bytes();
        let kernel = if is_depthwise(conv) {
            Kernel::Depthwise
        } else if tensor_cores
            && gpu.has_tensor_cores()
            && scalar != Scalar::F64
            && inputs.is_multiple_of(chunk)
            && pitch.is_multiple_of(chunk)
        {
            let blocks = |m: usize, n: usize| pixels.div_ceil(m) * outputs.div_ceil(n) * groups;
            // Large tiles read less; small ones keep all processors busy.
            let (name, pixels, outputs, threads) = if outputs > 64 && blocks(128, 128) >= gpu.processors() {
                ("tensor_product_128x128", 128, 128, 256)
            } else if blocks(128, 64) >= gpu.processors() {
                ("tensor_product_128x64", 128, 64, 256)
            } else {
                ("tensor_product_64x64", 64, 64, 128)
            };
            Kernel::TensorCores { name, pixels, outputs, threads }
        } else {
            let tiles = pixels.div_ceil(128) * outputs.div_ceil(128) * groups;
            let large = scalar != Scalar::F64 && outputs > 64 && tiles >= gpu.processors();
            let (name, size) = if large { ("product_last_128", 128) } else { ("product_last_64", 64) };
            Kernel::Tiles { name, size }
        };
        let wide = |value: usize| value as i64;
        let mut product = forward_product(NAME, conv)?;
        product.inputs = int(NAME, inputs)?;
        (product.source_channel, product.source_x) = (1, wide(pitch));
        product.source_y = wide(columns.input() * pitch);
        product.source_image = wide(conv.input_plane() * pitch);
        (product.target_channel, product.target_x) = (1, wide(out_channels));
        product.target_y = wide(columns.output() * out_channels);
        product.target_image = wide(conv.output_plane() * out_channels);
        let taps = rows.kernel() * columns.kernel();
        let strides = match kernel {
            // [tap][channel]
            Kernel::Depthwise => [outputs, 1, 1, columns.kernel() * out_channels, out_channels],
            // [group][tap][input][output]
            Kernel::Tiles { .. } => {
                [taps * inputs * outputs, 1, outputs, columns.kernel() * inputs * outputs, inputs * outputs]
            }
            // [group][output][tap][input]
            Kernel::TensorCores { .. } => {
                [outputs * taps * inputs, taps * inputs, 1, columns.kernel() * inputs, inputs]
            }
        };
        [product.weight_group, product.weight_out, product.weight_in, product.weight_y, product.weight_x] =
            strides.map(wide);
        Ok(Self { conv: *conv, scalar, pitch, kernel, product })
    }

    /// The weight (out, in, rows, columns) in the order of the kernel, with zeros for inputs that are no channels.
    ///
    /// # Errors
    /// For another number of values.
    pub fn pack(&self, weight: &[f32]) -> Result<Vec<f32>> {
        let Conv { in_channels, out_channels, groups, .. } = self.conv;
        let expected = self.conv.weight_len();
        if weight.len() != expected {
            return wrong(
                "convolution",
                format_args!("expected a weight of {expected} values, found {}", weight.len()),
            );
        }
        let (channels, outputs, taps) = (in_channels / groups, out_channels / groups, self.conv.taps());
        let product = &self.product;
        let mut packed = vec![0.0; self.weight_len()];
        for (index, &value) in weight.iter().enumerate() {
            let (tap, input, output) = (index % taps, index / taps % channels, index / taps / channels);
            let width = product.taps_x as usize;
            let place = (output / outputs) as i64 * product.weight_group
                + (output % outputs) as i64 * product.weight_out
                + input as i64 * product.weight_in
                + (tap / width) as i64 * product.weight_y
                + (tap % width) as i64 * product.weight_x;
            packed[place as usize] = value;
        }
        Ok(packed)
    }

    /// Values of the packed weight.
    #[must_use]
    pub fn weight_len(&self) -> usize {
        self.product.inputs as usize * self.conv.out_channels * self.conv.taps()
    }

    /// What computes it.
    #[must_use]
    pub fn algorithm(&self) -> String {
        match self.kernel {
            Kernel::Depthwise => "depthwise".to_owned(),
            Kernel::Tiles { size, .. } => format!("tiles of {size}x{size}"),
            Kernel::TensorCores { pixels, outputs, .. } => {
                format!("tensor cores, tiles of {pixels}x{outputs}")
            }
        }
    }

    /// The convolution, and what follows it.
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
        const NAME: &str = "convolution";
        let Conv { batch, out_channels, groups, .. } = self.conv;
        x.check(NAME, "the input", self.scalar, batch * self.conv.input_plane() * self.pitch)?;
        weight.check(NAME, "the weight", self.scalar, self.weight_len())?;
        y.check(NAME, "the output", self.scalar, self.conv.output_len())?;
        if let Some(bias) = epilogue.bias {
            bias.check(NAME, "the biases", self.scalar.of_parameters(), out_channels)?;
        }
        if let Some(residual) = epilogue.residual {
            residual.check(NAME, "the residual", self.scalar, y.len())?;
        }
        let start = |source, name| {
            Launch::new(gpu, source, name, self.scalar)
                .pass(x)
                .pass(weight)
                .pass(&epilogue.bias)
                .pass(&epilogue.residual)
                .pass(y)
                .pass(&self.product)
                .pass(&epilogue.ending.function)
                .pass(&epilogue.ending.parameter)
        };
        let pixels = batch * self.conv.output_plane();
        let grid = |m: usize, n: usize| -> Result<[u32; 3]> {
            let outputs = out_channels / groups;
            Ok([blocks(NAME, pixels.div_ceil(m))?, blocks(NAME, outputs.div_ceil(n))?, blocks(NAME, groups)?])
        };
        match self.kernel {
            Kernel::Depthwise => start(CONV, "depthwise").each(self.conv.output_len()),
            Kernel::Tiles { name, size } => start(CONV, name).blocks(grid(size, size)?),
            Kernel::TensorCores { name, pixels, outputs, threads } => {
                start(TENSOR_CORES, name).blocks_of(threads, grid(pixels, outputs)?)
            }
        }
    }
}
