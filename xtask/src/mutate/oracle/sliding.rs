//! Layers with windows: kernel, stride, padding, dilation as written; sizes by sliding and scattering.

use super::expressions::known;
use super::layers::{Layer, four};
use super::numbers::Number;
use super::shapes::Shape;
use super::stop::{Checked, unknown, wrong};
use super::windows::{LONGEST, Window, Windows};

/// How much a window pads.
enum Padding {
    /// Top, bottom, left, right.
    Stated([i128; 4]),
    /// As much as `ceil(i/s)` needs.
    Same,
}

/// A window over rows and columns.
pub(super) struct Sliding {
    kernel: [i128; 2],
    stride: [i128; 2],
    dilation: [i128; 2],
    padding: Padding,
}

impl Sliding {
    /// Reads what was written of a window.
    pub(super) fn read(layer: &Layer<'_>) -> Checked<Self> {
        let kernel = layer.digits_or("kernel")?;
        let behind_slash = layer.stride.as_ref().map(|numbers| {
            let visible: Vec<i128> = numbers.iter().filter_map(Number::visible).collect();
            [visible[0], visible[visible.len() - 1]]
        });
        let is_pool = matches!(layer.head.name, "pool" | "avgpool");
        let stride = match (behind_slash, layer.pair("stride")) {
            (Some(_), Some(_)) => return unknown("two strides"),
            (Some(stride), None) | (None, Some(stride)) => stride,
            (None, None) if is_pool => kernel,
            (None, None) => [1, 1],
        };
        let dilation = layer.pair("dilation").unwrap_or([1, 1]);
        if kernel.iter().chain(&stride).chain(&dilation).any(|&number| number > LONGEST) {
            return unknown("a window too large to slide");
        }
        let line = |index: usize| Window {
            kernel: kernel[index],
            stride: stride[index],
            dilation: dilation[index],
            before: 0,
            behind: 0,
            ceil: false,
        };
        let extents = [line(0).extent(), line(1).extent()];
        let padding = match layer.given.named.get("pad") {
            Some(numbers) => {
                let sides: Vec<i128> = numbers.iter().filter_map(Number::visible).collect();
                let Some(sides) = four(&sides) else { return unknown("a padding of a strange form") };
                Padding::Stated(sides)
            }
            None => match padding_word(layer) {
                "valid" => Padding::Stated([0; 4]),
                "full" => Padding::Stated(both_sides([extents[0] - 1, extents[1] - 1])),
                "half" if extents.iter().any(|extent| extent % 2 == 0) => {
                    return wrong(&layer.place, "an even window has no half padding");
                }
                "half" => Padding::Stated(both_sides([(extents[0] - 1) / 2, (extents[1] - 1) / 2])),
                _ => Padding::Same,
            },
        };
        if let (true, Padding::Stated([top, bottom, left, right])) = (is_pool, &padding) {
            for (pads, index) in [([top, bottom], 0), ([left, right], 1)] {
                let widest = pads[0].max(pads[1]) * 2;
                match (widest > kernel[index], widest > extents[index]) {
                    (true, true) => return wrong(&layer.place, "pads more than half of the window"),
                    (true, false) => return unknown("whether half of a dilated window is meant"),
                    _ => {}
                }
            }
        }
        Ok(Self { kernel, stride, dilation, padding })
    }

    fn window(&self, index: usize, size: i128, ceil: bool) -> Window {
        let window = Window {
            kernel: self.kernel[index],
            stride: self.stride[index],
            dilation: self.dilation[index],
            before: 0,
            behind: 0,
            ceil,
        };
        match self.padding {
            Padding::Stated(sides) => {
                Window { before: sides[2 * index], behind: sides[2 * index + 1], ..window }
            }
            Padding::Same => window.same(size),
        }
    }

    /// How many windows fit into rows and columns.
    pub(super) fn slide(
        &self,
        windows: &mut Windows,
        layer: &Layer<'_>,
        input: &Shape,
    ) -> Checked<[Number; 2]> {
        let ceil = layer.given.says("ceil");
        let mut lines = Vec::new();
        for (index, size) in input.sizes[1..].iter().enumerate() {
            lines.push(each(size, layer, input, |n| windows.slide(n, self.window(index, n, ceil)))?);
        }
        pair(lines)
    }

    /// How far rows and columns reach when they are spread over windows; `like` is where they shall reach.
    pub(super) fn scatter(
        &self,
        windows: &mut Windows,
        layer: &Layer<'_>,
        input: &Shape,
        like: Option<[Number; 2]>,
    ) -> Checked<[Number; 2]> {
        let extra = layer.pair("outpad");
        if extra.is_some() && like.is_some() {
            return unknown("`outpad` and `like`");
        }
        let mut lines = Vec::new();
        for (index, size) in input.sizes[1..].iter().enumerate() {
            let most = self.stride[index].max(self.dilation[index]) - 1;
            let reach = |n: i128| windows.scatter(n, self.window(index, n, false));
            if let Some(like) = &like {
                let reached = each(size, layer, input, reach)?;
                let wanted = &like[index];
                let near = |(wanted, reached): (&i128, &i128)| (0..=most).any(|pad| reached + pad == *wanted);
                if !wanted.real().iter().zip(reached.real()).all(near) {
                    if wanted.generic() || reached.generic() {
                        return unknown("`like` of a size that depends on a generic");
                    }
                    return wrong(&layer.place, "no output padding reaches what is wanted");
                }
                lines.push(wanted.clone());
                continue;
            }
            let extra = extra.map_or(0, |pair| pair[index]);
            if extra > most {
                return wrong(&layer.place, "the output padding is not below the stride");
            }
            let reached = each(size, layer, input, reach)?;
            lines.push(known(reached.each(|n| n.checked_add(extra)))?);
        }
        pair(lines)
    }
}

/// The padding word that holds where `pad=` is not given.
fn padding_word(layer: &Layer<'_>) -> &'static str {
    let stated = ["half", "valid", "full", "same"].into_iter().find(|word| layer.given.says(word));
    let default = if matches!(layer.head.name, "conv" | "dw") { "half" } else { "valid" };
    stated.unwrap_or(default)
}

/// The same before and behind.
fn both_sides([rows, columns]: [i128; 2]) -> [i128; 4] {
    [rows, rows, columns, columns]
}

/// `count` of a size under each assignment.
fn each(
    size: &Number,
    layer: &Layer<'_>,
    input: &Shape,
    count: impl FnMut(i128) -> Option<i128>,
) -> Checked<Number> {
    if size.real().iter().any(|&n| n > LONGEST) {
        return unknown("an image too large to slide over");
    }
    match size.each(count) {
        Some(size) => Ok(size),
        None if size.generic() => unknown("whether a window fits depends on a generic"),
        None => wrong(&layer.place, format!("the window of `{}` does not fit {input}", layer.head.name)),
    }
}

fn pair(lines: Vec<Number>) -> Checked<[Number; 2]> {
    let lines: Result<[Number; 2], _> = lines.try_into();
    lines.map_or_else(|_| unknown("an image of a strange rank"), Ok)
}
