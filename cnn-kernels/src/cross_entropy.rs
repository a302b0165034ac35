//! Softmax and cross-entropy in one: the loss, and its gradient by the logits.
//!
//! For the logits `x` of a sample and a target distribution `t`: `-sum over c of t_c log softmax(x)_c`, and the mean over
//! the samples. With `t' = (1 - smoothing) t + smoothing / classes` for `t` (Szegedy et al., arXiv 1512.00567).

use crate::{Float, parallel};

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
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, T> {
    /// The class of each sample: `(batch)`.
    Classes(&'a [u32]),
    /// The probability of each class: `(batch, classes)`.
    Probabilities(&'a [T]),
}

impl CrossEntropy {
    /// The mean loss. The sum over the samples is carried in `f64`, in their order.
    ///
    /// # Panics
    /// If a slice has another length than its sizes say, or a class is not below [`classes`](Self::classes).
    pub fn loss<T: Float>(&self, logits: &[T], targets: Targets<'_, T>) -> f64 {
        self.check(logits, targets);
        let losses = parallel::map(self.batch, 16 * self.classes, |sample| {
            self.sample(sample, &logits[sample * self.classes..][..self.classes], targets)
        });
        losses.into_iter().sum::<f64>() / self.batch as f64
    }

    /// The loss, and its gradient by the logits times `scale`, written to `gradient`.
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
        self.gradient(logits, targets, scale, gradient);
        self.loss(logits, targets)
    }

    /// The loss' gradient by the logits times `scale`, written to `gradient`.
    ///
    /// # Panics
    /// As [`loss`](Self::loss).
    pub fn gradient<T: Float>(&self, logits: &[T], targets: Targets<'_, T>, scale: f64, gradient: &mut [T]) {
        self.check(logits, targets);
        assert_eq!(gradient.len(), logits.len(), "the length of the logits' gradient");
        let classes = self.classes;
        let (scale, even) = (scale / self.batch as f64, self.smoothing / classes as f64);
        parallel::chunks(gradient, classes, 16 * classes, |sample, gradient| {
            let logits = &logits[sample * classes..][..classes];
            let top = largest(logits);
            let mut sum = 0.0;
            for (to, &x) in gradient.iter_mut().zip(logits) {
                *to = (x - top).exp();
                sum += to.wide();
            }
            // A distribution's softmax is weighted by its sum, which is 1 but for rounding, or by design.
            let weight = (1.0 - self.smoothing)
                * match targets {
                    Targets::Classes(_) => 1.0,
                    Targets::Probabilities(all) => total(&all[sample * classes..][..classes]),
                }
                + self.smoothing;
            let factor = scale * weight / sum;
            let target = |class: usize| match targets {
                Targets::Classes(labels) => f64::from(u8::from(labels[sample] as usize == class)),
                Targets::Probabilities(all) => all[sample * classes + class].wide(),
            };
            for (class, to) in gradient.iter_mut().enumerate() {
                let wanted = (1.0 - self.smoothing) * target(class) + even;
                *to = T::of(factor * to.wide() - scale * wanted);
            }
        });
    }

    /// The loss of one sample.
    fn sample<T: Float>(&self, sample: usize, logits: &[T], targets: Targets<'_, T>) -> f64 {
        let top = largest(logits);
        let sum: f64 = logits.iter().map(|&x| (x - top).exp().wide()).sum();
        let log_sum = top.wide() + sum.ln();
        let of_target = match targets {
            Targets::Classes(labels) => log_sum - logits[labels[sample] as usize].wide(),
            Targets::Probabilities(all) => {
                let target = &all[sample * self.classes..][..self.classes];
                logits.iter().zip(target).map(|(&x, &p)| p.wide() * (log_sum - x.wide())).sum()
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

/// The largest value, NaN where there is one: it then shows in the loss.
fn largest<T: Float>(values: &[T]) -> T {
    values.iter().fold(T::neg_infinity(), |top, &x| if x <= top { top } else { x })
}

fn total<T: Float>(values: &[T]) -> f64 {
    values.iter().map(|x| x.wide()).sum()
}
