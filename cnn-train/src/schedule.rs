//! How the learning rate changes during a run: [`Schedule`].
//!
//! A schedule is a function of the step and of the length of the run, nothing else: a run that goes on from a checkpoint
//! asks it for the next step. It gives a factor of the optimizer's learning rate, which is the highest of the run.

use std::f64::consts::PI;

use serde::Serialize;

/// How long a run is, in optimizer steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// Steps of the run.
    pub steps: usize,
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// So many optimizer steps.
    Steps(usize),
    /// So many epochs.
    Epochs(usize),
}

impl Span {
    const fn steps(self, length: Length) -> usize {
        match self {
            Self::Steps(steps) => steps,
            Self::Epochs(epochs) => epochs.saturating_mul(length.steps_per_epoch),
        }
    }
}

/// A schedule of the learning rate, and for one cycle of the momentum too.
///
/// ```
/// use cnn_train::schedule::{Length, Schedule, Span};
///
/// let run = Length { steps_per_epoch: 100, steps: 1000 };
/// let schedule = Schedule::cosine().warm_up(Span::Epochs(1), 0.0);
/// assert_eq!(schedule.factor(0, run), 0.0);
/// assert_eq!(schedule.factor(50, run), 0.5);
/// assert_eq!(schedule.factor(100, run), 1.0); // the highest; half a cosine down from here
/// assert!((schedule.factor(550, run) - 0.5).abs() < 1e-12);
/// assert!(schedule.factor(999, run) < 1e-5);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Schedule {
    curve: Curve,
    /// Whether it changes after each epoch rather than after each step.
    per_epoch: bool,
    warm_up: Option<WarmUp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct WarmUp {
    span: Span,
    from: f64,
}

/// The schedule behind the warm-up, over its units (steps or epochs).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Curve {
    Constant,
    Every { units: usize, gamma: f64 },
    Milestones { units: Vec<usize>, gamma: f64 },
    Exponential { gamma: f64 },
    Cosine { floor: f64 },
    OneCycle(OneCycle),
}

/// One cycle (Smith & Topin, "Super-convergence", arXiv 1708.07120), as PyTorch's `OneCycleLR` with two phases: the learning
/// rate rises to its highest and falls to almost nothing, the momentum the other way round.
///
/// ```
/// use cnn_train::schedule::{Length, OneCycle, Schedule};
///
/// let schedule = Schedule::from(OneCycle::new().rise(0.2).without_momentum());
/// let run = Length { steps_per_epoch: 10, steps: 100 };
/// assert!((schedule.factor(0, run) - 0.04).abs() < 1e-12);
/// assert_eq!(schedule.factor(19, run), 1.0);
/// assert_eq!(schedule.momentum(0, run), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OneCycle {
    rise: f64,
    start_divisor: f64,
    final_divisor: f64,
    momentum: Option<[f64; 2]>,
    linear: bool,
}

impl Default for OneCycle {
    fn default() -> Self {
        Self::new()
    }
}

impl OneCycle {
    /// PyTorch's defaults: 0.3 of the steps rise from a 25th, the last step has that over 10,000, and the momentum goes from
    /// 0.95 to 0.85 and back, all along half cosines.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            rise: 0.3,
            start_divisor: 25.0,
            final_divisor: 1e4,
            momentum: Some([0.85, 0.95]),
            linear: false,
        }
    }

    /// Sets the share of the steps in which the learning rate rises (`pct_start`), 0 to 1.
    #[must_use]
    pub const fn rise(self, share: f64) -> Self {
        Self { rise: share, ..self }
    }

    /// Sets by what the highest learning rate is divided for the first step (`div_factor`), and by what the first for the
    /// last (`final_div_factor`).
    #[must_use]
    pub const fn divisors(self, start: f64, end: f64) -> Self {
        Self { start_divisor: start, final_divisor: end, ..self }
    }

    /// Sets between what the momentum moves (`base_momentum`, `max_momentum`); of Adam it is the first beta.
    #[must_use]
    pub const fn momentum(self, lowest: f64, highest: f64) -> Self {
        Self { momentum: Some([lowest, highest]), ..self }
    }

    /// Leaves the momentum alone (`cycle_momentum=False`).
    #[must_use]
    pub const fn without_momentum(self) -> Self {
        Self { momentum: None, ..self }
    }

    /// Straight lines instead of half cosines.
    #[must_use]
    pub const fn linear(self) -> Self {
        Self { linear: true, ..self }
    }

    /// From one value to another at a share of the way.
    fn between(&self, from: f64, to: f64, share: f64) -> f64 {
        if self.linear { from + (to - from) * share } else { to + (from - to) * half_cosine(share) }
    }

    /// A value that is `start` at first, `peak` after the rise and `end` at last.
    fn at(&self, step: usize, steps: usize, [start, peak, end]: [f64; 3]) -> f64 {
        let rise_end = self.rise * steps as f64 - 1.0;
        let last = steps as f64 - 1.0;
        let step = (step as f64).min(last);
        if step <= rise_end && rise_end > 0.0 {
            self.between(start, peak, step / rise_end)
        } else if last > rise_end {
            self.between(peak, end, ((step - rise_end) / (last - rise_end)).clamp(0.0, 1.0))
        } else {
            peak
        }
    }
}

/// Half a cosine: 1 at 0, 0 at 1.
fn half_cosine(share: f64) -> f64 {
    f64::midpoint(1.0, (PI * share).cos())
}

