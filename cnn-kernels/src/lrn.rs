//! Local response normalization over neighbouring channels (Krizhevsky, Sutskever & Hinton, 2012, section 3.3), with
//! PyTorch's scaling: `y = x / (k + alpha / size * sum of x^2 over size channels)^beta`.
use crate::{Float, channels::Planes, parallel};

/// The constants of a local response normalization.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// Channels that are summed: `size / 2` before, `(size - 1) / 2` after.
    pub size: usize,
    /// Weight of the mean of squares.
    pub alpha: f64,
    /// Exponent.
    pub beta: f64,
    /// Added to the weighted mean.
    pub k: f64,
}

/// Pixels worked on together: their sums fit the first-level cache.
const PIXELS: usize = 256;

impl Response {
    /// The channels that `channel`'s sum covers.
    fn window(&self, channel: usize, channels: usize) -> std::ops::Range<usize> {
        channel.saturating_sub(self.size / 2)
            ..channel.saturating_add(self.size.saturating_sub(1) / 2 + 1).min(channels)
    }

    /// The channels whose sums cover `channel`.
    fn covered_by(&self, channel: usize, channels: usize) -> std::ops::Range<usize> {
        channel.saturating_sub(self.size.saturating_sub(1) / 2)
            ..channel.saturating_add(self.size / 2 + 1).min(channels)
    }

    /// Writes the bases `k + alpha / size * sum` of one channel's pixels.
    fn bases<T: Float>(
        &self,
        image: &[T],
        plane: usize,
        channels: usize,
        at: (usize, usize),
        bases: &mut [T],
    ) {
        let (channel, first) = at;
        bases.fill(T::zero());
        for neighbour in self.window(channel, channels) {
            let line = &image[neighbour * plane + first..][..bases.len()];
            bases.iter_mut().zip(line).for_each(|(base, &x)| *base += x * x);
        }
        let (scale, k) = (T::of(self.alpha / self.size as f64), T::of(self.k));
        bases.iter_mut().for_each(|base| *base = k + scale * *base);
    }

    /// `base^-beta`.
    #[inline(always)]
    fn power<T: Float>(&self, base: T) -> T {
        if self.beta == 0.75 {
            // AlexNet's exponent, by square roots.
            let root = base.sqrt();
            (root * root.sqrt()).recip()
        } else {
            base.powf(T::of(-self.beta))
        }
    }
}

/// Writes the normalized values to `output`.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn forward<T: Float>(planes: &Planes, response: &Response, input: &[T], output: &mut [T]) {
    planes.check(&[input.len(), output.len()]);
    let Planes { channels, plane, .. } = *planes;
    let image = channels * plane;
    parallel::chunks(output, plane, plane * (8 + response.size), |index, output| {
        let (number, channel) = (index / channels, index % channels);
        let input = &input[number * image..][..image];
        for (part, output) in output.chunks_mut(PIXELS).enumerate() {
            let first = part * PIXELS;
            response.bases(input, plane, channels, (channel, first), output);
            let line = &input[channel * plane + first..][..output.len()];
            output.iter_mut().zip(line).for_each(|(to, &x)| *to = x * response.power(*to));
        }
    });
}

/// Writes the gradient of the input to `grad_input`:
/// `g_i b_i^-beta - 2 alpha beta / size * x_i * sum over the channels j that see i of g_j x_j b_j^(-beta - 1)`.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn gradient<T: Float>(
    planes: &Planes,
    response: &Response,
    input: &[T],
    grad_output: &[T],
    grad_input: &mut [T],
) {
    planes.check(&[input.len(), grad_output.len(), grad_input.len()]);
    let Planes { channels, plane, .. } = *planes;
    let image = channels * plane;
    let factor = T::of(-2.0 * response.alpha * response.beta / response.size as f64);
    parallel::chunks(grad_input, image, image * (16 + 2 * response.size), |number, target| {
        let (input, grads) = (&input[number * image..][..image], &grad_output[number * image..][..image]);
        T::with_scratch((channels + 1) * PIXELS, |scratch| {
            let (terms, bases) = scratch.split_at_mut(channels * PIXELS);
            for first in (0..plane).step_by(PIXELS) {
                let pixels = PIXELS.min(plane - first);
                let bases = &mut bases[..pixels];
                for channel in 0..channels {
                    response.bases(input, plane, channels, (channel, first), bases);
                    let at = channel * plane + first;
                    let (xs, gs, tos) =
                        (&input[at..][..pixels], &grads[at..][..pixels], &mut target[at..][..pixels]);
                    let terms = &mut terms[channel * PIXELS..][..pixels];
                    for ((((to, term), &base), &x), &g) in
                        tos.iter_mut().zip(terms).zip(&*bases).zip(xs).zip(gs)
                    {
                        *to = g * response.power(base);
                        *term = *to * x / base;
                    }
                }
                for channel in 0..channels {
                    let sums = &mut *bases;
                    sums.fill(T::zero());
                    for neighbour in response.covered_by(channel, channels) {
                        let terms = &terms[neighbour * PIXELS..][..pixels];
                        sums.iter_mut().zip(terms).for_each(|(sum, &term)| *sum += term);
                    }
                    let at = channel * plane + first;
                    let (xs, tos) = (&input[at..][..pixels], &mut target[at..][..pixels]);
                    tos.iter_mut().zip(xs).zip(&*sums).for_each(|((to, &x), &sum)| *to += factor * x * sum);
                }
            }
        });
    });
}
