//! Runs the cases of a family and collects everything that is wrong.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use candle_core::{DType, Device, Error, Result, Tensor, Var};

use crate::batch_norm_layer;
use crate::cases::{Case, Family};
use crate::compare::{Deviation, deviation};
use crate::layouts::Layout;
use crate::operations::{Arguments, apply};

/// The largest error allowed, relative to a tensor's largest absolute value.
fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::BF16 => 2e-2,
        DType::F32 => 1e-5,
        _ => 1e-10,
    }
}

/// What the cases of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Calls of one function.
    Operation,
    /// Steps of a batch normalization layer.
    BatchNormLayer,
}

impl Kind {
    fn run(self, run: Run<'_>) -> Result<Found> {
        match self {
            Self::Operation => operation(run),
            Self::BatchNormLayer => batch_norm_layer::steps(run),
        }
    }
}

/// Runs every case of the family in both dtypes and all layouts, and some of those with enough values also with so many
/// copies of their batch that the input has `many` values and the work is shared among threads.
///
/// # Panics
///
/// If there are fewer than `least` cases, or anything deviates: the message lists all of it.
pub(crate) fn check(family: &Family, least: usize, kind: Kind, many: usize, device: &Device) {
    assert!(family.cases.len() >= least, "{}: {} cases, {least} expected", family.name, family.cases.len());
    let mut report = Report::default();
    let mut large = 0;
    for case in &family.cases {
        let plain = [DType::F32, DType::F64].into_iter().flat_map(|dtype| {
            Layout::ALL.map(|layout| Run { family, case, dtype, layout, copies: 1, device })
        });
        // Of mixed precision, which the CPU has not.
        let mixed = Run { family, case, dtype: DType::BF16, layout: Layout::Contiguous, copies: 1, device };
        let plain = plain.chain((device.is_cuda() && mixed.is_of_maps()).then_some(mixed));
        let values = family.tensor(case, &case.args[0]).elem_count();
        let copies = many.div_ceil(values);
        let copied = Run { family, case, dtype: DType::F32, layout: Layout::Contiguous, copies, device };
        // Not of few values (float32 sums of that many equal terms are wrong in PyTorch too), and not where candle
        // broadcasts the copies and so sums a gradient over them.
        let worthwhile = copies > 1 && values >= 64 && !copied.spans_the_batch();
        large += usize::from(worthwhile);
        // Every second is enough to meet every function, and much faster.
        let ways = plain.chain((worthwhile && large % 2 == 1).then_some(copied));
        for way in ways {
            report.runs += 1;
            match catch_unwind(AssertUnwindSafe(|| kind.run(way))) {
                Ok(Ok(tensors)) => {
                    for (tensor, found) in tensors {
                        report.add(&way, &tensor, found);
                    }
                }
                Ok(Err(error)) => report.failures.push(format!("{way}: error: {error}")),
                Err(panic) => report.failures.push(format!("{way}: panic: {}", message(&*panic))),
            }
        }
    }
    report.finish(family);
}

#[derive(Default)]
struct Report {
    runs: usize,
    failures: Vec<String>,
    /// The largest error that passed, and where.
    worst: HashMap<&'static str, (f64, String)>,
}

impl Report {
    fn add(&mut self, run: &Run<'_>, tensor: &str, found: Result<Deviation>) {
        match found {
            Ok(found) if found.error <= tolerance(run.dtype) => {
                let worst = self.worst.entry(run.dtype.as_str()).or_default();
                if found.error >= worst.0 {
                    *worst = (found.error, format!("{run} {tensor}"));
                }
            }
            Ok(Deviation { error, index, got, want }) => self
                .failures
                .push(format!("{run} {tensor}: error {error:.1e} at {index:?}: got {got}, want {want}")),
            Err(error) => self.failures.push(format!("{run} {tensor}: {error}")),
        }
    }

    fn finish(self, family: &Family) {
        let mut line =
            format!("references: {}: {} cases, {} runs", family.name, family.cases.len(), self.runs);
        for dtype in [DType::F32, DType::F64, DType::BF16] {
            if let Some((error, place)) = self.worst.get(dtype.as_str()) {
                let _ = write!(line, "; {} within {error:.1e} ({place})", dtype.as_str());
            }
        }
        println!("{line}");
        assert!(
            self.failures.is_empty(),
            "{} deviations:\n{}",
            self.failures.len(),
            self.failures.join("\n")
        );
    }
}

/// The deviations that a run found, by tensor.
pub(crate) type Found = Vec<(String, Result<Deviation>)>;

/// One run of a case: in one dtype and one layout.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) family: &'a Family,
    pub(crate) case: &'a Case,
    pub(crate) dtype: DType,
    pub(crate) layout: Layout,
    /// How often the recorded batch is repeated.
    pub(crate) copies: usize,
    pub(crate) device: &'a Device,
}

impl fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, case, dtype, layout, copies, .. } = self;
        write!(f, "{}/{} [{dtype:?}, {layout:?}", family.name, case.name)?;
        if *copies > 1 {
            write!(f, ", {copies} times the batch")?;
        }
        f.write_str("]")
    }
}

/// Whether a tensor has no batch dimension: a parameter or a statistic over the batch.
fn is_of_all(name: &str) -> bool {
    matches!(name, "weight" | "bias" | "mean" | "variance")
}

