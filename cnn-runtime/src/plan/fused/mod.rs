//! A recorded graph as kernels: fused ([`fuse`]), laid out ([`layout`], [`arena`]), with an algorithm for each
//! convolution ([`choose`]) and its weights packed ([`lower`]).

mod arena;
mod choose;
mod describe;
mod fuse;
mod layout;
mod lower;
mod plain;
mod transposed;

pub use describe::Row;
pub(super) use describe::table;
pub(super) use lower::{Lowered, lower};
