//! The numbers and formulas under the picture, in the letters of Dumoulin & Visin.

use super::{Arithmetic, Kind};
use cnn_ir::window::{Axis, Padding};

/// One line, or one for each axis where they differ.
pub(super) fn formulas(of: &Arithmetic) -> Vec<String> {
    let [rows, columns] = [0, 1].map(|axis| formula(of, axis));
    if rows == columns { vec![rows] } else { vec![format!("rows: {rows}"), format!("columns: {columns}")] }
}

/// `i = 5, k = 3, s = 2, p = 1`, as [`formulas`].
pub(super) fn numbers(of: &Arithmetic) -> Vec<String> {
    let [rows, columns] = [0, 1].map(|axis| axis_numbers(of, axis));
    if rows == columns { vec![rows] } else { vec![format!("rows: {rows}"), format!("columns: {columns}")] }
}

fn output_padding(of: &Arithmetic, axis: usize) -> usize {
    match of.layer.kind() {
        Kind::Transposed { output_padding } => output_padding[axis],
        _ => 0,
    }
}

fn axis_numbers(of: &Arithmetic, index: usize) -> String {
    let axis = of.axes[index];
    let mut text = format!("i = {}, k = {}, s = {}", of.layer.input()[index], axis.kernel, axis.stride);
    let pads = if axis.before == axis.after {
        format!(", p = {}", axis.before)
    } else {
        format!(", p = {} before, q = {} behind", axis.before, axis.after)
    };
    text.push_str(&pads);
    if axis.dilation > 1 {
        text.push_str(&format!(", d = {}", axis.dilation));
    }
    match output_padding(of, index) {
        0 => {}
        added => text.push_str(&format!(", a = {added}")),
    }
    format!("{text}, o = {}", of.layer.output()[index])
}

/// The kernel's extent, in letters and in numbers: `k` and `3`, or `d(k − 1) − 1` and `2·(3 − 1) − 1` where it is
/// subtracted.
fn extent(axis: Axis, sign: char) -> [String; 2] {
    let (k, d) = (axis.kernel, axis.dilation);
    if d == 1 {
        [format!("{sign} k"), format!("{sign} {k}")]
    } else {
        [format!("{sign} d(k − 1) {sign} 1"), format!("{sign} {d}·({k} − 1) {sign} 1")]
    }
}

/// The padding in letters and in numbers; nothing where there is none.
fn pads(axis: Axis, sign: char) -> [String; 2] {
    match (axis.before, axis.after) {
        (0, 0) => [String::new(), String::new()],
        (p, q) if p == q => [format!(" {sign} 2p"), format!(" {sign} 2·{p}")],
        (p, q) => [format!(" {sign} p {sign} q"), format!(" {sign} {p} {sign} {q}")],
    }
}

fn formula(of: &Arithmetic, index: usize) -> String {
    let (axis, i, o) = (of.axes[index], of.layer.input()[index], of.layer.output()[index]);
    let s = axis.stride;
    if let Kind::Transposed { .. } = of.layer.kind() {
        let [steps, steps_numbers] = match s {
            1 => ["i − 1".to_owned(), format!("{i} − 1")],
            _ => ["s(i − 1)".to_owned(), format!("{s}·({i} − 1)")],
        };
        let ([extent, extent_numbers], [pads, pads_numbers]) = (extent(axis, '+'), pads(axis, '−'));
        let [added, added_number] = match output_padding(of, index) {
            0 => [String::new(), String::new()],
            a => [" + a".to_owned(), format!(" + {a}")],
        };
        return format!(
            "o = {steps} {extent}{pads}{added} = {steps_numbers} {extent_numbers}{pads_numbers}{added_number} = {o}"
        );
    }
    let ([extent, extent_numbers], [pads, pads_numbers]) = (extent(axis, '−'), pads(axis, '+'));
    let (room, room_numbers) = (format!("i{pads} {extent}"), format!("{i}{pads_numbers} {extent_numbers}"));
    if s == 1 {
        return format!("o = {room} + 1 = {room_numbers} + 1 = {o}");
    }
    let [left, right] = if of.layer.window().ceil { ['⌈', '⌉'] } else { ['⌊', '⌋'] };
    let last = if drops_last(of, index) { " − 1" } else { "" };
    format!("o = {left}({room}) / s{right} + 1{last} = {left}({room_numbers}) / {s}{right} + 1{last} = {o}")
}

/// Whether rounding up would give a last window that starts behind the input and its first padding, which PyTorch
/// leaves out.
fn drops_last(of: &Arithmetic, index: usize) -> bool {
    let axis = of.axes[index];
    let padded = of.layer.input()[index] + axis.before + axis.after;
    let steps = padded.saturating_sub(axis.extent().unwrap_or(0)).div_ceil(axis.stride);
    of.layer.window().ceil && of.layer.output()[index] < steps + 1
}

/// What is to be said besides, in sentences.
pub(super) fn remarks(of: &Arithmetic) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Kind::Transposed { .. } = of.layer.kind() {
        let strided = of.axes.iter().any(|axis| axis.stride > 1);
        let zeros = if strided { "s − 1 zeros between the values of the input, " } else { "" };
        let dilated = of.axes.iter().any(|axis| axis.dilation > 1);
        let pad = if dilated { "d(k − 1) − p" } else { "k − 1 − p" };
        remarks.push(format!(
            "Drawn as the convolution that gives the same: {zeros}a padding of {pad}, steps of 1."
        ));
    }
    if of.layer.window().padding == Padding::Same {
        remarks.push("same: o = ⌈i / s⌉, and what padding that takes; an odd one goes behind.".to_owned());
    }
    if (0..2).any(|axis| drops_last(of, axis)) {
        remarks.push("A last window that would start behind the input is left out.".to_owned());
    }
    let unread = |index: usize| {
        let slide = &of.slides[index];
        (0..slide.cells().len()).filter(|&cell| !slide.reads(cell)).count()
    };
    match [unread(0), unread(1)] {
        [0, 0] => {}
        [rows, columns] => remarks.push(format!("Pale: what no window reads ({}).", lines(rows, columns))),
    }
    remarks
}

fn lines(rows: usize, columns: usize) -> String {
    let count = |n: usize, one: &str| match n {
        0 => String::new(),
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    let parts = [count(rows, "row"), count(columns, "column")];
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ")
}
