//! How the learning rate changes during a run.

use std::f64::consts::PI;

/// One cycle: the learning rate rises from a 25th of its peak to the peak and falls to nothing, both along a cosine.
///
/// From L. N. Smith and N. Topin, "Super-convergence" (arXiv 1708.07120), with the cosine of PyTorch's `OneCycleLR`:
/// a short run learns more with the high rate in its middle, and the low one at its end lets it settle.
///
/// ```
/// let schedule = cnn_examples::schedule::OneCycle::new(0.005, 1000);
/// assert_eq!(schedule.at(200), 0.005);
/// assert!(schedule.at(0) < 0.001 && schedule.at(999) < 0.001);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    peak: f64,
    warm_up: usize,
    steps: usize,
}

impl OneCycle {
    /// A cycle of `steps` steps, a fifth of them before the `peak`.
    pub fn new(peak: f64, steps: usize) -> Self {
        Self { peak, warm_up: steps / 5, steps }
    }

    /// The learning rate of step `step`, counted from 0; from the end of the cycle on it is 0.
    pub fn at(&self, step: usize) -> f64 {
        // 1 at the start of a half cosine and 0 at its end.
        let falling = |done: usize, of: usize| (1.0 + (PI * done as f64 / of as f64).cos()) / 2.0;
        if step < self.warm_up {
            let start = self.peak / 25.0;
            self.peak + (start - self.peak) * falling(step, self.warm_up)
        } else if step < self.steps {
            self.peak * falling(step - self.warm_up, self.steps - self.warm_up)
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn it_starts_at_a_25th_peaks_after_a_fifth_and_ends_at_nothing() {
        let cycle = OneCycle::new(0.01, 100);
        assert!(near(cycle.at(0), 0.0004));
        assert!(near(cycle.at(10), (0.0004 + 0.01) / 2.0));
        assert!(near(cycle.at(20), 0.01));
        assert!(near(cycle.at(60), 0.005));
        assert!(cycle.at(99) > 0.0 && cycle.at(99) < 0.0001);
        assert!(near(cycle.at(100), 0.0) && near(cycle.at(1000), 0.0));
    }

    #[test]
    fn it_rises_and_then_falls() {
        let cycle = OneCycle::new(0.01, 313);
        let peak = 62;
        assert!((0..peak).all(|step| cycle.at(step) < cycle.at(step + 1)));
        assert!((peak..312).all(|step| cycle.at(step) > cycle.at(step + 1)));
    }

    #[test]
    fn the_shortest_runs_have_a_rate() {
        for steps in 1..10 {
            let cycle = OneCycle::new(0.01, steps);
            assert!((0..steps).all(|step| cycle.at(step) > 0.0 && cycle.at(step) <= 0.01));
        }
        assert_eq!(OneCycle::new(0.01, 0).at(0), 0.0);
    }
}
