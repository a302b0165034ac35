//! The gradient of a convolution's weight.
use cnn_kernels::conv::Conv;

use super::{pack_of, product_of};
use crate::device::{Gpu, In, Launch, Out, Result};
use crate::ops::conv::is_depthwise;
use crate::ops::{blocks, int};
use crate::sizes::{Pack, Product};
use crate::source::{CONV, CONV_LAST, Scalar, TENSOR_CORES_WEIGHT};

const NAME: &str = "convolution's weight gradient";

/// The gradient of a convolution's weight, of maps with their channels last: sums over parts of the pixels, which are added up in
/// order.
#[derive(Clone, Debug)]
pub struct WeightGradient {
    conv: Conv,
    scalar: Scalar,
    /// Values of an input pixel: its channels, and zeros.
    pitch: usize,
    kernel: Kernel,
    product: Product,
    pack: Pack,
    parts: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    Depthwise,
    Tiles,
    TensorCores { name: &'static str, size: usize, threads: u32 },
}

/// Rows and columns of a tile of `weight_gradient_last`, as in `conv.cu`.
const TILE: usize = 64;

/// Channels of a block of `depthwise_weight_gradient`, and taps, as in `conv_last.cu`.
const DEPTHWISE: [usize; 2] = [32, 9];

impl WeightGradient {
    /// That of a convolution of maps of this element type, whose pixels have `pitch` values: more than channels only where there
    /// is one group. `tensor_cores` says whether those may be used, of `f32` with TF32's precision.
    ///
    /// # Errors
    /// For sizes that are too large, or a pitch that does not fit.
    pub fn new(gpu: &Gpu, conv: &Conv, scalar: Scalar, pitch: usize, tensor_cores: bool) -> Result<Self> {
        let product = product_of(conv, pitch)?;
        let chunk = 16 / scalar.bytes();
        let [inputs, outputs] = [pitch, conv.out_channels].map(|channels| channels / conv.groups);
        let factors = inputs * conv.taps();
        let fits = [inputs, outputs].iter().all(|channels| channels.is_multiple_of(chunk));
        let kernel = if is_depthwise(conv) {
            Kernel::Depthwise
        } else if tensor_cores && gpu.has_tensor_cores() && scalar != Scalar::F64 && fits {
            let (name, size, threads) = if outputs > 64 && factors > 64 {
                ("tensor_weight_gradient_128", 128, 256)
            } else {
                ("tensor_weight_gradient_64", 64, 128)
            };
            Kernel::TensorCores { name, size, threads }
        } else {
            Kernel::Tiles
        };
        let tiles = |size: usize| outputs.div_ceil(size) * factors.div_ceil(size) * conv.groups;
        let blocks = match kernel {
            Kernel::Depthwise => {
                conv.out_channels.div_ceil(DEPTHWISE[0]) * conv.taps().div_ceil(DEPTHWISE[1])
            }
            Kernel::Tiles => tiles(TILE),
            Kernel::TensorCores { size, .. } => tiles(size),
        };
        let most = 65_535 / if kernel == Kernel::Depthwise { 1 } else { conv.groups };
        let parts = gpu.parts(blocks, conv.batch * conv.output_plane()).min(most.max(1));
        let pack = pack_of(conv, &product)?;
        let pack = if kernel == Kernel::Depthwise { Pack { inputs: 1, ..pack } } else { pack };
        Ok(Self { conv: *conv, scalar, pitch, kernel, product, pack, parts })
    }

    /// What computes it.
    #[must_use]
    pub fn algorithm(&self) -> String {
        match self.kernel {
            Kernel::Depthwise => "depthwise".to_owned(),
            Kernel::Tiles => format!("tiles of {TILE}x{TILE}"),
            Kernel::TensorCores { size, .. } => format!("tensor cores, tiles of {size}x{size}"),
        }
    }

    /// Values of a part.
    fn part_len(&self) -> usize {
        let Pack { groups, outputs, inputs, taps_y, taps_x, .. } = self.pack;
        [groups, outputs, inputs, taps_y, taps_x].iter().map(|&count| count as usize).product()
    }

    /// Values of the sums of all parts.
    #[must_use]
    pub fn sums_len(&self) -> usize {
        self.parts * self.part_len()
    }

    /// The sums of the parts, of what the convolution read and the gradient of what it gave.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn sums(&self, gpu: &Gpu, x: &In<'_>, grad: &In<'_>, to: &mut Out<'_>) -> Result<()> {
        let Conv { batch, out_channels, groups, .. } = self.conv;
        x.check(NAME, "the input", self.scalar, batch * self.conv.input_plane() * self.pitch)?;
        grad.check(NAME, "the gradient", self.scalar, self.conv.output_len())?;
        to.check(NAME, "the sums", self.scalar.of_parameters(), self.sums_len())?;
        let start = |source, name| {
            Launch::new(gpu, source, name, self.scalar).pass(x).pass(grad).pass(to).pass(&self.product)
        };
        let (outputs, factors) = (out_channels / groups, self.pitch / groups * self.conv.taps());
        let grid = |size: usize| -> Result<[u32; 3]> {
            let across = [outputs.div_ceil(size), factors.div_ceil(size), self.parts * groups];
            Ok([blocks(NAME, across[0])?, blocks(NAME, across[1])?, blocks(NAME, across[2])?])
        };
        let parts = int(NAME, self.parts)?;
        match self.kernel {
            Kernel::Depthwise => start(CONV_LAST, "depthwise_weight_gradient").blocks([
                blocks(NAME, out_channels.div_ceil(DEPTHWISE[0]))?,
                blocks(NAME, self.parts)?,
                blocks(NAME, self.conv.taps().div_ceil(DEPTHWISE[1]))?,
            ]),
            Kernel::Tiles => start(CONV, "weight_gradient_last").pass(&parts).blocks(grid(TILE)?),
            Kernel::TensorCores { name, size, threads } => {
                start(TENSOR_CORES_WEIGHT, name).pass(&parts).blocks_of(threads, grid(size)?)
            }
        }
    }

    /// The gradient (out, in, rows, columns), of the sums of the parts.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn finish(&self, gpu: &Gpu, sums: &In<'_>, to: &mut Out<'_>) -> Result<()> {
        let parameters = self.scalar.of_parameters();
        sums.check(NAME, "the sums", parameters, self.sums_len())?;
        to.check(NAME, "the gradient", parameters, self.conv.weight_len())?;
        Launch::new(gpu, CONV_LAST, "unpack_gradient", self.scalar)
            .pass(sums)
            .pass(to)
            .pass(&self.pack)
            .pass(&int(NAME, self.parts)?)
            .pass(&to.len())
            .blocks([blocks(NAME, to.len().div_ceil(32))?, 1, 1])
    }
}
