//! Where in the picture the evidence for a class stands: Grad-CAM.
//!
//! R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh and D. Batra, "Grad-CAM: visual explanations from deep
//! networks via gradient-based localization", ICCV 2017 (arXiv 1610.02391).

use candle_core::{D, Tensor};
use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma, Rgb, RgbImage};

use super::tiles::Range;
use super::{Error, values};

/// A class-activation map: one value for each position of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Rows and columns.
    pub size: [usize; 2],
    /// `ReLU(sum over k of alpha_k A_k)`, row after row, at least 0, in the units of the class score.
    pub values: Vec<f32>,
}

impl Map {
    /// The map of a stage: its value `A` `(1, K, H, W)`, and the gradient of the class score (before the softmax) with
    /// respect to it, of the same shape.
    ///
    /// `alpha_k` is the mean of the gradient over the positions of channel `k` (the paper's equation 1), the map the
    /// ReLU of the channels' sum with these weights (equation 2).
    ///
    /// # Errors
    /// Where the shapes are others, or a value is not finite.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use cnn_examples::look::grad_cam::Map;
    /// let value = Tensor::new(&[[[[1f32, 2.]], [[3., 0.]]]], &Device::Cpu)?;
    /// let gradient = Tensor::new(&[[[[1f32, 3.]], [[-1., -1.]]]], &Device::Cpu)?;
    /// // alpha = 2, -1: 2*1 - 3 is below 0, 2*2 - 0 = 4.
    /// assert_eq!(Map::of(&value, &gradient)?.values, [0., 4.]);
    /// # Ok::<(), cnn_examples::look::Error>(())
    /// ```
    pub fn of(value: &Tensor, gradient: &Tensor) -> Result<Self, Error> {
        let &[1, _, height, width] = value.dims() else { return Err(shape(value)) };
        if gradient.dims() != value.dims() {
            return Err(shape(gradient));
        }
        let alpha = gradient.mean_keepdim(D::Minus1)?.mean_keepdim(D::Minus2)?;
        let sums = values("the class-activation map", &value.broadcast_mul(&alpha)?.sum(1)?)?;
        // Behind the check: a ReLU makes 0 of what is no number.
        let values = sums.into_iter().map(|sum| sum.max(0.0)).collect();
        Ok(Self { size: [height, width], values })
    }

    /// Its smallest and its largest value; both are 0 where nothing speaks for the class.
    #[must_use]
    pub fn range(&self) -> Range {
        Range::of(&self.values)
    }

    /// The map as shares, 0 at its smallest value to 1 at its largest (all 0 where they are equal), interpolated
    /// bilinearly to `height` x `width` (PyTorch's `interpolate(mode="bilinear", align_corners=False)`).
    #[must_use]
    pub fn shares(&self, [height, width]: [u32; 2]) -> ImageBuffer<Luma<f32>, Vec<f32>> {
        let range = self.range();
        let span = if range.width() > 0.0 { range.width() } else { 1.0 };
        let [rows, columns] = self.size;
        let small = ImageBuffer::from_fn(columns as u32, rows as u32, |column, row| {
            let value = self.values.get(row as usize * columns + column as usize);
            Luma([value.map_or(0.0, |value| (value - range.low) / span)])
        });
        imageops::resize(&small, width, height, FilterType::Triangle)
    }

    /// The map in colours over the picture that the network saw.
    #[must_use]
    pub fn over(&self, picture: &RgbImage) -> RgbImage {
        let shares = self.shares([picture.height(), picture.width()]);
        let mut blended = picture.clone();
        for (pixel, share) in blended.pixels_mut().zip(shares.pixels()) {
            let heat = heat(share.0[0]).0;
            for (channel, &heat) in pixel.0.iter_mut().zip(&heat) {
                *channel = (f32::from(*channel) * (1.0 - OPACITY) + f32::from(heat) * OPACITY).round() as u8;
            }
        }
        blended
    }
}

/// Of the colours over the picture.
const OPACITY: f32 = 0.5;

/// The colour of a share, 0 to 1: Turbo (A. Mikhailov, 2019), by the polynomial that D3 has for it.
#[must_use]
pub fn heat(share: f32) -> Rgb<u8> {
    let colour = colorous::TURBO.eval_continuous(f64::from(share.clamp(0.0, 1.0)));
    Rgb([colour.r, colour.g, colour.b])
}

fn shape(tensor: &Tensor) -> Error {
    Error::Shape {
        what: "a class-activation map".to_owned(),
        found: tensor.dims().to_vec(),
        expected: "(1, channels, height, width), of the stage and of the gradient,",
    }
}
