//! An optimizer over variables.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use cnn_kernels::optim::{Incoming, sum_of_squares};
use cnn_runtime::{Gradient, State, TrainingPlan};
use rayon::prelude::*;

use super::config::Config;
use super::slot::{Buffer, Element, Slot};
use super::state::OptimizerState;
use crate::error::{Error, Result};

/// Values from which on several threads share a step: below it they cost more than they do.
const MANY: usize = 1 << 16;

/// A number type of gradients: `f32` or `f64`.
#[allow(private_bounds, reason = "there are no others")]
pub trait Value: Element {}

impl Value for f32 {}
impl Value for f64 {}

/// An optimizer: what it does ([`Config`]), the variables that it changes, and what it remembers of them.
///
/// Variables are changed in place. Those without a gradient in a step are left alone, weight decay and momentum
/// included. For a loop by hand see the [module](super); candle's trait is there too, for code that takes any
/// `candle_nn::Optimizer`.
///
/// A step holds the lock of a variable while threads of rayon's pool change it. Do not read the same variables from tasks of
/// that pool meanwhile: a task that waits for the lock keeps a thread from the work that would free it.
///
/// ```
/// use candle_core::{Device, Var};
/// use cnn_train::optim::{Optimizer, Sgd};
///
/// # fn main() -> cnn_train::Result<()> {
/// let x = Var::new(&[3f32, 4.], &Device::Cpu)?;
/// let mut sgd = Optimizer::of_vars([("x", x.clone())], Sgd::new(0.1))?;
/// sgd.backward_step(&x.sqr()?.sum_all()?)?; // gradient 2 x
/// assert_eq!(x.to_vec1::<f32>()?, [3. - 0.6, 4. - 0.8]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Optimizer {
    config: Config,
    slots: Vec<Slot>,
    clip_norm: Option<f64>,
    clip_value: Option<f64>,
}

impl Optimizer {
    /// An optimizer of a network's parameters, but for those that are [frozen](State::freeze) now. Running statistics are not
    /// among them.
    ///
    /// # Errors
    /// [`Error::Config`] where a number makes no sense; where the network is on a device that nothing is trained on.
    pub fn new(state: &State, config: impl Into<Config>) -> Result<Self> {
        Self::of_vars(state.learned().map(|(name, var)| (name, var.clone())), config)
    }

    /// An optimizer of any named variables.
    ///
    /// # Errors
    /// [`Error::Config`] where a number makes no sense or a variable comes twice; where one is not of `f32` or `f64` on the
    /// CPU.
    pub fn of_vars<N: Into<String>>(
        vars: impl IntoIterator<Item = (N, Var)>,
        config: impl Into<Config>,
    ) -> Result<Self> {
        let config = config.into();
        config.check()?;
        let buffers = config.buffers().len();
        let slots: Vec<Slot> = vars
            .into_iter()
            .map(|(name, var)| Slot::new(name.into(), var, buffers))
            .collect::<candle_core::Result<_>>()?;
        let mut seen = std::collections::HashSet::new();
        if let Some(twice) = slots.iter().find(|slot| !seen.insert(slot.var.id())) {
            return Err(Error::Config(format!("`{}` is given to the optimizer twice", twice.name)));
        }
        Ok(Self { config, slots, clip_norm: None, clip_value: None })
    }

    /// Scales the gradients down where the norm over all of them together is above `max_norm`: by
    /// `max_norm / (norm + 1e-6)`, PyTorch's `clip_grad_norm_` (Pascanu, Mikolov & Bengio, arXiv 1211.5063).
    #[must_use]
    pub const fn clip_norm(mut self, max_norm: f64) -> Self {
        self.clip_norm = Some(max_norm);
        self
    }

    /// Clamps every value of a gradient to `-limit..=limit`, after [`clip_norm`](Self::clip_norm): PyTorch's
    /// `clip_grad_value_`.
    #[must_use]
    pub const fn clip_value(mut self, limit: f64) -> Self {
        self.clip_value = Some(limit);
        self
    }

    /// What it does.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The names and variables, in order.
    pub fn vars(&self) -> impl ExactSizeIterator<Item = (&str, &Var)> {
        self.slots.iter().map(|slot| (slot.name.as_str(), &slot.var))
    }

    /// The learning rate of the next step.
    #[must_use]
    pub const fn learning_rate(&self) -> f64 {
        self.config.learning_rate()
    }

