//! Compiled steps behind `forward_train`: candle's `backward` goes back through them as through any operation.
//!
//! Candle's operations take three tensors at most, and a step depends on all parameters. So each parameter is tied to a
//! scalar that the next ties on; the step's output depends on the last of them. On the way back the output, which comes
//! first, runs the plan, and each tie hands out the gradients of its parameters.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, DType, Layout, Result as CandleResult, Shape, Tensor};
#[cfg(feature = "cuda")]
use candle_core::{
    CudaStorage, Storage,
    backend::{BackendDevice as _, BackendStorage as _},
    bail,
};

use super::TrainingPlan;
use super::shelf::{Key, Shelf};
use crate::error::Result;
use crate::params::State;
use crate::pass::Pass;
use crate::plan::{CompileOptions, Precision};
use crate::random::{Generator, GeneratorState};

/// A training step's output by the plan that `compile` makes, which is kept for the next inputs of these shapes; by what
/// `otherwise` does where there is no such plan. Candle's `backward` finds the gradients either way, also those of inputs
/// that depend on variables.
///
/// `network!` generates the call, in `forward_train`. `otherwise` gets the pass of training.
///
/// # Errors
/// As [`TrainingPlan::forward`]; what `otherwise` says.
pub fn training_step(
    state: &State,
    inputs: &[&Tensor],
    compile: impl FnOnce(&CompileOptions) -> Result<TrainingPlan>,
    otherwise: impl FnOnce(&Pass) -> CandleResult<Tensor>,
) -> Result<Tensor> {
    match planned(state, inputs, compile)? {
        Some((key, plan)) => taped(state, inputs, key, plan),
        None => Ok(otherwise(&Pass::train(state.generator()))?),
    }
}

/// The plan for such inputs, if there is one.
fn planned(
    state: &State,
    inputs: &[&Tensor],
    compile: impl FnOnce(&CompileOptions) -> Result<TrainingPlan>,
) -> Result<Option<(Key, TrainingPlan)>> {
    if state.dtype() != DType::F32 {
        return Ok(None);
    }
    let key = Key {
        prefix: state.prefix().to_owned(),
        shapes: inputs.iter().map(|input| input.dims().to_vec()).collect(),
        input_gradients: inputs.iter().any(|input| input.track_op()),
        frozen: state.frozen(),
        precision: Precision::of_steps(state.device()),
        threads: rayon::current_num_threads(),
    };
    let shelf = state.shelf();
    if shelf.is_refused(&key) {
        return Ok(None);
    }
    if let Some(plan) = shelf.take(&key) {
        return Ok(Some((key, plan)));
    }
    match compile(&key.options()) {
        Ok(plan) => Ok(Some((key, plan))),
        // What is wrong with the inputs the network itself says.
        Err(_) => {
            shelf.refuse(key);
            Ok(None)
        }
    }
}

/// A plan's output for these inputs, as candle's operations depend on what they were made of.
fn taped(state: &State, inputs: &[&Tensor], key: Key, mut plan: TrainingPlan) -> Result<Tensor> {
    let generator = state.generator().clone();
    let before = generator.state();
    let values = plan.forward(inputs)?;
    // What a gradient is asked of.
    let vars =
        plan.gradients().enumerate().map(|(index, (var, _))| (Source::Var(index), var.as_tensor().clone()));
    let tracked = inputs.iter().enumerate().filter(|(_, input)| input.track_op());
    let tracked = tracked.map(|(index, &input)| (Source::Input(index), input.clone()));
    let sources: Vec<(Source, Tensor)> = vars.chain(tracked).collect();
    let run = Run {
        key,
        shelf: Arc::clone(state.shelf()),
        plan: Some(plan),
        inputs: inputs.iter().map(|input| input.detach()).collect(),
        generator,
        before,
    };
    let step = Arc::new(Step { run: Mutex::new(run), gradients: Mutex::default() });
    let Some(((last, source), ties)) = sources.split_last() else {
        return Ok(values);
    };
    let mut token = Tensor::zeros((), DType::F32, state.device())?;
    for pair in ties.chunks(2) {
        let sources = pair.iter().map(|(source, _)| *source).collect();
        let tie = Tie { step: Arc::clone(&step), sources };
        token = match pair {
            [(_, a), (_, b)] => token.apply_op3(a, b, tie)?,
            [(_, a)] => token.apply_op2(a, tie)?,
            _ => token,
        };
    }
    let output = Output { step, source: *last, values };
    Ok(token.apply_op2(source, output)?)
}

/// Something that a gradient is asked of.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// A parameter: its place among the plan's gradients.
    Var(usize),
    /// An input.
    Input(usize),
}

/// A step that went there and may be asked to go back.
#[derive(Debug)]
struct Step {
    run: Mutex<Run>,
    gradients: Mutex<Gradients>,
}

