//! The typed edge of a network: what goes in is checked once, by type where the type is known and by
//! value where it is not.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::params::State;

mod problem;
pub use problem::BoundaryProblem;
pub(crate) use problem::fits;

/// A dimension of a [`StaticShape`] that may have any size, to be checked at run time.
pub const ANY: usize = 0;

/// The shape of one sample, as a type.
pub trait StaticShape {
    /// The dimensions without the batch; [`ANY`] where the size is known at run time only.
    const DIMS: &'static [usize];

    /// [`DIMS`](Self::DIMS) as a vector.
    #[must_use]
    fn dims() -> Vec<usize> {
        Self::DIMS.to_vec()
    }
}

/// Feature maps: channels, height, width. A 0 stands for [any](ANY) size.
///
/// ```
/// use cnn_runtime::boundary::{Chw, StaticShape};
/// assert_eq!(Chw::<3, 224, 224>::DIMS, [3, 224, 224]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chw<const C: usize, const H: usize, const W: usize>;

impl<const C: usize, const H: usize, const W: usize> StaticShape for Chw<C, H, W> {
    const DIMS: &'static [usize] = &[C, H, W];
}

/// A vector of features, such as logits. A 0 stands for [any](ANY) size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flat<const N: usize>;

impl<const N: usize> StaticShape for Flat<N> {
    const DIMS: &'static [usize] = &[N];
}

/// A tensor whose samples are known to have the shape `S`: `Batch<Chw<3, 224, 224>>` is
/// (N, 3, 224, 224). It dereferences to the tensor.
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{DType, Device, Tensor};
/// use cnn_runtime::boundary::{Batch, Chw, Flat};
///
/// let images = Tensor::zeros((8, 1, 28, 28), DType::F32, &Device::Cpu)?;
/// let batch = Batch::<Chw<1, 28, 28>>::try_from(images)?;
/// assert_eq!(batch.dim(0)?, 8);
///
/// let error = Batch::<Flat<10>>::try_from(batch.into_inner()).unwrap_err();
/// assert_eq!(error.to_string(), "Batch: expected (N, 10), found (8, 1, 28, 28)");
/// # Ok(())
/// # }
/// ```
pub struct Batch<S> {
    tensor: Tensor,
    shape: PhantomData<fn() -> S>,
}

impl<S> Batch<S> {
    /// The tensor.
    #[must_use]
    pub fn into_inner(self) -> Tensor {
        self.tensor
    }

    /// The same tensor under another shape that it has: from known sizes to [`ANY`], or, checked, back.
    ///
    /// ```
    /// # fn main() -> cnn_runtime::Result<()> {
    /// use candle_core::{DType, Device, Tensor};
    /// use cnn_runtime::boundary::{Batch, Chw};
    /// let x = Tensor::zeros((1, 3, 32, 32), DType::F32, &Device::Cpu)?;
    /// let x = Batch::<Chw<3, 32, 32>>::try_from(x)?;
    /// let any: Batch<Chw<3, 0, 0>> = x.cast()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Boundary`] where the tensor has another shape.
    pub fn cast<T: StaticShape>(self) -> Result<Batch<T>> {
        Batch::try_from(self.tensor)
    }
}

impl<S: StaticShape> TryFrom<Tensor> for Batch<S> {
    type Error = Error;

    fn try_from(tensor: Tensor) -> Result<Self> {
        check_shape(S::DIMS, &tensor)
            .map_err(|problem| Error::Boundary { network: "Batch".to_owned(), problem: Box::new(problem) })?;
        Ok(Self { tensor, shape: PhantomData })
    }
}

impl<S: StaticShape> TryFrom<&Tensor> for Batch<S> {
    type Error = Error;

    fn try_from(tensor: &Tensor) -> Result<Self> {
        Self::try_from(tensor.clone())
    }
}

impl<S> Deref for Batch<S> {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        &self.tensor
    }
}

impl<S> AsRef<Tensor> for Batch<S> {
    fn as_ref(&self) -> &Tensor {
        &self.tensor
    }
}

impl<S> Clone for Batch<S> {
    fn clone(&self) -> Self {
        Self { tensor: self.tensor.clone(), shape: PhantomData }
    }
}

impl<S> fmt::Debug for Batch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Batch").field(&self.tensor).finish()
    }
}

/// What a network takes whose samples have the shape `S`: a tensor, checked at run time, or a
/// [`Batch`] of that shape, checked at compile time.
///
/// ```compile_fail,E0277
/// use cnn_runtime::boundary::{Batch, Chw, Flat, Input};
/// fn forward(images: impl Input<Chw<3, 32, 32>>) {}
/// fn feed(logits: &Batch<Flat<10>>) {
///     forward(logits); // this network takes a batch of `Chw<3, 32, 32>`, not `&Batch<Flat<10>>`
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "this network takes a batch of `{S}`, not `{Self}`",
    label = "expected a `Tensor` or a `Batch<{S}>`",
    note = "`Chw<C, H, W>` is (N, C, H, W), `Flat<F>` is (N, F), and 0 stands for any size",
    note = "a batch of another type is checked at run time instead when it is passed as a tensor: `&*batch`"
)]
pub trait Input<S: StaticShape>: Sized {
    /// The tensor, by reference or by value.
    #[doc(hidden)]
    fn into_tensor(self) -> Tensor;

