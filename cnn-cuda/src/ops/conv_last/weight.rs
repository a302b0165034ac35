//! The gradient of a convolution's weight.
#[cfg(feature = "cudnn")]
use cnn_kernels::channels::Planes;
use cnn_kernels::conv::Conv;

use super::{pack_of, product_of};
use crate::device::{Gpu, In, Launch, Out, Question, Result};
use crate::ops::conv::is_depthwise;
use crate::ops::{blocks, int};
#[cfg(feature = "cudnn")]
use crate::ops::{cudnn, layout};
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
    TensorCores {
        name: &'static str,
        size: usize,
        threads: u32,
    },
    /// cuDNN, in so many bytes of space.
    #[cfg(feature = "cudnn")]
    Cudnn {
        job: cudnn::Job,
        bytes: usize,
    },
}

const TENSOR_TILES: [Kernel; 2] = [
    Kernel::TensorCores { name: "tensor_weight_gradient_128", size: 128, threads: 256 },
    Kernel::TensorCores { name: "tensor_weight_gradient_64", size: 64, threads: 128 },
];

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
            TENSOR_TILES[usize::from(outputs <= 64 || factors <= 64)]
        } else {
            Kernel::Tiles
        };
        let pack = pack_of(&product, int(NAME, conv.in_channels / conv.groups)?);
        let pack = if kernel == Kernel::Depthwise { Pack { inputs: 1, ..pack } } else { pack };
        let gradient = Self { conv: *conv, scalar, pitch, kernel, product, pack, parts: 1 };
        Ok(gradient.by(gpu, kernel))
    }

    /// The same by another kernel.
    fn by(&self, gpu: &Gpu, kernel: Kernel) -> Self {
        let Conv { out_channels, groups, .. } = self.conv;
        let [inputs, outputs] = [self.pitch, out_channels].map(|channels| channels / groups);
        let (factors, taps) = (inputs * self.conv.taps(), self.conv.taps());
        let tiles = |size: usize| outputs.div_ceil(size) * factors.div_ceil(size) * groups;
        let blocks = match kernel {
            Kernel::Depthwise => out_channels.div_ceil(DEPTHWISE[0]) * taps.div_ceil(DEPTHWISE[1]),
            Kernel::Tiles => tiles(TILE),
            Kernel::TensorCores { size, .. } => tiles(size),
            #[cfg(feature = "cudnn")]
            Kernel::Cudnn { .. } => return Self { kernel, parts: 1, ..self.clone() },
        };
        let most = 65_535 / if kernel == Kernel::Depthwise { 1 } else { groups };
        let parts = gpu.parts(blocks, self.conv.batch * self.conv.output_plane()).min(most.max(1));
        Self { kernel, parts, ..self.clone() }
    }

    /// All ways to do it, that of [`new`](Self::new) first: other tiles, more or fewer parts, cuDNN.
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
        let mut all = vec![first.clone()];
        if let Kernel::TensorCores { .. } = first.kernel {
            for kernel in TENSOR_TILES {
                let other = first.by(gpu, kernel);
                for parts in [other.parts, other.parts.div_ceil(4), (4 * other.parts).min(256)] {
                    if parts <= 65_535 / conv.groups {
                        all.push(Self { parts, ..other.clone() });
                    }
                }
            }
        }
        #[cfg(feature = "cudnn")]
        {
            let conv = Conv { in_channels: pitch, ..*conv };
            let job = cudnn::Job { way: cudnn::Way::ByWeight, conv, scalar, order: cudnn::Order::Last };
            if let Some(bytes) = cudnn::space(gpu, &job)? {
                all.push(first.by(gpu, Kernel::Cudnn { job, bytes }));
            }
        }
        Ok(all)
    }

    /// That of the [`variants`](Self::variants) which is the fastest on this device now.
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
        let numbers = scalar.of_parameters();
        let x = gpu.scratch(scalar, conv.batch * conv.input_plane() * pitch)?;
        let grad = gpu.scratch(scalar, conv.output_len())?;
        let mut sums = gpu.scratch(numbers, all.iter().map(Self::sums_len).max().unwrap_or(0))?;
        let mut to = gpu.scratch(numbers, conv.weight_len())?;
        let question = Question { kind: NAME, conv: *conv, scalar, pitch, tensor_cores };
        let fastest = gpu.fastest(question, all.len(), |index| {
            let (gradient, len) = (&all[index], all[index].sums_len());
            gradient.sums(gpu, &x.read(gpu), &grad.read(gpu), &mut sums.write_part(gpu, 0, len))?;
            gradient.finish(gpu, &sums.read_part(gpu, 0, len), &mut to.write(gpu))
        })?;
        Ok(all.swap_remove(fastest))
    }

    /// What computes it.
    #[must_use]
    pub fn algorithm(&self) -> String {
        match self.kernel {
            Kernel::Depthwise => "depthwise".to_owned(),
            Kernel::Tiles => format!("tiles of {TILE}x{TILE}"),
            Kernel::TensorCores { size, .. } => format!("tensor cores, tiles of {size}x{size}"),
            #[cfg(feature = "cudnn")]
            Kernel::Cudnn { .. } => "cuDNN".to_owned(),
        }
    }

    /// Values of a part.
    fn part_len(&self) -> usize {
        let Pack { groups, outputs, inputs, taps_y, taps_x, .. } = self.pack;
        [groups, outputs, inputs, taps_y, taps_x].iter().map(|&count| count as usize).product()
    }

    /// Numbers of the sums of all parts; with what cuDNN works in behind them.
    #[must_use]
    pub fn sums_len(&self) -> usize {
        match self.kernel {
            #[cfg(feature = "cudnn")]
            Kernel::Cudnn { bytes, .. } => {
                self.space_at() + bytes.div_ceil(self.scalar.of_parameters().bytes())
            }
            _ => self.parts * self.part_len(),
        }
    }

    /// The numbers before cuDNN's space: the gradient, and the same in the maps' type. Both begin where 256 bytes do.
    #[cfg(feature = "cudnn")]
    fn space_at(&self) -> usize {
        2 * self.part_len().next_multiple_of(64)
    }

    /// By cuDNN: the gradient in the maps' type, of which the numbers are made.
    #[cfg(feature = "cudnn")]
    fn by_cudnn(
        &self,
        gpu: &Gpu,
        (job, bytes): (&cudnn::Job, usize),
        maps: [&In<'_>; 2],
        to: &mut Out<'_>,
    ) -> Result<()> {
        let (len, at) = (self.part_len(), self.space_at());
        let space = to.part(at, to.len() - at).address;
        let [x, grad] = maps.map(|map| map.address);
        if self.scalar == self.scalar.of_parameters() {
            return cudnn::launch(gpu, job, (space, bytes), [x, to.address, grad]);
        }
        let (first, second) = to.split(at / 2);
        let (mut numbers, rounded) = (first, second.of(self.scalar, len)?);
        cudnn::launch(gpu, job, (space, bytes), [x, rounded.address, grad])?;
        let row = Planes { batch: 1, channels: len, plane: 1 };
        layout::to_first(gpu, &row, len, &rounded.read(), &mut numbers.part(0, len))
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
        #[cfg(feature = "cudnn")]
        if let Kernel::Cudnn { job, bytes } = &self.kernel {
            return self.by_cudnn(gpu, (job, *bytes), [x, grad], to);
        }
        match self.kernel {
            #[cfg(feature = "cudnn")]
            Kernel::Cudnn { .. } => Ok(()),
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
