//! Random initial values, reproducible from a seed on every device.

use std::fmt;

use candle_core::{DType, Device, Shape, Tensor};

use crate::error::{Error, Result};
use crate::params::Fill;
use crate::random::Stream;

/// How many values a weight combines and how many it feeds, as PyTorch's
/// `_calculate_fan_in_and_fan_out` counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fans {
    /// Inputs of one output: `weight.size(1) * kernel height * kernel width`. (So PyTorch counts the
    /// *outputs* for a transposed convolution, whose weight is `(in, out / groups, kh, kw)`.)
    pub fan_in: usize,
    /// `weight.size(0) * kernel height * kernel width`.
    pub fan_out: usize,
}

/// The distribution of initial weights.
///
/// It rules the weights of convolutions, transposed convolutions and linear layers. Norms start at 1
/// and 0 and `PReLU` at 0.25 under every scheme. Biases are `U(±1/sqrt(fan_in))` under
/// [`Scheme::PyTorch`] and 0 under the others, as their papers have it.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub enum Scheme {
    /// PyTorch's default, `kaiming_uniform_(a=sqrt(5))`: `U(±1/sqrt(fan_in))`.
    #[default]
    PyTorch,
    /// `N(0, 2/fan_in)` (He et al., arXiv 1502.01852, for ReLU).
    KaimingNormal,
    /// `U(±sqrt(6/fan_in))`, the same variance.
    KaimingUniform,
    /// `N(0, 2/(fan_in + fan_out))` (Glorot & Bengio, 2010).
    XavierNormal,
    /// `U(±sqrt(6/(fan_in + fan_out)))`, the same variance.
    XavierUniform,
    /// Any distribution, one weight a call.
    ///
    /// ```
    /// use cnn_runtime::{Init, Scheme};
    /// // DCGAN (Radford et al., arXiv 1511.06434): N(0, 0.02^2).
    /// let init = Init::seed(42).scheme(Scheme::Custom(|_fans, random| random.normal(0.0, 0.02)));
    /// ```
    Custom(fn(Fans, &mut Stream) -> f64),
}

impl Scheme {
    /// One initial weight.
    fn weight(self, fans: Fans, random: &mut Stream) -> f64 {
        let fan_in = fans.fan_in.max(1) as f64;
        let both = (fans.fan_in + fans.fan_out).max(1) as f64;
        match self {
            Self::PyTorch => symmetric(random, fan_in.sqrt().recip()),
            Self::KaimingNormal => random.normal(0.0, (2.0 / fan_in).sqrt()),
            Self::KaimingUniform => symmetric(random, (6.0 / fan_in).sqrt()),
            Self::XavierNormal => random.normal(0.0, (2.0 / both).sqrt()),
            Self::XavierUniform => symmetric(random, (6.0 / both).sqrt()),
            Self::Custom(draw) => draw(fans, random),
        }
    }

    /// One initial bias.
    fn bias(self, fan_in: usize, random: &mut Stream) -> f64 {
        match self {
            Self::PyTorch => symmetric(random, (fan_in.max(1) as f64).sqrt().recip()),
            _ => 0.0,
        }
    }
}

fn symmetric(random: &mut Stream, bound: f64) -> f64 {
    random.uniform(-bound, bound)
}

/// How a network is initialised: a seed, a scheme and the element type.
///
/// Each tensor's values depend on the seed and the tensor's name only: adding a layer does not change
/// the others. They are computed in f64 on the CPU, rounded, and moved, so that every device starts
/// from the same network, and an f64 network from the same one as its f32 twin up to rounding.
///
/// ```
/// use cnn_runtime::{DType, Init, Scheme};
/// let init = Init::seed(42).scheme(Scheme::KaimingNormal).dtype(DType::F64);
/// ```
#[derive(Clone, Copy)]
pub struct Init {
    seed: u64,
    scheme: Scheme,
    dtype: DType,
}

impl Init {
    /// PyTorch's scheme in f32.
    #[must_use]
    pub const fn seed(seed: u64) -> Self {
        Self { seed, scheme: Scheme::PyTorch, dtype: DType::F32 }
    }

    /// Sets the distribution of weights.
    #[must_use]
    pub const fn scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// Sets the element type of the network, `F32` or `F64`.
    #[must_use]
    pub const fn dtype(self, dtype: DType) -> Self {
        Self { dtype, ..self }
    }

    /// The seed, which the network's dropout generator takes too.
    pub(crate) const fn seed_value(&self) -> u64 {
        self.seed
    }

    /// The element type.
    pub(crate) const fn dtype_value(&self) -> DType {
        self.dtype
    }

    /// The initial values of the tensor called `name`.
    pub(crate) fn tensor(&self, name: &str, shape: &Shape, fill: Fill, device: &Device) -> Result<Tensor> {
        let random = &mut Stream::keyed(self.seed, name);
        let mut draw = || match fill {
            Fill::Weight { fan_in, fan_out } => self.scheme.weight(Fans { fan_in, fan_out }, random),
            Fill::Bias { fan_in } => self.scheme.bias(fan_in, random),
            Fill::Constant(value) => value,
        };
        let count = shape.elem_count();
        Ok(match self.dtype {
            DType::F32 => {
                let values: Vec<f32> = (0..count).map(|_| draw() as f32).collect();
                Tensor::from_vec(values, shape, device)?
            }
            DType::F64 => {
                let values: Vec<f64> = (0..count).map(|_| draw()).collect();
                Tensor::from_vec(values, shape, device)?
            }
            dtype => return Err(Error::UnsupportedDType { dtype }),
        })
    }
}

