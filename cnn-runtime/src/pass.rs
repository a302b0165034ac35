//! What one run of a network needs besides its input: training or not, random masks, and kept
//! activations with their gradients.

use std::cell::RefCell;

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var, bail};

use crate::error::{Error, Result};
use crate::random::Generator;
use crate::value::{Operation, Value};

pub(crate) mod mask;
#[cfg(test)]
mod tests;

/// One run of a network, on tensors or on any other [`Value`]s.
///
/// ```
/// # fn main() -> cnn_runtime::Result<()> {
/// use candle_core::{DType, Device, Tensor};
/// use cnn_runtime::pass::Pass;
/// use cnn_runtime::random::Generator;
///
/// let x = Tensor::ones((2, 8), DType::F32, &Device::Cpu)?;
/// let still = Pass::eval().dropout(&x, 0.5)?;
/// assert_eq!(still.sum_all()?.to_scalar::<f32>()?, 16.0);
///
/// let generator = Generator::seed(42);
/// let pass = Pass::train(&generator).tracing();
/// let dropped = pass.keep("drop1", &pass.dropout(&x, 0.5)?)?; // zeros and twos
/// assert_eq!(pass.kept("drop1")?.dims(), [2, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pass<V = Tensor> {
    /// The source of masks; a pass without one is inference.
    generator: Option<Generator>,
    /// Activations, in order; absent where nothing is kept.
    kept: Option<RefCell<Vec<Kept<V>>>>,
    /// The names of what is kept, where that is not everything.
    only: Option<Vec<String>>,
    /// Where the gradients of what is kept can be asked for: an activation with zeros added, and the zeros.
    probe: Option<Probe<V>>,
}

/// Adds zeros, whose gradient is that of the sum.
type Probe<V> = fn(&V) -> candle_core::Result<(V, Var)>;

/// An activation that was kept.
#[derive(Debug)]
struct Kept<V> {
    name: String,
    value: V,
    /// Zeros that were added to the activation: their gradient is the activation's.
    probe: Option<Var>,
}

impl Pass {
    /// Inference: dropout is the identity, batch norms use their running statistics.
    #[must_use]
    pub const fn eval() -> Self {
        Self::inference()
    }

    /// Training, with masks from a generator (whose counter the pass advances).
    #[must_use]
    pub fn train(generator: &Generator) -> Self {
        Self::training(generator)
    }

    /// As [`tracing`](Self::tracing), and the gradients of what is kept can be asked for with
    /// [`gradient`](Self::gradient).
    #[must_use]
    pub fn probing(self) -> Self {
        Self { probe: Some(probed), ..self.tracing() }
    }

    /// The gradient of an activation that was kept: zeros where it had no part in what was
    /// differentiated.
    ///
    /// ```
    /// # fn main() -> cnn_runtime::Result<()> {
    /// use candle_core::{Device, Tensor};
    /// use cnn_runtime::pass::Pass;
    ///
    /// let pass = Pass::eval().probing();
    /// let x = pass.keep("x", &Tensor::new(&[1f32, 2., 3.], &Device::Cpu)?)?;
    /// let gradients = x.sqr()?.sum_all()?.backward()?;
    /// assert_eq!(pass.gradient("x", &gradients)?.to_vec1::<f32>()?, [2., 4., 6.]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotKept`], also where the pass is not [probing](Self::probing).
    pub fn gradient(&self, name: &str, gradients: &GradStore) -> Result<Tensor> {
        let probe = self.find(name, |kept| kept.probe.clone())?.ok_or_else(|| Error::NotKept {
            name: name.to_owned(),
            kept: Vec::new(),
            tracing: false,
        })?;
        match gradients.get(&probe) {
            Some(gradient) => Ok(gradient.clone()),
            None => Ok(probe.zeros_like()?),
        }
    }
}

/// An activation with zeros added, whose gradient is the activation's.
fn probed(x: &Tensor) -> candle_core::Result<(Tensor, Var)> {
    let probe = Var::from_tensor(&x.zeros_like()?)?;
    Ok((x.add(&probe)?, probe))
}

impl<V> Pass<V> {
    /// Inference on any values, as [`eval`](Pass::eval) is on tensors.
    #[must_use]
    pub const fn inference() -> Self {
        Self { generator: None, kept: None, only: None, probe: None }
    }

    /// Training on any values, as [`train`](Pass::train) is on tensors.
    #[must_use]
    pub fn training(generator: &Generator) -> Self {
        Self { generator: Some(generator.clone()), ..Self::inference() }
    }

    /// Keeps activations for [`kept`](Self::kept).
    #[must_use]
    pub fn tracing(self) -> Self {
        Self { kept: Some(RefCell::default()), ..self }
    }

