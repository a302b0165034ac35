//! Colours changed, by torchvision's definitions for tensors of bytes: results are cut off, not rounded.

use cnn_runtime::random::Stream;

use super::{Transform, bytes, refused};
use crate::data::shuffle::below;
use crate::data::{Image, Result};

/// The image with every value times `factor`: 0 is black, 1 the image itself.
///
/// # Errors
/// If the image is not of bytes, or the factor is negative.
pub fn adjust_brightness(image: Image, factor: f64) -> Result<Image> {
    blend(image, factor, "brightness", |_| Gray::One(0.0))
}

/// The image mixed with its mean grey: 0 is grey, 1 the image itself, beyond that contrasts grow.
///
/// # Errors
/// If the image is not of bytes in one or three channels, or the factor is negative.
pub fn adjust_contrast(image: Image, factor: f64) -> Result<Image> {
    blend(image, factor, "contrast", |channels| {
        let mean = |values: &mut dyn Iterator<Item = f32>, count: usize| {
            (values.map(f64::from).sum::<f64>() / count as f64) as f32
        };
        Gray::One(match channels {
            [one] => mean(&mut one.iter().map(|&value| f32::from(value)), one.len()),
            _ => mean(&mut luminance(channels), channels[0].len()),
        })
    })
}

/// The image mixed with its grey form: 0 is without colour, 1 the image itself, beyond that colours are stronger. A grey
/// image stays as it is.
///
/// # Errors
/// If the image is not of bytes in one or three channels, or the factor is negative.
pub fn adjust_saturation(image: Image, factor: f64) -> Result<Image> {
    if image.channels() == 1 {
        return Ok(image);
    }
    blend(image, factor, "saturation", |channels| Gray::Each(luminance(channels).collect()))
}

/// What an image is mixed with.
enum Gray {
    One(f32),
    Each(Vec<f32>),
}

/// Luminance, rounded down: 0.2989 R + 0.587 G + 0.114 B.
fn luminance<'a>(channels: &[&'a [u8]]) -> impl Iterator<Item = f32> + use<'a> {
    let (red, green, blue) = (channels[0], channels[1], channels[2]);
    red.iter().zip(green).zip(blue).map(|((&red, &green), &blue)| {
        (f32::from(red) * 0.2989 + 0.587 * f32::from(green) + 0.114 * f32::from(blue)).floor()
    })
}

fn blend(image: Image, factor: f64, what: &'static str, gray: impl Fn(&[&[u8]]) -> Gray) -> Result<Image> {
    if !(factor >= 0.0 && factor.is_finite()) {
        return refused(what, format!("a factor of {factor} is none: give one from 0"));
    }
    let (size, mut values) = coloured(image, what)?;
    let plane = size[1] * size[2];
    if plane == 0 {
        return Image::new(size, values);
    }
    let channels: Vec<&[u8]> = values.chunks_exact(plane).collect();
    let gray = gray(&channels);
    let (ratio, rest) = (factor as f32, (1.0 - factor) as f32);
    // PyTorch's fused product and sum rounds once: so does the sum in f64, and it needs no instruction for it. The cast to a
    // byte cuts off at 0 and 255, and what is behind the point.
    let mix = |value: &mut u8, gray: f32| {
        let sum = f64::from(f32::from(*value) * ratio) + f64::from(rest) * f64::from(gray);
        *value = sum as f32 as u8;
    };
    match &gray {
        Gray::One(gray) => values.iter_mut().for_each(|value| mix(value, *gray)),
        Gray::Each(each) => {
            for plane in values.chunks_exact_mut(plane) {
                plane.iter_mut().zip(each).for_each(|(value, &gray)| mix(value, gray));
            }
        }
    }
    Image::new(size, values)
}

/// Bytes in one channel or three.
fn coloured(image: Image, what: &'static str) -> Result<([usize; 3], Vec<u8>)> {
    match image.channels() {
        1 | 3 => bytes(image, what),
        channels => {
            refused(what, format!("an image of {channels} channels is neither grey nor of three colours"))
        }
    }
}

