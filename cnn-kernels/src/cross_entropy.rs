//! Softmax and cross-entropy in one: the loss, and its gradient by the logits.
//!
//! For the logits `x` of a sample and a target distribution `t`: `-sum over c of t_c log softmax(x)_c`, and the mean over
//! the samples. With `t' = (1 - smoothing) t + smoothing / classes` for `t` (Szegedy et al., arXiv 1512.00567).

use crate::Float;

/// Logits of a task of its own.
const GRAIN: usize = 1 << 12;

/// Samples and classes, and how much the targets are smoothed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrossEntropy {
    /// Samples.
    pub batch: usize,
    /// Classes.
    pub classes: usize,
    /// The share of each target that is spread over all classes, 0 to 1.
    pub smoothing: f64,
}

/// What a sample should be.
#[derive(Debug)]
pub enum Targets<'a, T> {
    /// The class of each sample: `(batch)`.
    Classes(&'a [u32]),
    /// The probability of each class: `(batch, classes)`.
    Probabilities(&'a [T]),
}

impl CrossEntropy {
    /// The mean loss. Sums are carried in `f64`, in an order that depends on the sizes only.
    ///
    /// # Panics
    /// If a slice has another length than its sizes say, or a class is not below [`classes`](Self::classes).
    pub fn loss<T: Float>(&self, logits: &[T], targets: Targets<'_, T>) -> f64 {
        self.check(logits, targets);
        self.samples(logits, targets, 0.0, None) / self.batch as f64
    }

    /// The mean loss, and its gradient by the logits times `scale`, written to `gradient`, in one pass. Nothing is
    /// allocated.
    ///
    /// # Panics
    /// As [`loss`](Self::loss).
    pub fn loss_and_gradient<T: Float>(
        &self,
        logits: &[T],
        targets: Targets<'_, T>,
        scale: f64,
        gradient: &mut [T],
    ) -> f64 {
        self.check(logits, targets);
        assert_eq!(gradient.len(), logits.len(), "the length of the logits' gradient");
        let batch = self.batch as f64;
        self.samples(logits, targets, scale / batch, Some(gradient)) / batch
    }

    /// The sum of the losses of some samples, whose targets are `targets`; writes their gradients times `scale`.
    fn samples<T: Float>(
        &self,
        logits: &[T],
        targets: Targets<'_, T>,
        scale: f64,
        gradient: Option<&mut [T]>,
    ) -> f64 {
        let classes = self.classes;
        let samples = logits.len() / classes.max(1);
        if samples > 1 && logits.len() > GRAIN {
            let middle = samples / 2;
            let (logits, logits_right) = logits.split_at(middle * classes);
            let (targets, targets_right) = targets.split_at(middle, classes);
            let (gradient, gradient_right) = match gradient.map(|all| all.split_at_mut(middle * classes)) {
                Some((left, right)) => (Some(left), Some(right)),
                None => (None, None),
            };
            let (left, right) = rayon::join(
                || self.samples(logits, targets, scale, gradient),
                || self.samples(logits_right, targets_right, scale, gradient_right),
            );
            return left + right;
        }
        let rows = logits.chunks_exact(classes.max(1)).enumerate();
        match gradient {
            None => rows.map(|(index, row)| self.loss_of(row, targets.at(index, classes))).sum(),
            Some(gradient) => rows
                .zip(gradient.chunks_exact_mut(classes.max(1)))
                .map(|((index, row), to)| {
                    self.loss_and_gradient_of(row, targets.at(index, classes), scale, to)
                })
                .sum(),
        }
    }

    fn loss_of<T: Float>(&self, logits: &[T], target: Target<'_, T>) -> f64 {
        let top = largest(logits);
        let sum: f64 = logits.iter().map(|&x| (x - top).exp().wide()).sum();
        self.loss_by(logits, target, top.wide() + sum.ln())
    }

    fn loss_and_gradient_of<T: Float>(
        &self,
        logits: &[T],
        target: Target<'_, T>,
        scale: f64,
        gradient: &mut [T],
    ) -> f64 {
        let top = largest(logits);
        let mut sum = 0.0;
        for (to, &x) in gradient.iter_mut().zip(logits) {
            *to = (x - top).exp();
            sum += to.wide();
        }
        // The softmax counts as often as the target adds up to: once, but for rounding, or where it is no distribution.
        let kept = 1.0 - self.smoothing;
        let weight = self.smoothing
            + kept
                * match target {
                    Target::Class(_) => 1.0,
                    Target::Probabilities(all) => all.iter().map(|p| p.wide()).sum(),
                };
        let (factor, even) = (scale * weight / sum, scale * self.smoothing / self.classes as f64);
        match target {
            Target::Class(class) => {
                for (index, to) in gradient.iter_mut().enumerate() {
                    let wanted = if index == class { scale * kept } else { 0.0 };
                    *to = T::of(factor * to.wide() - even - wanted);
                }
            }
            Target::Probabilities(all) => {
                for (to, p) in gradient.iter_mut().zip(all) {
                    *to = T::of(factor * to.wide() - even - scale * kept * p.wide());
                }
            }
        }
        self.loss_by(logits, target, top.wide() + sum.ln())
    }

    /// The loss of a sample whose exponentials' sum has this logarithm.
    fn loss_by<T: Float>(&self, logits: &[T], target: Target<'_, T>, log_sum: f64) -> f64 {
        let of_target = match target {
            Target::Class(class) => log_sum - logits[class].wide(),
            Target::Probabilities(all) => {
                logits.iter().zip(all).map(|(&x, &p)| p.wide() * (log_sum - x.wide())).sum()
            }
        };
        if self.smoothing == 0.0 {
            // Without smoothing, a logit of minus infinity may stand anywhere else.
            return of_target;
        }
        let of_all: f64 = logits.iter().map(|&x| log_sum - x.wide()).sum();
        (1.0 - self.smoothing) * of_target + self.smoothing / self.classes as f64 * of_all
    }

    fn check<T>(&self, logits: &[T], targets: Targets<'_, T>) {
        assert_eq!(logits.len(), self.batch * self.classes, "the length of the logits");
        match targets {
            Targets::Classes(labels) => {
                assert_eq!(labels.len(), self.batch, "the number of labels");
                let wrong = labels.iter().find(|&&label| label as usize >= self.classes);
                assert!(wrong.is_none(), "class {wrong:?} of {} classes", self.classes);
            }
            Targets::Probabilities(all) => {
                assert_eq!(all.len(), logits.len(), "the length of the probabilities");
            }
        }
    }
}

/// The target of one sample.
enum Target<'a, T> {
    Class(usize),
    Probabilities(&'a [T]),
}

impl<'a, T> Targets<'a, T> {
    fn split_at(self, samples: usize, classes: usize) -> (Self, Self) {
        match self {
            Self::Classes(all) => {
                let (left, right) = all.split_at(samples);
                (Self::Classes(left), Self::Classes(right))
            }
            Self::Probabilities(all) => {
                let (left, right) = all.split_at(samples * classes);
                (Self::Probabilities(left), Self::Probabilities(right))
            }
        }
    }

    fn at(self, sample: usize, classes: usize) -> Target<'a, T> {
        match self {
            Self::Classes(all) => Target::Class(all[sample] as usize),
            Self::Probabilities(all) => Target::Probabilities(&all[sample * classes..][..classes]),
        }
    }
}

macro_rules! copied {
    ($($type:ident)+) => {$(
        // Not derived: that would ask it of `T`.
        impl<T> Clone for $type<'_, T> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T> Copy for $type<'_, T> {}
    )+};
}

copied!(Targets Target);

/// The largest value. A NaN that is passed over still shows: in the sum of the exponentials.
fn largest<T: Float>(values: &[T]) -> T {
    values.iter().fold(T::neg_infinity(), |top, &x| if x <= top { top } else { x })
}
