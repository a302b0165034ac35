//! Batch normalization (Ioffe & Szegedy, arXiv 1502.03167): statistics per channel, over the batch and its pixels.
use super::inverse_deviation;
use crate::{Float, channels::Planes, parallel, sums};

/// Writes each channel's mean and biased variance.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn statistics<T: Float>(planes: &Planes, input: &[T], mean: &mut [T], variance: &mut [T]) {
    planes.check(&[input.len()]);
    planes.check_channels(&[mean.len(), variance.len()]);
    let Planes { batch, channels, plane } = *planes;
    let rows =
        |channel: usize| (0..batch).map(move |image| &input[(image * channels + channel) * plane..][..plane]);
    super::statistics(channels, batch * plane, rows, mean, variance);
}

/// What the normalization of a channel is made of.
#[derive(Clone, Copy, Debug)]
pub struct Channels<'a, T> {
    /// Mean per channel.
    pub mean: &'a [T],
    /// Biased variance per channel.
    pub variance: &'a [T],
    /// Scale per channel.
    pub weight: &'a [T],
    /// Added to the variance.
    pub eps: f64,
}

impl<T: Float> Channels<'_, T> {
    fn inverse_deviation(&self, channel: usize) -> f64 {
        inverse_deviation(self.variance[channel], self.eps)
    }

    fn check(&self, planes: &Planes) {
        planes.check_channels(&[self.mean.len(), self.variance.len(), self.weight.len()]);
    }
}

/// Writes the normalized values, scaled and shifted, to `output`.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn forward<T: Float>(planes: &Planes, norm: &Channels<'_, T>, bias: &[T], input: &[T], output: &mut [T]) {
    planes.check(&[input.len(), output.len()]);
    planes.check_channels(&[bias.len()]);
    norm.check(planes);
    let plane = planes.plane;
    parallel::chunks(output, plane, plane, |index, output| {
        let channel = index % planes.channels;
        let scale = T::of(norm.weight[channel].wide() * norm.inverse_deviation(channel));
        let (mean, bias) = (norm.mean[channel], bias[channel]);
        let input = &input[index * plane..][..output.len()];
        output.iter_mut().zip(input).for_each(|(to, &x)| *to = (x - mean) * scale + bias);
    });
}

/// Whether mean and variance depend on the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// They are the input's own (training).
    Batch,
    /// They are constants (inference, or frozen layers).
    Running,
}

/// The gradients of [`forward`], to be written.
#[derive(Debug)]
pub struct Gradients<'a, T> {
    /// Of the input.
    pub input: &'a mut [T],
    /// Of the weight.
    pub weight: &'a mut [T],
    /// Of the bias.
    pub bias: &'a mut [T],
}

/// Writes the gradients of the input, the weight and the bias.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn gradient<T: Float>(
    planes: &Planes,
    norm: &Channels<'_, T>,
    kind: Statistics,
    input: &[T],
    grad_output: &[T],
    gradients: Gradients<'_, T>,
) {
    planes.check(&[input.len(), grad_output.len(), gradients.input.len()]);
    planes.check_channels(&[gradients.weight.len(), gradients.bias.len()]);
    norm.check(planes);
    let Planes { batch, channels, plane } = *planes;
    // Per channel: the sums of g and of g x', x' being the normalized input.
    let totals = parallel::map(channels, 2 * batch * plane, |channel| {
        let mean = norm.mean[channel];
        let (mut plain, mut weighted) = (0.0, 0.0);
        for image in 0..batch {
            let at = (image * channels + channel) * plane;
            let (input, grads) = (&input[at..][..plane], &grad_output[at..][..plane]);
            plain += sums::sum(grads, |g| g);
            weighted += sums::sum2(input, grads, |x, g| (x - mean) * g);
        }
        (plain, weighted * norm.inverse_deviation(channel))
    });
    for ((&(plain, weighted), bias), weight) in totals.iter().zip(gradients.bias).zip(gradients.weight) {
        (*bias, *weight) = (T::of(plain), T::of(weighted));
    }
    let count = (batch * plane) as f64;
    parallel::chunks(gradients.input, plane, plane, |index, target| {
        let channel = index % channels;
        let inverse = norm.inverse_deviation(channel);
        let scale = norm.weight[channel].wide() * inverse;
        let grads = &grad_output[index * plane..][..plane];
        match kind {
            Statistics::Running => {
                let scale = T::of(scale);
                target.iter_mut().zip(grads).for_each(|(to, &g)| *to = g * scale);
            }
            Statistics::Batch => {
                // scale (g - mean of g - x' mean of g x')
                let (plain, weighted) = totals[channel];
                let (mean, scale, slope) =
                    (norm.mean[channel], T::of(scale), T::of(inverse * weighted / count));
                let plain = T::of(plain / count);
                let input = &input[index * plane..][..plane];
                for ((to, &g), &x) in target.iter_mut().zip(grads).zip(input) {
                    *to = scale * (g - plain - (x - mean) * slope);
                }
            }
        }
    });
}
