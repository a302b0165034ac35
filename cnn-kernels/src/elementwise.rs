//! Activation functions, value by value, with PyTorch's gradients at their kinks and for NaN.
use crate::{Float, parallel};

/// Values per task.
const CHUNK: usize = 4096;

/// An activation function without parameters to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`; gradient 0 at 0.
    Relu,
    /// `min(max(x, 0), 6)`; gradient 0 at 0 and at 6.
    Relu6,
    /// `x` where positive, `slope x` elsewhere; gradient `slope` at 0.
    LeakyRelu {
        /// Slope of the negative part.
        slope: f64,
    },
    /// `x` where positive, `alpha (exp(x) - 1)` elsewhere (Clevert et al., arXiv 1511.07289).
    Elu {
        /// Scale of the negative part.
        alpha: f64,
    },
    /// `x Phi(x)`, `Phi` the normal distribution (Hendrycks & Gimpel, arXiv 1606.08415), by the error function.
    Gelu,
    /// `x sigmoid(x)`.
    Silu,
    /// `x relu6(x + 3) / 6` (Howard et al., arXiv 1905.02244); gradient 0 at -3 and 1 at 3.
    HardSwish,
    /// `relu6(x + 3) / 6`; gradient 0 at -3 and at 3.
    HardSigmoid,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// Writes the function of every value of `input` to `output`.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn forward<T: Float>(self, input: &[T], output: &mut [T]) {
        let (zero, three, six) = (T::zero(), T::of(3.0), T::of(6.0));
        match self {
            // Written so that NaN is passed on.
            Self::Relu => map(input, output, 1, |x| if x <= zero { zero } else { x }),
            Self::Relu6 => map(input, output, 1, |x| clamp(x, zero, six)),
            Self::LeakyRelu { slope } => {
                let slope = T::of(slope);
                map(input, output, 1, |x| if x > zero { x } else { slope * x });
            }
            Self::Elu { alpha } => {
                let alpha = T::of(alpha);
                map(input, output, 16, |x| if x <= zero { alpha * x.exp_m1() } else { x });
            }
            Self::Gelu => map(input, output, 32, |x| x * normal_distribution(x)),
            Self::Silu => map(input, output, 16, |x| x / (T::one() + (-x).exp())),
            Self::HardSwish => map(input, output, 1, |x| x * clamp(x + three, zero, six) / six),
            Self::HardSigmoid => map(input, output, 1, |x| clamp(x + three, zero, six) / six),
            Self::Sigmoid => map(input, output, 16, sigmoid),
            Self::Tanh => map(input, output, 16, T::tanh),
        }
    }

    /// Writes the gradient of the input to `grad_input`, given the input, the output and the output's gradient.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn gradient<T: Float>(self, input: &[T], output: &[T], grad_output: &[T], grad_input: &mut [T]) {
        let (zero, one, three, six) = (T::zero(), T::one(), T::of(3.0), T::of(6.0));
        let half = T::of(0.5);
        match self {
            Self::Relu => zip(input, grad_output, grad_input, 1, |x, g| if x <= zero { zero } else { g }),
            Self::Relu6 => {
                zip(input, grad_output, grad_input, 1, |x, g| if x <= zero || x >= six { zero } else { g });
            }
            Self::LeakyRelu { slope } => {
                let slope = T::of(slope);
                zip(input, grad_output, grad_input, 1, |x, g| if x > zero { g } else { slope * g });
            }
            Self::Elu { alpha } => {
                let alpha = T::of(alpha);
                zip(
                    input,
                    grad_output,
                    grad_input,
                    16,
                    |x, g| if x <= zero { g * alpha * x.exp() } else { g },
                );
            }
            Self::Gelu => {
                // The derivative of Phi is the normal density.
                let scale = T::of(0.5 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2);
                zip(input, grad_output, grad_input, 48, |x, g| {
                    g * (normal_distribution(x) + x * scale * (-half * x * x).exp())
                });
            }
            Self::Silu => zip(input, grad_output, grad_input, 16, |x, g| {
                let s = sigmoid(x);
                g * s * (one + x * (one - s))
            }),
            Self::HardSwish => zip(input, grad_output, grad_input, 1, |x, g| {
                if x <= -three {
                    zero
                } else if x >= three {
                    g
                } else {
                    g * (x / three + half)
                }
            }),
            Self::HardSigmoid => {
                zip(
                    input,
                    grad_output,
                    grad_input,
                    1,
                    |x, g| if x > -three && x < three { g / six } else { zero },
                );
            }
            Self::Sigmoid => zip(output, grad_output, grad_input, 1, |y, g| g * y * (one - y)),
            Self::Tanh => zip(output, grad_output, grad_input, 1, |y, g| g * (one - y * y)),
        }
    }
}

/// `min(max(x, low), high)`, NaN for NaN.
#[inline(always)]
fn clamp<T: Float>(x: T, low: T, high: T) -> T {
    if x < low {
        low
    } else if x > high {
        high
    } else {
        x
    }
}

#[inline(always)]
fn sigmoid<T: Float>(x: T) -> T {
    T::one() / (T::one() + (-x).exp())
}

#[inline(always)]
fn normal_distribution<T: Float>(x: T) -> T {
    T::of(0.5) * (T::one() + (x * T::of(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

/// `output = f(input)`, value by value.
fn map<T: Float>(input: &[T], output: &mut [T], cost: usize, f: impl Fn(T) -> T + Send + Sync) {
    assert_eq!(input.len(), output.len(), "lengths of an activation's input and output");
    parallel::chunks(output, CHUNK, CHUNK * cost, |index, output| {
        let input = &input[index * CHUNK..][..output.len()];
        output.iter_mut().zip(input).for_each(|(to, &x)| *to = f(x));
    });
}

/// `output = f(left, right)`, value by value.
fn zip<T: Float>(
    left: &[T],
    right: &[T],
    output: &mut [T],
    cost: usize,
    f: impl Fn(T, T) -> T + Send + Sync,
) {
    assert_eq!(
        (left.len(), right.len()),
        (output.len(), output.len()),
        "lengths of an activation's gradient"
    );
    parallel::chunks(output, CHUNK, CHUNK * cost, |index, output| {
        let left = &left[index * CHUNK..][..output.len()];
        let right = &right[index * CHUNK..][..output.len()];
        output.iter_mut().zip(left).zip(right).for_each(|((to, &x), &y)| *to = f(x, y));
    });
}
