//! Group normalization (Wu & He, arXiv 1803.08494): statistics per image, over the pixels of a group of channels.
//! One channel per group is instance normalization (Ulyanov et al., arXiv 1607.08022).
use super::{batch::Gradients, inverse_deviation};
use crate::{Float, channels::Planes, parallel, sums};

/// What the normalization of a group is made of.
#[derive(Clone, Copy, Debug)]
pub struct Groups<'a, T> {
    /// Groups of an image's channels.
    pub groups: usize,
    /// Mean per group of each image.
    pub mean: &'a [T],
    /// Biased variance per group of each image.
    pub variance: &'a [T],
    /// Scale per channel.
    pub weight: &'a [T],
    /// Added to the variance.
    pub eps: f64,
}

impl<T: Float> Groups<'_, T> {
    fn check(&self, planes: &Planes) {
        assert!(
            self.groups > 0 && planes.channels.is_multiple_of(self.groups),
            "{} groups of {planes:?}",
            self.groups
        );
        let count = planes.batch * self.groups;
        assert_eq!((self.mean.len(), self.variance.len()), (count, count), "statistics per group");
        planes.check_channels(&[self.weight.len()]);
    }
}

/// Writes the mean and biased variance of each image's groups.
///
/// # Panics
/// If a slice has another length than `planes` and `groups` say.
pub fn statistics<T: Float>(planes: &Planes, groups: usize, input: &[T], mean: &mut [T], variance: &mut [T]) {
    planes.check(&[input.len()]);
    assert!(groups > 0 && planes.channels.is_multiple_of(groups), "{groups} groups of {planes:?}");
    let count = planes.batch * groups;
    assert_eq!((mean.len(), variance.len()), (count, count), "statistics per group");
    let len = planes.channels / groups * planes.plane;
    super::statistics(count, len, |group| std::iter::once(&input[group * len..][..len]), mean, variance);
}

/// Writes the normalized values, scaled and shifted, to `output`.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn forward<T: Float>(planes: &Planes, norm: &Groups<'_, T>, bias: &[T], input: &[T], output: &mut [T]) {
    planes.check(&[input.len(), output.len()]);
    planes.check_channels(&[bias.len()]);
    norm.check(planes);
    let (plane, width) = (planes.plane, planes.channels / norm.groups);
    parallel::chunks(output, plane, plane, |index, output| {
        let (channel, group) = (index % planes.channels, index / width);
        let inverse = inverse_deviation(norm.variance[group], norm.eps);
        let scale = T::of(norm.weight[channel].wide() * inverse);
        let input = &input[index * plane..][..output.len()];
        line(input, output, norm.mean[group], scale, bias[channel]);
    });
}

/// Normalizes one group of one image, by its own statistics: on this thread, without an allocation.
///
/// # Panics
/// If there are not as many weights as biases, or the slices do not hold as many channels.
pub fn normalize<T: Float>(weight: &[T], bias: &[T], eps: f64, input: &[T], output: &mut [T]) {
    let channels = weight.len();
    assert!(bias.len() == channels && input.len() == output.len(), "lengths of a group");
    assert!(
        channels > 0 && input.len().is_multiple_of(channels),
        "{} values of {channels} channels",
        input.len()
    );
    let (mean, variance) = super::part_moments(input.len(), || std::iter::once(input));
    let inverse = inverse_deviation(variance, eps);
    let plane = input.len() / channels;
    for channel in 0..channels {
        let range = channel * plane..(channel + 1) * plane;
        let scale = T::of(weight[channel].wide() * inverse);
        line(&input[range.clone()], &mut output[range], mean, scale, bias[channel]);
    }
}

/// One channel of one image.
fn line<T: Float>(input: &[T], output: &mut [T], mean: T, scale: T, bias: T) {
    output.iter_mut().zip(input).for_each(|(to, &x)| *to = (x - mean) * scale + bias);
}

/// Writes the gradients of the input, the weight and the bias.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn gradient<T: Float>(
    planes: &Planes,
    norm: &Groups<'_, T>,
    input: &[T],
    grad_output: &[T],
    gradients: Gradients<'_, T>,
) {
    planes.check(&[input.len(), grad_output.len(), gradients.input.len()]);
    planes.check_channels(&[gradients.weight.len(), gradients.bias.len()]);
    norm.check(planes);
    let Planes { batch, channels, plane } = *planes;
    let width = channels / norm.groups;
    let inverse = |group: usize| inverse_deviation(norm.variance[group], norm.eps);
    // Per plane: the sums of g and of g x', x' being the normalized input.
    let totals = parallel::map(batch * channels, 2 * plane, |index| {
        let mean = norm.mean[index / width];
        let (input, grads) = (&input[index * plane..][..plane], &grad_output[index * plane..][..plane]);
        let weighted = sums::sum2(input, grads, |x, g| (x - mean) * g) * inverse(index / width);
        (sums::sum(grads, |g| g), weighted)
    });
    for channel in 0..channels {
        let of_channel = totals.iter().skip(channel).step_by(channels);
        gradients.bias[channel] = T::of(of_channel.clone().map(|total| total.0).sum());
        gradients.weight[channel] = T::of(of_channel.map(|total| total.1).sum());
    }
    let count = (width * plane) as f64;
    parallel::chunks(gradients.input, plane, plane + 4 * width, |index, target| {
        let (channel, group) = (index % channels, index / width);
        let first = channel / width * width;
        let (mut plain, mut weighted) = (0.0, 0.0);
        for (total, weight) in totals[group * width..][..width].iter().zip(&norm.weight[first..][..width]) {
            plain += total.0 * weight.wide();
            weighted += total.1 * weight.wide();
        }
        // inverse (w g - mean of w g - x' mean of w g x')
        let inverse = inverse(group);
        let (mean, scale) = (norm.mean[group], T::of(norm.weight[channel].wide() * inverse));
        let (plain, slope) = (T::of(inverse * plain / count), T::of(inverse * inverse * weighted / count));
        let (input, grads) = (&input[index * plane..][..plane], &grad_output[index * plane..][..plane]);
        for ((to, &g), &x) in target.iter_mut().zip(grads).zip(input) {
            *to = scale * g - plain - (x - mean) * slope;
        }
    });
}