/// Those of a way back that nobody asked for yet.
#[derive(Debug, Default)]
struct Gradients {
    vars: Vec<Option<Tensor>>,
    inputs: Vec<Option<Tensor>>,
}

#[derive(Debug)]
struct Run {
    key: Key,
    shelf: Arc<Shelf>,
    /// Until the way back; then others may have it.
    plan: Option<TrainingPlan>,
    inputs: Vec<Tensor>,
    /// The source of masks, and its state before the way there.
    generator: Generator,
    before: GeneratorState,
}

impl Run {
    /// The way back, for this gradient of the output.
    fn back(&mut self, gradient: &Tensor) -> Result<Gradients> {
        let mut plan = match self.plan.take() {
            Some(plan) => plan,
            None => self.again()?,
        };
        plan.backward(&gradient.contiguous()?)?;
        let vars = plan.take_gradients()?.into_iter().map(Some).collect();
        let count = if self.key.input_gradients { self.inputs.len() } else { 0 };
        let inputs = (0..count).map(|input| Ok(Some(plan.input_gradient(input)?))).collect::<Result<_>>()?;
        self.shelf.put(self.key.clone(), plan);
        Ok(Gradients { vars, inputs })
    }

    /// The way there once more, for another `backward` through it.
    fn again(&self) -> Result<TrainingPlan> {
        let Some(mut plan) = self.shelf.take(&self.key) else {
            return Err(candle_core::Error::Msg(
                "this `forward_train` was gone back through before, and its plan is in use: add the losses up and call \
                 `backward` once, or take `forward_pass(&x, &Pass::train(..))`"
                    .to_owned(),
            )
            .into());
        };
        let now = self.generator.state();
        self.generator.set_state(self.before);
        let inputs: Vec<&Tensor> = self.inputs.iter().collect();
        let done = plan.there(&inputs, &|_| {});
        self.generator.set_state(now);
        done?;
        Ok(plan)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(plan) = self.plan.take() {
            self.shelf.put(self.key.clone(), plan);
        }
    }
}

impl Step {
    fn gradient(&self, source: Source) -> Option<Tensor> {
        let mut gradients = self.gradients.lock().unwrap_or_else(PoisonError::into_inner);
        match source {
            Source::Var(index) => gradients.vars.get_mut(index)?.take(),
            Source::Input(index) => gradients.inputs.get_mut(index)?.take(),
        }
    }
}

/// Ties one or two parameters to a scalar.
struct Tie {
    step: Arc<Step>,
    sources: Vec<Source>,
}

impl Tie {
    fn forward() -> CandleResult<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(())))
    }

    #[cfg(feature = "cuda")]
    fn forward_on(token: &CudaStorage) -> CandleResult<(CudaStorage, Shape)> {
        Ok((token.device().zeros_impl(&Shape::from(()), DType::F32)?, Shape::from(())))
    }

    fn gradient(&self, index: usize) -> Option<Tensor> {
        self.step.gradient(*self.sources.get(index)?)
    }
}

const NAME: &str = "compiled training step";

impl CustomOp2 for Tie {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        Self::forward()
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        token: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> CandleResult<(CudaStorage, Shape)> {
        Self::forward_on(token)
    }

    fn bwd(
        &self,
        before: &Tensor,
        _: &Tensor,
        _: &Tensor,
        token: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        Ok((before.track_op().then(|| token.clone()), self.gradient(0)))
    }
}

impl CustomOp3 for Tie {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        Self::forward()
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        token: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> CandleResult<(CudaStorage, Shape)> {
        Self::forward_on(token)
    }

    fn bwd(
        &self,
        before: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        token: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok((before.track_op().then(|| token.clone()), self.gradient(0), self.gradient(1)))
    }
}

/// The output, which depends on what is tied and on the last source.
struct Output {
    step: Arc<Step>,
    source: Source,
    /// What the plan gave.
    values: Tensor,
}

impl CustomOp2 for Output {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        crate::plan::with_values(&self.values, |values| CpuStorage::F32(values.to_vec()))
            .map(|values| (values, self.values.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> CandleResult<(CudaStorage, Shape)> {
        let (storage, layout) = self.values.storage_and_layout();
        match &*storage {
            Storage::Cuda(storage) => Ok((storage.try_clone(layout)?, self.values.shape().clone())),
            _ => bail!("the output of a compiled step is on another device"),
        }
    }

    fn bwd(
        &self,
        token: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let back = self.step.run.lock().unwrap_or_else(PoisonError::into_inner).back(gradient);
        let gradients = back.map_err(candle_core::Error::wrap)?;
        *self.step.gradients.lock().unwrap_or_else(PoisonError::into_inner) = gradients;
        let tied = if token.track_op() { Some(token.zeros_like()?) } else { None };
        Ok((tied, self.step.gradient(self.source)))
    }
}
