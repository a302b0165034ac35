//! The confusion matrix, drawn.

use std::io;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::metrics::Confusion;

const INK: RGBColor = RGBColor(29, 39, 48);
const SOFT: RGBColor = RGBColor(96, 108, 118);
const FULL: RGBColor = RGBColor(8, 81, 156);
/// Classes beyond which cells are too small for numbers and names.
const NAMED: usize = 40;
/// Pixels for names beside and below the matrix.
const ROOM: i32 = 120;
/// Letters of a name that fit there.
const LETTERS: usize = 14;

/// The matrix as SVG: a row for each true class, a column for each predicted one; a cell is the darker, the larger its share
/// of the row. Up to 40 classes have their names and numbers.
///
/// # Errors
/// What the drawing library says.
pub fn confusion_svg(title: &str, confusion: &Confusion) -> io::Result<String> {
    let classes = confusion.classes().len();
    let cell = (640 / classes.max(1) as i32).clamp(2, 56);
    let size = cell * classes as i32;
    let (width, height) = ((ROOM + size + 60).max(420), 60 + size + ROOM);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
        draw(&root, title, confusion, cell).map_err(io::Error::other)?;
    }
    Ok(svg)
}

fn draw(
    root: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
    confusion: &Confusion,
    cell: i32,
) -> Result<(), String> {
    let classes = confusion.classes();
    let (left, top) = (ROOM, 60);
    let size = cell * classes.len() as i32;
    root.fill(&WHITE).map_err(|error| error.to_string())?;
    let write = |text: &str, at: (i32, i32), pixels: i32, colour: RGBColor, pos: Pos, turned: bool| {
        let font = ("sans-serif", pixels).into_font();
        let font = if turned { font.transform(FontTransform::Rotate270) } else { font };
        root.draw(&Text::new(text.to_owned(), at, font.color(&colour).pos(pos)))
            .map_err(|error| error.to_string())
    };
    let centred = Pos::new(HPos::Center, VPos::Center);
    write(title, (left, 22), 20, INK, Pos::new(HPos::Left, VPos::Center), false)?;

    for label in 0..classes.len() {
        let support = confusion.support(label);
        for predicted in 0..classes.len() {
            let count = confusion.count(label, predicted);
            let share = if support == 0 { 0.0 } else { count as f64 / support as f64 };
            let corner = (left + cell * predicted as i32, top + cell * label as i32);
            let opposite = (corner.0 + cell, corner.1 + cell);
            let shade = FULL.mix(share).filled();
            root.draw(&Rectangle::new([corner, opposite], shade)).map_err(|error| error.to_string())?;
            if classes.len() <= NAMED && count > 0 {
                let digits = count.to_string();
                let pixels = (cell * 2 / (digits.len() as i32 + 1)).min(cell * 2 / 5).max(5);
                let colour = if share > 0.5 { WHITE } else { INK };
                write(&digits, (corner.0 + cell / 2, corner.1 + cell / 2), pixels, colour, centred, false)?;
            }
        }
    }
    let frame = Rectangle::new([(left, top), (left + size, top + size)], SOFT.stroke_width(1));
    root.draw(&frame).map_err(|error| error.to_string())?;

    if classes.len() <= NAMED {
        let pixels = (cell * 2 / 3).clamp(7, 13);
        for (class, name) in classes.iter().enumerate() {
            let name = cut(name);
            let along = cell * class as i32 + cell / 2;
            write(&name, (left - 8, top + along), pixels, INK, Pos::new(HPos::Right, VPos::Center), false)?;
            // Turned by a quarter, right is up.
            write(
                &name,
                (left + along, top + size + 8),
                pixels,
                INK,
                Pos::new(HPos::Right, VPos::Center),
                true,
            )?;
        }
    }
    write("true class", (14, top + size / 2), 14, SOFT, centred, true)?;
    write("predicted class", (left + size / 2, top + size + ROOM - 14), 14, SOFT, centred, false)?;
    root.present().map_err(|error| error.to_string())
}

fn cut(name: &str) -> String {
    if name.chars().count() <= LETTERS {
        return name.to_owned();
    }
    name.chars().take(LETTERS - 1).chain(['…']).collect()
}