impl From<OneCycle> for Schedule {
    fn from(cycle: OneCycle) -> Self {
        Self::of(Curve::OneCycle(cycle), false)
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::constant()
    }
}

impl Schedule {
    const fn of(curve: Curve, per_epoch: bool) -> Self {
        Self { curve, per_epoch, warm_up: None }
    }

    /// The optimizer's learning rate throughout.
    #[must_use]
    pub const fn constant() -> Self {
        Self::of(Curve::Constant, false)
    }

    /// Times `gamma` after every so many epochs: `StepLR`. (After so many steps: [`per_step`](Self::per_step).)
    #[must_use]
    pub const fn step(epochs: usize, gamma: f64) -> Self {
        Self::of(Curve::Every { units: epochs, gamma }, true)
    }

    /// Times `gamma` after each of these numbers of epochs: `MultiStepLR`.
    #[must_use]
    pub fn milestones(epochs: impl Into<Vec<usize>>, gamma: f64) -> Self {
        Self::of(Curve::Milestones { units: epochs.into(), gamma }, true)
    }

    /// Times `gamma` after every epoch: `ExponentialLR`.
    #[must_use]
    pub const fn exponential(gamma: f64) -> Self {
        Self::of(Curve::Exponential { gamma }, true)
    }

    /// Half a cosine from the optimizer's learning rate to nothing at the end of the run (Loshchilov & Hutter, "SGDR", arXiv
    /// 1608.03983, without restarts): `CosineAnnealingLR`.
    #[must_use]
    pub const fn cosine() -> Self {
        Self::cosine_to(0.0)
    }

    /// As [`cosine`](Self::cosine), to this share of the optimizer's learning rate.
    #[must_use]
    pub const fn cosine_to(share: f64) -> Self {
        Self::of(Curve::Cosine { floor: share }, false)
    }

    /// [One cycle](OneCycle) with PyTorch's defaults.
    #[must_use]
    pub const fn one_cycle() -> Self {
        Self::of(Curve::OneCycle(OneCycle::new()), false)
    }

    /// Lets it change after each step: what was said of epochs is said of steps.
    #[must_use]
    pub fn per_step(self) -> Self {
        Self { per_epoch: false, ..self }
    }

    /// Lets it change after each epoch only.
    #[must_use]
    pub fn per_epoch(self) -> Self {
        Self { per_epoch: true, ..self }
    }

    /// Puts a linear warm-up in front (Goyal et al., arXiv 1706.02677): from this share of the learning rate, a little more
    /// with each step, and then the schedule for the rest of the run. `LinearLR` and `SequentialLR`.
    #[must_use]
    pub fn warm_up(self, span: Span, from: f64) -> Self {
        Self { warm_up: Some(WarmUp { span, from }), ..self }
    }

    /// By what the optimizer's learning rate is multiplied in step `step`, counted from 0.
    #[must_use]
    pub fn factor(&self, step: usize, run: Length) -> f64 {
        let mut warm_up = 0;
        if let Some(WarmUp { span, from }) = self.warm_up {
            warm_up = span.steps(run);
            if step < warm_up {
                return from + (1.0 - from) * (step as f64 / warm_up as f64);
            }
        }
        let (unit, units) = self.units(step - warm_up, run.steps.saturating_sub(warm_up), run);
        match &self.curve {
            Curve::Constant => 1.0,
            Curve::Every { units: every, gamma } => gamma.powi(power(unit / (*every).max(1))),
            Curve::Milestones { units: milestones, gamma } => {
                gamma.powi(power(milestones.iter().filter(|&&milestone| milestone <= unit).count()))
            }
            Curve::Exponential { gamma } => gamma.powi(power(unit)),
            Curve::Cosine { floor } => {
                let share = (unit as f64 / units.max(1) as f64).min(1.0);
                floor + (1.0 - floor) * half_cosine(share)
            }
            Curve::OneCycle(cycle) => {
                let start = 1.0 / cycle.start_divisor;
                cycle.at(unit, units, [start, 1.0, start / cycle.final_divisor])
            }
        }
    }

    /// The momentum of step `step`, where the schedule has one.
    #[must_use]
    pub fn momentum(&self, step: usize, run: Length) -> Option<f64> {
        let Curve::OneCycle(cycle) = &self.curve else { return None };
        let [lowest, highest] = cycle.momentum?;
        let warm_up = self.warm_up.map_or(0, |warm_up| warm_up.span.steps(run));
        let (unit, units) = self.units(step.saturating_sub(warm_up), run.steps.saturating_sub(warm_up), run);
        Some(cycle.at(unit, units, [highest, lowest, highest]))
    }

    /// Whether it depends on how long the run is.
    pub(crate) const fn needs_length(&self) -> bool {
        matches!(self.curve, Curve::Cosine { .. } | Curve::OneCycle(_))
    }

    /// A step and a number of steps in the curve's units.
    fn units(&self, step: usize, steps: usize, run: Length) -> (usize, usize) {
        if self.per_epoch {
            let epoch = run.steps_per_epoch.max(1);
            (step / epoch, steps.div_ceil(epoch))
        } else {
            (step, steps)
        }
    }
}

/// An exponent; beyond that nothing is left, or there is infinity, anyway.
fn power(exponent: usize) -> i32 {
    i32::try_from(exponent).unwrap_or(i32::MAX)
}
