//! JPEG files, by a port of libjpeg-turbo: Pillow has its pixels from that library.
//!
//! JPEG decoders differ in the last bits: the standard asks for an accuracy of the inverse transform, not for its
//! rounding. With another decoder's pixels the probabilities that MobileNetV2 gives a photo differ in the third decimal.

use image::RgbImage;
use image::metadata::Orientation;
use libjpeg_turbo_rs::{DecodeLimits, Decoder, JpegError, PixelFormat};

use super::decode::{MAX_MEMORY, check_size};
use super::{MAX_PIXELS, Problem};

/// More than any photo's: a progressive photo has about ten.
const MAX_SCANS: usize = 1_000;

pub(super) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), Problem> {
    let limits = DecodeLimits {
        max_pixels: MAX_PIXELS,
        max_memory: Some(MAX_MEMORY),
        max_scans: MAX_SCANS,
        ..DecodeLimits::default()
    };
    let decoder = Decoder::new_with_limits(bytes, limits).map_err(problem)?;
    let header = decoder.header();
    check_size(header.width.into(), header.height.into())?;
    if header.precision != 8 {
        return Err(unsupported(format!("it has {} bits to a sample", header.precision)));
    }
    let inks = match header.components.len() {
        1 | 3 => false,
        4 => true,
        count => return Err(unsupported(format!("it has {count} colours"))),
    };
    let orientation =
        decoder.exif_orientation().and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    let format = if inks { PixelFormat::Cmyk } else { PixelFormat::Rgb };
    let decoded = decoder.with_output_format(format).decode_image().map_err(problem)?;
    let pixels = if inks { of_inks(&decoded.data) } else { decoded.data };
    let size = u32::try_from(decoded.width).ok().zip(u32::try_from(decoded.height).ok());
    size.and_then(|(width, height)| RgbImage::from_raw(width, height, pixels))
        .map(|image| (image, orientation))
        .ok_or_else(|| broken("its size is not that of its pixels".to_owned()))
}

/// Cyan, magenta, yellow and black to red, green and blue.
///
/// Files hold the inks inverted, as Adobe's programs write them (255 is no ink), and Pillow takes all to do so.
fn of_inks(samples: &[u8]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<4>();
    let shade = |ink: u8, black: u8| ((u32::from(ink) * u32::from(black) + 127) / 255) as u8;
    pixels.iter().flat_map(|&[c, m, y, k]| [shade(c, k), shade(m, k), shade(y, k)]).collect()
}

fn problem(error: JpegError) -> Problem {
    match error {
        JpegError::Unsupported(what) => unsupported(what),
        JpegError::LimitExceeded { .. } | JpegError::AllocationFailed { .. } => {
            unsupported(error.to_string())
        }
        error => broken(error.to_string()),
    }
}

fn unsupported(reason: String) -> Problem {
    Problem::Unsupported { kind: "JPEG", reason }
}

fn broken(reason: String) -> Problem {
    Problem::Broken { kind: "JPEG", reason }
}
