//! Runs the cases of a family and collects everything that is wrong.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use candle_core::{DType, Error, Result, Tensor, Var};

use crate::cases::{Case, Family};
use crate::compare::{Deviation, deviation};
use crate::layouts::Layout;
use crate::operations::{Arguments, apply};

/// The largest error allowed, relative to a tensor's largest absolute value.
fn tolerance(dtype: DType) -> f64 {
    if dtype == DType::F32 { 1e-5 } else { 1e-10 }
}

/// Runs every case of the family in both dtypes and all layouts.
///
/// # Panics
///
/// If there are fewer than `least` cases, or anything deviates: the message lists all of it.
pub(crate) fn check(family: &Family, least: usize, run: fn(Run<'_>) -> Result<Found>) {
    assert!(family.cases.len() >= least, "{}: {} cases, {least} expected", family.name, family.cases.len());
    let mut report = Report::default();
    for case in &family.cases {
        for dtype in [DType::F32, DType::F64] {
            for layout in Layout::ALL {
                let title = format!("{}/{} [{dtype:?}, {layout:?}]", family.name, case.name);
                report.runs += 1;
                let compared = catch_unwind(AssertUnwindSafe(|| run(Run { family, case, dtype, layout })));
                match compared {
                    Ok(Ok(tensors)) => {
                        for (tensor, found) in tensors {
                            report.add(&title, &tensor, dtype, found);
                        }
                    }
                    Ok(Err(error)) => report.failures.push(format!("{title}: error: {error}")),
                    Err(panic) => report.failures.push(format!("{title}: panic: {}", message(&*panic))),
                }
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
    fn add(&mut self, title: &str, tensor: &str, dtype: DType, found: Result<Deviation>) {
        match found {
            Ok(found) if found.error <= tolerance(dtype) => {
                let worst = self.worst.entry(dtype.as_str()).or_default();
                if found.error >= worst.0 {
                    *worst = (found.error, format!("{title} {tensor}"));
                }
            }
            Ok(Deviation { error, index, got, want }) => self
                .failures
                .push(format!("{title} {tensor}: error {error:.1e} at {index:?}: got {got}, want {want}")),
            Err(error) => self.failures.push(format!("{title} {tensor}: {error}")),
        }
    }

    fn finish(self, family: &Family) {
        let mut line =
            format!("references: {}: {} cases, {} runs", family.name, family.cases.len(), self.runs);
        for dtype in [DType::F32, DType::F64] {
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
}

impl Run<'_> {
    /// The recorded values of an input or of the cotangent, in the dtype of the run.
    pub(crate) fn values(&self, name: &str) -> Result<Tensor> {
        self.family.tensor(self.case, name).to_dtype(self.dtype)
    }

    /// An input in the layout of the run, and the variable behind it where its gradient is recorded.
    pub(crate) fn input(&self, name: &str) -> Result<(Tensor, Option<Var>)> {
        let stored = self.layout.store(&self.values(name)?)?;
        let var =
            self.case.grads.iter().any(|grad| grad == name).then(|| Var::from_tensor(&stored)).transpose()?;
        let mut input = self.layout.view(var.as_ref().map_or(&stored, Var::as_tensor))?;
        if let Some(shape) = self.case.expand.get(name) {
            input = input.broadcast_as(shape.as_slice())?;
        }
        Ok((input, var))
    }

    /// Compares an output or a gradient with the recorded one.
    pub(crate) fn compare(&self, name: &str, got: &Tensor) -> (String, Result<Deviation>) {
        let found = if got.dtype() == self.dtype {
            deviation(got, self.family.tensor(self.case, name))
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
        let cotangent = self.family.tensor(self.case, "cotangent");
        if output.dims() != cotangent.dims() {
            // The wrong shape was found with the output.
            return Ok(Vec::new());
        }
        let gradients = self.layout.weighted_sum(output, &self.values("cotangent")?)?.backward()?;
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
