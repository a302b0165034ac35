//! A shape in a table: sizes of which some may not be known.

use crate::dim::Dim;
use crate::shape::Shape;
use std::fmt;

/// Sizes as a table shows them: `64x112x112`, `[3, H, W]`, and `64x?x?` where a size is known at run time only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes(Vec<Option<Dim>>);

impl Sizes {
    /// The sizes; `None` is one that is not known.
    #[must_use]
    pub fn dims(&self) -> &[Option<Dim>] {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many values that are, where all sizes are known.
    #[must_use]
    pub fn product(&self) -> Option<Dim> {
        self.0.iter().try_fold(Dim::ONE, |product, size| Some(&product * size.as_ref()?))
    }

    /// Each size as text.
    pub(super) fn words(&self) -> Vec<String> {
        let word = |size: &Option<Dim>| match size {
            None => "?".to_owned(),
            Some(size) if size.number().is_some() => size.to_string(),
            Some(size) if size.terms().len() > 1 => format!("({size})"),
            Some(size) => size.to_string(),
        };
        self.0.iter().map(word).collect()
    }
}

impl From<&Shape> for Sizes {
    fn from(shape: &Shape) -> Self {
        Self::from(shape.dims())
    }
}

impl From<&[Dim]> for Sizes {
    fn from(sizes: &[Dim]) -> Self {
        Self(sizes.iter().cloned().map(Some).collect())
    }
}

/// 0 is a size that is not known.
impl From<&[usize]> for Sizes {
    fn from(sizes: &[usize]) -> Self {
        Self(sizes.iter().map(|&size| (size > 0).then(|| Dim::from(size as u64))).collect())
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.0.iter().map(|size| size.as_ref().map_or_else(|| "?".to_owned(), Dim::to_string));
        let sizes: Vec<String> = sizes.collect();
        let plain = self.0.iter().flatten().all(|size| size.number().is_some());
        match sizes.as_slice() {
            [] => f.write_str("?"),
            [size] => f.write_str(size),
            sizes if plain => f.write_str(&sizes.join("x")),
            sizes => write!(f, "[{}]", sizes.join(", ")),
        }
    }
}
