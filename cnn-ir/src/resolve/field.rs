//! Receptive fields: how much of the input one value sees.
//!
//! With Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks" (Distill, 2019):
//! a window of extent `e` over values that lie `jump` apart adds `(e - 1) * jump`, and its stride multiplies
//! the jump. Norms that average over the whole map do not count.

use crate::layer::{Op, UpsampleMode};
use crate::window::Window;

/// What one value sees of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field {
    /// `size` rows and columns; neighbouring values see windows that lie `jump` apart.
    Window { size: [f64; 2], jump: [f64; 2] },
    /// Everything.
    Whole,
    /// Not known: another network or Rust code is in between.
    Unknown,
}

impl Field {
    pub(super) const INPUT: Self = Self::Window { size: [1.0; 2], jump: [1.0; 2] };

    pub(super) fn after(self, op: &Op) -> Self {
        let Self::Window { size, jump } = self else { return self };
        match op {
            Op::Conv(_) | Op::MaxPool(_) | Op::AvgPool { .. } => match op.window() {
                Some(window) => slide(size, jump, window),
                None => self,
            },
            Op::Deconv(deconv) => {
                let finer = each(|axis| jump[axis] / number(deconv.window.stride[axis]));
                Self::Window {
                    size: each(|axis| size[axis] + (extent(&deconv.window, axis) - 1.0) * finer[axis]),
                    jump: finer,
                }
            }
            Op::Upsample { mode, scale } => Self::Window {
                size: each(|axis| match mode {
                    UpsampleMode::Nearest => size[axis],
                    UpsampleMode::Bilinear => size[axis] + jump[axis],
                }),
                jump: each(|axis| jump[axis] / number(scale[axis])),
            },
            Op::PixelShuffle(factor) => {
                Self::Window { size, jump: each(|axis| jump[axis] / number(*factor)) }
            }
            Op::Linear { .. } | Op::GlobalAvgPool | Op::AdaptiveAvgPool(_) | Op::Flatten => Self::Whole,
            _ => self,
        }
    }

    /// Where two branches meet.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Whole, _) | (_, Self::Whole) => Self::Whole,
            (Self::Window { size, jump }, Self::Window { size: other_size, jump: other_jump }) => {
                Self::Window {
                    size: each(|axis| size[axis].max(other_size[axis])),
                    jump: each(|axis| jump[axis].max(other_jump[axis])),
                }
            }
        }
    }

    /// In whole rows and columns.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes are positive and small"
    )]
    pub(super) fn rows_and_columns(self) -> Option<[u64; 2]> {
        match self {
            Self::Window { size, .. } => Some(size.map(|size| size.ceil() as u64)),
            Self::Whole | Self::Unknown => None,
        }
    }
}

fn slide(size: [f64; 2], jump: [f64; 2], window: &Window) -> Field {
    Field::Window {
        size: each(|axis| size[axis] + (extent(window, axis) - 1.0) * jump[axis]),
        jump: each(|axis| jump[axis] * number(window.stride[axis])),
    }
}

fn extent(window: &Window, axis: usize) -> f64 {
    number(window.dilation[axis]) * (number(window.kernel_size[axis]) - 1.0) + 1.0
}

#[allow(clippy::cast_precision_loss, reason = "numbers of the language are below 2^31")]
fn number(n: usize) -> f64 {
    n as f64
}

fn each(f: impl Fn(usize) -> f64) -> [f64; 2] {
    [f(0), f(1)]
}
