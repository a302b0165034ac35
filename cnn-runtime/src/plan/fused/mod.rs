//! A recorded graph as kernels: fused ([`fuse`]), laid out ([`layout`], [`arena`]), with an algorithm for each
//! convolution ([`choose`]) and its weights packed ([`lower`]); a batch all at once or in [`turns`].

mod arena;
mod choose;
mod describe;
mod fuse;
mod layout;
mod lower;
mod plain;
mod transposed;
mod turns;

pub(super) use arena::{Block, place};
pub(super) use choose::by_model_packing;
pub use describe::Row;
pub(super) use describe::table;
pub(super) use fuse::fuse;
#[cfg(feature = "cuda")]
pub(super) use fuse::{Affine, Conv, Fused, Kind, Linear, Node};
pub(super) use lower::{Lowered, lower};
pub(super) use turns::{Turns, turns};
