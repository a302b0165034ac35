use cudarc::driver::{DeviceRepr, LaunchConfig, PushKernelArg};

use super::error::{Doing, Result};
use super::gpu::Gpu;
use super::memory::{In, Labels, Out, Table};
use crate::sizes;
use crate::source::{Scalar, Source};

/// Threads of a block, as in `prelude.cuh`.
const THREADS: usize = 256;

/// A launch of a kernel, of which the arguments are given in order.
pub(crate) struct Launch<'g> {
    gpu: &'g Gpu,
    source: Source,
    name: &'static str,
    scalar: Scalar,
    wide: bool,
    arguments: Vec<Argument>,
}

/// An argument: the driver reads as many bytes as the kernel's parameter has.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(crate) struct Argument([u64; 24]);

// SAFETY: plain bytes.
unsafe impl DeviceRepr for Argument {}

impl Argument {
    fn of<T: Copy>(value: &T) -> Self {
        const { assert!(size_of::<T>() <= size_of::<Self>() && align_of::<T>() <= align_of::<Self>()) }
        let mut argument = Self([0; 24]);
        // SAFETY: the value fits, as was asserted, and is copied as bytes; structs here are `repr(C)` as in the kernel.
        unsafe {
            std::ptr::copy_nonoverlapping(
                std::ptr::from_ref(value).cast::<u8>(),
                std::ptr::from_mut(&mut argument).cast::<u8>(),
                size_of::<T>(),
            );
        }
        argument
    }
}

/// What a kernel takes.
pub(crate) trait Pass {
    fn argument(&self) -> Argument;

    /// Values that the kernel counts through.
    fn counted(&self) -> usize {
        0
    }
}

macro_rules! pass {
    ($($type:ty),*) => {
        $(impl Pass for $type {
            fn argument(&self) -> Argument {
                Argument::of(self)
            }
        })*
    };
}

pass!(i32, u64, f64, sizes::Planes, sizes::Pool, sizes::Bins, sizes::Upsample, sizes::Response, sizes::Norm);
pass!(sizes::GroupNorm, sizes::Spread, sizes::Shuffle, sizes::Frame, sizes::Product, sizes::Pack);
pass!(sizes::Sgd, sizes::Adam, sizes::RmsProp);

/// A number of the kernels' type `index`: of 32 bits it reads the lower half of these.
impl Pass for usize {
    fn argument(&self) -> Argument {
        Argument::of(&(*self as u64))
    }

    fn counted(&self) -> usize {
        *self
    }
}

impl Pass for In<'_> {
    fn argument(&self) -> Argument {
        Argument::of(&self.address)
    }

    fn counted(&self) -> usize {
        self.len()
    }
}

impl Pass for Out<'_> {
    fn argument(&self) -> Argument {
        Argument::of(&self.address)
    }

    fn counted(&self) -> usize {
        self.len()
    }
}

impl<T: Pass> Pass for &mut T {
    fn argument(&self) -> Argument {
        (**self).argument()
    }

    fn counted(&self) -> usize {
        (**self).counted()
    }
}

impl Pass for Labels<'_> {
    fn argument(&self) -> Argument {
        Argument::of(&self.address)
    }
}

impl Pass for Table {
    fn argument(&self) -> Argument {
        Argument::of(&self.address())
    }
}

impl<T: Pass> Pass for Option<&T> {
    fn argument(&self) -> Argument {
        self.map_or(Argument::of(&0u64), Pass::argument)
    }

    fn counted(&self) -> usize {
        self.map_or(0, Pass::counted)
    }
}

impl<'g> Launch<'g> {
    pub(crate) const fn new(gpu: &'g Gpu, source: Source, name: &'static str, scalar: Scalar) -> Self {
        Self { gpu, source, name, scalar, wide: false, arguments: Vec::new() }
    }

    pub(crate) fn pass(mut self, value: &impl Pass) -> Self {
        // Threads count a little beyond what there is, in steps of the grid.
        self.wide |= value.counted() >= (1 << 31) - (1 << 24);
        self.arguments.push(value.argument());
        self
    }

    /// A thread for each of `count` things, or fewer that take several.
    pub(crate) fn each(self, count: usize) -> Result<()> {
        let most = 32 * self.gpu.processors();
        let blocks = count.div_ceil(THREADS).min(most) as u32;
        self.blocks([blocks, 1, 1])
    }

    /// So many blocks.
    pub(crate) fn blocks(self, grid: [u32; 3]) -> Result<()> {
        self.blocks_of(THREADS as u32, grid)
    }

    /// So many blocks of so many threads.
    pub(crate) fn blocks_of(self, threads: u32, [x, y, z]: [u32; 3]) -> Result<()> {
        if x == 0 || y == 0 || z == 0 {
            return Ok(());
        }
        let context = self.gpu.stream.context();
        let function = self.gpu.kernels.function(context, &self.source, self.scalar, self.wide, self.name)?;
        let mut builder = self.gpu.stream.launch_builder(&function);
        for argument in &self.arguments {
            builder.arg(argument);
        }
        let config = LaunchConfig { grid_dim: (x, y, z), block_dim: (threads, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: the functions of `ops` give each kernel its parameters in order, of the types that it declares, and
        // memory whose length they compared with the sizes that they pass.
        unsafe { builder.launch(config) }.map(drop).doing(self.name)
    }
}
