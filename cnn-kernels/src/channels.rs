//! Operations with one number per channel or per plane: sums, scaling, PReLU; and softmax over the channels.
use crate::{Float, parallel, sums};

/// The sizes of a map seen channel by channel: `(batch, channels, plane)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planes {
    /// Images.
    pub batch: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Values of a channel of an image.
    pub plane: usize,
}

impl Planes {
    /// All values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.batch * self.channels * self.plane
    }

    /// Whether there is no value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn check(&self, maps: &[usize]) {
        assert!(maps.iter().all(|&len| len == self.len()), "maps of {maps:?} values for {self:?}");
    }

    pub(crate) fn check_channels(&self, vectors: &[usize]) {
        assert!(
            vectors.iter().all(|&len| len == self.channels),
            "vectors of {vectors:?} values for {self:?}"
        );
    }
}

/// Sums every channel over the images and their pixels (the gradient of a bias).
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn sums<T: Float>(planes: &Planes, input: &[T], output: &mut [T]) {
    planes.check(&[input.len()]);
    planes.check_channels(&[output.len()]);
    let Planes { batch, channels, plane } = *planes;
    if plane == 1 {
        let mut totals = vec![0.0; channels];
        for row in input.chunks_exact(channels.max(1)) {
            totals.iter_mut().zip(row).for_each(|(total, value)| *total += value.wide());
        }
        output.iter_mut().zip(totals).for_each(|(to, total)| *to = T::of(total));
        return;
    }
    parallel::chunks(output, 1, batch * plane, |channel, target| {
        let planes = (0..batch).map(|image| &input[(image * channels + channel) * plane..][..plane]);
        target[0] = T::of(planes.map(|plane| sums::sum(plane, |x| x)).sum());
    });
}

/// Which factor a plane is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factors {
    /// One per channel.
    PerChannel,
    /// One per channel of each image.
    PerPlane,
}

impl Factors {
    const fn count(self, planes: &Planes) -> usize {
        match self {
            Self::PerChannel => planes.channels,
            Self::PerPlane => planes.batch * planes.channels,
        }
    }
}

/// Writes `input` times its channel's or plane's factor to `output`. (Also the gradient of `input`, from `output`'s.)
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn scale<T: Float>(planes: &Planes, kind: Factors, input: &[T], factors: &[T], output: &mut [T]) {
    planes.check(&[input.len(), output.len()]);
    assert_eq!(factors.len(), kind.count(planes), "factors of {planes:?}");
    let plane = planes.plane;
    parallel::chunks(output, plane, plane, |index, output| {
        let factor = factors[index % factors.len()];
        let input = &input[index * plane..][..output.len()];
        output.iter_mut().zip(input).for_each(|(to, &from)| *to = from * factor);
    });
}

/// Writes the gradient of [`scale`]'s factors, the sums of `input * grad_output`, to `grad_factors`.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn scale_gradient<T: Float>(
    planes: &Planes,
    kind: Factors,
    input: &[T],
    grad_output: &[T],
    grad_factors: &mut [T],
) {
    planes.check(&[input.len(), grad_output.len()]);
    assert_eq!(grad_factors.len(), kind.count(planes), "factors of {planes:?}");
    let Planes { batch, channels, plane } = *planes;
    let images = if kind == Factors::PerChannel { batch } else { 1 };
    parallel::chunks(grad_factors, 1, images * plane, |index, target| {
        let planes = (0..images).map(|image| (image * channels + index) * plane);
        target[0] =
            T::of(planes.map(|at| sums::dot(&input[at..][..plane], &grad_output[at..][..plane])).sum());
    });
}

/// Writes `input` plus its plane's term to `output`.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn shift<T: Float>(planes: &Planes, input: &[T], terms: &[T], output: &mut [T]) {
    planes.check(&[input.len(), output.len()]);
    assert_eq!(terms.len(), Factors::PerPlane.count(planes), "terms of {planes:?}");
    let plane = planes.plane;
    parallel::chunks(output, plane, plane, |index, output| {
        let input = &input[index * plane..][..output.len()];
        output.iter_mut().zip(input).for_each(|(to, &from)| *to = from + terms[index]);
    });
}

/// PReLU (He et al., arXiv 1502.01852): `x` where positive, `slope x` elsewhere; one slope, or one per channel.
///
/// # Panics
/// If a slice has another length than `planes` says, or there are neither 1 nor `channels` slopes.
pub fn prelu<T: Float>(planes: &Planes, input: &[T], slopes: &[T], output: &mut [T]) {
    planes.check(&[input.len(), output.len()]);
    assert!(slopes.len() == 1 || slopes.len() == planes.channels, "{} slopes for {planes:?}", slopes.len());
    let plane = planes.plane;
    parallel::chunks(output, plane, plane, |index, output| {
        let slope = slopes[index % planes.channels % slopes.len()];
        let input = &input[index * plane..][..output.len()];
        output.iter_mut().zip(input).for_each(|(to, &x)| *to = if x > T::zero() { x } else { slope * x });
    });
}

