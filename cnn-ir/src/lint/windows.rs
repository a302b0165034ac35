//! What sliding windows leave out.

use super::words::{short, with_option};
use super::{Finding, Lint, Words};
use crate::graph::{Graph, Source, Value};
use crate::layer::Op;
use crate::model::Layer;
use crate::window::{Axis, Padding, Window};

/// A window of stride 2 or more whose last position ends before the last row or column of what arrives.
///
/// Those values have no influence on anything, and nobody sees it: AlexNet's first layer on 224x224 (the paper's
/// number) reads 223x223, so most implementations take 227x227 or pad. Rounding up (`ceil`) and `same` never leave
/// anything. Where the window is smaller than its stride, as in the 1x1 projections of ResNet, it skips values
/// everywhere and on purpose. Unread padding is nothing lost: `conv3/2` with half padding on an even size.
///
/// There is no threshold below which a loss is too small to tell. One row in 224 is little, but it is the sign that
/// the input is not of the size that the network was designed for (SqueezeNet on 224 instead of 227, too), and a
/// later layer of the same stride loses one row in seven.
pub(super) fn dropped_pixels(graph: &Graph<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (range, values) in graph.places() {
        // Whether something is lost depends on the size that arrives: one call is enough.
        let lost = values.iter().find_map(|&value| {
            let layer = graph.layer(value)?;
            // Where something else reads what arrives (the skip of a U-Net), nothing is lost.
            let others = graph.input(value).map_or(0, |input| graph.node(input).readers.len());
            Some((value, layer, unread(layer)?)).filter(|_| others <= 1)
        });
        if let Some((value, layer, unread)) = lost {
            let words = words(graph, value, layer, unread, values.len() == 1);
            findings.push(words.at(Lint::DroppedPixels, range));
        }
    }
    findings
}

/// The window of a convolution or pooling.
fn window(op: &Op) -> Option<&Window> {
    match op {
        Op::Conv(conv) => Some(&conv.window),
        Op::MaxPool(window) | Op::AvgPool { window, .. } => Some(window),
        _ => None,
    }
}

/// How many rows and columns at the end are not read, where any are.
fn unread(layer: &Layer) -> Option<[usize; 2]> {
    let window = window(&layer.op)?;
    if window.ceil || window.padding == Padding::Same {
        return None;
    }
    // `axes` needs the size for `same` only.
    let axes = window.axes([1, 1])?;
    let [height, width] = layer.input.spatial()?;
    let lost = |axis: Axis, size: Option<usize>| {
        let designed = axis.extent().is_some_and(|extent| extent >= axis.stride);
        let dropped = size.and_then(|size| axis.dropped(size)).filter(|_| designed).unwrap_or(0);
        // The padding behind the last value is lost first.
        dropped.saturating_sub(axis.after).min(size.unwrap_or(0))
    };
    let unread = [lost(axes[0], height.as_usize()), lost(axes[1], width.as_usize())];
    (unread != [0, 0]).then_some(unread)
}

fn words(graph: &Graph<'_>, value: Value, layer: &Layer, unread: [usize; 2], is_alone: bool) -> Words {
    let many = |count: usize, what: &str| match count {
        1 => format!("the last {what}"),
        _ => format!("the last {count} {what}s"),
    };
    let what = match unread {
        [rows, 0] => many(rows, "row"),
        [0, columns] => many(columns, "column"),
        [1, 1] => "the last row and column".to_owned(),
        [rows, columns] if rows == columns => format!("the last {rows} rows and columns"),
        [rows, columns] => format!("{} and {}", many(rows, "row"), many(columns, "column")),
    };
    let source = short(&layer.source);
    let headline = format!("`{source}` leaves {what} of {} unread", layer.input);
    let arrives = match graph.input(value).map(|input| graph.node(input).source) {
        Some(Source::Input(_)) => "an input",
        _ => "a map",
    };
    let helps = [
        option(layer, is_alone),
        sizes(layer, unread).map(|sizes| format!("{arrives} of {sizes} leaves nothing")),
    ];
    let helps: Vec<String> = helps.into_iter().flatten().collect();
    let help = (!helps.is_empty()).then(|| helps.join("; "));
    Words { headline, help }
}

/// The layer with an option that makes it read everything, and what it gives then.
///
/// A pooling rounds up. A convolution pads a little more; in a block that is called elsewhere too that would change
/// the other calls, so it is not proposed there.
fn option(layer: &Layer, is_alone: bool) -> Option<String> {
    let [channels, ..] = layer.output.dims() else { return None };
    let [height, width] = layer.input.spatial()?;
    let input = [height.as_usize()?, width.as_usize()?];
    let window = *window(&layer.op)?;
    let (written, changed) = if let Op::Conv(_) = layer.op {
        let Padding::Explicit { top, bottom, left, right } = window.padding else { return None };
        if !is_alone || top != bottom || left != right {
            return None;
        }
        let [rows, columns] = window.axes(input)?;
        let pad = [enough_padding(rows, input[0])?, enough_padding(columns, input[1])?];
        let option = if pad[0] == pad[1] {
            format!("pad={}", pad[0])
        } else {
            format!("pad=[{}, {}]", pad[0], pad[1])
        };
        let written = with_option(&layer.source, &option, &["pad=", "valid", "half", "full"]);
        (written, window.with_padding(pad))
    } else {
        (with_option(&layer.source, "ceil", &[]), window.with_ceil())
    };
    let [rows, columns] = changed.out(input)?;
    Some(format!("`{written}` reads them too and gives {channels}x{rows}x{columns}"))
}

/// The least padding on both sides with which every value is read; beyond half of the window it would be odd advice.
fn enough_padding(axis: Axis, size: usize) -> Option<usize> {
    (axis.before..=axis.kernel / 2).find(|&pad| {
        let padded = Axis { before: pad, after: pad, ..axis };
        padded.dropped(size).is_some_and(|dropped| dropped <= pad)
    })
}

/// The nearest sizes below and above of which everything is read.
fn sizes(layer: &Layer, unread: [usize; 2]) -> Option<String> {
    let axes = window(&layer.op)?.axes([1, 1])?;
    let [height, width] = layer.input.spatial()?;
    let input = [height.as_usize()?, width.as_usize()?];
    let less = [input[0] - unread[0], input[1] - unread[1]];
    let more = |axis: usize| match unread[axis] {
        0 => Some(input[axis]),
        _ => input[axis].checked_add(axes[axis].stride - axes[axis].dropped(input[axis])?),
    };
    let larger = format!("{}x{}", more(0)?, more(1)?);
    Some(if less.contains(&0) { larger } else { format!("{}x{} or {larger}", less[0], less[1]) })
}
