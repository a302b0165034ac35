//! Which kernel computes a convolution, and in which order that has its weight.
use cnn_kernels::conv::Conv;

use crate::device::Gpu;
#[cfg(feature = "cudnn")]
use crate::ops::cudnn;
use crate::sizes::Product;
use crate::source::Scalar;

/// What computes a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// A thread for each value, or for several channels of a pixel.
    Depthwise { values: usize },
    /// Tiles of products, by the arithmetic of every thread.
    Tiles { name: &'static str, size: usize },
    /// Tiles of products on tensor cores.
    TensorCores { name: &'static str, pixels: usize, outputs: usize, threads: u32 },
    /// cuDNN, in so many bytes of space.
    #[cfg(feature = "cudnn")]
    Cudnn { job: cudnn::Job, bytes: usize },
}

pub(super) const TENSOR_TILES: [Kernel; 3] = [
    Kernel::TensorCores { name: "tensor_product_128x128", pixels: 128, outputs: 128, threads: 256 },
    Kernel::TensorCores { name: "tensor_product_128x64", pixels: 128, outputs: 64, threads: 256 },
    Kernel::TensorCores { name: "tensor_product_64x64", pixels: 64, outputs: 64, threads: 128 },
];

pub(super) const TILES: [Kernel; 2] = [
    Kernel::Tiles { name: "product_last_128", size: 128 },
    Kernel::Tiles { name: "product_last_64", size: 64 },
];

impl Kernel {
    /// That of a depthwise convolution: of whole stretches of channels, where each gives one.
    pub(super) fn depthwise(conv: &Conv, scalar: Scalar) -> Self {
        let wide = 16 / scalar.bytes();
        let is_wide = conv.out_channels == conv.groups && conv.groups.is_multiple_of(wide);
        Self::Depthwise { values: if is_wide { wide } else { 1 } }
    }

    /// That for a product of maps of this element type.
    pub(super) fn of(gpu: &Gpu, product: &Product, scalar: Scalar, tensor_cores: bool) -> Self {
        let size = |value: i32| value as usize;
        let pixels = size(product.images) * size(product.out_height) * size(product.out_width);
        let (outputs, groups) = (size(product.outputs), size(product.groups));
        let blocks = |m: usize, n: usize| pixels.div_ceil(m) * outputs.div_ceil(n) * groups;
        // Large tiles read less; small ones keep all processors busy.
        if Self::takes_tensor_cores(gpu, product, scalar, tensor_cores) {
            let [large, flat, small] = TENSOR_TILES;
            match gpu.processors() {
                processors if outputs > 64 && blocks(128, 128) >= processors => large,
                processors if blocks(128, 64) >= processors => flat,
                _ => small,
            }
        } else {
            let [large, small] = TILES;
            let fills = scalar != Scalar::F64 && outputs > 64 && blocks(128, 128) >= gpu.processors();
            if fills { large } else { small }
        }
    }

    /// Whether inputs come in whole chunks for tensor cores, where those may be used.
    pub(super) fn takes_tensor_cores(
        gpu: &Gpu,
        product: &Product,
        scalar: Scalar,
        tensor_cores: bool,
    ) -> bool {
        let inputs = product.inputs as usize;
        tensor_cores
            && gpu.has_tensor_cores()
            && scalar != Scalar::F64
            && inputs.is_multiple_of(16 / scalar.bytes())
    }

    /// How many parts the sums of a product are made in: several where pixels and channels are too few to keep the device busy.
    pub(super) fn parts(self, gpu: &Gpu, product: &Product) -> usize {
        /// Factors of a part, at least, and the most parts.
        const LEAST: [usize; 2] = [256, 16];
        let size = |value: i32| value as usize;
        let pixels = size(product.images) * size(product.out_height) * size(product.out_width);
        let (m, n) = match self {
            Self::Depthwise { .. } => return 1,
            #[cfg(feature = "cudnn")]
            Self::Cudnn { .. } => return 1,
            Self::Tiles { size, .. } => (size, size),
            Self::TensorCores { pixels, outputs, .. } => (pixels, outputs),
        };
        let blocks = pixels.div_ceil(m) * size(product.outputs).div_ceil(n) * size(product.groups);
        let depth = size(product.taps_y) * size(product.taps_x) * size(product.inputs);
        (gpu.processors() / blocks.max(1)).min(depth / LEAST[0]).clamp(1, LEAST[1])
    }

    /// Strides of a weight in its order: of groups, outputs, inputs, rows and columns.
    pub(super) fn strides(self, product: &Product) -> [i64; 5] {
        let wide = i64::from;
        let (inputs, outputs, columns) = (wide(product.inputs), wide(product.outputs), wide(product.taps_x));
        let taps = wide(product.taps_y) * columns;
        match self {
            // [tap][channel]
            Self::Depthwise { .. } => {
                let channels = wide(product.groups) * outputs;
                [outputs, 1, 1, columns * channels, channels]
            }
            // [group][tap][input][output]
            Self::Tiles { .. } => {
                [taps * inputs * outputs, 1, outputs, columns * inputs * outputs, inputs * outputs]
            }
            // [group][output][tap][input]
            Self::TensorCores { .. } => [outputs * taps * inputs, taps * inputs, 1, columns * inputs, inputs],
            #[cfg(feature = "cudnn")]
            Self::Cudnn { .. } => [outputs * taps * inputs, taps * inputs, 1, columns * inputs, inputs],
        }
    }
}
