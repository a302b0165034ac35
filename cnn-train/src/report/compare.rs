//! Several runs in one picture.

use std::io;

use plotters::style::RGBColor;

use super::curves::points;
use super::panel::{Curve, Panel, side_by_side};
use crate::trainer::EpochRecord;

/// Colours that colour-blind people tell apart too (Okabe and Ito, "Color Universal Design", 2008), the pale ones last.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(29, 39, 48),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// A loss that is so many times the median is drawn at the upper edge: a run that diverges would flatten the others.
const HIGHEST: f64 = 6.0;

/// What is compared: its name, and the epochs of its runs, of which one for each seed is a good number.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// What the legend calls it.
    pub name: &'a str,
    /// The epochs of each of its runs.
    pub runs: &'a [&'a [EpochRecord]],
}

/// Training loss and accuracy of the validation over the epochs, side by side, as SVG: a line for each of those compared,
/// the mean of its runs, with a fine one for each run where there are several. The mean goes as far as every run does.
/// What is not finite is left out, and a loss that is far above the others is drawn at the upper edge.
///
/// ```
/// use cnn_train::report::{Compared, compare_svg};
/// # fn main() -> std::io::Result<()> {
/// let (first, second) = (Vec::new(), Vec::new()); // of `History::epochs`
/// let svg = compare_svg(
///     "Plain and residual",
///     &[
///         Compared { name: "plain", runs: &[&first] },
///         Compared { name: "residual", runs: &[&second] },
///     ],
/// )?;
/// # assert!(svg.starts_with("<svg"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What the drawing library says.
pub fn compare_svg(title: &str, compared: &[Compared<'_>]) -> io::Result<String> {
    let losses = curves(compared, |record| record.train_loss);
    let mut values: Vec<f64> = losses.iter().flat_map(|curve| &curve.points).map(|point| point.1).collect();
    values.sort_unstable_by(f64::total_cmp);
    let highest = values.get(values.len() / 2).map_or(f64::INFINITY, |median| HIGHEST * median);
    let losses = Panel { name: "training loss", curves: losses, legend: None, highest };
    let accuracies = Panel {
        name: "accuracy of the validation, %",
        curves: curves(compared, |record| 100.0 * record.accuracy),
        legend: None,
        highest: f64::INFINITY,
    };
    let names: Vec<_> = coloured(compared).map(|(compared, colour)| (compared.name, colour)).collect();
    side_by_side(title, [&losses, &accuracies], &names)
}

/// The fine lines first, so that the means lie above them.
fn curves<'a>(compared: &[Compared<'a>], of: impl Fn(&EpochRecord) -> f64) -> Vec<Curve<'a>> {
    let mut curves = Vec::new();
    for (Compared { name, runs }, colour) in coloured(compared).filter(|(each, _)| each.runs.len() > 1) {
        curves.extend(runs.iter().map(|records| Curve {
            name,
            colour,
            is_fine: true,
            points: points(records, &of),
        }));
    }
    curves.extend(coloured(compared).map(|(Compared { name, runs }, colour)| {
        let epochs = runs.iter().map(|records| records.len()).min().unwrap_or(0);
        let mean = |epoch: usize| {
            let values = runs.iter().map(|records| of(&records[epoch]));
            (runs[0][epoch].epoch as f64, values.sum::<f64>() / runs.len() as f64)
        };
        let points = (0..epochs).map(mean).filter(|(_, value)| value.is_finite()).collect();
        Curve { name, colour, is_fine: false, points }
    }));
    curves
}

fn coloured<'c, 'a>(compared: &'c [Compared<'a>]) -> impl Iterator<Item = (&'c Compared<'a>, RGBColor)> {
    compared.iter().zip(COLOURS.into_iter().cycle())
}
