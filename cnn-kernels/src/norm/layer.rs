//! Layer normalization over the channels of each pixel (Ba, Kiros & Hinton, arXiv 1607.06450, as ConvNeXt uses it);
//! a plane of one value makes it the usual normalization over features.
use super::{batch::Gradients, inverse_deviation};
use crate::{Float, channels::Planes, parallel};

/// What the normalization of a pixel is made of.
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a, T> {
    /// Mean per pixel of each image.
    pub mean: &'a [T],
    /// Biased variance per pixel of each image.
    pub variance: &'a [T],
    /// Scale per channel.
    pub weight: &'a [T],
    /// Added to the variance.
    pub eps: f64,
}

impl<T: Float> Pixels<'_, T> {
    fn check(&self, planes: &Planes) {
        let count = planes.batch * planes.plane;
        assert_eq!((self.mean.len(), self.variance.len()), (count, count), "statistics per pixel");
        planes.check_channels(&[self.weight.len()]);
    }

    fn inverse_deviations(&self) -> Vec<T> {
        self.variance.iter().map(|&variance| T::of(inverse_deviation(variance, self.eps))).collect()
    }
}

/// Writes the mean and biased variance over the channels of each pixel.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn statistics<T: Float>(planes: &Planes, input: &[T], mean: &mut [T], variance: &mut [T]) {
    planes.check(&[input.len()]);
    let Planes { batch, channels, plane } = *planes;
    assert_eq!((mean.len(), variance.len()), (batch * plane, batch * plane), "statistics per pixel");
    if plane == 1 {
        super::statistics(
            batch,
            channels,
            |row| std::iter::once(&input[row * channels..][..channels]),
            mean,
            variance,
        );
        return;
    }
    let moments = parallel::map(batch, 4 * channels * plane, |image| {
        let image = &input[image * channels * plane..][..channels * plane];
        let (mut means, mut variances) = (vec![0.0; plane], vec![0.0; plane]);
        pixel_moments(image, plane, 0, &mut means, &mut variances);
        (means, variances)
    });
    for ((means, variances), (mean, variance)) in
        moments.into_iter().zip(mean.chunks_exact_mut(plane).zip(variance.chunks_exact_mut(plane)))
    {
        mean.iter_mut().zip(means).for_each(|(to, value)| *to = T::of(value));
        variance.iter_mut().zip(variances).for_each(|(to, value)| *to = T::of(value));
    }
}

/// Mean and biased variance over the channels of pixels of an image, as many as there is room for, from one on.
fn pixel_moments<T: Float>(
    image: &[T],
    plane: usize,
    first: usize,
    means: &mut [f64],
    variances: &mut [f64],
) {
    let count = means.len();
    let lines = image.chunks_exact(plane).map(|line| &line[first..][..count]);
    let channels = lines.len() as f64;
    means.fill(0.0);
    variances.fill(0.0);
    for line in lines.clone() {
        means.iter_mut().zip(line).for_each(|(sum, x)| *sum += x.wide());
    }
    means.iter_mut().for_each(|sum| *sum /= channels);
    for line in lines {
        for ((sum, mean), x) in variances.iter_mut().zip(&*means).zip(line) {
            *sum += (x.wide() - mean) * (x.wide() - mean);
        }
    }
    variances.iter_mut().for_each(|sum| *sum /= channels);
}

/// Normalizes one image, by its own statistics: on this thread, without an allocation.
///
/// # Panics
/// If there are not as many weights as biases, or the slices do not hold as many channels.
pub fn normalize<T: Float>(weight: &[T], bias: &[T], eps: f64, input: &[T], output: &mut [T]) {
    /// Pixels that are worked on together, so that channels are read in order.
    const PIXELS: usize = 32;
    let channels = weight.len();
    assert!(bias.len() == channels && input.len() == output.len(), "lengths of an image");
    assert!(
        channels > 0 && input.len().is_multiple_of(channels),
        "{} values of {channels} channels",
        input.len()
    );
    let plane = input.len() / channels;
    let (mut means, mut variances) = ([0.0; PIXELS], [0.0; PIXELS]);
    for first in (0..plane).step_by(PIXELS) {
        let pixels = PIXELS.min(plane - first);
        let (means, variances) = (&mut means[..pixels], &mut variances[..pixels]);
        pixel_moments(input, plane, first, means, variances);
        variances.iter_mut().for_each(|variance| *variance = inverse_deviation(*variance, eps));
        for channel in 0..channels {
            let range = channel * plane + first..channel * plane + first + pixels;
            let moments = means.iter().zip(&*variances);
            for ((to, &x), (&mean, &inverse)) in
                output[range.clone()].iter_mut().zip(&input[range]).zip(moments)
            {
                *to = (x - T::of(mean)) * T::of(inverse) * weight[channel] + bias[channel];
            }
        }
    }
}

