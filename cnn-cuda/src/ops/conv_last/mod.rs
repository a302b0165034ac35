//! Convolutions of maps with their channels last, as plans have them: with a kernel that is chosen beforehand and a weight
//! that is packed for it.
mod kernel;
mod transposed;
mod weight;

use cnn_kernels::conv::Conv;

use super::conv::{Epilogue, forward_product, is_depthwise};
#[cfg(feature = "cudnn")]
use super::cudnn;
use super::elementwise::{self, Ending};
use super::norm_last::Pixels;
use super::{blocks, int};
use crate::device::{Gpu, In, Launch, Out, Question, Result, sizes as wrong};
use crate::sizes::{Pack, Product};
use crate::source::{CONV, CONV_LAST, Scalar, TENSOR_CORES};

use kernel::{Kernel, TENSOR_TILES, TILES};
pub use transposed::Transposed;
pub use weight::WeightGradient;

const NAME: &str = "convolution";

/// A convolution, its kernel and the order of its weight.
#[derive(Clone, Debug)]
pub struct Planned {
    scalar: Scalar,
    kernel: Kernel,
    product: Product,
    pack: Pack,
    /// Values of the input, of the variable's weight and of the output.
    lens: [usize; 3],
    /// Parts that its sums are made in.
    parts: usize,
}

/// The convolution as kernels have it, of maps with their channels last, of which a pixel of the input has `pitch` values.
fn product_of(conv: &Conv, pitch: usize) -> Result<Product> {
    let Conv { in_channels, out_channels, groups, rows: _, columns, .. } = *conv;
    if pitch < in_channels || (groups > 1 && pitch != in_channels) {
        return wrong(NAME, format_args!("{pitch} values of a pixel for {in_channels} channels"));
    }
    let wide = |value: usize| value as i64;
    let mut product = forward_product(NAME, conv)?;
    product.inputs = int(NAME, pitch / groups)?;
    (product.source_channel, product.source_x) = (1, wide(pitch));
    product.source_y = wide(columns.input() * pitch);
    product.source_image = wide(conv.input_plane() * pitch);
    (product.target_channel, product.target_x) = (1, wide(out_channels));
    product.target_y = wide(columns.output() * out_channels);
    product.target_image = wide(conv.output_plane() * out_channels);
    Ok(product)
}

/// Where a product of maps finds its weight in the variable, of which it has so many inputs.
fn pack_of(product: &Product, channels: i32) -> Pack {
    Pack {
        groups: product.groups,
        outputs: product.outputs,
        channels,
        inputs: product.inputs,
        taps_y: product.taps_y,
        taps_x: product.taps_x,
        from_group: product.weight_group,
        from_out: product.weight_out,
        from_in: product.weight_in,
        from_y: product.weight_y,
        from_x: product.weight_x,
        from_offset: product.weight_offset,
        to_group: 0,
        to_out: 0,
        to_in: 0,
        to_y: 0,
        to_x: 0,
    }
}

impl Planned {
    /// The convolution of maps of this element type, whose pixels have `pitch` values: more than channels only where there is
    /// one group. `tensor_cores` says whether those may be used, of `f32` with TF32's precision.
    ///
    /// # Errors
    /// For sizes that are too large, or a pitch that does not fit.
    pub fn new(gpu: &Gpu, conv: &Conv, scalar: Scalar, pitch: usize, tensor_cores: bool) -> Result<Self> {
        let product = product_of(conv, pitch)?;
        let kernel = if is_depthwise(conv) {
            Kernel::depthwise(conv, scalar)
        } else {
            // Rows of pixels begin with a whole chunk.
            let is_whole = pitch.is_multiple_of(16 / scalar.bytes());
            Kernel::of(gpu, &product, scalar, tensor_cores && is_whole)
        };
        let lens = [conv.batch * conv.input_plane() * pitch, conv.weight_len(), conv.output_len()];
        let pack = pack_of(&product, int(NAME, conv.in_channels / conv.groups)?);
        let planned = Self::of(scalar, kernel, product, pack, lens);
        Ok(Self { parts: kernel.parts(gpu, &product), ..planned })
    }

