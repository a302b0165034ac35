//! Shapes, and how they meet.

use super::numbers::{Number, Relation};
use super::stop::{Checked, Place, unknown, wrong};
use std::fmt;

/// What flows from layer to layer.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// One size (features) or three (channels, height, width).
    pub(super) sizes: Vec<Number>,
    /// Cx1x1 that may count as C from here on: the language reference does not say which.
    pub(super) loose: bool,
}

impl Shape {
    pub(super) fn image(channels: Number, height: Number, width: Number) -> Self {
        Self { sizes: vec![channels, height, width], loose: false }
    }

    pub(super) fn flat(features: Number) -> Self {
        Self { sizes: vec![features], loose: false }
    }

    /// Channels, or features.
    pub(super) fn channels(&self) -> &Number {
        &self.sizes[0]
    }

    pub(super) fn is_flat(&self) -> bool {
        self.sizes.len() == 1
    }

    /// Whether it is Cx1x1.
    pub(super) fn is_pixel(&self) -> bool {
        self.sizes[1..].iter().all(|size| size.visible() == Some(1)) && !self.is_flat()
    }

    /// All values, one after the other.
    pub(super) fn features(&self) -> Option<Number> {
        let (first, rest) = self.sizes.split_first()?;
        rest.iter().try_fold(first.clone(), |product, size| product.times(size))
    }

    /// How it compares with another of the same rank.
    fn compare(&self, other: &Self) -> Relation {
        let mut relations = self.sizes.iter().zip(&other.sizes).map(|(a, b)| a.compare(b));
        // The worst decides: shapes are equal where all of their sizes are.
        relations.by_ref().fold(Relation::Always, |worst, next| match (worst, next) {
            (Relation::Never { generic: false }, _) | (_, Relation::Never { generic: false }) => {
                Relation::Never { generic: false }
            }
            (Relation::Sometimes, _) | (_, Relation::Sometimes) => Relation::Sometimes,
            (Relation::Never { .. }, _) | (_, Relation::Never { .. }) => Relation::Never { generic: true },
            (Relation::ByDefault, _) | (_, Relation::ByDefault) => Relation::ByDefault,
            _ => Relation::Always,
        })
    }

    /// Whether a residual may add the two as they are. Where generics decide, they count as different.
    pub(super) fn same_for_all(&self, other: &Self) -> bool {
        self.sizes.len() == other.sizes.len() && self.compare(other) == Relation::Always
    }

    /// Whether one of the two is C and the other Cx1x1, or may be.
    pub(super) fn differ_in_rank_only(&self, other: &Self) -> bool {
        let one_of_each = self.is_flat() != other.is_flat() && (self.is_pixel() || other.is_pixel());
        (one_of_each || self.loose || other.loose)
            && !matches!(self.channels().compare(other.channels()), Relation::Never { generic: false })
    }

    /// Checks that it is equal to another.
    pub(super) fn must_equal(&self, other: &Self, place: &Place, what: &str) -> Checked<()> {
        if self.sizes.len() != other.sizes.len() {
            if self.differ_in_rank_only(other) {
                return unknown(format!("{what}: {self} and {other}"));
            }
            return wrong(place, format!("{what}: {self} and {other}"));
        }
        match self.compare(other) {
            Relation::Always | Relation::ByDefault => Ok(()),
            Relation::Never { generic: true } => {
                wrong(&place.later(), format!("{what}: {self} and {other}, by the defaults"))
            }
            Relation::Never { .. } => wrong(place, format!("{what}: {self} and {other}")),
            Relation::Sometimes => wrong(place, format!("{what}: {self} and {other}, for some sizes")),
        }
    }

    /// Checks that it is what is stated: Cx1x1 counts as C.
    pub(super) fn must_be(&self, stated: &Self, place: &Place, what: &str) -> Checked<()> {
        if stated.is_flat() && self.is_pixel() {
            let flat = Self::flat(self.channels().clone());
            return flat.must_equal(stated, place, what);
        }
        // "There is no way back from features to an image."
        if self.is_flat() && !stated.is_flat() && !self.loose {
            return wrong(place, format!("{what}: {self} and {stated}"));
        }
        self.must_equal(stated, place, what)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, size) in self.sizes.iter().enumerate() {
            if index > 0 {
                f.write_str("x")?;
            }
            match size.visible() {
                Some(value) => write!(f, "{value}")?,
                None => write!(f, "{:?}", size.real())?,
            }
        }
        Ok(())
    }
}
