//! Loss and accuracy over the epochs, drawn.

use std::io;

use plotters::chart::SeriesLabelPosition;
use plotters::style::RGBColor;

use super::panel::{Curve, Panel, SOFT, side_by_side};
use crate::trainer::EpochRecord;

const BLUE: RGBColor = RGBColor(38, 139, 210);
const ORANGE: RGBColor = RGBColor(203, 75, 22);
const GREEN: RGBColor = RGBColor(64, 145, 108);

/// Loss (training and validation) and accuracy (of the validation) over the epochs, side by side, as SVG. What is not finite
/// is left out.
///
/// # Errors
/// What the drawing library says.
pub fn curves_svg(title: &str, records: &[EpochRecord]) -> io::Result<String> {
    let curve = |name, colour, of: fn(&EpochRecord) -> f64| Curve {
        name,
        colour,
        is_fine: false,
        points: points(records, of),
    };
    let losses = vec![
        curve("training", BLUE, |record| record.train_loss),
        curve("validation", ORANGE, |record| record.valid_loss),
    ];
    let mut accuracies = vec![curve("accuracy", GREEN, |record| 100.0 * record.accuracy)];
    // Where there are five classes or fewer, every answer is among the first five.
    if records.iter().any(|record| record.top5 != 1.0) {
        accuracies.push(curve("top-5", SOFT, |record| 100.0 * record.top5));
    }
    // Where curves that fall, and that rise, leave room.
    let (above, below) = (Some(SeriesLabelPosition::UpperRight), Some(SeriesLabelPosition::LowerRight));
    let losses = Panel { name: "loss", curves: losses, legend: above, highest: f64::INFINITY };
    let name = "accuracy of the validation, %";
    let accuracies = Panel { name, curves: accuracies, legend: below, highest: f64::INFINITY };
    side_by_side(title, [&losses, &accuracies], &[])
}

/// A value over the epochs, where it is finite.
pub(super) fn points(records: &[EpochRecord], of: impl Fn(&EpochRecord) -> f64) -> Vec<(f64, f64)> {
    let points = records.iter().map(|record| (record.epoch as f64, of(record)));
    points.filter(|(_, value)| value.is_finite()).collect()
}
