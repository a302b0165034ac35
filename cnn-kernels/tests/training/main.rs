//! The kernels of compiled training steps against the plain ones in `f64`, which are tested against definitions and
//! PyTorch, in every instruction set that the processor has, over random sizes.

#[path = "../common/mod.rs"]
mod common;
mod convolutions;
mod norms;
mod pointwise;
mod rig;
