//! The steps of optimizers on slices, in place: one pass over weights, gradient and state.
//!
//! The formulas and their order are PyTorch's (`torch.optim`), of one parameter tensor. What depends on the step only (a
//! bias correction, say) is a number of the rule.

use crate::{Float, sums};

/// Values of a task of its own: in less time than it takes to hand over, a core does half of them.
const GRAIN: usize = 1 << 15;

/// What is done to each value of a gradient before it is used: `clamp(scale * g, -limit, limit)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incoming {
    /// The factor, 1 for none: that of a norm that is clipped, or one over the number of accumulated samples.
    pub scale: f64,
    /// The largest absolute value; infinity for none.
    pub limit: f64,
}

impl Default for Incoming {
    fn default() -> Self {
        Self { scale: 1.0, limit: f64::INFINITY }
    }
}

impl Incoming {
    /// The function of a value. NaN stays NaN.
    fn function<T: Float>(self) -> impl Fn(T) -> T + Copy + Send + Sync {
        let (scale, limit) = (T::of(self.scale), T::of(self.limit));
        move |g: T| {
            let g = g * scale;
            // Not `min` and `max`: they lose NaN.
            let g = if g > limit { limit } else { g };
            if g < -limit { -limit } else { g }
        }
    }
}

/// A step of stochastic gradient descent (`torch.optim.SGD` without dampening).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate.
    pub learning_rate: f64,
    /// The share of the momentum buffer that stays; 0 for none.
    pub momentum: f64,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
    /// The share of the weight that is added to its gradient.
    pub weight_decay: f64,
}

impl Sgd {
    /// Updates `weights`, and the momentum `buffer`, which begins with zeros. It is not looked at without momentum.
    ///
    /// # Panics
    /// If the slices differ in length (the buffer may be empty without momentum).
    pub fn step<T: Float>(&self, incoming: Incoming, weights: &mut [T], gradient: &[T], buffer: &mut [T]) {
        let (lr, mu, decay) = (T::of(self.learning_rate), T::of(self.momentum), T::of(self.weight_decay));
        let incoming = incoming.function::<T>();
        if self.momentum == 0.0 {
            return each(weights, gradient, [], move |w, g, []| *w -= lr * (incoming(g) + decay * *w));
        }
        let nesterov = self.nesterov;
        each(weights, gradient, [buffer], move |w, g, [b]| {
            let g = incoming(g) + decay * *w;
            *b = mu * *b + g;
            let step = if nesterov { g + mu * *b } else { *b };
            *w -= lr * step;
        });
    }
}

/// A step of Adam (Kingma & Ba, arXiv 1412.6980) or AdamW (Loshchilov & Hutter, arXiv 1711.05101).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The learning rate.
    pub learning_rate: f64,
    /// The shares of the moments that stay.
    pub betas: [f64; 2],
    /// Added to the denominator.
    pub eps: f64,
    /// The weight decay.
    pub weight_decay: f64,
    /// Whether the decay is taken from the weight (AdamW) rather than added to the gradient.
    pub decoupled: bool,
    /// How many steps the tensor has made, this one included.
    pub step: u64,
}

impl Adam {
    /// Updates `weights` and the moments, which begin with zeros. With `largest`, the denominator has the largest second
    /// moment so far (AMSGrad: Reddi, Kale & Kumar, ICLR 2018).
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn step<T: Float>(
        &self,
        incoming: Incoming,
        weights: &mut [T],
        gradient: &[T],
        [first, second]: [&mut [T]; 2],
        largest: Option<&mut [T]>,
    ) {
        let [beta1, beta2] = self.betas;
        let step = self.step as f64;
        let step_size = T::of(self.learning_rate / (1.0 - beta1.powf(step)));
        let correction = T::of((1.0 - beta2.powf(step)).sqrt());
        let (added, kept) = if self.decoupled {
            (T::zero(), T::of(1.0 - self.learning_rate * self.weight_decay))
        } else {
            (T::of(self.weight_decay), T::one())
        };
        let (share1, share2, beta2, eps) =
            (T::of(1.0 - beta1), T::of(1.0 - beta2), T::of(beta2), T::of(self.eps));
        let incoming = incoming.function::<T>();
        let moments = move |w: &mut T, g: T, m: &mut T, v: &mut T| {
            *w *= kept;
            let g = incoming(g) + added * *w;
            *m += share1 * (g - *m);
            *v = beta2 * *v + share2 * g * g;
        };
        let apply = move |w: &mut T, m: T, v: T| *w -= step_size * (m / (v.sqrt() / correction + eps));
        match largest {
            None => each(weights, gradient, [first, second], move |w, g, [m, v]| {
                moments(w, g, m, v);
                apply(w, *m, *v);
            }),
            Some(largest) => each(weights, gradient, [first, second, largest], move |w, g, [m, v, top]| {
                moments(w, g, m, v);
                // NaN wins, as in `torch.maximum`.
                *top = if *v <= *top { *top } else { *v };
                apply(w, *m, *top);
            }),
        }
    }
}

/// A step of `RMSprop` (Hinton's lecture 6e), as `torch.optim.RMSprop`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// The learning rate.
    pub learning_rate: f64,
    /// The share of the squares' average that stays.
    pub alpha: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// The share of the weight that is added to its gradient.
    pub weight_decay: f64,
    /// The share of the momentum buffer that stays.
    pub momentum: f64,
}

