//! Sixteen lanes at a time, on whatever the processor has.
//!
//! Kernels are written once, over `Vector`. `Isa::run` enters them with the instructions of one
//! instruction set: everything between that entry and the intrinsics is inlined, so that rustc compiles it with
//! those instructions. [`Isa::Portable`] is plain Rust, and what every other is tested against.

pub(crate) mod math;
mod portable;
mod vector;

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
mod neon;

pub(crate) use vector::Vector;

use std::fmt;

/// Lanes of a `Vector`, and channels of a block of the blocked layout.
pub const LANES: usize = 16;

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// Plain Rust.
    Portable,
    /// x86-64 with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-512F.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 64-bit ARM.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Isa {
    /// The best that this processor has.
    ///
    /// ```
    /// use cnn_kernels::simd::Isa;
    /// assert!(Isa::available().contains(&Isa::best()));
    /// ```
    #[must_use]
    pub fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }

    /// All that this processor has, the best last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = vec![Self::Portable];
        // Miri has no vector instructions to speak of.
        if cfg!(miri) {
            return found;
        }
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f") {
                    found.push(Self::Avx512);
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        found.push(Self::Neon);
        found
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        Self::available().contains(&self)
    }

    /// The sizes of the product's tile: blocks of output channels, and the most pixels.
    pub(crate) const fn tile(self) -> (usize, usize) {
        match self {
            Self::Portable => (portable::Portable::TILE_BLOCKS, portable::Portable::TILE_PIXELS),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => (x86::Avx2::TILE_BLOCKS, x86::Avx2::TILE_PIXELS),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => (x86::Avx512::TILE_BLOCKS, x86::Avx512::TILE_PIXELS),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => (neon::Neon::TILE_BLOCKS, neon::Neon::TILE_PIXELS),
        }
    }

    /// Runs a kernel with these instructions.
    ///
    /// # Safety
    /// The processor has them ([`is_available`](Self::is_available)), and the kernel's own contract holds.
    #[inline]
    pub(crate) unsafe fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: the caller's promise.
        unsafe {
            match self {
                Self::Portable => portable::Portable::enter(kernel),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => x86::Avx2::enter(kernel),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => x86::Avx512::enter(kernel),
                #[cfg(target_arch = "aarch64")]
                Self::Neon => neon::Neon::enter(kernel),
            }
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "AVX-512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "NEON",
        })
    }
}

/// A computation over any vectors. Implementations of `run` are `#[inline(always)]`: what is not inlined into the
/// entry is compiled without the instruction set.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;

    /// # Safety
    /// The processor has `V`'s instructions, and the kernel's own contract holds.
    unsafe fn run<V: Vector>(self) -> Self::Output;
}
