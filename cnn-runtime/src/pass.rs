//! What one run of a network needs besides its input: training or not, random masks, and kept
//! activations with their gradients.

use std::cell::RefCell;

use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor, Var, bail};

use crate::error::{Error, Result};
use crate::random::Generator;

/// One run of a network.
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
pub struct Pass {
    /// The source of masks; a pass without one is inference.
    generator: Option<Generator>,
    /// Activations, in order; absent where nothing is kept.
    kept: Option<RefCell<Vec<Kept>>>,
    /// The names of what is kept, where that is not everything.
    only: Option<Vec<String>>,
    /// Whether the gradients of what is kept can be asked for.
    probes: bool,
}

/// An activation that was kept.
#[derive(Debug)]
struct Kept {
    name: String,
    value: Tensor,
    /// Zeros that were added to the activation: their gradient is the activation's.
    probe: Option<Var>,
}

impl Pass {
    /// Inference: dropout is the identity, batch norms use their running statistics.
    #[must_use]
    pub const fn eval() -> Self {
        Self { generator: None, kept: None, only: None, probes: false }
    }

    /// Training, with masks from a generator (whose counter the pass advances).
    #[must_use]
    pub fn train(generator: &Generator) -> Self {
        Self { generator: Some(generator.clone()), kept: None, only: None, probes: false }
    }

    /// Keeps activations for [`kept`](Self::kept).
    #[must_use]
    pub fn tracing(self) -> Self {
        Self { kept: Some(RefCell::default()), ..self }
    }

    /// As [`tracing`](Self::tracing), and the gradients of what is kept can be asked for with
    /// [`gradient`](Self::gradient).
    #[must_use]
    pub fn probing(self) -> Self {
        Self { probes: true, ..self.tracing() }
    }

    /// A pass of the same kind for a network inside this one, which keeps these of its activations.
    #[must_use]
    pub fn inside(&self, names: &[&str]) -> Self {
        let only = names.iter().map(|&name| name.to_owned()).collect();
        let kept = Some(RefCell::default());
        Self { generator: self.generator.clone(), kept, only: Some(only), probes: false }
    }

    /// Whether this is training.
    #[must_use]
    pub const fn is_train(&self) -> bool {
        self.generator.is_some()
    }

    /// Zeroes each value with probability `p` and scales the others by `1 / (1 - p)`, in training
    /// (Srivastava et al., 2014; PyTorch's `nn.Dropout`). Any shape.
    ///
    /// # Errors
    /// Where `p` is not between 0 and 1.
    pub fn dropout(&self, x: &Tensor, p: f64) -> candle_core::Result<Tensor> {
        self.drop_blocks("dropout", x, p, x.rank())
    }

