//! Lines over the epochs, with a legend: what the pictures of a run are made of.

use std::io;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub(super) const INK: RGBColor = RGBColor(29, 39, 48);
pub(super) const SOFT: RGBColor = RGBColor(96, 108, 118);
const GRID: RGBColor = RGBColor(228, 233, 237);

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A curve: its name, its colour and its points.
pub(super) struct Curve<'a> {
    pub(super) name: &'a str,
    pub(super) colour: RGBColor,
    /// Whether it is one of several that have a mean: a fine line that the legend does not name.
    pub(super) is_fine: bool,
    pub(super) points: Vec<(f64, f64)>,
}

/// What stands in one system of axes.
pub(super) struct Panel<'a> {
    /// What the values are.
    pub(super) name: &'a str,
    pub(super) curves: Vec<Curve<'a>>,
    /// Where the legend stands; none where it has a place of its own.
    pub(super) legend: Option<SeriesLabelPosition>,
    /// What is above runs along the upper edge.
    pub(super) highest: f64,
}

/// Pixels of the picture, without the legend below the panels.
const WIDTH: u32 = 1000;
const HEIGHT: u32 = 400;

/// Pixels of a line of the legend below the panels, of the space beside it, and of a letter at most.
const LINE: u32 = 24;
const BESIDE: u32 = 56;
const LETTER: u32 = 8;

/// Two panels side by side below a title, with one legend for both below them where there is one, as SVG.
pub(super) fn side_by_side(
    title: &str,
    panels: [&Panel<'_>; 2],
    legend: &[(&str, RGBColor)],
) -> io::Result<String> {
    let letters = legend.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let column = (LETTER * u32::try_from(letters).unwrap_or(WIDTH) + 48).min(WIDTH - BESIDE);
    let columns = ((WIDTH - BESIDE) / column) as usize;
    let lines = u32::try_from(legend.len().div_ceil(columns)).unwrap_or(0);
    let height = HEIGHT + lines * LINE + if lines > 0 { LINE / 2 } else { 0 };

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        let draw = || -> Result<(), String> {
            root.fill(&WHITE).map_err(|error| error.to_string())?;
            let (above, below) = root.split_vertically(HEIGHT);
            let style = ("sans-serif", 20).into_font().color(&INK);
            let above = above.titled(title, style).map_err(|error| error.to_string())?;
            let (left, right) = above.split_horizontally(WIDTH / 2);
            panels[0].draw(&left)?;
            panels[1].draw(&right)?;
            for (index, entry) in legend.iter().enumerate() {
                let [across, down] = [index % columns, index / columns].map(|place| place as u32);
                name_line(&below, [BESIDE + across * column, down * LINE + LINE / 2], *entry)?;
            }
            root.present().map_err(|error| error.to_string())
        };
        draw().map_err(io::Error::other)?;
    }
    Ok(svg)
}

/// A piece of the line and its name.
fn name_line(area: &Area<'_>, place: [u32; 2], (name, colour): (&str, RGBColor)) -> Result<(), String> {
    let [x, y] = place.map(|pixels| i32::try_from(pixels).unwrap_or(0));
    let line = PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2));
    area.draw(&line).map_err(|error| error.to_string())?;
    let style = ("sans-serif", 14).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(name, (x + 26, y), style)).map_err(|error| error.to_string())
}

impl Panel<'_> {
    fn draw(&self, area: &Area<'_>) -> Result<(), String> {
        let all = || self.curves.iter().flat_map(|curve| &curve.points);
        let epochs = range(all().map(|point| point.0), 0.0);
        let values = range(all().map(|point| point.1.min(self.highest)), 0.06);
        let ticks = (epochs.end - epochs.start).clamp(2.0, 10.0) as usize + 1;
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(56)
            .build_cartesian_2d(epochs, values)
            .map_err(|error| error.to_string())?;
        let text = |size: u32, colour: &RGBColor| ("sans-serif", size).into_font().color(colour);
        chart
            .configure_mesh()
            .x_desc("epoch")
            .y_desc(self.name)
            .x_labels(ticks)
            .y_labels(7)
            .x_label_formatter(&|epoch| {
                if epoch.fract() == 0.0 { format!("{epoch:.0}") } else { String::new() }
            })
            .y_label_formatter(&|value| short(*value))
            .label_style(text(13, &SOFT))
            .axis_desc_style(text(14, &INK))
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(SOFT)
            .draw()
            .map_err(|error| error.to_string())?;
        for curve in &self.curves {
            let colour = curve.colour.mix(if curve.is_fine { 0.35 } else { 1.0 });
            let style = colour.stroke_width(if curve.is_fine { 1 } else { 2 });
            let points = curve.points.iter().map(|&(epoch, value)| (epoch, value.min(self.highest)));
            let line = chart
                .draw_series(LineSeries::new(points.clone(), style))
                .map_err(|error| error.to_string())?;
            if !curve.is_fine {
                line.label(curve.name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
            }
            // A line of one point is none.
            if curve.points.len() == 1 {
                let dots = points.map(|point| Circle::new(point, 3, colour.filled()));
                chart.draw_series(dots).map_err(|error| error.to_string())?;
            }
        }
        let Some(legend) = &self.legend else { return Ok(()) };
        chart
            .configure_series_labels()
            .position(legend.clone())
            .margin(10)
            .legend_area_size(24)
            .background_style(WHITE.mix(0.9))
            .border_style(GRID)
            .label_font(text(14, &INK))
            .draw()
            .map_err(|error| error.to_string())
    }
}

/// From the smallest to the largest, with some room; something where there is nothing.
fn range(values: impl Iterator<Item = f64>, room: f64) -> Range<f64> {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return 0.0..1.0;
    }
    let around = room * (high - low);
    if high - low < 1e-9 * high.abs().max(1e-9) { low - 0.5..high + 0.5 } else { low - around..high + around }
}

/// A number of few digits.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
