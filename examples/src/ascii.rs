//! Pictures in text: grey images as half-block characters, several side by side, with a caption under each.

use crate::mnist::SIDE;

/// Characters across one picture; each holds two pixels, one above the other, so that a picture is half as high.
pub const WIDTH: usize = 18;
/// Spaces between pictures that stand side by side.
const GAP: usize = 2;
/// From this brightness (0 to 255) a pixel shows.
const INK: f32 = 85.0;

/// One picture as lines of [`WIDTH`] characters.
///
/// `image` is 28x28 pixels, row after row, 0 (background) to 255 (ink).
///
/// # Panics
/// If `image` has another length.
///
/// ```
/// let white = cnn_examples::ascii::picture(&[255; 784]);
/// assert_eq!(white, vec!["█".repeat(18); 9]);
/// ```
pub fn picture(image: &[u8]) -> Vec<String> {
    assert_eq!(image.len(), SIDE * SIDE, "a picture of {SIDE}x{SIDE} pixels");
    let shows = |row, column| brightness(image, row, column) >= INK;
    let line = |row: usize| {
        (0..WIDTH).map(move |column| match (shows(2 * row, column), shows(2 * row + 1, column)) {
            (false, false) => ' ',
            (true, false) => '▀',
            (false, true) => '▄',
            (true, true) => '█',
        })
    };
    (0..WIDTH / 2).map(|row| line(row).collect()).collect()
}

/// Mean of the source pixels under pixel (`row`, `column`) of the [`WIDTH`] x [`WIDTH`] picture, weighted by area.
fn brightness(image: &[u8], row: usize, column: usize) -> f32 {
    // In units of 1/WIDTH of a source pixel a target pixel covers SIDE of them: whole numbers, no rounding.
    let overlaps = |target: usize| {
        let (start, end) = (target * SIDE, (target + 1) * SIDE);
        (start / WIDTH..end.div_ceil(WIDTH))
            .map(move |source| (source, end.min((source + 1) * WIDTH) - start.max(source * WIDTH)))
    };
    let mut sum = 0;
    for (source_row, height) in overlaps(row) {
        for (source_column, width) in overlaps(column) {
            sum += usize::from(image[source_row * SIDE + source_column]) * height * width;
        }
    }
    sum as f32 / (SIDE * SIDE) as f32
}

/// Pictures side by side, `per_row` to a row, with the caption under each, and an empty line between rows.
///
/// A caption longer than [`WIDTH`] characters is cut. Lines end where their last character is and not in spaces.
///
/// # Panics
/// If `per_row` is 0 or a picture is not 28x28 pixels.
pub fn gallery(pictures: &[(&[u8], String)], per_row: usize) -> String {
    let rows: Vec<String> = pictures.chunks(per_row).map(gallery_row).collect();
    rows.join("\n")
}

fn gallery_row(pictures: &[(&[u8], String)]) -> String {
    let drawn: Vec<Vec<String>> = pictures.iter().map(|(image, _)| picture(image)).collect();
    let captions = pictures.iter().map(|(_, caption)| {
        let caption: String = caption.chars().take(WIDTH).collect();
        format!("{caption:^WIDTH$}")
    });
    let lines = (0..WIDTH / 2).map(|line| drawn.iter().map(|picture| picture[line].clone()).collect());
    lines
        .chain([captions.collect()])
        .map(|cells: Vec<String>| {
            let line = cells.join(&" ".repeat(GAP));
            format!("{}\n", line.trim_end())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_pixel_weighs_the_same() {
        for lit in [0, 13, 27, 28 * 14 + 5, 783] {
            let mut image = [0; 784];
            image[lit] = 255;
            let all: f32 = (0..WIDTH)
                .flat_map(|row| (0..WIDTH).map(move |column| (row, column)))
                .map(|(row, column)| brightness(&image, row, column))
                .sum();
            // The brightness of one pixel in 784, spread over 324.
            assert!((all - 255.0 * 324.0 / 784.0).abs() < 0.01, "{all}");
        }
    }

    #[test]
    fn a_picture_keeps_its_sides_apart() {
        let mut upper_left = [0; 784];
        for row in 0..14 {
            upper_left[row * SIDE..row * SIDE + 14].fill(255);
        }
        let full = format!("{}{}", "█".repeat(9), " ".repeat(9));
        let half = format!("{}{}", "▀".repeat(9), " ".repeat(9));
        let none = " ".repeat(18);
        assert_eq!(picture(&upper_left), [vec![full; 4], vec![half], vec![none; 4]].concat());
    }

    #[test]
    fn a_gallery_of_ten_fits_a_hundred_columns() {
        let image = [255; 784];
        let pictures: Vec<(&[u8], String)> = (0..10).map(|n| (&image[..], format!("says {n}"))).collect();
        let text = gallery(&pictures, 5);
        assert!(text.lines().all(|line| line.chars().count() <= 100));
        assert_eq!(text.lines().count(), 2 * (9 + 1) + 1);
        assert_eq!(text.matches("says").count(), 10);
    }

    #[test]
    fn captions_stand_under_their_pictures_and_are_cut() {
        let image = [0; 784];
        let text = gallery(&[(&image, "four".to_owned()), (&image, "x".repeat(40))], 2);
        let expected = format!("{:^18}  {}", "four", "x".repeat(18));
        assert_eq!(text.lines().last(), Some(expected.as_str()));
    }
}