    /// Zeroes whole channels of an (N, C, H, W) input (Tompson et al., arXiv 1411.4280; PyTorch's
    /// `nn.Dropout2d`); otherwise as [`dropout`](Self::dropout).
    ///
    /// # Errors
    /// Where `p` is not between 0 and 1, or the input has not four dimensions.
    pub fn dropout2d(&self, x: &Tensor, p: f64) -> candle_core::Result<Tensor> {
        if x.rank() != 4 {
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
    pub fn drop_path(&self, x: &Tensor, p: f64) -> candle_core::Result<Tensor> {
        if x.rank() == 0 {
            bail!("drop_path: expected a batch (N, ..), found a scalar");
        }
        self.drop_blocks("drop_path", x, p, 1)
    }

    /// Keeps or zeroes blocks that are single values of the first `rank` dimensions.
    fn drop_blocks(&self, op: &str, x: &Tensor, p: f64, rank: usize) -> candle_core::Result<Tensor> {
        if !(0.0..=1.0).contains(&p) {
            bail!("{op}: expected a probability between 0 and 1, found {p}");
        }
        let Some(generator) = &self.generator else { return Ok(x.clone()) };
        if p == 0.0 {
            return Ok(x.clone());
        }
        if p == 1.0 {
            return x.zeros_like();
        }
        let dims: Vec<usize> =
            x.dims().iter().enumerate().map(|(i, &dim)| if i < rank { dim } else { 1 }).collect();
        let count = dims.iter().product();
        let scale = (1.0 - p).recip();
        let mut stream = generator.stream(count);
        let mut draw = || if stream.bernoulli(1.0 - p) { scale } else { 0.0 };
        let mask = if x.dtype() == DType::F64 {
            Tensor::from_vec((0..count).map(|_| draw()).collect::<Vec<f64>>(), dims, x.device())?
        } else {
            let values: Vec<f32> = (0..count).map(|_| draw() as f32).collect();
            Tensor::from_vec(values, dims, x.device())?.to_dtype(x.dtype())?
        };
        x.broadcast_mul(&mask)
    }

    /// The activation itself, which is kept where the pass is tracing; a later one of the same name
    /// replaces it. What is computed with the result is what [`gradient`](Self::gradient) differentiates.
    ///
    /// # Errors
    /// What the device says where it cannot hold the zeros that a [probing](Self::probing) pass adds.
    pub fn keep(&self, name: &str, x: &Tensor) -> candle_core::Result<Tensor> {
        let Some(kept) = &self.kept else { return Ok(x.clone()) };
        if self.only.as_ref().is_some_and(|only| !only.iter().any(|kept| kept == name)) {
            return Ok(x.clone());
        }
        let (value, probe) = if self.probes {
            let probe = Var::from_tensor(&x.zeros_like()?)?;
            (x.add(&probe)?, Some(probe))
        } else {
            (x.clone(), None)
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
    pub fn kept(&self, name: &str) -> Result<Tensor> {
        self.find(name, |kept| kept.value.clone())
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

    /// The names of what was kept, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let kept = self
            .kept
            .iter()
            .flat_map(|kept| kept.borrow().iter().map(|kept| kept.name.clone()).collect::<Vec<_>>());
        kept.collect()
    }

    fn find<T>(&self, name: &str, part: impl Fn(&Kept) -> T) -> Result<T> {
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

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    fn ones(shape: impl Into<candle_core::Shape>) -> Tensor {
        Tensor::ones(shape, DType::F32, &Device::Cpu).expect("ones")
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("values")
    }

    #[test]
    fn inference_changes_nothing() {
        let x = ones((2, 3, 4, 4));
        let pass = Pass::eval();
        assert!(!pass.is_train());
        for y in [pass.dropout(&x, 0.5), pass.dropout2d(&x, 0.5), pass.drop_path(&x, 0.5)] {
            assert_eq!(y.expect("the input").id(), x.id());
        }
    }

    #[test]
    fn training_zeroes_the_right_share_and_keeps_the_mean() {
        let pass = Pass::train(&Generator::seed(1));
        let y = values(&pass.dropout(&ones((100, 200)), 0.2).expect("dropped"));
        assert!(y.iter().all(|&v| v == 0.0 || (v - 1.25).abs() < 1e-6));
        let zeros = y.iter().filter(|&&v| v == 0.0).count() as f64 / 20_000.0;
        assert!((zeros - 0.2).abs() < 0.015, "{zeros}"); // five standard deviations
    }

    #[test]
    fn channels_and_samples_fall_as_a_whole() {
        let pass = Pass::train(&Generator::seed(2));
        let x = ones((50, 8, 3, 3));
        for (y, block) in [(pass.dropout2d(&x, 0.5), 9), (pass.drop_path(&x, 0.5), 72)] {
            let y = values(&y.expect("dropped"));
            let blocks: Vec<_> = y.chunks(block).collect();
            assert!(blocks.iter().all(|values| values.iter().all(|v| *v == values[0])));
            assert!(blocks.iter().any(|v| v[0] == 0.0) && blocks.iter().any(|v| v[0] == 2.0));
        }
    }

    #[test]
    fn masks_resume_from_a_saved_state() {
        let generator = Generator::seed(3);
        let x = ones(64);
        let state = generator.state();
        let first = values(&Pass::train(&generator).dropout(&x, 0.5).expect("dropped"));
        let second = values(&Pass::train(&generator).dropout(&x, 0.5).expect("dropped"));
        assert_ne!(first, second);
        generator.set_state(state);
        let again = values(&Pass::train(&generator).dropout(&x, 0.5).expect("dropped"));
        assert_eq!(first, again);
    }

    #[test]
    fn the_gradient_is_the_mask() {
        let x = Var::ones(32, DType::F64, &Device::Cpu).expect("a variable");
        let y = Pass::train(&Generator::seed(4)).dropout(&x, 0.5).expect("dropped");
        let gradients = y.sum_all().and_then(|sum| sum.backward()).expect("gradients");
        let gradient = gradients.get(&x).expect("of x").to_vec1::<f64>().expect("values");
        assert_eq!(gradient, y.to_vec1::<f64>().expect("values"));
    }

    #[test]
    fn the_ends_of_the_range_and_beyond() {
        let pass = Pass::train(&Generator::seed(5));
        let x = ones(8);
        assert_eq!(values(&pass.dropout(&x, 0.0).expect("all")), [1.0; 8]);
        assert_eq!(values(&pass.dropout(&x, 1.0).expect("none")), [0.0; 8]);
        for p in [-0.1, 1.1, f64::NAN] {
            let error = pass.dropout(&x, p).expect_err("no probability").to_string();
            assert!(error.contains("between 0 and 1"), "{error}");
            assert!(Pass::eval().dropout(&x, p).is_err());
        }
        assert!(pass.dropout2d(&x, 0.5).is_err());
    }

    #[test]
    fn activations_are_kept_only_when_tracing() {
        let x = ones(1);
        let silent = Pass::eval();
        silent.keep("a", &x).expect("the same");
        assert!(silent.kept("a").expect_err("not tracing").to_string().contains("tracing"));

        let pass = Pass::eval().tracing();
        assert_eq!(pass.keep("a", &x).expect("the same").id(), x.id());
        pass.keep("b", &x).expect("the same");
        let error = pass.kept("c").expect_err("no c").to_string();
        assert!(error.contains("kept: a, b"), "{error}");
        pass.keep("a", &ones(2)).expect("the same");
        assert_eq!(pass.kept("a").expect("the later one").dims(), [2]);
        assert_eq!(pass.names(), ["b", "a"]);
    }

    #[test]
    fn gradients_of_what_was_kept() {
        // d/dx (3x)^2 = 18x, and of y = 3x: 2y.
        let pass = Pass::eval().probing();
        let x = pass.keep("x", &(ones(2) * 2.0).expect("twos")).expect("x");
        let y = pass.keep("y", &(&x * 3.0).expect("3x")).expect("y");
        pass.keep("aside", &x).expect("x");
        let gradients = y.sqr().and_then(|y| y.sum_all()).and_then(|sum| sum.backward()).expect("gradients");
        let gradient = |name| values(&pass.gradient(name, &gradients).expect("kept"));
        assert_eq!(gradient("y"), [12.0; 2]);
        assert_eq!(gradient("x"), [36.0; 2]);
        assert_eq!(gradient("aside"), [0.0; 2]);
        assert!(pass.gradient("z", &gradients).is_err());
        let tracing = Pass::eval().tracing();
        tracing.keep("x", &x).expect("x");
        assert!(tracing.gradient("x", &gradients).is_err());
    }
}
