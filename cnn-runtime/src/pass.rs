//! What one run of a network needs besides its input: training or not, random masks, and kept
//! activations.

use std::cell::RefCell;

use candle_core::{DType, Tensor, bail};

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
/// let dropped = pass.dropout(&x, 0.5)?; // zeros and twos
/// pass.keep("drop1", &dropped);
/// assert_eq!(pass.take("drop1")?.dims(), [2, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pass {
    /// The source of masks; a pass without one is inference.
    generator: Option<Generator>,
    /// Names and activations, in order; absent where nothing is kept.
    kept: Option<RefCell<Vec<(String, Tensor)>>>,
}

impl Pass {
    /// Inference: dropout is the identity, batch norms use their running statistics.
    #[must_use]
    pub const fn eval() -> Self {
        Self { generator: None, kept: None }
    }

    /// Training, with masks from a generator (whose counter the pass advances).
    #[must_use]
    pub fn train(generator: &Generator) -> Self {
        Self { generator: Some(generator.clone()), kept: None }
    }

    /// Keeps activations for [`take`](Self::take).
    #[must_use]
    pub fn tracing(self) -> Self {
        Self { kept: Some(RefCell::default()), ..self }
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

    /// Keeps an activation where the pass is tracing; a later one of the same name replaces it.
    pub fn keep(&self, name: &str, x: &Tensor) {
        let Some(kept) = &self.kept else { return };
        let mut kept = kept.borrow_mut();
        match kept.iter_mut().find(|(other, _)| other == name) {
            Some((_, place)) => *place = x.clone(),
            None => kept.push((name.to_owned(), x.clone())),
        }
    }

    /// Takes out an activation that was kept.
    ///
    /// # Errors
    /// [`Error::NotKept`], which lists the names that were kept.
    pub fn take(&self, name: &str) -> Result<Tensor> {
        let (mut kept, tracing) = match &self.kept {
            Some(kept) => (kept.borrow_mut(), true),
            None => return Err(Error::NotKept { name: name.to_owned(), kept: Vec::new(), tracing: false }),
        };
        match kept.iter().position(|(other, _)| other == name) {
            Some(place) => Ok(kept.remove(place).1),
            None => {
                let kept = kept.iter().map(|(other, _)| other.clone()).collect();
                Err(Error::NotKept { name: name.to_owned(), kept, tracing })
            }
        }
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
        silent.keep("a", &x);
        assert!(silent.take("a").expect_err("not tracing").to_string().contains("tracing"));

        let pass = Pass::eval().tracing();
        pass.keep("a", &x);
        pass.keep("b", &x);
        let error = pass.take("c").expect_err("no c").to_string();
        assert!(error.contains("kept: a, b"), "{error}");
        pass.keep("a", &ones(2));
        assert_eq!(pass.take("a").expect("the later one").dims(), [2]);
        assert!(pass.take("a").is_err());
    }
}