/// Writes the normalized values, scaled and shifted, to `output`.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn forward<T: Float>(planes: &Planes, norm: &Pixels<'_, T>, bias: &[T], input: &[T], output: &mut [T]) {
    planes.check(&[input.len(), output.len()]);
    planes.check_channels(&[bias.len()]);
    norm.check(planes);
    let Planes { channels, plane, .. } = *planes;
    let inverses = norm.inverse_deviations();
    parallel::chunks(output, channels * plane, 2 * channels * plane, |image, output| {
        let input = &input[image * channels * plane..][..channels * plane];
        let (means, inverses) = (&norm.mean[image * plane..][..plane], &inverses[image * plane..][..plane]);
        if let ([mean], [inverse]) = (means, inverses) {
            for (((to, &x), &weight), &bias) in output.iter_mut().zip(input).zip(norm.weight).zip(bias) {
                *to = (x - *mean) * *inverse * weight + bias;
            }
            return;
        }
        let lines = output.chunks_exact_mut(plane).zip(input.chunks_exact(plane));
        for ((output, input), (&weight, &bias)) in lines.zip(norm.weight.iter().zip(bias)) {
            for (((to, &x), &mean), &inverse) in output.iter_mut().zip(input).zip(means).zip(inverses) {
                *to = (x - mean) * inverse * weight + bias;
            }
        }
    });
}

/// Writes the gradients of the input, the weight and the bias.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn gradient<T: Float>(
    planes: &Planes,
    norm: &Pixels<'_, T>,
    input: &[T],
    grad_output: &[T],
    gradients: Gradients<'_, T>,
) {
    planes.check(&[input.len(), grad_output.len(), gradients.input.len()]);
    planes.check_channels(&[gradients.weight.len(), gradients.bias.len()]);
    norm.check(planes);
    let inverses = norm.inverse_deviations();
    parameter_gradients(planes, norm.mean, &inverses, input, grad_output, (gradients.weight, gradients.bias));
    let Planes { channels, plane, .. } = *planes;
    parallel::chunks(gradients.input, channels * plane, 6 * channels * plane, |image, target| {
        let at = image * channels * plane;
        let (input, grads) = (&input[at..][..channels * plane], &grad_output[at..][..channels * plane]);
        let (means, inverses) = (&norm.mean[image * plane..][..plane], &inverses[image * plane..][..plane]);
        // Per pixel: the means of w g and of w g x', x' being the normalized input.
        let (mut plain, mut weighted) = (vec![0.0; plane], vec![0.0; plane]);
        for ((input, grads), weight) in
            input.chunks_exact(plane).zip(grads.chunks_exact(plane)).zip(norm.weight)
        {
            let statistics = means.iter().zip(inverses);
            for ((((plain, weighted), x), g), (mean, inverse)) in
                plain.iter_mut().zip(&mut weighted).zip(input).zip(grads).zip(statistics)
            {
                let scaled = weight.wide() * g.wide();
                *plain += scaled;
                *weighted += scaled * ((*x - *mean) * *inverse).wide();
            }
        }
        let means_of =
            |sums: Vec<f64>| sums.into_iter().map(|sum| T::of(sum / channels as f64)).collect::<Vec<T>>();
        let (plain, weighted) = (means_of(plain), means_of(weighted));
        let maps =
            target.chunks_exact_mut(plane).zip(input.chunks_exact(plane)).zip(grads.chunks_exact(plane));
        for (((target, input), grads), &weight) in maps.zip(norm.weight) {
            for (pixel, ((to, &x), &g)) in target.iter_mut().zip(input).zip(grads).enumerate() {
                let inverse = inverses[pixel];
                let normal = (x - means[pixel]) * inverse;
                *to = inverse * (weight * g - plain[pixel] - normal * weighted[pixel]);
            }
        }
    });
}

/// The gradients of the weight (the sum of `g x'` over images and pixels) and the bias (the sum of `g`).
fn parameter_gradients<T: Float>(
    planes: &Planes,
    means: &[T],
    inverses: &[T],
    input: &[T],
    grads: &[T],
    (grad_weight, grad_bias): (&mut [T], &mut [T]),
) {
    let Planes { batch, channels, plane } = *planes;
    let totals = if plane == 1 {
        let mut totals = vec![(0.0, 0.0); channels];
        for (row, (mean, inverse)) in means.iter().zip(inverses).enumerate() {
            let (input, grads) = (&input[row * channels..][..channels], &grads[row * channels..][..channels]);
            for ((total, x), g) in totals.iter_mut().zip(input).zip(grads) {
                total.0 += (*g * (*x - *mean) * *inverse).wide();
                total.1 += g.wide();
            }
        }
        totals
    } else {
        parallel::map(channels, 3 * batch * plane, |channel| {
            let (mut weighted, mut plain) = (0.0, 0.0);
            for image in 0..batch {
                let (at, pixels) = ((image * channels + channel) * plane, image * plane);
                let statistics = means[pixels..][..plane].iter().zip(&inverses[pixels..][..plane]);
                for ((x, g), (mean, inverse)) in
                    input[at..][..plane].iter().zip(&grads[at..][..plane]).zip(statistics)
                {
                    weighted += (*g * (*x - *mean) * *inverse).wide();
                    plain += g.wide();
                }
            }
            (weighted, plain)
        })
    };
    for ((total, weight), bias) in totals.into_iter().zip(grad_weight).zip(grad_bias) {
        (*weight, *bias) = (T::of(total.0), T::of(total.1));
    }
}
