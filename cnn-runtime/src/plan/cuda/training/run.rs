//! What steps work on: places in memory, and how a run finds them.

use std::ops::Range;

use candle_core::{CudaDevice, Result as CandleResult, Storage, Tensor, bail};
use cnn_cuda::{Arena, Gpu, In, Out, Part, layout, tensor};
use cnn_kernels::channels::Planes;

use super::tapes::Tapes;
use crate::plan::cuda::value::{self, planes_of};
use crate::plan::cuda::wrong;

/// A stretch of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub(super) usize);

/// A value of the network, with its channels last.
#[derive(Clone, Debug)]
pub(super) struct Map {
    /// With the batch, in NCHW order.
    pub(super) shape: Vec<usize>,
    pub(super) slot: Slot,
    /// Values of a pixel: its channels, and zeros behind them.
    pub(super) pitch: usize,
    /// Whether something before it is learned.
    pub(super) wants: bool,
}

impl Map {
    /// Images, channels, and pixels of an image.
    pub(super) fn planes(&self) -> Planes {
        planes_of(&self.shape)
    }

    /// As rows of channels, a row for each pixel.
    pub(super) fn rows(&self) -> Planes {
        let planes = self.planes();
        let (batch, channels) = (planes.batch * planes.plane, planes.channels);
        Planes { batch, channels, plane: 1 }
    }
}

/// A learned tensor, or another that the network has: which of those that a run reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameter(pub(super) usize);

/// Where numbers for a parameter go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// They are its gradient.
    Gradient(Parameter),
    /// Nobody reads them but the step behind.
    Slot(Slot),
}

impl Target {
    /// The slot of numbers that are nobody's gradient.
    pub(super) fn slot(&self) -> Option<Slot> {
        match self {
            Self::Slot(slot) => Some(*slot),
            Self::Gradient(_) => None,
        }
    }
}

/// What a step finds its numbers in.
pub(super) struct Run<'r> {
    pub(super) gpu: &'r Gpu,
    pub(super) device: &'r CudaDevice,
    pub(super) arena: &'r Arena,
    pub(super) layout: &'r Layout,
    /// The parameters' values.
    pub(super) parameters: &'r [In<'r>],
    /// Their gradients.
    pub(super) gradients: &'r Arena,
}

impl Run<'_> {
    pub(super) fn read(&self, slot: Slot) -> CandleResult<In<'_>> {
        self.arena.read(self.gpu, self.layout.parts[slot.0]).map_err(wrong)
    }

    pub(super) fn write(&self, slot: Slot) -> CandleResult<Out<'_>> {
        self.arena.write(self.gpu, self.layout.parts[slot.0]).map_err(wrong)
    }

    pub(super) fn parameter(&self, parameter: Parameter) -> &In<'_> {
        &self.parameters[parameter.0]
    }

    fn part_of(&self, parameter: Parameter) -> CandleResult<Part> {
        match self.layout.gradients[parameter.0] {
            Some(part) => Ok(part),
            None => bail!("a parameter has no gradient"),
        }
    }

    /// What a step wrote for a parameter.
    pub(super) fn read_target(&self, target: Target) -> CandleResult<In<'_>> {
        match target {
            Target::Slot(slot) => self.read(slot),
            Target::Gradient(parameter) => {
                self.gradients.read(self.gpu, self.part_of(parameter)?).map_err(wrong)
            }
        }
    }

    pub(super) fn write_target(&self, target: Target) -> CandleResult<Out<'_>> {
        match target {
            Target::Slot(slot) => self.write(slot),
            Target::Gradient(parameter) => {
                self.gradients.write(self.gpu, self.part_of(parameter)?).map_err(wrong)
            }
        }
    }

    /// A map's place.
    pub(super) fn place(&self, map: &Map) -> value::Value {
        value::Value { shape: map.shape.clone(), part: self.layout.parts[map.slot.0], pitch: map.pitch }
    }

    /// A map's values, as a tensor of `f32` in NCHW order.
    pub(super) fn tensor(&self, map: &Map) -> CandleResult<Tensor> {
        self.place(map).get(self.gpu, self.device, self.arena)
    }

    /// Gives a map the values of such a tensor.
    pub(super) fn put(&self, map: &Map, values: &Tensor) -> CandleResult<()> {
        self.place(map).put(self.gpu, self.arena, &values.contiguous()?)
    }

    /// Gives a parameter this gradient.
    pub(super) fn put_gradient(&self, parameter: Parameter, values: &Tensor) -> CandleResult<()> {
        let values = values.contiguous()?;
        let (storage, at) = values.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else { bail!("a gradient is on another device") };
        let from = tensor::read(self.gpu, "gradient", storage, at)?;
        let mut to = self.write_target(Target::Gradient(parameter))?;
        layout::cast(self.gpu, &from, &mut to).map_err(wrong)
    }
}

/// A step: what it launches.
pub(super) type Launches = dyn Fn(&Run<'_>) -> CandleResult<()> + Send + Sync;

/// What is done between steps, and cannot be repeated as it was.
pub(super) type Host = dyn Fn(&Run<'_>, &mut Tapes) -> CandleResult<()> + Send + Sync;

/// A stretch of steps, or something between them.
pub(super) enum Segment {
    Steps(Range<usize>),
    Host(Box<Host>),
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) parts: Vec<Part>,
    /// Of the parameters' gradients, in memory of their own.
    pub(super) gradients: Vec<Option<Part>>,
    /// Bytes of both.
    pub(super) bytes: [usize; 2],
}

impl Layout {
    /// The places of the gradients among the values of their memory, of the parameters that have one.
    pub(super) fn gradients(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.gradients
            .iter()
            .enumerate()
            .filter_map(|(index, part)| part.map(|part| (index, part.offset / 4..part.offset / 4 + part.len)))
    }
}