impl Run<'_> {
    /// Whether one image is broadcast to the batch.
    fn spans_the_batch(&self) -> bool {
        let batch = |input| self.family.tensor(self.case, input).dims()[0];
        self.case.expand.iter().any(|(input, shape)| !is_of_all(input) && shape[0] != batch(input))
    }

    /// Whether the case says something of bf16: not those whose result the rounding of the inputs decides, and not what is
    /// computed in `f32` anyway.
    fn is_of_maps(&self) -> bool {
        /// What cancels, is nearly a tie, or is divided by a small deviation.
        const DELICATE: [&str; 7] = [
            "large mean",
            "one value",
            "wide map",
            "same stride 3 by 2 dilation",
            "3x3 dilation 2 stride 3 groups 2",
            "layer map larger map",
            "far",
        ];
        let is_delicate = DELICATE.iter().any(|part| self.case.name.contains(part));
        !is_delicate
            && !["nonfinite", "batch_norm_layer", "cross_entropy"].contains(&self.family.name.as_str())
    }

    /// The values of an input or of the cotangent, in the dtype of the run.
    pub(crate) fn values(&self, name: &str) -> Result<Tensor> {
        let dtype = if self.dtype == DType::BF16 && is_of_all(name) { DType::F32 } else { self.dtype };
        self.repeated(name)?.to_dtype(dtype)?.to_device(self.device)
    }

    /// What was recorded, for as many copies of the batch as the run has: of a parameter's gradient, the sum.
    fn repeated(&self, name: &str) -> Result<Tensor> {
        let recorded = self.family.tensor(self.case, name);
        let (of, is_gradient) = name.strip_prefix("grad.").map_or((name, false), |input| (input, true));
        if self.copies == 1 {
            Ok(recorded.clone())
        } else if is_of_all(of) {
            if is_gradient { recorded * self.copies as f64 } else { Ok(recorded.clone()) }
        } else {
            // Faster than `repeat`, which joins that many tensors.
            let copies = recorded.broadcast_left(self.copies)?;
            copies.flatten(0, 1)?.contiguous()
        }
    }

    /// An input in the layout of the run, and the variable behind it where its gradient is recorded.
    pub(crate) fn input(&self, name: &str) -> Result<(Tensor, Option<Var>)> {
        let stored = self.layout.store(&self.values(name)?)?;
        let var =
            self.case.grads.iter().any(|grad| grad == name).then(|| Var::from_tensor(&stored)).transpose()?;
        let mut input = self.layout.view(var.as_ref().map_or(&stored, Var::as_tensor))?;
        if let Some(shape) = self.case.expand.get(name) {
            let mut shape = shape.clone();
            shape[0] *= if is_of_all(name) { 1 } else { self.copies };
            input = input.broadcast_as(shape.as_slice())?;
        }
        Ok((input, var))
    }

    /// Compares an output or a gradient with the recorded one.
    pub(crate) fn compare(&self, name: &str, got: &Tensor) -> (String, Result<Deviation>) {
        let is_wide = self.dtype == DType::BF16 && got.dtype() == DType::F32;
        let found = if got.dtype() == self.dtype || is_wide {
            self.repeated(name).and_then(|want| deviation(got, &want))
        } else {
            Err(Error::Msg(format!("dtype: got {:?}, want {:?}", got.dtype(), self.dtype)))
        };
        (name.to_owned(), found)
    }

    /// Differentiates the first output, and compares the gradients.
    ///
    /// `variables` are what the inputs with a gradient are made of: in the layout of the run, or plain.
    pub(crate) fn gradients(
        &self,
        output: &Tensor,
        variables: &HashMap<&str, (Var, Layout)>,
    ) -> Result<Found> {
        let cotangent = self.values("cotangent")?;
        if output.dims() != cotangent.dims() {
            // The wrong shape was found with the output.
            return Ok(Vec::new());
        }
        let gradients = self.layout.weighted_sum(output, &cotangent)?.backward()?;
        let compared = self.case.grads.iter().map(|input| {
            let name = format!("grad.{input}");
            let (variable, layout) = &variables[input.as_str()];
            let gradient =
                gradients.get(variable.as_tensor()).ok_or_else(|| Error::Msg("no gradient".into()));
            match gradient.and_then(|gradient| layout.view(gradient)) {
                Ok(gradient) => self.compare(&name, &gradient),
                Err(error) => (name, Err(error)),
            }
        });
        Ok(compared.collect())
    }
}

/// Runs an operation: the deviation of every output and of every gradient.
pub(crate) fn operation(run: Run<'_>) -> Result<Found> {
    let case = run.case;
    let mut inputs = HashMap::new();
    let mut variables = HashMap::new();
    for name in &case.args {
        // One that comes twice is one tensor, whose gradient is the sum.
        if inputs.contains_key(name) {
            continue;
        }
        let (input, variable) = run.input(name)?;
        inputs.insert(name, input);
        variables.extend(variable.map(|variable| (name.as_str(), (variable, run.layout))));
    }
    let tensors = case.args.iter().map(|name| inputs[name].clone()).collect();
    let outputs = apply(&Arguments { case, tensors })?;
    if outputs.len() != case.outputs.len() {
        candle_core::bail!("{} outputs, {:?} expected", outputs.len(), case.outputs);
    }
    let mut found: Found =
        case.outputs.iter().zip(&outputs).map(|(name, output)| run.compare(name, output)).collect();
    if !case.grads.is_empty() {
        found.extend(run.gradients(&outputs[0], &variables)?);
    }
    Ok(found)
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap_or_default()
}
