//! What each layer gives.

use super::Walk;
use super::expressions::{bounded, known};
use super::heads::{self, Digits, Head};
use super::numbers::Number;
use super::options::Given;
use super::scope::Site;
use super::shapes::Shape;
use super::sliding::Sliding;
use super::stop::{Checked, Place, unknown, wrong, wrong_at};
use cnn_ir::ast::Word;

/// A layer with everything that was written of it.
pub(super) struct Layer<'a> {
    pub(super) head: &'static Head,
    pub(super) digits: Vec<i128>,
    pub(super) size: Option<Number>,
    pub(super) stride: Option<Vec<Number>>,
    pub(super) given: Given<'a>,
    pub(super) place: Place,
}

impl Layer<'_> {
    /// An option of one number or a pair, for rows and columns.
    pub(super) fn pair(&self, option: &str) -> Option<[i128; 2]> {
        let numbers: Vec<i128> = self.given.named.get(option)?.iter().filter_map(Number::visible).collect();
        match numbers[..] {
            [both] => Some([both, both]),
            [rows, columns] => Some([rows, columns]),
            _ => None,
        }
    }

    /// The digits of the head, for rows and columns.
    pub(super) fn digit_pair(&self) -> Option<[i128; 2]> {
        match self.digits[..] {
            [both] => Some([both, both]),
            [rows, columns] => Some([rows, columns]),
            _ => None,
        }
    }

    /// A number that may stand as digits or as an option: `conv3` or `conv(kernel=3)`.
    pub(super) fn digits_or(&self, option: &str) -> Checked<[i128; 2]> {
        match (self.digit_pair(), self.pair(option)) {
            (Some(_), Some(_)) => unknown(format!("`{option}` as digits and as an option")),
            (Some(pair), None) | (None, Some(pair)) if pair.contains(&0) => wrong(&self.place, "a size of 0"),
            (Some(pair), None) | (None, Some(pair)) => Ok(pair),
            (None, None) => wrong(&self.place, format!("`{}` lacks its digits", self.head.name)),
        }
    }

    fn count(&self) -> Checked<i128> {
        match self.digits[..] {
            [0] => wrong(&self.place, "a count of 0"),
            [count] => Ok(count),
            _ => wrong(&self.place, format!("`{}` lacks its number", self.head.name)),
        }
    }
}

impl<'a> Walk<'a> {
    /// What a layer gives for what arrives.
    pub(super) fn layer(&mut self, word: &'a Word, input: &Shape, site: &Site<'a>) -> Checked<Shape> {
        let layer = self.read(word, site)?;
        let place = &layer.place;
        if layer.head.image && input.is_flat() {
            return wrong(place, format!("`{}` needs an image and gets {input}", layer.head.name));
        }
        if layer.head.image && input.loose {
            return unknown("an image or features arrive");
        }
        let shape = match layer.head.name {
            "conv" => {
                let filters = self.filters(&layer)?;
                if layer.given.says("linear") {
                    self.pointwise(&layer)?;
                }
                self.groups(&layer, input.channels(), Some(&filters))?;
                let [rows, columns] = self.slide(&layer, input)?;
                Shape::image(filters, rows, columns)
            }
            "deconv" => {
                let filters = self.filters(&layer)?;
                self.groups(&layer, input.channels(), Some(&filters))?;
                let [rows, columns] = self.transposed(&layer, input, site)?;
                Shape::image(filters, rows, columns)
            }
            "avgpool" if layer.given.lone.is_some() => self.adaptive(&layer, input)?,
            "dw" | "pool" | "avgpool" => {
                let [rows, columns] = self.slide(&layer, input)?;
                Shape::image(input.channels().clone(), rows, columns)
            }
            "gap" => Shape::image(input.channels().clone(), self.one(), self.one()),
            "up" => {
                let [rows, columns] = layer.digits_or("scale")?;
                Shape::image(
                    input.channels().clone(),
                    known(input.sizes[1].times(&self.assignments.constant(rows)))?,
                    known(input.sizes[2].times(&self.assignments.constant(columns)))?,
                )
            }
            "shuffle" => self.shuffle(&layer, input)?,
            "fc" => Shape::flat(self.out_features(&layer)?),
            "gn" | "channelshuffle" => {
                let groups = layer.count()?;
                self.divides(groups, input.channels(), place)?;
                input.clone()
            }
            "lrn" => {
                layer.count()?;
                input.clone()
            }
            "flatten" => {
                let mut flat = Shape::flat(known(input.features())?);
                flat.loose = input.loose && input.is_flat();
                flat
            }
            "crop" => self.crop(&layer, input, site)?,
            "pad" => self.padded(&layer, input)?,
            _ => input.clone(),
        };
        for size in &shape.sizes {
            bounded(size.clone())?;
        }
        Ok(shape)
    }