    /// Sets the learning rate.
    pub const fn set_learning_rate(&mut self, learning_rate: f64) {
        self.config.set_learning_rate(learning_rate);
    }

    /// Sets the momentum of SGD and `RMSprop` or the first beta of Adam, as a cycle of the learning rate does. An optimizer
    /// that was made without momentum stays without.
    pub fn set_momentum(&mut self, momentum: f64) {
        if self.config.momentum() > 0.0 {
            self.config.set_momentum(momentum);
        }
    }

    /// Differentiates a loss and makes a step. Gives the gradients' norm where it is [clipped](Self::clip_norm).
    ///
    /// # Errors
    /// Where the loss is not differentiable; those of [`step`](Self::step).
    pub fn backward_step(&mut self, loss: &Tensor) -> Result<Option<f64>> {
        let gradients = loss.backward()?;
        self.step(&gradients)
    }

    /// Makes a step with candle's gradients. Gives their norm where it is [clipped](Self::clip_norm).
    ///
    /// # Errors
    /// Where a gradient has another shape or type than its variable.
    pub fn step(&mut self, gradients: &GradStore) -> Result<Option<f64>> {
        let gradients: Vec<Option<&Tensor>> =
            self.slots.iter().map(|slot| gradients.get(&slot.var)).collect();
        self.step_tensors(&gradients, 1.0)
    }

    /// Makes a step with the gradients of a plan's last way back, wherever they are. Gives their norm where it is
    /// [clipped](Self::clip_norm).
    ///
    /// ```
    /// use candle_core::Var;
    /// use cnn_runtime::ops;
    /// use cnn_runtime::prelude::*;
    /// use cnn_train::optim::{Optimizer, Sgd};
    ///
    /// network! {
    ///     Tiny: 1x8x8 -> 3 { conv3-4 bn relu -> pool2 -> fc3 }
    /// }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let net = Tiny::init(Init::seed(1), &Device::Cpu)?;
    ///     let mut plan = net.compile_training(&CompileOptions::batch(6))?;
    ///     let mut optimizer = Optimizer::new(net.state(), Sgd::new(0.1).momentum(0.9))?;
    ///     let images = Tensor::randn(0f32, 1., (6, 1, 8, 8), &Device::Cpu)?;
    ///     let labels = Tensor::new(&[0u32, 1, 2, 0, 1, 2], &Device::Cpu)?;
    ///     let mut losses = Vec::new();
    ///     for _ in 0..3 {
    ///         let logits = Var::from_tensor(&plan.forward(&[&images])?)?;
    ///         let loss = ops::cross_entropy(&logits, &labels, 0.0)?;
    ///         plan.backward(loss.backward()?.get(&logits).ok_or("no gradient")?)?;
    ///         optimizer.step_plan(&plan)?;
    ///         losses.push(loss.to_scalar::<f32>()?);
    ///     }
    ///     assert!(losses[2] < losses[0]);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// Where the plan is of another network.
    pub fn step_plan(&mut self, plan: &TrainingPlan) -> Result<Option<f64>> {
        let all: HashMap<_, _> = plan.gradients().map(|(var, gradient)| (var.id(), gradient)).collect();
        let gradients: Vec<Option<Gradient<'_>>> =
            self.slots.iter().map(|slot| all.get(&slot.var.id()).copied()).collect();
        if gradients.iter().all(Option::is_none) {
            let what =
                "the plan is of another network: it has no gradient of any of the optimizer's variables";
            return Err(Error::Config(what.to_owned()));
        }
        if gradients.iter().flatten().any(|gradient| gradient.as_tensor().is_some()) {
            let tensors: Vec<_> = gradients.into_iter().map(|gradient| gradient?.as_tensor()).collect();
            self.step_tensors(&tensors, 1.0)
        } else {
            let slices: Vec<_> = gradients.into_iter().map(|gradient| gradient?.as_slice()).collect();
            self.step_slices(&slices)
        }
    }

    /// Makes a step with a gradient for each variable, in the order of [`vars`](Self::vars), as slices. Gives their norm
    /// where it is [clipped](Self::clip_norm).
    ///
    /// # Errors
    /// Where there are not as many gradients as variables, or one has another length or type than its variable, which is not on
    /// the CPU.
    pub fn step_slices<T: Value>(&mut self, gradients: &[Option<&[T]>]) -> Result<Option<f64>> {
        self.step_slices_scaled(gradients, 1.0)
    }

