//! The training step by a compiled plan.

use candle_core::{Tensor, Var};
use cnn_runtime::{CompileOptions, Network, Precision, TrainingPlan};

use super::step::{Differentiated, Gradients, Targets, TrainingStep, scalar};
use crate::error::Result;

/// Plans that are kept: the last batch of an epoch may have fewer samples than the others.
const KEPT: usize = 2;

struct Planned {
    plan: TrainingPlan,
    precision: Precision,
    /// The place of each variable's gradient among the plan's.
    places: Vec<Option<usize>>,
}

/// By a [`TrainingPlan`] for each size of a batch; by candle where the network cannot be compiled.
pub(super) struct Compiled<'a> {
    net: &'a dyn Network,
    label_smoothing: f64,
    otherwise: Differentiated<'a>,
    /// The last is the one that ran last.
    plans: Vec<Planned>,
    vars: Vec<Var>,
    /// Whether the last batch, and so every other, went by candle.
    is_refused: bool,
}

impl<'a> Compiled<'a> {
    pub(super) fn new(net: &'a dyn Network, vars: Vec<Var>, label_smoothing: f64) -> Self {
        let otherwise = Differentiated::new(net, vars.clone(), label_smoothing);
        Self { net, label_smoothing, otherwise, plans: Vec::new(), vars, is_refused: false }
    }

    /// What is asked for now.
    fn precision(&self) -> Precision {
        Precision::of_steps(self.net.state().device())
    }

    /// Puts the plan for these inputs last. Says whether there is one.
    fn prepare(&mut self, inputs: &Tensor) -> Result<bool> {
        if self.is_refused {
            return Ok(false);
        }
        let precision = self.precision();
        let is_for = |other: &Planned| other.precision == precision && other.plan.takes(&[inputs]);
        if let Some(index) = self.plans.iter().position(is_for) {
            let plan = self.plans.remove(index);
            self.plans.push(plan);
            return Ok(true);
        }
        let (batch, sample) = match inputs.dims() {
            [batch, sample @ ..] => (*batch, sample),
            [] => (0, [].as_slice()),
        };
        let options = CompileOptions::batch(batch).with_input(sample).with_precision(precision);
        match self.net.compile_training(&options) {
            Ok(plan) => {
                let place = |var: &Var| plan.gradients().position(|(other, _)| other.id() == var.id());
                let places = self.vars.iter().map(place).collect();
                if self.plans.len() == KEPT {
                    self.plans.remove(0);
                }
                self.plans.push(Planned { plan, precision, places });
                Ok(true)
            }
            // What is wrong with the inputs the network itself says.
            Err(cnn_runtime::Error::Compile { .. } | cnn_runtime::Error::Candle(_)) => {
                self.is_refused = true;
                self.plans.clear();
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl TrainingStep for Compiled<'_> {
    fn run(&mut self, inputs: &Tensor, targets: &Targets) -> Result<f64> {
        if !self.prepare(inputs)? {
            return self.otherwise.run(inputs, targets);
        }
        let Some(Planned { plan, .. }) = self.plans.last_mut() else {
            return self.otherwise.run(inputs, targets);
        };
        let logits = Var::from_tensor(&plan.forward(&[inputs])?)?;
        let loss = targets.loss(&logits, self.label_smoothing)?;
        // On another device the way back is under way before the loss is waited for.
        let here = logits.device().is_cpu();
        if here && !scalar(&loss)?.is_finite() {
            return scalar(&loss);
        }
        if let Some(gradient) = loss.backward()?.get(&logits) {
            plan.backward(gradient)?;
        }
        scalar(&loss)
    }

    fn gradients(&self) -> Gradients<'_> {
        let Some(Planned { plan, places, .. }) = self.plans.last() else {
            return self.otherwise.gradients();
        };
        let all: Vec<_> = plan.gradients().map(|(_, gradient)| gradient).collect();
        let gradients = places.iter().map(|place| place.map(|place| all[place]));
        if self.net.state().device().is_cpu() {
            Gradients::Slices(gradients.map(|gradient| gradient?.as_slice()).collect())
        } else {
            Gradients::Tensors(gradients.map(|gradient| gradient?.as_tensor()).collect())
        }
    }
}