/// The image with its hues turned by `turns` of the colour circle, -0.5 to 0.5. A grey image stays as it is.
///
/// # Errors
/// If the image is not of bytes in one or three channels, or the turn is larger.
pub fn adjust_hue(image: Image, turns: f64) -> Result<Image> {
    if !(-0.5..=0.5).contains(&turns) {
        return refused(
            "hue",
            format!("hues cannot be turned by {turns}: give a part of the circle, -0.5 to 0.5"),
        );
    }
    let (size, mut values) = coloured(image, "hue")?;
    if size[0] == 1 {
        return Image::new(size, values);
    }
    let plane = size[1] * size[2];
    let (red, rest) = values.split_at_mut(plane);
    let (green, blue) = rest.split_at_mut(plane);
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        let [hue, saturation, value] = hsv([*red, *green, *blue].map(|byte| f32::from(byte) * (1.0 / 255.0)));
        let turned = (hue + turns as f32).rem_euclid(1.0);
        // As torchvision makes bytes of numbers from 0 to 1.
        [*red, *green, *blue] = rgb([turned, saturation, value]).map(|value| (value * (256.0 - 1e-3)) as u8);
    }
    Image::new(size, values)
}

/// Hue, saturation and value, each 0 to 1, as Pillow has them.
fn hsv([red, green, blue]: [f32; 3]) -> [f32; 3] {
    let (largest, smallest) = (red.max(green).max(blue), red.min(green).min(blue));
    if largest == smallest {
        return [0.0, 0.0, largest];
    }
    let range = largest - smallest;
    let [from_red, from_green, from_blue] = [red, green, blue].map(|colour| (largest - colour) / range);
    let sixths = if largest == red {
        from_blue - from_green
    } else if largest == green {
        from_red + 2.0 - from_blue
    } else {
        from_green + 4.0 - from_red
    };
    [(sixths * (1.0 / 6.0) + 1.0) % 1.0, range / largest, largest]
}

fn rgb([hue, saturation, value]: [f32; 3]) -> [f32; 3] {
    let sixths = hue * 6.0;
    let (sector, part) = (sixths.floor(), sixths - sixths.floor());
    let least = ((1.0 - saturation) * value).clamp(0.0, 1.0);
    let falling = ((1.0 - saturation * part) * value).clamp(0.0, 1.0);
    let rising = ((saturation * part + (1.0 - saturation)) * value).clamp(0.0, 1.0);
    match sector as i32 % 6 {
        0 => [value, rising, least],
        1 => [falling, value, least],
        2 => [least, value, rising],
        3 => [least, falling, value],
        4 => [rising, least, value],
        _ => [value, least, falling],
    }
}

/// Changes brightness, contrast, saturation and hue at random, in a random order.
///
/// ```
/// use cnn_train::data::transform::ColorJitter;
/// let jitter = ColorJitter::default().brightness(0.2).contrast(0.2).saturation(0.2).hue(0.05);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ColorJitter {
    brightness: Option<[f64; 2]>,
    contrast: Option<[f64; 2]>,
    saturation: Option<[f64; 2]>,
    hue: Option<[f64; 2]>,
}

/// Factors about 1, none negative.
fn factors(by: f64) -> Option<[f64; 2]> {
    (by != 0.0).then(|| [(1.0 - by).max(0.0), 1.0 + by])
}

impl ColorJitter {
    /// Brightness by a factor from `1 - by` (at least 0) to `1 + by`.
    #[must_use]
    pub fn brightness(mut self, by: f64) -> Self {
        self.brightness = factors(by);
        self
    }

    /// Contrast by a factor from `1 - by` (at least 0) to `1 + by`.
    #[must_use]
    pub fn contrast(mut self, by: f64) -> Self {
        self.contrast = factors(by);
        self
    }

    /// Saturation by a factor from `1 - by` (at least 0) to `1 + by`.
    #[must_use]
    pub fn saturation(mut self, by: f64) -> Self {
        self.saturation = factors(by);
        self
    }

    /// Hue by up to `by` of the colour circle either way, 0 to 0.5.
    #[must_use]
    pub fn hue(mut self, by: f64) -> Self {
        self.hue = (by != 0.0).then_some([-by, by]);
        self
    }
}

impl Transform for ColorJitter {
    fn apply(&self, mut image: Image, random: &mut Stream) -> Result<Image> {
        type Adjust = fn(Image, f64) -> Result<Image>;
        let mut steps: [(_, Adjust); 4] = [
            (self.brightness, adjust_brightness),
            (self.contrast, adjust_contrast),
            (self.saturation, adjust_saturation),
            (self.hue, adjust_hue),
        ];
        for last in (1..steps.len()).rev() {
            steps.swap(last, below(random, last + 1));
        }
        for (range, adjust) in steps {
            if let Some([low, high]) = range {
                image = adjust(image, random.uniform(low, high))?;
            }
        }
        Ok(image)
    }
}
