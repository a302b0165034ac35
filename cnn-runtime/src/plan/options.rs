//! How a network is compiled.

use candle_core::Device;

use crate::ops::mixed;

/// How a network is compiled.
///
/// ```
/// use cnn_runtime::prelude::*;
///
/// let options = CompileOptions::batch(8).with_precision(Precision::Exact);
/// assert_eq!((options.batch, options.tuning), (8, Tuning::Fast));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompileOptions {
    /// The samples of every input: a plan's batch is fixed.
    pub batch: usize,
    /// The sizes of a sample of each input, to prepare before the first run. For a network that declares sizes as
    /// symbols; none by default.
    pub inputs: Vec<Vec<usize>>,
    /// How exact the arithmetic is, [`Precision::F32`] by default.
    pub precision: Precision,
    /// How the code of each layer is chosen, [`Tuning::Fast`] by default.
    pub tuning: Tuning,
    /// The most threads that a run takes; all of rayon's by default.
    pub threads: Option<usize>,
    /// Whether a [`TrainingPlan`](super::TrainingPlan) goes back to the inputs too, `false` by default: for what stands
    /// before the network, as the generator before a discriminator. Plans of inference have no way back.
    pub input_gradients: bool,
}

/// How exact the arithmetic of a plan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// `f32` in any arrangement, Winograd's included.
    #[default]
    F32,
    /// `f32` by the definitions of the layers: without Winograd's arrangement, whose errors are larger.
    Exact,
    /// Weights in `bf16`, which has eight binary digits, sums in `f32`; on CUDA devices activations too. On the CPU: half of
    /// the memory, and half of the time of fully connected layers, which is that of reading them. Convolutions are computed
    /// as under [`Exact`](Self::Exact), because Winograd's weights are more numbers. First layers and depthwise ones, which
    /// have few, stay in `f32`.
    Bf16,
    /// On CUDA devices: products of `f32` whose factors are rounded to TF32, which has ten binary digits, on tensor cores;
    /// sums in `f32`. Activations and weights stay `f32`.
    Tf32,
    /// The weights of fully connected layers as under [`Bf16`](Self::Bf16), everything else as under [`F32`](Self::F32):
    /// the fastest, where those layers are large.
    Bf16Linear,
}

impl Precision {
    /// That of a training step where nobody says another: on CUDA devices [`Bf16`](Self::Bf16) under
    /// [`autocast`](crate::ops::autocast), and [`Tf32`](Self::Tf32) where candle's products are allowed it
    /// (`candle_core::cuda::set_gemm_reduced_precision_f32`).
    #[must_use]
    pub fn of_steps(device: &Device) -> Self {
        match device {
            Device::Cuda(_) if mixed::is_active() => Self::Bf16,
            #[cfg(feature = "cuda")]
            Device::Cuda(_) if candle_core::cuda::gemm_reduced_precision_f32() => Self::Tf32,
            _ => Self::F32,
        }
    }

    /// Whether fully connected layers have weights in bf16.
    pub(super) const fn halves_linear(self) -> bool {
        matches!(self, Self::Bf16 | Self::Bf16Linear)
    }
}

/// How the code of each layer is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tuning {
    /// By rules, at once.
    #[default]
    Fast,
    /// By measurements on this machine, while compiling.
    Measured,
}

impl CompileOptions {
    /// For batches of that many samples.
    #[must_use]
    pub const fn batch(batch: usize) -> Self {
        let (precision, tuning) = (Precision::F32, Tuning::Fast);
        Self { batch, inputs: Vec::new(), precision, tuning, threads: None, input_gradients: false }
    }

    /// Adds the sizes of a sample of the next input, `[3, 480, 640]`.
    #[must_use]
    pub fn with_input(mut self, sizes: impl Into<Vec<usize>>) -> Self {
        self.inputs.push(sizes.into());
        self
    }

    /// Sets how exact the arithmetic is.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Sets how the code of each layer is chosen.
    #[must_use]
    pub fn with_tuning(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }

    /// Sets the most threads that a run takes.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: Some(threads), ..self }
    }

    /// Lets a training plan go back to the inputs: [`TrainingPlan::input_gradient`](super::TrainingPlan::input_gradient).
    #[must_use]
    pub fn with_input_gradients(self) -> Self {
        Self { input_gradients: true, ..self }
    }
}

impl Default for CompileOptions {
    /// One sample.
    fn default() -> Self {
        Self::batch(1)
    }
}
