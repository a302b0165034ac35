//! CPU kernels for convolution, pooling and normalization: forward and backward.
//!
//! Every function works on plain slices in row-major NCHW order, for `f32` and `f64`, and shares the work by
//! rayon's current thread pool. Nothing here knows about tensors, layouts or automatic differentiation: the
//! forward function and its gradients are separate functions, and the caller chooses which gradients it needs.
//!
//! Sizes are agreed once, in a geometry value ([`conv::Conv`], [`pool::Pool`], ...): a function panics where a
//! slice has another length than its geometry says, and never otherwise.
pub mod blocked;
pub mod channels;
pub mod conv;
pub mod cross_entropy;
pub mod elementwise;
pub mod float;
pub mod linear;
pub mod lrn;
pub mod mapped;
pub mod matmul;
pub mod norm;
pub mod optim;
mod parallel;
pub mod pool;
pub mod resize;
pub mod simd;
mod sums;
pub mod window;

pub use float::Float;
