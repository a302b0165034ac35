//! Compares a network with what was recorded of its twin.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use cnn_runtime::params::Role;
use cnn_runtime::{CompileOptions, Network, Pass, Plan, Result, State};

use crate::compare::{Probe, Report};
use crate::formula::{self, Weights};
use crate::recorded::Recorded;

/// What a network says to a batch of images.
pub(crate) struct Answer {
    /// The logits, then the outputs of other heads, by the names under which they were recorded.
    pub(crate) outputs: Vec<(&'static str, Tensor)>,
    /// Every label and tap of the network's own paths, in order of execution.
    pub(crate) stages: Vec<(String, Tensor)>,
}

/// A network that is compared.
pub(crate) trait Subject {
    /// Its tensors.
    fn tensors(&self) -> &State;

    /// What it says in inference.
    fn answer(&self, images: &Tensor) -> Result<Answer>;

    /// It compiled.
    fn plan(&self, options: &CompileOptions) -> Result<Plan>;
}

impl Subject for Box<dyn Network> {
    fn tensors(&self) -> &State {
        self.state()
    }

    fn answer(&self, images: &Tensor) -> Result<Answer> {
        let pass = Pass::eval().tracing();
        let outputs = vec![("logits", self.forward_pass(images, &pass)?)];
        let stages = pass.names().into_iter().map(|name| Ok((name.clone(), pass.kept(&name)?)));
        Ok(Answer { outputs, stages: stages.collect::<Result<_>>()? })
    }

    fn plan(&self, options: &CompileOptions) -> Result<Plan> {
        self.compile(options)
    }
}

/// Networks are tested one at a time: some need half a gigabyte, and each uses all processors.
static ONE: Mutex<()> = Mutex::new(());

/// Builds a network with the weights of the formula and compares its tensors, outputs, stages and gradients, and the outputs
/// of its plan, all on this device. `modules` are the
/// stages that are not called as torchvision's module is, with what that is called.
///
/// # Panics
///
/// If anything deviates: the message lists all of it.
pub(crate) fn check<S: Subject>(
    name: &str,
    build: impl Fn(VarBuilder<'_>) -> Result<S>,
    modules: &[(&str, &str)],
    device: &Device,
) {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let recorded = Recorded::load(name);
    let build = |dtype| {
        let weights = Box::new(Weights { gain: recorded.gain });
        build(VarBuilder::from_backend(weights, dtype, device.clone()))
    };
    let mut report = Report::default();
    let net = build(DType::F32).expect(name);
    tensors(&net, &recorded, &mut report);
    outputs(&net, &recorded, modules, &mut report).expect(name);
    planned(&net, &recorded, &mut report).expect(name);
    drop(net);
    if !recorded.gradients.is_empty() {
        // In f32 it would be up to the processor which ReLUs open whose input is nearly 0.
        gradients(&build(DType::F64).expect(name), &recorded, &mut report).expect(name);
    }
    report.finish(name);
}

/// Those whose tensors stand elsewhere in torchvision's list, which has what a module holds itself first (`layer_scale`)
/// and then its children in the order of their making (`aux1`, `aux2`), as opposed to that of execution.
const OTHER_ORDER: &[&str] = &["convnext_tiny", "googlenet_aux"];

/// Names and shapes, in order.
fn tensors(net: &impl Subject, recorded: &Recorded, report: &mut Report) {
    let named = net.tensors().named();
    let got: Vec<(String, Vec<usize>)> =
        named.map(|(name, var, _)| (name.to_owned(), var.dims().to_vec())).collect();
    if got == recorded.tensors {
        return;
    }
    for (name, shape) in recorded.tensors.iter().filter(|tensor| !got.contains(tensor)) {
        report.fail(format!("tensors: {name} {shape:?} is missing"));
    }
    for (name, shape) in got.iter().filter(|tensor| !recorded.tensors.contains(tensor)) {
        report.fail(format!("tensors: {name} {shape:?} is not torchvision's"));
    }
    let (mut ours, mut theirs) = (got, recorded.tensors.clone());
    ours.sort_unstable();
    theirs.sort_unstable();
    if ours != theirs || !OTHER_ORDER.contains(&recorded.name.as_str()) {
        report.fail("tensors: not those of the state_dict in its order".to_owned());
    }
}

/// The logits and those of other heads, and the stages.
fn outputs(
    net: &impl Subject,
    recorded: &Recorded,
    modules: &[(&str, &str)],
    report: &mut Report,
) -> Result<()> {
    let device = net.tensors().device();
    let answer = net.answer(&formula::images(recorded.input)?.to_device(device)?)?;
    let want = recorded.outputs();
    let names: Vec<&str> = answer.outputs.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, want.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), "{}", recorded.name);
    for ((name, got), (_, want)) in answer.outputs.iter().zip(&want) {
        report.tensors("logits", name, got, want)?;
    }
    let largest = answer.stages.iter().map(|(_, value)| value.elem_count()).max();
    let probe = Probe::new(largest.unwrap_or(0))?;
    for (stage, value) in &answer.stages {
        let called = modules.iter().find(|(name, _)| name == stage);
        let module = called.map_or(stage.as_str(), |(_, module)| *module);
        match recorded.modules.get(module) {
            Some(module) if module.shape == value.dims() => {
                report.digests("stages", stage, probe.digest(value)?, module.digest);
            }
            Some(module) => {
                report.fail(format!("stages {stage}: got {:?}, want {:?}", value.dims(), module.shape));
            }
            None => report.fail(format!("stages {stage}: torchvision has no module {module}")),
        }
    }
    for (name, _) in modules.iter().filter(|(name, _)| answer.stages.iter().all(|(stage, _)| name != stage)) {
        report.fail(format!("stages: there is no {name}"));
    }
    report.count("stages", answer.stages.len());
    report.count("logits", want.iter().map(|(_, values)| values.elem_count()).sum());
    Ok(())
}

