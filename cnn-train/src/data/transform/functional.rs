//! Transforms with given parameters: torchvision's `transforms.v2.functional`, on images of bytes.

pub use super::color::{adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation};
pub use super::crop::{center_crop, crop, pad};
pub use super::erase::erase;
pub use super::geometry::{horizontal_flip, rotate};
pub use super::normalize::normalize;
pub use super::resize::{resize, resized_crop};