/// Writes the gradient of [`prelu`]'s input to `grad_input`.
///
/// # Panics
/// As [`prelu`].
pub fn prelu_input_gradient<T: Float>(
    planes: &Planes,
    input: &[T],
    slopes: &[T],
    grad_output: &[T],
    grad_input: &mut [T],
) {
    planes.check(&[input.len(), grad_output.len(), grad_input.len()]);
    assert!(slopes.len() == 1 || slopes.len() == planes.channels, "{} slopes for {planes:?}", slopes.len());
    let plane = planes.plane;
    parallel::chunks(grad_input, plane, plane, |index, target| {
        let slope = slopes[index % planes.channels % slopes.len()];
        let (input, grads) = (&input[index * plane..][..plane], &grad_output[index * plane..][..plane]);
        for ((to, &x), &grad) in target.iter_mut().zip(input).zip(grads) {
            *to = if x > T::zero() { grad } else { slope * grad };
        }
    });
}

/// Writes the gradient of [`prelu`]'s slopes to `grad_slopes`.
///
/// # Panics
/// As [`prelu`].
pub fn prelu_slope_gradient<T: Float>(
    planes: &Planes,
    input: &[T],
    grad_output: &[T],
    grad_slopes: &mut [T],
) {
    planes.check(&[input.len(), grad_output.len()]);
    let Planes { batch, channels, plane } = *planes;
    assert!(grad_slopes.len() == 1 || grad_slopes.len() == channels, "slopes for {planes:?}");
    let per_channel = parallel::map(channels, batch * plane, |channel| {
        let planes = (0..batch).map(|image| (image * channels + channel) * plane);
        let term = |x: T, grad: T| if x > T::zero() { T::zero() } else { x * grad };
        planes.map(|at| sums::sum2(&input[at..][..plane], &grad_output[at..][..plane], term)).sum::<f64>()
    });
    if grad_slopes.len() == channels {
        grad_slopes.iter_mut().zip(per_channel).for_each(|(to, sum)| *to = T::of(sum));
    } else {
        grad_slopes[0] = T::of(per_channel.into_iter().sum());
    }
}

/// Softmax over the channels of each pixel.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn softmax<T: Float>(planes: &Planes, input: &[T], output: &mut [T]) {
    planes.check(&[input.len(), output.len()]);
    let Planes { channels, plane, .. } = *planes;
    parallel::chunks(output, channels * plane, 16 * channels * plane, |image, output| {
        let input = &input[image * channels * plane..][..channels * plane];
        for pixel in 0..plane {
            let values = input[pixel..].iter().step_by(plane);
            // NaN stays NaN: it loses every comparison here, but the sum is NaN then.
            let top = values.clone().fold(T::neg_infinity(), |top, &x| if x > top { x } else { top });
            let mut sum = 0.0;
            for (to, &x) in output[pixel..].iter_mut().step_by(plane).zip(values) {
                *to = (x - top).exp();
                sum += to.wide();
            }
            let scale = T::of(1.0 / sum);
            output[pixel..].iter_mut().step_by(plane).for_each(|to| *to *= scale);
        }
    });
}

/// Writes the gradient of [`softmax`]'s input to `grad_input`: `y (g - sum over channels of g y)`.
///
/// # Panics
/// If a slice has another length than `planes` says.
pub fn softmax_gradient<T: Float>(planes: &Planes, output: &[T], grad_output: &[T], grad_input: &mut [T]) {
    planes.check(&[output.len(), grad_output.len(), grad_input.len()]);
    let Planes { channels, plane, .. } = *planes;
    parallel::chunks(grad_input, channels * plane, 4 * channels * plane, |image, target| {
        let at = image * channels * plane;
        let (output, grads) = (&output[at..][..channels * plane], &grad_output[at..][..channels * plane]);
        for pixel in 0..plane {
            let (ys, gs) = (output[pixel..].iter().step_by(plane), grads[pixel..].iter().step_by(plane));
            let mean = T::of(ys.clone().zip(gs.clone()).map(|(y, g)| y.wide() * g.wide()).sum());
            for ((to, &y), &g) in target[pixel..].iter_mut().step_by(plane).zip(ys).zip(gs) {
                *to = y * (g - mean);
            }
        }
    });
}