impl fmt::Debug for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Init::seed({}).scheme({:?}).dtype({:?})", self.seed, self.scheme, self.dtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(init: Init, name: &str, count: usize, fill: Fill) -> Vec<f64> {
        let init = init.dtype(DType::F64);
        let tensor = init.tensor(name, &count.into(), fill, &Device::Cpu).expect("initial values");
        tensor.to_vec1().expect("f64 values")
    }

    const WEIGHT: Fill = Fill::Weight { fan_in: 16, fan_out: 32 };

    /// Mean and variance, and the largest magnitude.
    fn moments(values: &[f64]) -> (f64, f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance, values.iter().fold(0.0, |most, v| v.abs().max(most)))
    }

    #[test]
    fn moments_are_those_of_the_papers() {
        // (scheme, variance, bound): bound^2 = 3 * variance for a uniform distribution.
        let cases: [(Scheme, f64, f64); 5] = [
            (Scheme::PyTorch, 1.0 / 48.0, 0.25),
            (Scheme::KaimingNormal, 2.0 / 16.0, f64::INFINITY),
            (Scheme::KaimingUniform, 2.0 / 16.0, (6.0f64 / 16.0).sqrt()),
            (Scheme::XavierNormal, 2.0 / 48.0, f64::INFINITY),
            (Scheme::XavierUniform, 2.0 / 48.0, (6.0f64 / 48.0).sqrt()),
        ];
        for (scheme, expected, bound) in cases {
            let values = draw(Init::seed(42).scheme(scheme), "conv.weight", 50_000, WEIGHT);
            let (mean, variance, largest) = moments(&values);
            // Five standard deviations of the mean of 50,000 values.
            assert!(mean.abs() < 5.0 * (expected / 50_000.0).sqrt(), "{scheme:?}: mean {mean}");
            assert!((variance / expected - 1.0).abs() < 0.03, "{scheme:?}: variance {variance}");
            assert!(largest <= bound, "{scheme:?}: {largest} > {bound}");
            if bound.is_finite() {
                assert!(largest > 0.99 * bound, "{scheme:?}: {largest} far from {bound}");
            }
        }
    }

    #[test]
    fn biases() {
        let bias = Fill::Bias { fan_in: 16 };
        let (_, variance, largest) = moments(&draw(Init::seed(1), "conv.bias", 10_000, bias));
        assert!(largest <= 0.25 && (variance * 48.0 - 1.0).abs() < 0.1);
        let zeros = draw(Init::seed(1).scheme(Scheme::KaimingNormal), "conv.bias", 100, bias);
        assert!(zeros.iter().all(|&value| value == 0.0));
    }

    #[test]
    fn a_custom_scheme_sees_the_fans() {
        let init =
            Init::seed(0).scheme(Scheme::Custom(|fans, _| fans.fan_in as f64 + 1000.0 * fans.fan_out as f64));
        assert_eq!(draw(init, "w", 2, WEIGHT), [32_016.0; 2]);
    }

    #[test]
    fn values_depend_on_seed_and_name_only() {
        let values = draw(Init::seed(42), "conv1.weight", 10, WEIGHT);
        assert_eq!(draw(Init::seed(42), "conv1.weight", 10, WEIGHT), values);
        assert_ne!(draw(Init::seed(42), "conv2.weight", 10, WEIGHT), values);
        assert_ne!(draw(Init::seed(43), "conv1.weight", 10, WEIGHT), values);
        // A larger tensor starts with the same numbers.
        assert_eq!(draw(Init::seed(42), "conv1.weight", 20, WEIGHT)[..10], values);
    }

    #[test]
    fn f32_is_f64_rounded() {
        let fine = draw(Init::seed(9), "w", 1000, WEIGHT);
        let coarse = Init::seed(9).tensor("w", &1000.into(), WEIGHT, &Device::Cpu).expect("values");
        let coarse: Vec<f32> = coarse.to_vec1().expect("f32 values");
        assert!(fine.iter().zip(&coarse).all(|(fine, coarse)| *fine as f32 == *coarse));
    }

    #[test]
    fn other_element_types_are_refused() {
        let error = Init::seed(0)
            .dtype(DType::U8)
            .tensor("w", &1.into(), WEIGHT, &Device::Cpu)
            .expect_err("u8 weights");
        assert!(error.to_string().contains("U8"), "{error}");
    }

    #[test]
    fn first_values_are_pinned() {
        // Computed outside of Rust: key (42, 0), counter (block, 0, low and high word of the FNV-1a
        // hash of the name), u = (word + 0.5) / 2^32, -0.25 + 0.5 u.
        let expected = [
            -0.049511556106153876,
            0.018174371274653822,
            0.16914846299914643,
            0.09920252457959577,
            0.16260751808295026,
            -0.24738500971579924,
        ];
        let values = draw(Init::seed(42), "conv1.weight", 6, WEIGHT);
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-15, "{value} {expected}");
        }
        // The same words through Box-Muller, times sqrt(2 / 16).
        let expected = [-0.46556629922109477, -0.10821688164812596];
        let values = draw(Init::seed(42).scheme(Scheme::KaimingNormal), "conv1.weight", 2, WEIGHT);
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-14, "{value} {expected}");
        }
    }
}
