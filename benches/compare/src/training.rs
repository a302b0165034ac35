//! What training has in common, whichever the engine.

use anyhow::{Result, ensure};

use crate::engine::Engine;

/// The momentum of SGD, on all sides.
pub const MOMENTUM: f64 = 0.9;

/// So many losses are compared.
const COMPARED: usize = 5;

/// A network that learns one batch.
pub trait Learner {
    /// Forward, backward, and a step of the optimizer. Gives the loss before it.
    fn step(&mut self) -> Result<f32>;
}

/// A learner as an engine.
pub struct Training<L> {
    learner: L,
    losses: Vec<f32>,
}

impl<L: Learner> Training<L> {
    pub const fn new(learner: L) -> Self {
        Self { learner, losses: Vec::new() }
    }
}

impl<L: Learner> Engine for Training<L> {
    fn run(&mut self) -> Result<()> {
        let loss = self.learner.step()?;
        ensure!(loss.is_finite(), "the loss is {loss}");
        if self.losses.len() < COMPARED {
            self.losses.push(loss);
        }
        Ok(())
    }

    fn found(&self) -> Result<Vec<f32>> {
        Ok(self.losses.clone())
    }
}
