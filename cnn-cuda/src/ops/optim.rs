//! Optimizer steps over all tensors at once. The rules and their numbers are those of `cnn_kernels::optim`.
use cnn_kernels::optim::{self, Incoming};

use super::{blocks, int};
use crate::device::{Gpu, In, Launch, Out, Result, Table, sizes as wrong};
use crate::sizes::{self, Chunk, Slot};
use crate::source::{OPTIM, Scalar};

/// Values of a tensor that a block has, as in `optim.cu`.
const CHUNK: usize = 4096;

/// A tensor that is learned, its gradient, and what its optimizer keeps of it. All have one length and element type.
#[derive(Debug)]
pub struct Learned<'a> {
    /// The values.
    pub weights: Out<'a>,
    /// Their gradient.
    pub gradient: In<'a>,
    /// Momentum, moments and the like, in the order of the rule's `step` in `cnn_kernels::optim`.
    pub state: Vec<Out<'a>>,
    /// Whether weight decay counts.
    pub decays: bool,
    /// The number of this step, from 1.
    pub step: u64,
}

/// How weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Gradient descent.
    Sgd(optim::Sgd),
    /// Adam or AdamW; the number of the step is that of each tensor.
    Adam {
        /// The rule.
        rule: optim::Adam,
        /// Whether the largest second moment counts.
        amsgrad: bool,
    },
    /// RMSprop.
    RmsProp {
        /// The rule.
        rule: optim::RmsProp,
        /// Whether the gradient's mean is subtracted.
        centered: bool,
    },
}

impl Rule {
    /// How many states a tensor has.
    fn states(self) -> usize {
        match self {
            Self::Sgd(rule) => usize::from(rule.momentum != 0.0),
            Self::Adam { amsgrad, .. } => 2 + usize::from(amsgrad),
            Self::RmsProp { rule, centered } => 1 + usize::from(rule.momentum > 0.0) + usize::from(centered),
        }
    }

    /// What of Adam's step depends on its number: the size, and by what the second moment's root is divided.
    fn numbers(self, step: u64) -> [f64; 2] {
        match self {
            Self::Adam { rule: optim::Adam { learning_rate, betas: [first, second], .. }, .. } => {
                let step = step as f64;
                [learning_rate / (1.0 - first.powf(step)), (1.0 - second.powf(step)).sqrt()]
            }
            Self::Sgd(_) | Self::RmsProp { .. } => [0.0, 1.0],
        }
    }
}

/// Tensors that are stepped together.
#[derive(Debug)]
pub struct Together<'a> {
    /// They are borrowed as long as kernels are launched on them.
    learned: Vec<Learned<'a>>,
    scalar: Scalar,
    chunks: Table,
    count: usize,
}

impl<'a> Together<'a> {
    /// These tensors.
    ///
    /// # Errors
    /// For lengths or element types that do not fit.
    pub fn new(gpu: &Gpu, learned: Vec<Learned<'a>>) -> Result<Self> {
        const NAME: &str = "optimizer step";
        let scalar = learned.first().map_or(Scalar::F32, |first| first.weights.scalar());
        let mut chunks = Vec::new();
        for (slot, Learned { weights, gradient, state, .. }) in learned.iter().enumerate() {
            weights.check(NAME, "a tensor", scalar, weights.len())?;
            gradient.check(NAME, "its gradient", scalar, weights.len())?;
            for values in state {
                values.check(NAME, "its state", scalar, weights.len())?;
            }
            let slot = int(NAME, slot)?;
            for part in 0..weights.len().div_ceil(CHUNK) {
                chunks.push(Chunk { slot, part: int(NAME, part)? });
            }
        }
        let count = chunks.len();
        Ok(Self { learned, scalar, chunks: Table::new(gpu, &chunks)?, count })
    }

    /// A step by this rule.
    ///
    /// # Errors
    /// If a tensor has another number of states than the rule needs, or the driver refuses.
    pub fn step(&mut self, gpu: &Gpu, rule: Rule, incoming: Incoming) -> Result<()> {
        let states = rule.states();
        if let Some(learned) = self.learned.iter().find(|learned| learned.state.len() < states) {
            let found = learned.state.len();
            return wrong(
                "optimizer step",
                format_args!("expected {states} states of a tensor, found {found}"),
            );
        }
        let slots = self.slots(gpu, rule)?;
        let Incoming { scale, limit } = incoming;
        match rule {
            Rule::Sgd(optim::Sgd { learning_rate, momentum, nesterov, weight_decay }) => {
                let nesterov = nesterov.into();
                let rule = sizes::Sgd { scale, limit, learning_rate, momentum, weight_decay, nesterov };
                self.launch(gpu, "sgd", &slots).pass(&rule).blocks(self.grid()?)
            }
            Rule::Adam { rule, amsgrad } => {
                let optim::Adam {
                    learning_rate, betas: [beta1, beta2], eps, weight_decay, decoupled, ..
                } = rule;
                let (decoupled, amsgrad) = (decoupled.into(), amsgrad.into());
                let rule = sizes::Adam {
                    scale,
                    limit,
                    learning_rate,
                    beta1,
                    beta2,
                    eps,
                    weight_decay,
                    decoupled,
                    amsgrad,
                };
                self.launch(gpu, "adam", &slots).pass(&rule).blocks(self.grid()?)
            }
            Rule::RmsProp { rule, centered } => {
                let optim::RmsProp { learning_rate, alpha, eps, weight_decay, momentum } = rule;
                let centered = centered.into();
                let rule = sizes::RmsProp {
                    scale,
                    limit,
                    learning_rate,
                    alpha,
                    eps,
                    weight_decay,
                    momentum,
                    centered,
                };
                self.launch(gpu, "rmsprop", &slots).pass(&rule).blocks(self.grid()?)
            }
        }
    }

    /// The sum of the squares of all gradients. Waits for the device.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn squares(&self, gpu: &Gpu) -> Result<f64> {
        let slots = self.slots(
            gpu,
            Rule::Sgd(optim::Sgd { learning_rate: 0.0, momentum: 0.0, nesterov: false, weight_decay: 0.0 }),
        )?;
        let mut sums = gpu.scratch(Scalar::F64, self.count)?;
        self.launch(gpu, "squares", &slots).pass(&sums.write(gpu)).blocks(self.grid()?)?;
        Ok(sums.download(gpu)?.into_iter().sum())
    }

    fn slots(&self, gpu: &Gpu, rule: Rule) -> Result<Table> {
        let slots: Vec<Slot> = self
            .learned
            .iter()
            .map(|learned| {
                let state = |index: usize| learned.state.get(index).map_or(0, |state| state.address as i64);
                let [step_size, correction] = rule.numbers(learned.step);
                Slot {
                    weights: learned.weights.address as i64,
                    gradient: learned.gradient.address as i64,
                    state0: state(0),
                    state1: state(1),
                    state2: state(2),
                    count: learned.weights.len() as i64,
                    decays: learned.decays.into(),
                    step_size,
                    correction,
                }
            })
            .collect();
        Table::new(gpu, &slots)
    }

    fn launch<'g>(&self, gpu: &'g Gpu, name: &'static str, slots: &Table) -> Launch<'g> {
        Launch::new(gpu, OPTIM, name, self.scalar).pass(&self.chunks).pass(slots)
    }

    fn grid(&self) -> Result<[u32; 3]> {
        Ok([blocks("optimizer step", self.count)?, 1, 1])
    }
}
