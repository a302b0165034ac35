//! The kernels as functions: they check the lengths of what they are given, choose grids and launch.
pub mod arrange;
pub mod conv;
pub mod conv_last;
pub mod elementwise;
pub mod group_norm_last;
pub mod layout;
pub mod linear;
pub mod lrn;
pub mod norm;
pub mod norm_last;
pub mod optim;
pub mod pool;
pub mod random;
pub mod resize;
pub mod softmax;
pub mod watch;

#[cfg(feature = "cudnn")]
mod cudnn;
mod product;

use cnn_kernels::channels::Planes;

use crate::device::Result;
use crate::sizes;

/// A number as the kernels have it.
fn int(kernel: &'static str, value: usize) -> Result<i32> {
    match i32::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => crate::device::sizes(kernel, format_args!("a size of {value} is too large")),
    }
}

/// A number of blocks.
fn blocks(kernel: &'static str, count: usize) -> Result<u32> {
    int(kernel, count).map(|count| count as u32)
}

fn planes(kernel: &'static str, planes: &Planes) -> Result<sizes::Planes> {
    let Planes { batch, channels, plane } = *planes;
    Ok(sizes::Planes {
        batch: int(kernel, batch)?,
        channels: int(kernel, channels)?,
        plane: int(kernel, plane)?,
    })
}