    fn one(&self) -> Number {
        self.assignments.constant(1)
    }

    /// Reads all that was written of a layer.
    fn read(&self, word: &'a Word, site: &Site<'a>) -> Checked<Layer<'a>> {
        let Some((head, digits)) = heads::find(&word.head.text) else {
            return wrong_at(word.head.range(), format!("`{}` is not a layer", word.head.text));
        };
        let place = Place::at(word.range);
        if let Some(repeat) = word.repeat {
            return wrong(&place.or(repeat.range), "a single layer cannot be repeated");
        }
        match (head.digits, digits.len()) {
            (Digits::None, 1..) => return wrong(&place, format!("`{}` takes no digits", head.name)),
            (Digits::One, 2..) => return unknown(format!("`{}` with two numbers", head.name)),
            _ => {}
        }
        let size = match &word.size {
            Some(size) if head.size => Some(self.size(size, &site.frame)?),
            Some(_) if matches!(head.name, "gn" | "lrn" | "shuffle" | "channelshuffle" | "up") => {
                return unknown(format!("a count of `{}` behind `-`", head.name));
            }
            Some(size) => return wrong(&place.or(size.range), format!("`{}` takes no size", head.name)),
            None => None,
        };
        let stride = match &word.stride {
            Some(expr) if head.stride => {
                let value = self.value(expr, &site.frame)?;
                Some(super::options::extents(value, 1, &[1, 2], expr.range)?)
            }
            Some(expr) => return wrong(&place.or(expr.range), format!("`{}` has no stride", head.name)),
            None => None,
        };
        let given = self.given(head, word, &site.frame)?;
        Ok(Layer { head, digits, size, stride, given, place })
    }

    fn filters(&self, layer: &Layer<'_>) -> Checked<Number> {
        match &layer.size {
            Some(filters) => Ok(filters.clone()),
            None => wrong(&layer.place, format!("`{}` lacks its number of filters", layer.head.name)),
        }
    }

    fn out_features(&self, layer: &Layer<'_>) -> Checked<Number> {
        match (&layer.size, layer.digits.first()) {
            (Some(features), None) => Ok(features.clone()),
            (None, Some(_)) => bounded(self.assignments.constant(layer.count()?)),
            (Some(_), Some(_)) => wrong(&layer.place, "two numbers of features"),
            (None, None) => wrong(&layer.place, "`fc` lacks its number of features"),
        }
    }

    /// `groups` divides the channels that arrive and the filters.
    fn groups(&self, layer: &Layer<'_>, channels: &Number, filters: Option<&Number>) -> Checked<()> {
        let Some(groups) = layer.given.named.get("groups").and_then(|groups| groups.first()?.visible())
        else {
            return Ok(());
        };
        self.divides(groups, channels, &layer.place)?;
        filters.map_or(Ok(()), |filters| self.divides(groups, filters, &layer.place))
    }

    /// "Checked where both are numbers."
    pub(super) fn divides(&self, divisor: i128, channels: &Number, place: &Place) -> Checked<()> {
        match channels.visible() {
            _ if channels.real().iter().all(|value| value % divisor == 0) => Ok(()),
            Some(channels) => wrong(place, format!("{divisor} does not divide {channels}")),
            None => unknown("whether a name can be divided"),
        }
    }

    /// A convolution whose weight is a matrix.
    fn pointwise(&self, layer: &Layer<'_>) -> Checked<()> {
        if layer.digits_or("kernel")? != [1, 1] {
            return wrong(&layer.place, "`linear` with a kernel that is not 1x1");
        }
        let window = ["stride", "pad", "dilation", "groups"];
        if layer.stride.is_some() || window.iter().any(|name| layer.given.named.contains_key(*name)) {
            return unknown("`linear` and options of a window");
        }
        Ok(())
    }

    fn shuffle(&self, layer: &Layer<'_>, input: &Shape) -> Checked<Shape> {
        let factor = layer.count()?;
        let Some(square) = factor.checked_mul(factor) else { return unknown("a factor beyond all bounds") };
        self.divides(square, input.channels(), &layer.place)?;
        let times = |size: &Number| known(size.each(|n| n.checked_mul(factor)));
        let channels = known(input.channels().each(|n| Some(n / square)))?;
        Ok(Shape::image(channels, times(&input.sizes[1])?, times(&input.sizes[2])?))
    }

    fn adaptive(&self, layer: &Layer<'_>, input: &Shape) -> Checked<Shape> {
        let windowed = !layer.digits.is_empty() || layer.given.named.contains_key("kernel");
        if windowed {
            return wrong(&layer.place, "the output's size, and a window");
        }
        if layer.stride.is_some() || !layer.given.named.is_empty() || !layer.given.words.is_empty() {
            return unknown("the output's size, and options of a window");
        }
        let [rows, columns] = self.two(layer)?;
        Ok(Shape::image(input.channels().clone(), rows, columns))
    }

    /// The rows and columns that were given without a name.
    fn two(&self, layer: &Layer<'_>) -> Checked<[Number; 2]> {
        match layer.given.lone.as_deref() {
            Some([both]) => Ok([both.clone(), both.clone()]),
            Some([rows, columns]) => Ok([rows.clone(), columns.clone()]),
            _ => wrong(&layer.place, format!("`{}` lacks its size", layer.head.name)),
        }
    }

    fn crop(&self, layer: &Layer<'_>, input: &Shape, site: &Site<'a>) -> Checked<Shape> {
        let [rows, columns] = match layer.given.like {
            Some(_) if layer.given.lone.is_some() => return unknown("a size and `like`"),
            Some(tap) => {
                let tap = self.tap(tap, site)?;
                self.image_of(&tap, &layer.place)?
            }
            None => self.two(layer)?,
        };
        for (wanted, found) in [(&rows, &input.sizes[1]), (&columns, &input.sizes[2])] {
            if wanted.real().iter().zip(found.real()).any(|(wanted, found)| wanted > found) {
                if wanted.generic() || found.generic() {
                    return unknown("a crop whose size depends on a generic");
                }
                return wrong(&layer.place, format!("it cuts more than there is from {input}"));
            }
        }
        Ok(Shape::image(input.channels().clone(), rows, columns))
    }

    /// The height and width of a tap.
    pub(super) fn image_of(&self, tap: &Shape, place: &Place) -> Checked<[Number; 2]> {
        match &tap.sizes[..] {
            [_, rows, columns] if !tap.loose => Ok([rows.clone(), columns.clone()]),
            [_, _, _] => unknown("an image or features are meant"),
            _ => wrong(place, "the tap is no image"),
        }
    }

    fn padded(&self, layer: &Layer<'_>, input: &Shape) -> Checked<Shape> {
        let sides: Vec<i128> = layer.given.lone.iter().flatten().filter_map(Number::visible).collect();
        let Some([top, bottom, left, right]) = four(&sides) else {
            return wrong(&layer.place, "`pad` lacks its number");
        };
        let more = |size: &Number, zeros: i128| known(size.each(|n| n.checked_add(zeros)));
        let (rows, columns) = (more(&input.sizes[1], top + bottom)?, more(&input.sizes[2], left + right)?);
        Ok(Shape::image(input.channels().clone(), rows, columns))
    }

    fn slide(&mut self, layer: &Layer<'_>, input: &Shape) -> Checked<[Number; 2]> {
        if layer.given.says("ceil") && input.sizes[1..].iter().any(|size| size.visible().is_none()) {
            // "Refused where that rule could bite", which is not said for which sizes.
            self.doubt = Some("`ceil` on a size that is not a number".to_owned());
        }
        Sliding::read(layer)?.slide(self.windows, layer, input)
    }

    fn transposed(&mut self, layer: &Layer<'_>, input: &Shape, site: &Site<'a>) -> Checked<[Number; 2]> {
        let like = match layer.given.like {
            Some(tap) => Some(self.image_of(&self.tap(tap, site)?, &layer.place)?),
            None => None,
        };
        Sliding::read(layer)?.scatter(self.windows, layer, input, like)
    }
}

/// One number, a pair or four: top, bottom, left, right.
pub(super) fn four(numbers: &[i128]) -> Option<[i128; 4]> {
    match *numbers {
        [all] => Some([all; 4]),
        [rows, columns] => Some([rows, rows, columns, columns]),
        [top, bottom, left, right] => Some([top, bottom, left, right]),
        _ => None,
    }
}
