//! Batch normalization as a layer: training steps that move the running statistics, then an evaluation.

use std::collections::HashMap;

use candle_core::{ModuleT as _, Result, Tensor};
use cnn_runtime::Init;
use cnn_runtime::layers::{BatchNorm2d, BatchNormConfig};
use cnn_runtime::params::Builder;

use crate::layouts::Layout;
use crate::run::{Found, Run};

/// Trains on `x0`, `x1` .. and evaluates `unseen`: every output, the statistics after every step, and the
/// gradients of the evaluation.
pub(crate) fn steps(run: Run<'_>) -> Result<Found> {
    let attrs = &run.case.attrs;
    let affine = attrs.flag("affine");
    let config = BatchNormConfig::new(attrs.size("channels"))
        .with_eps(attrs.number("eps"))
        .with_momentum(attrs.number("momentum"));
    let config = if affine { config } else { config.without_affine() };
    let builder = Builder::init(&Init::seed(0).dtype(run.dtype), run.device)?;
    let layer = BatchNorm2d::new(builder.root(), config)?;
    let state = builder.finish()?;
    let variable = |leaf: &str| {
        let found = state.get(leaf).cloned();
        found.ok_or_else(|| candle_core::Error::Msg(format!("the layer has no {leaf}")))
    };

    let mut variables = HashMap::new();
    for name in run.case.grads.iter().filter(|&name| name != "unseen") {
        let variable = variable(name)?;
        variable.set(&run.values(name)?)?;
        variables.insert(name.as_str(), (variable, Layout::Contiguous));
    }

    let mut found = Found::new();
    for step in 0..attrs.size("steps") {
        let (x, _) = run.input(&format!("x{step}"))?;
        found.push(run.compare(&format!("y{step}"), &layer.forward_t(&x, true)?));
        for (recorded, leaf) in [("mean", "running_mean"), ("variance", "running_var")] {
            let now: Tensor = variable(leaf)?.as_tensor().copy()?;
            found.push(run.compare(&format!("{recorded}{step}"), &now));
        }
    }

    let (unseen, stored) = run.input("unseen")?;
    variables.extend(stored.map(|stored| ("unseen", (stored, run.layout))));
    let y = layer.forward_t(&unseen, false)?;
    found.push(run.compare("y", &y));
    found.extend(run.gradients(&y, &variables)?);
    Ok(found)
}
