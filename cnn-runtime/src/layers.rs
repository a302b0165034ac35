//! The layers that have parameters, as thin modules over [`ops`](crate::ops).
//!
//! Each is built by `X::new(params, config)`, names its tensors as PyTorch does (`weight`, `bias`,
//! `running_mean`, `running_var`) and starts as PyTorch's layer of that name does. Configurations have
//! PyTorch's fields and defaults.

mod batch_norm;
mod conv;
mod conv_transpose;
mod group_norm;
mod instance_norm;
mod layer_norm;
mod linear;
mod prelu;
mod scale;
#[cfg(test)]
mod tests;

pub use batch_norm::{BatchNorm2d, BatchNormConfig};
pub use conv::{Conv2d, Conv2dConfig};
pub use conv_transpose::{ConvTranspose2d, ConvTranspose2dConfig};
pub use group_norm::{GroupNorm, GroupNormConfig};
pub use instance_norm::{InstanceNorm2d, InstanceNormConfig};
pub use layer_norm::{LayerNorm, LayerNormConfig};
pub use linear::{Linear, LinearConfig};
pub use prelu::PRelu;
pub use scale::Scale;

use candle_core::Tensor;

use crate::error::Result;
use crate::params::{Fill, Params, Role};

/// Refuses numbers that must not be 0.
fn nonzero(params: &Params<'_>, layer: &'static str, fields: &[(&str, usize)]) -> Result<()> {
    match fields.iter().find(|(_, value)| *value == 0) {
        Some((name, _)) => params.refuse(layer, format!("{name} must be at least 1, found 0")),
        None => Ok(()),
    }
}

/// The product of sizes, refused where it is out of range.
fn product(params: &Params<'_>, layer: &'static str, sizes: &[usize]) -> Result<usize> {
    // Bytes are counted in isize, 8 for a value.
    let most = isize::MAX as usize / 8;
    match sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size)) {
        Some(product) if product <= most => Ok(product),
        _ => params.refuse(layer, format!("a weight of {sizes:?} values is too large")),
    }
}

/// Refuses an epsilon that is negative or not a number.
fn valid_eps(params: &Params<'_>, layer: &'static str, eps: f64) -> Result<()> {
    if eps >= 0.0 && eps.is_finite() {
        Ok(())
    } else {
        params.refuse(layer, format!("eps must be a number of at least 0, found {eps}"))
    }
}

/// A norm's scale and shift, ones and zeros.
fn affine(params: &Params<'_>, channels: usize) -> Result<(Tensor, Tensor)> {
    let weight = params.tensor("weight", channels, Fill::Constant(1.0), Role::Parameter)?;
    let bias = params.tensor("bias", channels, Fill::Constant(0.0), Role::Parameter)?;
    Ok((weight, bias))
}