impl RmsProp {
    /// Updates `weights`, the average of the `squares`, the momentum `buffer` where there is momentum, and the `average` of
    /// the gradient where the squares are centred; all begin with zeros.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn step<T: Float>(
        &self,
        incoming: Incoming,
        weights: &mut [T],
        gradient: &[T],
        squares: &mut [T],
        buffer: Option<&mut [T]>,
        average: Option<&mut [T]>,
    ) {
        let (lr, mu, decay) = (T::of(self.learning_rate), T::of(self.momentum), T::of(self.weight_decay));
        let (alpha, share, eps) = (T::of(self.alpha), T::of(1.0 - self.alpha), T::of(self.eps));
        let incoming = incoming.function::<T>();
        let begin = move |w: T, g: T, s: &mut T| {
            let g = incoming(g) + decay * w;
            *s = alpha * *s + share * g * g;
            g
        };
        let centre = move |g: T, s: T, a: &mut T| {
            *a += share * (g - *a);
            s - *a * *a
        };
        let moved = move |w: &mut T, step: T, b: &mut T| {
            *b = mu * *b + step;
            *w -= lr * *b;
        };
        match (buffer, average) {
            (None, None) => each(weights, gradient, [squares], move |w, g, [s]| {
                let g = begin(*w, g, s);
                *w -= lr * (g / (s.sqrt() + eps));
            }),
            (Some(buffer), None) => each(weights, gradient, [squares, buffer], move |w, g, [s, b]| {
                let g = begin(*w, g, s);
                moved(w, g / (s.sqrt() + eps), b);
            }),
            (None, Some(average)) => each(weights, gradient, [squares, average], move |w, g, [s, a]| {
                let g = begin(*w, g, s);
                *w -= lr * (g / (centre(g, *s, a).sqrt() + eps));
            }),
            (Some(buffer), Some(average)) => {
                each(weights, gradient, [squares, buffer, average], move |w, g, [s, b, a]| {
                    let g = begin(*w, g, s);
                    moved(w, g / (centre(g, *s, a).sqrt() + eps), b);
                });
            }
        }
    }
}

/// Moves `average` towards `values`: `average += share (values - average)` (`torch.lerp`).
///
/// # Panics
/// If the slices differ in length.
pub fn lerp<T: Float>(average: &mut [T], values: &[T], share: f64) {
    let share = T::of(share);
    each(average, values, [], move |a, value, []| *a += share * (value - *a));
}

/// Adds a multiple: `total += factor values`.
///
/// # Panics
/// If the slices differ in length.
pub fn add_scaled<T: Float>(total: &mut [T], values: &[T], factor: f64) {
    let factor = T::of(factor);
    each(total, values, [], move |t, value, []| *t += factor * value);
}

/// The sum of the squares.
#[must_use]
pub fn sum_of_squares<T: Float>(values: &[T]) -> f64 {
    if values.len() <= 2 * GRAIN {
        return sums::sum(values, |x| x * x);
    }
    // Halves at multiples of the grain: the same sum with any number of threads.
    let (left, right) = values.split_at(half(values.len()));
    let (left, right) = rayon::join(|| sum_of_squares(left), || sum_of_squares(right));
    left + right
}

/// About half, a multiple of the grain.
fn half(len: usize) -> usize {
    (len / 2).next_multiple_of(GRAIN)
}

/// Calls `body` with each weight, its gradient and its values of `state`; in parallel where there are many.
#[inline(always)]
fn each<T: Float, const K: usize>(
    weights: &mut [T],
    gradient: &[T],
    state: [&mut [T]; K],
    body: impl Fn(&mut T, T, [&mut T; K]) + Copy + Send + Sync,
) {
    let len = weights.len();
    assert_eq!(gradient.len(), len, "lengths of the weights and of their gradient");
    for values in &state {
        assert_eq!(values.len(), len, "lengths of the weights and of the optimizer's state");
    }
    split(weights, gradient, state, body);
}

fn split<T: Float, const K: usize>(
    weights: &mut [T],
    gradient: &[T],
    state: [&mut [T]; K],
    body: impl Fn(&mut T, T, [&mut T; K]) + Copy + Send + Sync,
) {
    if weights.len() <= 2 * GRAIN {
        return serial(weights, gradient, state, body);
    }
    let middle = half(weights.len());
    let (weights, weights_right) = weights.split_at_mut(middle);
    let (gradient, gradient_right) = gradient.split_at(middle);
    let mut halves = state.map(|values| values.split_at_mut(middle));
    let left = halves.each_mut().map(|(left, _)| std::mem::take(left));
    let right = halves.map(|(_, right)| right);
    rayon::join(
        || split(weights, gradient, left, body),
        || split(weights_right, gradient_right, right, body),
    );
}

fn serial<T: Float, const K: usize>(
    weights: &mut [T],
    gradient: &[T],
    state: [&mut [T]; K],
    body: impl Fn(&mut T, T, [&mut T; K]),
) {
    let len = weights.len();
    // Lengths that the compiler sees are equal: no checks within the loop.
    let (weights, gradient) = (&mut weights[..len], &gradient[..len]);
    let mut state = state.map(|values| &mut values[..len]);
    for index in 0..len {
        body(&mut weights[index], gradient[index], state.each_mut().map(|values| &mut values[index]));
    }
}