    /// As [`step_slices`](Self::step_slices), with gradients that are `scale` times what is given.
    ///
    /// # Errors
    /// As [`step_slices`](Self::step_slices).
    pub fn step_slices_scaled<T: Value>(
        &mut self,
        gradients: &[Option<&[T]>],
        scale: f64,
    ) -> Result<Option<f64>> {
        if let Some(slot) = self.slots.iter().find(|slot| !slot.var.device().is_cpu()) {
            let (name, device) = (&slot.name, slot.var.device().location());
            return Err(Error::Config(format!(
                "`{name}` is on {device:?}, and slices are on the CPU: take `step_plan`, or `step` with candle's gradients"
            )));
        }
        self.step_with(
            gradients.len(),
            scale,
            |index, _| Ok(gradients[index].map(sum_of_squares)),
            |index, slot, config, incoming| match gradients[index] {
                Some(gradient) => slot.step(config, incoming, gradient),
                None => Ok(()),
            },
        )
    }

    /// Makes a step with a gradient for each variable, `scale` times what is given.
    pub(crate) fn step_tensors(&mut self, gradients: &[Option<&Tensor>], scale: f64) -> Result<Option<f64>> {
        #[cfg(feature = "cuda")]
        if let Some(candle_core::Device::Cuda(device)) =
            self.slots.first().map(|slot| slot.var.device().clone())
        {
            self.check_count(gradients.len())?;
            let incoming = Incoming { scale, limit: self.clip_value.unwrap_or(f64::INFINITY) };
            let (config, clip_norm) = (self.config, self.clip_norm);
            return Ok(super::cuda::step(&device, &mut self.slots, gradients, &config, incoming, clip_norm)?);
        }
        self.step_with(
            gradients.len(),
            scale,
            |index, slot| {
                let Some(gradient) = gradients[index] else { return Ok(None) };
                let sum = match slot.var.dtype() {
                    DType::F64 => slot.with_gradient::<f64, _>(gradient, sum_of_squares)?,
                    _ => slot.with_gradient::<f32, _>(gradient, sum_of_squares)?,
                };
                Ok(Some(sum))
            },
            |index, slot, config, incoming| {
                let Some(gradient) = gradients[index] else { return Ok(()) };
                let gradient = gradient.contiguous()?;
                step_tensor(slot, config, incoming, &gradient)
            },
        )
    }

    fn check_count(&self, count: usize) -> Result<()> {
        let vars = self.slots.len();
        if count == vars {
            return Ok(());
        }
        Err(Error::Config(format!("the optimizer has {vars} variables, but {count} gradients came")))
    }

    /// A step of all variables: `squares` gives the sum of a gradient's squares, `step` makes the step of one.
    fn step_with(
        &mut self,
        count: usize,
        scale: f64,
        squares: impl Fn(usize, &Slot) -> candle_core::Result<Option<f64>> + Send + Sync,
        step: impl Fn(usize, &mut Slot, &Config, Incoming) -> candle_core::Result<()> + Send + Sync,
    ) -> Result<Option<f64>> {
        self.check_count(count)?;
        let parallel = self.slots.iter().map(|slot| slot.var.elem_count()).sum::<usize>() >= MANY;
        let mut incoming = Incoming { scale, limit: self.clip_value.unwrap_or(f64::INFINITY) };
        let mut norm = None;
        if let Some(max_norm) = self.clip_norm {
            let of = |(index, slot): (usize, &Slot)| squares(index, slot);
            let sums: Vec<Option<f64>> = if parallel {
                self.slots.par_iter().enumerate().map(of).collect::<candle_core::Result<_>>()?
            } else {
                self.slots.iter().enumerate().map(of).collect::<candle_core::Result<_>>()?
            };
            let total = scale * sums.into_iter().flatten().sum::<f64>().sqrt();
            incoming.scale *= (max_norm / (total + 1e-6)).min(1.0);
            norm = Some(total);
        }
        let config = self.config;
        let step = |(index, slot): (usize, &mut Slot)| step(index, slot, &config, incoming);
        if parallel {
            self.slots.par_iter_mut().enumerate().try_for_each(step)?;
        } else {
            self.slots.iter_mut().enumerate().try_for_each(step)?;
        }
        Ok(norm)
    }

