//! Shapes: what flows between layers. The batch dimension is implied.

use crate::dim::Dim;
use std::fmt;

/// The shape of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Channels, height, width.
    Chw([Dim; 3]),
    /// A vector of features.
    Flat(Dim),
    /// Not known, because of an error that was reported already: causes no further message.
    Unknown,
}

impl Shape {
    /// From numbers.
    #[must_use]
    pub fn chw(channels: u64, height: u64, width: u64) -> Self {
        Self::Chw([channels.into(), height.into(), width.into()])
    }

    /// Channels or features.
    #[must_use]
    pub fn channels(&self) -> Option<&Dim> {
        match self {
            Self::Chw([channels, ..]) | Self::Flat(channels) => Some(channels),
            Self::Unknown => None,
        }
    }

    /// Its sizes.
    #[must_use]
    pub fn dims(&self) -> &[Dim] {
        match self {
            Self::Chw(dims) => dims,
            Self::Flat(features) => std::slice::from_ref(features),
            Self::Unknown => &[],
        }
    }

    /// Number of values.
    #[must_use]
    pub fn values(&self) -> Dim {
        self.dims().iter().product()
    }

    /// Height and width.
    #[must_use]
    pub fn spatial(&self) -> Option<[&Dim; 2]> {
        match self {
            Self::Chw([_, height, width]) => Some([height, width]),
            _ => None,
        }
    }

    /// Whether it is Cx1x1, which counts as C where a flat shape is declared.
    #[must_use]
    pub fn as_flat(&self) -> Option<&Dim> {
        match self {
            Self::Chw([channels, height, width]) if *height == Dim::ONE && *width == Dim::ONE => {
                Some(channels)
            }
            Self::Flat(features) => Some(features),
            _ => None,
        }
    }

    /// Whether two shapes are equal: always, never, or not decidable. Unknown equals everything.
    #[must_use]
    pub fn equals(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Some(true),
            (Self::Flat(a), Self::Flat(b)) => a.equals(b),
            (Self::Chw(a), Self::Chw(b)) => {
                let mut verdict = Some(true);
                for (left, right) in a.iter().zip(b) {
                    match left.equals(right) {
                        Some(true) => {}
                        Some(false) => return Some(false),
                        None => verdict = None,
                    }
                }
                verdict
            }
            _ => Some(false),
        }
    }

    /// The unknown shape?
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("?"),
            Self::Flat(features) => write!(f, "{features}"),
            Self::Chw(dims) if dims.iter().all(|dim| dim.number().is_some()) => {
                write!(f, "{}x{}x{}", dims[0], dims[1], dims[2])
            }
            Self::Chw(dims) => write!(f, "[{}, {}, {}]", dims[0], dims[1], dims[2]),
        }
    }
}
