//! The same values, differently laid out in memory: operations must not care.

use candle_core::{Result, Tensor};

/// How a tensor lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Row-major and alone in its storage.
    Contiguous,
    /// Its dimensions are stored in the opposite order.
    Reversed,
    /// A window of a larger tensor, whose other values are not numbers.
    Window,
}

impl Layout {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Contiguous, Self::Reversed, Self::Window];

    /// The tensor to store, of which [`Layout::view`] is `values`.
    pub(crate) fn store(self, values: &Tensor) -> Result<Tensor> {
        match self {
            // A copy, so that storage is not shared between runs.
            Self::Contiguous => values.copy(),
            Self::Reversed => reverse(values)?.contiguous(),
            Self::Window => {
                let (mut stored, mut inside) = (values.clone(), values.ones_like()?);
                for dim in framed(values) {
                    stored = stored.pad_with_zeros(dim, 1, 2)?;
                    inside = inside.pad_with_zeros(dim, 1, 2)?;
                }
                let outside = (stored.ones_like()? * f64::NAN)?;
                inside.ne(0.0)?.where_cond(&stored, &outside)
            }
        }
    }

    /// The values in what [`Layout::store`] made (or in its gradient).
    pub(crate) fn view(self, stored: &Tensor) -> Result<Tensor> {
        match self {
            Self::Contiguous => Ok(stored.clone()),
            Self::Reversed => reverse(stored),
            Self::Window => framed(stored).try_fold(stored.clone(), |view, dim| {
                let inside = view.dim(dim)? - 3;
                view.narrow(dim, 1, inside)
            }),
        }
    }

    /// A sum over `output * cotangent` through which the gradient arrives at `output` in this layout.
    pub(crate) fn weighted_sum(self, output: &Tensor, cotangent: &Tensor) -> Result<Tensor> {
        match self {
            // A scalar has no other layouts.
            _ if output.rank() == 0 => output * cotangent,
            Self::Contiguous => (output * cotangent)?.sum_all(),
            Self::Reversed => (reverse(output)?.contiguous()? * reverse(cotangent)?)?.sum_all(),
            Self::Window => {
                let last = output.rank() - 1;
                let filler = output.narrow(last, 0, 1)?.detach();
                let around = Tensor::cat(&[&filler, output, &filler], last)?;
                let filler = cotangent.narrow(last, 0, 1)?;
                (around * Tensor::cat(&[&filler, cotangent, &filler], last)?)?.sum_all()
            }
        }
    }
}

/// The dimensions in the opposite order.
fn reverse(tensor: &Tensor) -> Result<Tensor> {
    tensor.permute((0..tensor.rank()).rev().collect::<Vec<_>>())
}

/// The dimensions that get a frame: the last two.
fn framed(tensor: &Tensor) -> std::ops::Range<usize> {
    tensor.rank().saturating_sub(2)..tensor.rank()
}

#[test]
fn every_layout_shows_the_same_values() -> Result<()> {
    let values = Tensor::arange(0f32, 120.0, &candle_core::Device::Cpu)?.reshape((2, 3, 4, 5))?;
    for layout in Layout::ALL {
        let view = layout.view(&layout.store(&values)?)?;
        assert_eq!(view.is_contiguous(), layout == Layout::Contiguous, "{layout:?}");
        assert_eq!(
            view.flatten_all()?.to_vec1::<f32>()?,
            values.flatten_all()?.to_vec1::<f32>()?,
            "{layout:?}"
        );
    }
    Ok(())
}
