//! Files to upright RGB pixels.

use std::io::Cursor;

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::guard::guarded;
use super::{MAX_PIXELS, Problem, jpeg};

/// The most memory that a decoder may ask for: 16-bit RGBA of the largest photo fits.
pub(super) const MAX_MEMORY: u64 = 1 << 30;

/// The pixels of a file, turned as its EXIF data say.
pub(super) fn upright(bytes: &[u8]) -> Result<RgbImage, Problem> {
    let format = image::guess_format(bytes).map_err(|_| Problem::UnknownKind)?;
    let kind = kind(format);
    let decoded = guarded(|| match format {
        ImageFormat::Jpeg => jpeg::decode(bytes),
        _ => others(bytes, format),
    });
    let (image, orientation) = decoded.unwrap_or_else(|reason| Err(Problem::Unsupported { kind, reason }))?;
    if image.width() == 0 || image.height() == 0 {
        return Err(Problem::Broken { kind, reason: "it has no pixels".to_owned() });
    }
    let mut image = DynamicImage::ImageRgb8(image);
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

/// Is the size, as the file claims it, one that is decoded?
pub(super) fn check_size(width: u64, height: u64) -> Result<(), Problem> {
    if width * height > MAX_PIXELS { Err(Problem::TooManyPixels { width, height }) } else { Ok(()) }
}

/// All formats but JPEG.
fn others(bytes: &[u8], format: ImageFormat) -> Result<(RgbImage, Orientation), Problem> {
    let problem = |error| problem(format, error);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(problem)?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into())?;
    // EXIF data that cannot be read turn nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    limits.reserve(decoder.total_bytes()).map_err(problem)?;
    decoder.set_limits(limits).map_err(problem)?;
    let image = DynamicImage::from_decoder(decoder).map_err(problem)?;
    let rgb = rgb(&image)
        .ok_or_else(|| Problem::Unsupported { kind: kind(format), reason: format!("{:?}", image.color()) })?;
    Ok((rgb, orientation))
}

/// Red, green and blue as Pillow's `convert("RGB")` has them: grey three times, without alpha, the upper half of 16 bits.
fn rgb(image: &DynamicImage) -> Option<RgbImage> {
    let upper = |samples: &[u16]| samples.iter().map(|sample| (sample >> 8) as u8).collect::<Vec<_>>();
    let pixels = match image {
        DynamicImage::ImageLuma8(image) => spread::<1>(image),
        DynamicImage::ImageLumaA8(image) => spread::<2>(image),
        DynamicImage::ImageRgb8(image) => image.as_raw().clone(),
        DynamicImage::ImageRgba8(image) => spread::<4>(image),
        DynamicImage::ImageLuma16(image) => spread::<1>(&upper(image)),
        DynamicImage::ImageLumaA16(image) => spread::<2>(&upper(image)),
        DynamicImage::ImageRgb16(image) => upper(image),
        DynamicImage::ImageRgba16(image) => spread::<4>(&upper(image)),
        _ => return None,
    };
    RgbImage::from_raw(image.width(), image.height(), pixels)
}

/// Pixels of grey, grey and alpha, or RGB and alpha as RGB.
fn spread<const CHANNELS: usize>(samples: &[u8]) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<CHANNELS>();
    pixels
        .iter()
        .flat_map(|pixel| if CHANNELS < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] })
        .collect()
}

fn problem(format: ImageFormat, error: ImageError) -> Problem {
    let kind = kind(format);
    match error {
        ImageError::Unsupported(error) => Problem::Unsupported { kind, reason: error.to_string() },
        ImageError::Limits(error) if matches!(error.kind(), LimitErrorKind::InsufficientMemory) => {
            Problem::Unsupported { kind, reason: format!("it needs more than {MAX_MEMORY} bytes of memory") }
        }
        error => Problem::Broken { kind, reason: error.to_string() },
    }
}

/// What people call the format.
fn kind(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Pnm => "PNM",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Avif => "AVIF",
        ImageFormat::Ico => "ICO",
        ImageFormat::Hdr => "HDR",
        ImageFormat::OpenExr => "OpenEXR",
        _ => "image",
    }
}