    /// What it remembers, copied.
    ///
    /// # Errors
    /// Where there is no memory for it.
    pub fn state(&self) -> Result<OptimizerState> {
        let names = self.config.buffers();
        let mut tensors = Vec::new();
        for slot in &self.slots {
            for (buffer, name) in slot.buffers.iter().zip(&names) {
                let shape = slot.var.dims();
                let tensor = match buffer {
                    Buffer::F32(values) => Tensor::from_slice(values, shape, &Device::Cpu)?,
                    Buffer::F64(values) => Tensor::from_slice(values, shape, &Device::Cpu)?,
                    #[cfg(feature = "cuda")]
                    Buffer::Device(values) => values.as_tensor().to_device(&Device::Cpu)?,
                };
                tensors.push((format!("{}.{name}", slot.name), tensor));
            }
        }
        Ok(OptimizerState { steps: self.slots.iter().map(|slot| slot.steps).collect(), tensors })
    }

    /// Puts back what [`state`](Self::state) gave, of an optimizer of the same kind over the same variables.
    ///
    /// # Errors
    /// [`Error::Config`] where it is not of such a one; it is then left as it was.
    pub fn set_state(&mut self, state: &OptimizerState) -> Result<()> {
        let names = self.config.buffers();
        let refuse = |what: String| Err(Error::Config(format!("the optimizer's state does not fit: {what}")));
        if state.steps.len() != self.slots.len() {
            return refuse(format!("it is of {} variables, not of {}", state.steps.len(), self.slots.len()));
        }
        if state.tensors.len() != self.slots.len() * names.len() {
            let (found, expected) = (state.tensors.len(), self.slots.len() * names.len());
            return refuse(format!("it has {found} tensors, expected {expected}"));
        }
        let mut found = state.tensors.iter();
        let mut all = Vec::new();
        for slot in &self.slots {
            let mut buffers = Vec::new();
            for name in &names {
                let name = format!("{}.{name}", slot.name);
                let Some((_, tensor)) = found.next().filter(|(found, _)| *found == name) else {
                    return refuse(format!("`{name}` is missing"));
                };
                if tensor.dims() != slot.var.dims() || tensor.dtype() != slot.var.dtype() {
                    return refuse(format!(
                        "`{name}` is {:?} of {}, expected {:?} of {}",
                        tensor.dims(),
                        tensor.dtype().as_str(),
                        slot.var.dims(),
                        slot.var.dtype().as_str()
                    ));
                }
                #[cfg(feature = "cuda")]
                if !slot.var.device().is_cpu() {
                    buffers.push(Buffer::Device(Var::from_tensor(&tensor.to_device(slot.var.device())?)?));
                    continue;
                }
                let flat = tensor.flatten_all()?;
                buffers.push(match tensor.dtype() {
                    DType::F64 => Buffer::F64(flat.to_vec1()?),
                    _ => Buffer::F32(flat.to_vec1()?),
                });
            }
            all.push(buffers);
        }
        for ((slot, buffers), &steps) in self.slots.iter_mut().zip(all).zip(&state.steps) {
            slot.buffers = buffers;
            slot.steps = steps;
        }
        Ok(())
    }
}

/// A variable's step with a contiguous gradient.
fn step_tensor(
    slot: &mut Slot,
    config: &Config,
    incoming: Incoming,
    gradient: &Tensor,
) -> candle_core::Result<()> {
    if gradient.dims() != slot.var.dims() {
        let (name, var) = (&slot.name, slot.var.dims());
        candle_core::bail!("optimizer: `{name}` has shape {var:?}, but its gradient {:?}", gradient.dims());
    }
    let name = slot.name.clone();
    match slot.var.dtype() {
        DType::F64 => {
            super::slot::with_values::<f64, _>(gradient, &name, |values| slot.step(config, incoming, values))?
        }
        _ => {
            super::slot::with_values::<f32, _>(gradient, &name, |values| slot.step(config, incoming, values))?
        }
    }
}

/// For code that takes any of candle's optimizers. Variables are named by their place.
impl candle_nn::Optimizer for Optimizer {
    type Config = Config;

    fn new(vars: Vec<Var>, config: Config) -> candle_core::Result<Self> {
        let named = vars.into_iter().enumerate().map(|(index, var)| (index.to_string(), var));
        Self::of_vars(named, config).map_err(candle_core::Error::wrap)
    }

    fn step(&mut self, gradients: &GradStore) -> candle_core::Result<()> {
        Self::step(self, gradients).map(drop).map_err(candle_core::Error::wrap)
    }

    fn learning_rate(&self) -> f64 {
        Self::learning_rate(self)
    }

    fn set_learning_rate(&mut self, learning_rate: f64) {
        Self::set_learning_rate(self, learning_rate);
    }
}