    /// The tensor, once it is found to fit: its rank and sizes, a batch of at least one sample, the
    /// network's element type and device.
    ///
    /// # Errors
    /// [`Error::Boundary`], which names the network, what it takes and what it was given.
    fn into_batch(self, network: &str, state: &State) -> Result<Tensor> {
        let tensor = self.into_tensor();
        match check(S::DIMS, state, &tensor) {
            Ok(()) => Ok(tensor),
            Err(problem) => Err(Error::Boundary { network: network.to_owned(), problem: Box::new(problem) }),
        }
    }
}

// `do_not_recommend` keeps the list of these implementations out of rustc's message, which says it all.
#[diagnostic::do_not_recommend]
impl<S: StaticShape> Input<S> for &Tensor {
    fn into_tensor(self) -> Tensor {
        self.clone()
    }
}

#[diagnostic::do_not_recommend]
impl<S: StaticShape> Input<S> for Tensor {
    fn into_tensor(self) -> Tensor {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<S: StaticShape> Input<S> for &Batch<S> {
    fn into_tensor(self) -> Tensor {
        self.tensor.clone()
    }
}

#[diagnostic::do_not_recommend]
impl<S: StaticShape> Input<S> for Batch<S> {
    fn into_tensor(self) -> Tensor {
        self.tensor
    }
}

fn check_shape(expected: &'static [usize], tensor: &Tensor) -> Result<(), BoundaryProblem> {
    match tensor.dims().split_first() {
        Some((_, sample)) if fits(expected, sample) => Ok(()),
        _ => Err(BoundaryProblem::Shape { expected, found: tensor.dims().to_vec() }),
    }
}

fn check(expected: &'static [usize], state: &State, tensor: &Tensor) -> Result<(), BoundaryProblem> {
    check_shape(expected, tensor)?;
    if tensor.elem_count() == 0 {
        return Err(BoundaryProblem::Empty { found: tensor.dims().to_vec() });
    }
    if tensor.dtype() != state.dtype() {
        return Err(BoundaryProblem::DType { expected: state.dtype(), found: tensor.dtype() });
    }
    if !tensor.device().same_device(state.device()) {
        let (expected, found) = (state.device().location(), tensor.device().location());
        return Err(BoundaryProblem::Device { expected, found });
    }
    Ok(())
}

/// Checks a symbolic size against the facts of a declaration, and finds the nearest sizes that fit.
///
/// ```
/// use cnn_runtime::boundary::check_size;
/// assert!(check_size("UNet", "H", 352, "H % 32 == 0", |h| h % 32 == 0).is_ok());
/// let error = check_size("UNet", "H", 350, "H % 32 == 0", |h| h % 32 == 0).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "UNet: H = 350 does not fit, it must satisfy H % 32 == 0; \
///      the nearest that fit: 320 (crop) or 352 (pad)"
/// );
/// ```
///
/// # Errors
/// [`Error::Boundary`] where `fits` refuses the size. Sizes up to 4096 away are tried for the message.
pub fn check_size(
    network: &str,
    symbol: &str,
    found: usize,
    rule: &str,
    fits: impl Fn(usize) -> bool,
) -> Result<()> {
    const REACH: usize = 4096;
    if fits(found) {
        return Ok(());
    }
    let below = (found.saturating_sub(REACH).max(1)..found).rev().find(|&size| fits(size));
    let above = (found.saturating_add(1)..=found.saturating_add(REACH)).find(|&size| fits(size));
    let problem = BoundaryProblem::Size {
        symbol: symbol.to_owned(),
        found,
        rule: rule.to_owned(),
        nearest: [below, above],
    };
    Err(Error::Boundary { network: network.to_owned(), problem: Box::new(problem) })
}

/// Checks that a symbol has the same size in two places of a network's inputs.
///
/// ```
/// use cnn_runtime::boundary::check_equal;
/// let error = check_equal("Pair", "H", ("left", 32), ("right", 64)).unwrap_err();
/// assert_eq!(error.to_string(), "Pair: H must be one size, but it is 32 in left and 64 in right");
/// ```
///
/// # Errors
/// [`Error::Boundary`] where the sizes differ.
pub fn check_equal(
    network: &str,
    symbol: &str,
    (first, size): (&str, usize),
    (second, other): (&str, usize),
) -> Result<()> {
    if size == other {
        return Ok(());
    }
    let problem = BoundaryProblem::Conflict {
        symbol: symbol.to_owned(),
        first: (first.to_owned(), size),
        second: (second.to_owned(), other),
    };
    Err(Error::Boundary { network: network.to_owned(), problem: Box::new(problem) })
}

#[cfg(test)]
mod tests;
