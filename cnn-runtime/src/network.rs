//! What every network can do, for code that takes any of them.

use std::fmt;

use candle_core::{ModuleT, Tensor};

use crate::diagram::Diagram;
use crate::error::Result;
use crate::info::{LayerInfo, Summary};
use crate::params::State;
use crate::pass::Pass;
use crate::plan::{CompileOptions, Plan, TrainingPlan};

/// A network of one input and one output, whichever it is. `network!` implements it.
///
/// ```
/// use cnn_runtime::Network;
/// use cnn_runtime::prelude::*;
///
/// network! {
///     Tiny: 3x8x8 -> 10 { conv1: conv3-4 relu -> pool2 @pooled -> fc10 }
/// }
///
/// fn main() -> Result<()> {
///     let networks: Vec<Box<dyn Network>> = vec![Box::new(Tiny::init(Init::seed(1), &Device::Cpu)?)];
///     for network in &networks {
///         let x = Tensor::zeros((1, 3, 8, 8), DType::F32, &Device::Cpu)?;
///         let stages = network.stages(&x)?;
///         let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
///         assert_eq!((network.name(), names), ("Tiny", vec!["conv1", "pooled"]));
///         assert_eq!(stages[1].value.dims(), [1, 4, 4, 4]);
///     }
///     Ok(())
/// }
/// ```
pub trait Network: ModuleT + fmt::Debug + Send + Sync {
    /// The name of its type.
    fn name(&self) -> &'static str;

    /// The shape that it takes, without the batch dimension: `[C, H, W]` or `[F]`; 0 is any size.
    fn input_shape(&self) -> &'static [usize];

    /// The shape that it gives, without the batch dimension; 0 is any size.
    fn output_shape(&self) -> &'static [usize];

    /// Every layer, in the order of execution.
    fn layers(&self) -> &'static [LayerInfo];

    /// Its named tensors, device, element type and generator.
    fn state(&self) -> &State;

    /// The table of its layers.
    fn summary(&self) -> Summary;

    /// What flows where, to draw.
    fn diagram(&self) -> Diagram;

    /// The output of a run, which keeps its stages where the pass is tracing.
    ///
    /// # Errors
    /// Where the input has another shape, element type or device than the network takes.
    fn forward_pass(&self, x: &Tensor, pass: &Pass) -> Result<Tensor>;

    /// The network as a [`Plan`], which does inference faster. The plan does not follow later changes of the weights.
    ///
    /// # Errors
    /// Where the network is not of `f32` on the CPU, or the options do not fit it.
    fn compile(&self, options: &CompileOptions) -> Result<Plan>;

    /// The network's training step as a [`TrainingPlan`], which follows the weights. `forward_train` makes and keeps such
    /// plans itself.
    ///
    /// # Errors
    /// Where the network is not of `f32` on the CPU, does something that has no way back there, or the options do not fit
    /// it: `forward_train` trains it then.
    fn compile_training(&self, options: &CompileOptions) -> Result<TrainingPlan>;

    /// Everything that has a label or a tap on the network's own paths, in the order of execution, as in
    /// inference.
    ///
    /// # Errors
    /// As [`forward_pass`](Self::forward_pass).
    fn stages(&self, x: &Tensor) -> Result<Vec<Stage>> {
        let pass = Pass::eval().tracing();
        self.forward_pass(x, &pass)?;
        pass.names().into_iter().map(|name| Ok(Stage { value: pass.kept(&name)?, name })).collect()
    }

    /// The stages, and the gradient at each of the scalar that `of` makes of the output, as in inference.
    ///
    /// # Errors
    /// As [`forward_pass`](Self::forward_pass); what `of` says; where its result is not differentiable.
    fn stage_gradients(
        &self,
        x: &Tensor,
        of: &dyn Fn(&Tensor) -> candle_core::Result<Tensor>,
    ) -> Result<Vec<(Stage, Tensor)>> {
        let pass = Pass::eval().probing();
        let gradients = of(&self.forward_pass(x, &pass)?)?.backward()?;
        let stage = |name: String| {
            let gradient = pass.gradient(&name, &gradients)?;
            Ok((Stage { value: pass.kept(&name)?, name }, gradient))
        };
        pass.names().into_iter().map(stage).collect()
    }
}

/// A value inside a network.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its label or tap.
    pub name: String,
    /// (N, C, H, W) or (N, F).
    pub value: Tensor,
}