    /// All ways to do it, that of [`new`](Self::new) first: other tiles, sums in parts or at once, cuDNN.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn variants(
        gpu: &Gpu,
        conv: &Conv,
        scalar: Scalar,
        pitch: usize,
        tensor_cores: bool,
    ) -> Result<Vec<Self>> {
        let first = Self::new(gpu, conv, scalar, pitch, tensor_cores)?;
        let of = |kernel: Kernel| Self::of(scalar, kernel, first.product, first.pack, first.lens);
        let mut all = vec![first.clone()];
        let mut add = |planned: Self| {
            let is_known = |other: &Self| (other.kernel, other.parts) == (planned.kernel, planned.parts);
            if !all.iter().any(is_known) {
                all.push(planned);
            }
        };
        let kernels: &[Kernel] = match first.kernel {
            Kernel::TensorCores { .. } => &TENSOR_TILES,
            Kernel::Tiles { .. } if scalar == Scalar::F64 => &TILES[1..],
            Kernel::Tiles { .. } => &TILES,
            _ => &[],
        };
        for &kernel in kernels {
            add(of(kernel));
            add(Self { parts: kernel.parts(gpu, &first.product), ..of(kernel) });
        }
        #[cfg(feature = "cudnn")]
        {
            // Zeros behind the channels of a pixel are channels to it.
            let conv = Conv { in_channels: pitch, ..*conv };
            let job = cudnn::Job { way: cudnn::Way::Forward, conv, scalar, order: cudnn::Order::Last };
            if let Some(bytes) = cudnn::space(gpu, &job)? {
                add(of(Kernel::Cudnn { job, bytes }));
            }
        }
        Ok(all)
    }

    /// That of the [`variants`](Self::variants) which is the fastest on this device now, with biases and ReLU.
    ///
    /// # Errors
    /// As [`new`](Self::new); if there is no memory for it.
    pub fn measured(
        gpu: &Gpu,
        conv: &Conv,
        scalar: Scalar,
        pitch: usize,
        tensor_cores: bool,
    ) -> Result<Self> {
        let mut all = Self::variants(gpu, conv, scalar, pitch, tensor_cores)?;
        let most = |len: fn(&Self) -> usize| all.iter().map(len).max().unwrap_or(0);
        let [source, _, target] = all.first().map_or([0; 3], |planned| planned.lens);
        let numbers = scalar.of_parameters();
        let [x, mut y] = [gpu.scratch(scalar, source)?, gpu.scratch(scalar, target)?];
        let weight = gpu.scratch(scalar, most(Self::weight_len))?;
        let (bias, mut sums) =
            (gpu.scratch(numbers, conv.out_channels)?, gpu.scratch(numbers, most(Self::sums_len))?);
        let question = Question { kind: "convolution", conv: *conv, scalar, pitch, tensor_cores };
        let fastest = gpu.fastest(question, all.len(), |index| {
            let planned = &all[index];
            let bias = bias.read(gpu);
            let ending = elementwise::Activation::Relu.into();
            let epilogue = Epilogue { bias: Some(&bias), residual: None, ending };
            let weight = weight.read_part(gpu, 0, planned.weight_len());
            let mut sums = sums.write_part(gpu, 0, planned.sums_len());
            planned.run(gpu, &x.read(gpu), &weight, epilogue, Some(&mut sums), &mut y.write(gpu))
        })?;
        Ok(all.swap_remove(fastest))
    }

    fn of(scalar: Scalar, kernel: Kernel, mut product: Product, mut pack: Pack, lens: [usize; 3]) -> Self {
        let strides = kernel.strides(&product);
        [pack.to_group, pack.to_out, pack.to_in, pack.to_y, pack.to_x] = strides;
        [product.weight_group, product.weight_out, product.weight_in, product.weight_y, product.weight_x] =
            strides;
        product.weight_offset = 0;
        Self { scalar, kernel, product, pack, lens, parts: 1 }
    }

    /// The weight (out, in, rows, columns) in the order of the kernel, with zeros for inputs that are no channels.
    ///
    /// # Errors
    /// For another number of values.
    pub fn pack(&self, weight: &[f32]) -> Result<Vec<f32>> {
        let [_, expected, _] = self.lens;
        if weight.len() != expected {
            return wrong(
                NAME,
                format_args!("expected a weight of {expected} values, found {}", weight.len()),
            );
        }
        let pack = &self.pack;
        let mut packed = vec![0.0; self.weight_len()];
        let each = |count: i32| 0..i64::from(count);
        for group in each(pack.groups) {
            for output in each(pack.outputs) {
                for input in each(pack.channels) {
                    for (y, x) in each(pack.taps_y).flat_map(|y| each(pack.taps_x).map(move |x| (y, x))) {
                        let from = pack.from_offset
                            + group * pack.from_group
                            + output * pack.from_out
                            + input * pack.from_in
                            + y * pack.from_y
                            + x * pack.from_x;
                        let to = group * pack.to_group
                            + output * pack.to_out
                            + input * pack.to_in
                            + y * pack.to_y
                            + x * pack.to_x;
                        packed[to as usize] = weight[from as usize];
                    }
                }
            }
        }
        Ok(packed)
    }

    /// The same of a variable's weight, on the device.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn pack_on(&self, gpu: &Gpu, weight: &In<'_>, to: &mut Out<'_>) -> Result<()> {
        const NAME: &str = "pack_weight";
        weight.check(NAME, "the weight", Scalar::F32, self.lens[1])?;
        to.check(NAME, "the packed weight", self.scalar, self.weight_len())?;
        Launch::new(gpu, CONV_LAST, NAME, self.scalar)
            .pass(weight)
            .pass(to)
            .pass(&self.pack)
            .pass(&to.len())
            .each(to.len())
    }

    /// Values of the packed weight.
    #[must_use]
    pub fn weight_len(&self) -> usize {
        let Pack { groups, outputs, inputs, taps_y, taps_x, .. } = self.pack;
        [groups, outputs, inputs, taps_y, taps_x].iter().map(|&count| count as usize).product()
    }

    /// What computes it.
    #[must_use]
    pub fn algorithm(&self) -> String {
        let kernel = match self.kernel {
            Kernel::Depthwise { .. } => "depthwise".to_owned(),
            Kernel::Tiles { size, .. } => format!("tiles of {size}x{size}"),
            Kernel::TensorCores { pixels, outputs, .. } => {
                format!("tensor cores, tiles of {pixels}x{outputs}")
            }
            #[cfg(feature = "cudnn")]
            Kernel::Cudnn { .. } => "cuDNN".to_owned(),
        };
        match self.parts {
            1 => kernel,
            parts => format!("{kernel}, in {parts} parts"),
        }
    }

    /// Numbers of the sums' parts, or of cuDNN's space; none where the sums are made at once.
    #[must_use]
    pub fn sums_len(&self) -> usize {
        match self.kernel {
            #[cfg(feature = "cudnn")]
            Kernel::Cudnn { bytes, .. } => bytes.div_ceil(self.scalar.of_parameters().bytes()),
            _ if self.parts == 1 => 0,
            _ => self.parts * self.lens[2],
        }
    }

    /// Channels of what it gives.
    fn channels(&self) -> usize {
        match &self.kernel {
            #[cfg(feature = "cudnn")]
            Kernel::Cudnn { job: cudnn::Job { way: cudnn::Way::ByInput, conv, .. }, .. } => conv.in_channels,
            _ => self.product.outputs as usize * self.product.groups as usize,
        }
    }

    /// The convolution, and what follows it. `sums` are of [`sums_len`](Self::sums_len) numbers, if there are any.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn run(
        &self,
        gpu: &Gpu,
        x: &In<'_>,
        weight: &In<'_>,
        epilogue: Epilogue<'_>,
        sums: Option<&mut Out<'_>>,
        y: &mut Out<'_>,
    ) -> Result<()> {
        let [source, _, target] = self.lens;
        let size = |value: i32| value as usize;
        let (outputs, groups) = (size(self.product.outputs), size(self.product.groups));
        x.check(NAME, "the input", self.scalar, source)?;
        weight.check(NAME, "the weight", self.scalar, self.weight_len())?;
        y.check(NAME, "the output", self.scalar, target)?;
        let channels = self.channels();
        if let Some(bias) = epilogue.bias {
            bias.check(NAME, "the biases", self.scalar.of_parameters(), channels)?;
        }
        if let Some(residual) = epilogue.residual {
            residual.check(NAME, "the residual", self.scalar, y.len())?;
        }
        let sums = sums.filter(|_| self.sums_len() > 0);
        let parameters = self.scalar.of_parameters();
        match &sums {
            Some(sums) => sums.check(NAME, "the sums", parameters, self.sums_len())?,
            None if self.sums_len() > 0 => return wrong(NAME, "memory for the sums is missing"),
            None => {}
        }
        #[cfg(feature = "cudnn")]
        if let Kernel::Cudnn { job, bytes } = &self.kernel {
            let space = (sums.map_or(0, |sums| sums.address), *bytes);
            let maps = match job.way {
                cudnn::Way::ByInput => [y.address, weight.address, x.address],
                _ => [x.address, weight.address, y.address],
            };
            cudnn::launch(gpu, job, space, maps)?;
            return end(gpu, channels, epilogue, y);
        }
        let parts = int(NAME, self.parts)?;
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
        let in_parts = |source, name| start(source, name).pass(&sums.as_deref()).pass(&parts);
        let Product { images, out_height, out_width, .. } = self.product;
        let pixels = size(images) * size(out_height) * size(out_width);
        let grid = |m: usize, n: usize| -> Result<[u32; 3]> {
            let across = [pixels.div_ceil(m), outputs.div_ceil(n), groups * self.parts];
            Ok([blocks(NAME, across[0])?, blocks(NAME, across[1])?, blocks(NAME, across[2])?])
        };
        match self.kernel {
            Kernel::Depthwise { values: 1 } => start(CONV, "depthwise").each(pixels * outputs * groups)?,
            Kernel::Depthwise { values } => {
                start(CONV_LAST, "depthwise_wide").each(pixels * groups / values)?;
            }
            #[cfg(feature = "cudnn")]
            Kernel::Cudnn { .. } => {}
            Kernel::Tiles { name, size } => in_parts(CONV, name).blocks(grid(size, size)?)?,
            Kernel::TensorCores { name, pixels, outputs, threads } => {
                in_parts(TENSOR_CORES, name).blocks_of(threads, grid(pixels, outputs)?)?;
            }
        }
        let Some(sums) = sums else { return Ok(()) };
        Launch::new(gpu, CONV, "finish_product", self.scalar)
            .pass(sums)
            .pass(&epilogue.bias)
            .pass(&epilogue.residual)
            .pass(y)
            .pass(&self.product)
            .pass(&epilogue.ending.function)
            .pass(&epilogue.ending.parameter)
            .pass(&parts)
            .each(pixels * outputs * groups)
    }
}

/// What follows a convolution that something else computed.
fn end(gpu: &Gpu, channels: usize, epilogue: Epilogue<'_>, y: &mut Out<'_>) -> Result<()> {
    let Epilogue { bias, residual, ending } = epilogue;
    if bias.is_none() && residual.is_none() && ending == Ending::NONE {
        return Ok(());
    }
    let pixels = Pixels::new(gpu, y.scalar(), y.len() / channels.max(1), channels);
    pixels.end(gpu, bias, residual, ending, y)
}
