//! Words in pictures.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::{Rgb, RgbImage};

use super::Error;

static ROBOTO: &[u8] = include_bytes!("../../../data/fonts/roboto/Roboto-Regular.ttf");

/// The letters of the pictures.
pub(super) struct Letters(FontRef<'static>);

impl Letters {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self(FontRef::try_from_slice(ROBOTO)?))
    }

    /// The width of a line in pixels.
    pub(super) fn width(&self, text: &str, size: f32) -> u32 {
        self.place(text, size).1.ceil() as u32
    }

    /// A line from its left end at `x`, its letters standing on `baseline`.
    pub(super) fn write(
        &self,
        picture: &mut RgbImage,
        [x, baseline]: [u32; 2],
        size: f32,
        ink: Rgb<u8>,
        text: &str,
    ) {
        for (glyph, offset) in self.place(text, size).0 {
            let at = point(x as f32 + offset, baseline as f32);
            let Some(outline) = self.0.outline_glyph(glyph.with_scale_and_position(PxScale::from(size), at))
            else {
                continue;
            };
            let corner = outline.px_bounds().min;
            outline.draw(|column, row, coverage| {
                let [column, row] = [corner.x + column as f32, corner.y + row as f32];
                if column < 0.0 || row < 0.0 {
                    return;
                }
                if let Some(pixel) = picture.get_pixel_mut_checked(column as u32, row as u32) {
                    for (channel, ink) in pixel.0.iter_mut().zip(ink.0) {
                        let blend = f32::from(*channel) * (1.0 - coverage) + f32::from(ink) * coverage;
                        *channel = blend.round() as u8;
                    }
                }
            });
        }
    }

    /// The text, cut with an ellipsis where it is wider than `width` pixels.
    pub(super) fn cut(&self, text: &str, size: f32, width: u32) -> String {
        if self.width(text, size) <= width {
            return text.to_owned();
        }
        let mut kept: String = text.to_owned();
        while kept.pop().is_some() {
            let cut = format!("{}…", kept.trim_end());
            if self.width(&cut, size) <= width {
                return cut;
            }
        }
        String::new()
    }

    /// Each glyph with its distance from the line's left end, and the line's width.
    fn place(&self, text: &str, size: f32) -> (Vec<(ab_glyph::GlyphId, f32)>, f32) {
        let font = self.0.as_scaled(PxScale::from(size));
        let mut x = 0.0;
        let mut glyphs: Vec<(ab_glyph::GlyphId, f32)> = Vec::new();
        for letter in text.chars() {
            let glyph = font.glyph_id(letter);
            if let Some((before, _)) = glyphs.last() {
                x += font.kern(*before, glyph);
            }
            glyphs.push((glyph, x));
            x += font.h_advance(glyph);
        }
        (glyphs, x)
    }
}
