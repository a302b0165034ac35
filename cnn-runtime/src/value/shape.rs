//! The shape of what an operation gives.

use candle_core::{Result, bail};

use super::{Activation, Operation};
use crate::ops::{activation, arithmetic, arrange, batch_norm, conv, linear, lrn, norm, pool, resize};

impl Operation {
    /// The shape of the result for values of these shapes, batch included, by the rules that the operation itself
    /// goes by.
    ///
    /// `rust(..)` whose stated shape has sizes that are not numbers is run once, on zeros.
    ///
    /// ```
    /// use cnn_runtime::Window;
    /// use cnn_runtime::value::Operation;
    ///
    /// let pool = Operation::MaxPool2d(Window::new([2, 2]).with_stride([2, 2]));
    /// assert_eq!(pool.shape(&[&[1, 8, 32, 32]])?, [1, 8, 16, 16]);
    /// assert!(pool.shape(&[&[1, 8, 1, 1]]).is_err());
    /// # Ok::<(), candle_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where the operation does not take these shapes, as when it is applied to tensors of them.
    pub fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        match (self, inputs) {
            (Self::Concat, shapes) => arrange::concat_sizes(shapes),
            (Self::Add | Self::Mul, [a, b]) => Ok(match arithmetic::pair_sizes(self.name(), a, b)? {
                arithmetic::Meeting::Same | arithmetic::Meeting::First(_) => a.to_vec(),
                arithmetic::Meeting::Second(_) => b.to_vec(),
            }),
            (Self::Add | Self::Mul, _) => {
                bail!("{}: expected two values, found {}", self.name(), inputs.len())
            }
            (operation, [x]) => operation.shape_of_one(x),
            _ => bail!("{}: expected one value, found {}", self.name(), inputs.len()),
        }
    }

    fn shape_of_one(&self, x: &[usize]) -> Result<Vec<usize>> {
        let same = || x.to_vec();
        Ok(match self {
            Self::Conv2d(layer) => {
                let config = layer.config();
                let sizes = conv::conv2d_sizes(x, layer.weight().dims(), &config.window(), config.groups)?;
                vec![sizes.batch, sizes.out_channels, sizes.rows.output(), sizes.columns.output()]
            }
            Self::ConvTranspose2d(layer) => {
                let (config, weight) = (layer.config(), layer.weight().dims());
                let (window, extra) = (config.window(), config.output_padding);
                let sizes = conv::conv_transpose2d_sizes(x, weight, &window, extra, config.groups)?;
                vec![sizes.batch, sizes.in_channels, sizes.rows.input(), sizes.columns.input()]
            }
            Self::Linear { layer, .. } => {
                let sizes = linear::linear_sizes(x, layer.weight().dims())?;
                vec![sizes.batch, sizes.outputs]
            }
            Self::BatchNorm2d { layer, .. } => {
                batch_norm::batch_norm_sizes(x, layer.running_mean().dims())?;
                same()
            }
            Self::LayerNorm(layer) => {
                norm::layer_norm_sizes(x, layer.weight().dims())?;
                same()
            }
            Self::InstanceNorm2d(layer) => {
                layer.check(x)?;
                norm::instance_norm_sizes(x)?;
                same()
            }
            Self::GroupNorm(layer) => {
                norm::group_norm_sizes(x, layer.config().num_groups, layer.weight().dims())?;
                same()
            }
            Self::PRelu(layer) => {
                activation::prelu_sizes(x, layer.weight().dims())?;
                same()
            }
            Self::Scale(layer) => {
                arithmetic::scale_sizes(x, layer.weight().dims())?;
                same()
            }
            Self::Custom(layer) => layer.shape(x)?,
            Self::MaxPool2d(window) | Self::AvgPool2d { window, .. } => {
                pool::pool_sizes(self.name(), x, window)?.0.to_vec()
            }
            Self::AdaptiveAvgPool2d(size) => pool::adaptive_sizes(self.name(), x, *size)?.0.to_vec(),
            Self::GlobalAvgPool2d => pool::adaptive_sizes(self.name(), x, [1, 1])?.0.to_vec(),
            Self::UpsampleNearest2d(factors) | Self::UpsampleBilinear2d(factors) => {
                resize::upsample_sizes(self.name(), x, *factors)?.0.to_vec()
            }
            Self::PixelShuffle(r) => arrange::pixel_shuffle_sizes(x, *r)?.to_vec(),
            Self::ChannelShuffle(groups) => arrange::channel_shuffle_sizes(x, *groups)?.to_vec(),
            Self::LocalResponseNorm { size, .. } => {
                lrn::local_response_norm_sizes(x, *size)?;
                same()
            }
            Self::Activation(Activation::Softmax) => {
                activation::softmax_sizes(x)?;
                same()
            }
            Self::Activation(other) => {
                activation::activation_sizes(other.name(), x)?;
                same()
            }
            Self::Flatten => arrange::flatten_sizes(x)?.to_vec(),
            Self::Split { index, parts } => arrange::split_sizes(x, *index, *parts)?,
            Self::Crop2d(size) => {
                arrange::crop2d_sizes(x, *size)?;
                vec![x[0], x[1], size[0], size[1]]
            }
            Self::Pad2d { top, bottom, left, right } => {
                arrange::pad2d_sizes(x, [*top, *bottom, *left, *right])?.to_vec()
            }
            Self::Mask { .. } => same(),
            Self::Concat | Self::Add | Self::Mul => bail!("{}: expected other values", self.name()),
        })
    }
}