    /// A pass of the same kind for a network inside this one, which keeps these of its activations.
    #[must_use]
    pub fn inside(&self, names: &[&str]) -> Self {
        let only = names.iter().map(|&name| name.to_owned()).collect();
        let kept = Some(RefCell::default());
        Self { generator: self.generator.clone(), kept, only: Some(only), probe: None }
    }

    /// Whether this is training.
    #[must_use]
    pub const fn is_train(&self) -> bool {
        self.generator.is_some()
    }

    /// The source of masks, in training.
    pub(crate) const fn generator(&self) -> Option<&Generator> {
        self.generator.as_ref()
    }

    /// The names of what was kept, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let kept = self
            .kept
            .iter()
            .flat_map(|kept| kept.borrow().iter().map(|kept| kept.name.clone()).collect::<Vec<_>>());
        kept.collect()
    }

    fn find<T>(&self, name: &str, part: impl Fn(&Kept<V>) -> T) -> Result<T> {
        let Some(kept) = &self.kept else {
            return Err(Error::NotKept { name: name.to_owned(), kept: Vec::new(), tracing: false });
        };
        let kept = kept.borrow();
        kept.iter().find(|kept| kept.name == name).map(part).ok_or_else(|| Error::NotKept {
            name: name.to_owned(),
            kept: kept.iter().map(|kept| kept.name.clone()).collect(),
            tracing: true,
        })
    }
}

impl<V: Value> Pass<V> {
    /// Zeroes each value with probability `p` and scales the others by `1 / (1 - p)`, in training
    /// (Srivastava et al., 2014; PyTorch's `nn.Dropout`). Any shape.
    ///
    /// # Errors
    /// Where `p` is not between 0 and 1.
    pub fn dropout(&self, x: &V, p: f64) -> candle_core::Result<V> {
        self.drop_blocks("dropout", x, p, x.dims().len())
    }

    /// Zeroes whole channels of an (N, C, H, W) input (Tompson et al., arXiv 1411.4280; PyTorch's
    /// `nn.Dropout2d`); otherwise as [`dropout`](Self::dropout).
    ///
    /// # Errors
    /// Where `p` is not between 0 and 1, or the input has not four dimensions.
    pub fn dropout2d(&self, x: &V, p: f64) -> candle_core::Result<V> {
        if x.dims().len() != 4 {
            bail!("dropout2d: expected (N, C, H, W), found {:?}", x.dims());
        }
        self.drop_blocks("dropout2d", x, p, 2)
    }

    /// Zeroes whole samples of a residual branch (Huang et al., "Deep networks with stochastic depth",
    /// arXiv 1603.09382; torchvision's `StochasticDepth("row")`); otherwise as
    /// [`dropout`](Self::dropout).
    ///
    /// # Errors
    /// Where `p` is not between 0 and 1, or the input has no batch dimension.
    pub fn drop_path(&self, x: &V, p: f64) -> candle_core::Result<V> {
        if x.dims().is_empty() {
            bail!("drop_path: expected a batch (N, ..), found a scalar");
        }
        self.drop_blocks("drop_path", x, p, 1)
    }

    /// Keeps or zeroes blocks that are single values of the first `rank` dimensions.
    fn drop_blocks(&self, op: &str, x: &V, p: f64, rank: usize) -> candle_core::Result<V> {
        if !(0.0..=1.0).contains(&p) {
            bail!("{op}: expected a probability between 0 and 1, found {p}");
        }
        match &self.generator {
            Some(generator) if p > 0.0 => {
                V::apply(&Operation::Mask { generator: generator.clone(), p, rank }, &[x])
            }
            _ => Ok(x.clone()),
        }
    }

    /// The activation itself, which is kept where the pass is tracing; a later one of the same name
    /// replaces it. What is computed with the result is what [`gradient`](Pass::gradient) differentiates.
    ///
    /// # Errors
    /// What the device says where it cannot hold the zeros that a [probing](Pass::probing) pass adds.
    pub fn keep(&self, name: &str, x: &V) -> candle_core::Result<V> {
        let Some(kept) = &self.kept else { return Ok(x.clone()) };
        if self.only.as_ref().is_some_and(|only| !only.iter().any(|kept| kept == name)) {
            return Ok(x.clone());
        }
        let (value, probe) = match self.probe {
            Some(probed) => probed(x).map(|(value, probe)| (value, Some(probe)))?,
            None => (x.clone(), None),
        };
        let mut kept = kept.borrow_mut();
        kept.retain(|other| other.name != name);
        kept.push(Kept { name: name.to_owned(), value: value.clone(), probe });
        Ok(value)
    }

    /// An activation that was kept.
    ///
    /// # Errors
    /// [`Error::NotKept`], which lists the names that were kept.
    pub fn kept(&self, name: &str) -> Result<V> {
        self.find(name, |kept| kept.value.clone())
    }
}