/// The same outputs, by the network's plan.
fn planned(net: &impl Subject, recorded: &Recorded, report: &mut Report) -> Result<()> {
    let images = formula::images(recorded.input)?.to_device(net.tensors().device())?;
    let want = recorded.outputs();
    let got = net.plan(&CompileOptions::batch(images.dim(0)?))?.run_all(&[&images])?;
    assert_eq!(got.len(), want.len(), "{}", recorded.name);
    for (got, (name, want)) in got.iter().zip(&want) {
        report.tensors("plan", name, got, want)?;
    }
    report.count("plan", want.iter().map(|(_, values)| values.elem_count()).sum());
    Ok(())
}

/// The gradients of the sum of the logits times the values called `cotangent`.
fn gradients(net: &impl Subject, recorded: &Recorded, report: &mut Report) -> Result<()> {
    let device = net.tensors().device();
    let images = formula::images(recorded.input)?.to_dtype(DType::F64)?.to_device(device)?;
    let images = Var::from_tensor(&images)?;
    let (_, logits) = net.answer(&images)?.outputs.swap_remove(0);
    let cotangent = formula::values("cotangent", logits.elem_count());
    let cotangent = Tensor::from_vec(cotangent, logits.shape(), device)?.to_dtype(DType::F64)?;
    let gradients = (&logits * cotangent)?.backward()?;
    let parameters = net.tensors().named().filter(|(_, _, role)| *role == Role::Parameter);
    let leaves: BTreeMap<&str, &Var> =
        parameters.map(|(name, var, _)| (name, var)).chain([("input", &images)]).collect();
    let got: Vec<&str> = leaves.keys().copied().collect();
    let want: Vec<&str> = recorded.gradients.keys().map(String::as_str).collect();
    if got != want {
        report.fail(format!("gradients: got {got:?}, want {want:?}"));
        return Ok(());
    }
    let largest = leaves.values().map(|var| var.elem_count()).max();
    let probe = Probe::new(largest.unwrap_or(0))?;
    for (name, var) in &leaves {
        match gradients.get(var.as_tensor()) {
            Some(gradient) if gradient.dims() == var.dims() => {
                report.digests("gradients", name, probe.digest(gradient)?, recorded.gradients[*name]);
            }
            Some(gradient) => {
                report.fail(format!("gradients {name}: got {:?}, want {:?}", gradient.dims(), var.dims()));
            }
            None => report.fail(format!("gradients {name}: none")),
        }
    }
    report.count("gradients", leaves.len());
    Ok(())
}
