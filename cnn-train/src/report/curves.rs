//! Loss and accuracy over the epochs, drawn.

use std::io;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::trainer::EpochRecord;

const INK: RGBColor = RGBColor(29, 39, 48);
const SOFT: RGBColor = RGBColor(96, 108, 118);
const GRID: RGBColor = RGBColor(228, 233, 237);
const BLUE: RGBColor = RGBColor(38, 139, 210);
const ORANGE: RGBColor = RGBColor(203, 75, 22);
const GREEN: RGBColor = RGBColor(64, 145, 108);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A curve: its name, its colour and its points.
struct Curve {
    name: &'static str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Loss (training and validation) and accuracy (of the validation) over the epochs, side by side, as SVG. What is not finite
/// is left out.
///
/// # Errors
/// What the drawing library says.
pub fn curves_svg(title: &str, records: &[EpochRecord]) -> io::Result<String> {
    let curve = |name, colour, of: &dyn Fn(&EpochRecord) -> f64| {
        let points = records.iter().map(|record| (record.epoch as f64, of(record)));
        Curve { name, colour, points: points.filter(|(_, value)| value.is_finite()).collect() }
    };
    let losses = [
        curve("training", BLUE, &|record| record.train_loss),
        curve("validation", ORANGE, &|record| record.valid_loss),
    ];
    let accuracies = [
        curve("accuracy", GREEN, &|record| 100.0 * record.accuracy),
        curve("top-5", SOFT, &|record| 100.0 * record.top5),
    ];
    // Where there are five classes or fewer, every answer is among the first five.
    let tops = if records.iter().all(|record| record.top5 == 1.0) { 1 } else { 2 };

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (1000, 400)).into_drawing_area();
        draw(&root, title, &losses, &accuracies[..tops]).map_err(io::Error::other)?;
    }
    Ok(svg)
}

fn draw(root: &Area<'_>, title: &str, losses: &[Curve], accuracies: &[Curve]) -> Result<(), String> {
    root.fill(&WHITE).map_err(|error| error.to_string())?;
    let style = ("sans-serif", 20).into_font().color(&INK);
    let root = root.titled(title, style).map_err(|error| error.to_string())?;
    let (left, right) = root.split_horizontally(500);
    panel(&left, "loss", losses, SeriesLabelPosition::UpperRight)?;
    panel(&right, "accuracy of the validation, %", accuracies, SeriesLabelPosition::LowerRight)?;
    root.present().map_err(|error| error.to_string())
}

fn panel(area: &Area<'_>, name: &str, curves: &[Curve], legend: SeriesLabelPosition) -> Result<(), String> {
    let epochs = range(curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.0)), 0.0);
    let values = range(curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.1)), 0.06);
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
        .y_desc(name)
        .x_labels(ticks)
        .y_labels(7)
        .x_label_formatter(&|epoch| if epoch.fract() == 0.0 { format!("{epoch:.0}") } else { String::new() })
        .y_label_formatter(&|value| short(*value))
        .label_style(text(13, &SOFT))
        .axis_desc_style(text(14, &INK))
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(SOFT)
        .draw()
        .map_err(|error| error.to_string())?;
    for curve in curves {
        let style = curve.colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), style))
            .map_err(|error| error.to_string())?
            .label(curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        // A line of one point is none.
        if let [point] = curve.points[..] {
            let dot = Circle::new(point, 3, curve.colour.filled());
            chart.draw_series([dot]).map_err(|error| error.to_string())?;
        }
    }
    chart
        .configure_series_labels()
        .position(legend)
        .margin(10)
        .legend_area_size(24)
        .background_style(WHITE.mix(0.9))
        .border_style(GRID)
        .label_font(text(14, &INK))
        .draw()
        .map_err(|error| error.to_string())
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
