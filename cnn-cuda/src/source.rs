//! The kernels' sources.
use crate::sizes;

/// What a kernel's maps hold, and so what it is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// `f32`.
    F32,
    /// `f64`, sums too.
    F64,
    /// `bf16`, with sums, biases and statistics in `f32`.
    Bf16,
}

impl Scalar {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F64, Self::Bf16];

    /// Bytes of a value.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Bf16 => 2,
        }
    }

    /// What biases, factors and statistics of such maps hold.
    #[must_use]
    pub const fn of_parameters(self) -> Self {
        match self {
            Self::F64 => Self::F64,
            Self::F32 | Self::Bf16 => Self::F32,
        }
    }

    /// These values, rounded to it, as they stand in memory.
    #[must_use]
    pub fn bytes_of(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => values.iter().flat_map(|value| value.to_ne_bytes()).collect(),
            Self::F64 => values.iter().flat_map(|&value| f64::from(value).to_ne_bytes()).collect(),
            Self::Bf16 => {
                values.iter().flat_map(|&value| half::bf16::from_f32(value).to_ne_bytes()).collect()
            }
        }
    }

    const fn define(self) -> &'static str {
        match self {
            Self::F32 => "SCALAR_F32",
            Self::F64 => "SCALAR_F64",
            Self::Bf16 => "SCALAR_BF16",
        }
    }
}

/// A file of kernels.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Its name, for errors.
    pub name: &'static str,
    structs: &'static [&'static str],
    /// What several files share.
    shared: &'static str,
    text: &'static str,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Source {}

impl std::hash::Hash for Source {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

macro_rules! sources {
    ($($(#[$doc:meta])* $name:ident = $file:literal $(with $shared:literal)? [$($struct:ident),*];)*) => {
        $($(#[$doc])* pub const $name: Source = Source {
            name: $file,
            structs: &[$(sizes::$struct::DECLARATION),*],
            shared: concat!("", $(include_str!(concat!("kernels/", $shared)))?),
            text: include_str!(concat!("kernels/", $file, ".cu")),
        };)*

        /// All files.
        pub const ALL: &[Source] = &[$($name),*];
    };
}

sources! {
    /// Functions of each value.
    ELEMENTWISE = "elementwise" [Planes];
    /// Softmax and the cross-entropy of it.
    SOFTMAX = "softmax" [Planes];
    /// Pooling.
    POOL = "pool" [Axis, Pool, Bins];
    /// Upsampling.
    RESIZE = "resize" [Upsample];
    /// Local response normalization.
    LRN = "lrn" [Planes, Response];
    /// Norms and sums over channels.
    NORM = "norm" [Norm];
    /// Group norms of maps with their channels last.
    GROUP_NORM_LAST = "group_norm_last" [GroupNorm];
    /// Convolutions.
    CONV = "conv" [Product];
    /// Convolutions on tensor cores.
    TENSOR_CORES = "tensor_cores" with "tensor_cores.cuh" [Product];
    /// The gradients of their weights.
    TENSOR_CORES_WEIGHT = "tensor_cores_weight" with "tensor_cores.cuh" [Product];
    /// What convolutions of maps with their channels last need beside the products.
    CONV_LAST = "conv_last" with "wide.cuh" [Product, Pack];
    /// Batch norm of maps with their channels last, and sums over their pixels.
    NORM_LAST = "norm_last" with "wide.cuh" [Norm];
    /// Maps with their channels last.
    LAYOUT = "layout" [Planes, Spread];
    /// Channels and pixels of such maps in another order, and parts of them.
    ARRANGE = "arrange" [Shuffle, Frame];
    /// Samples of tensors.
    WATCH = "watch" [Sampled];
    /// Masks.
    RANDOM = "random" [];
    /// Optimizer steps.
    OPTIM = "optim" [Chunk, Slot, Sgd, Adam, RmsProp];
}

impl Source {
    /// The whole text for an element type. `wide` says whether values are counted in 64 bits, as they must where there are
    /// 2^31 or more.
    #[must_use]
    pub fn text(&self, scalar: Scalar, wide: bool) -> String {
        let index = if wide { "long long" } else { "int" };
        let mut text = format!("#define {}\n#define INDEX {index}\n", scalar.define());
        text.push_str(include_str!("kernels/prelude.cuh"));
        text.push_str("typedef long long wide;\n");
        for declaration in self.structs {
            text.push_str(declaration);
        }
        text.push_str(self.shared);
        text.push_str(self.text);
        text
    }
}
