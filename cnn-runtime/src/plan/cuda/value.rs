//! Activations in the arena, and tensors.

use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, Result, Shape, Storage, Tensor, bail};
use cnn_cuda::source::Scalar;
use cnn_cuda::{Arena, Gpu, In, Out, Part, layout, tensor};
use cnn_kernels::channels::Planes;

use super::wrong;

/// A value of the network, and where it stands: maps with their channels last, other values as rows.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// With the batch, in NCHW order.
    pub(super) shape: Vec<usize>,
    pub(super) part: Part,
    /// Values of a pixel: its channels, and zeros behind them.
    pub(super) pitch: usize,
}

impl Value {
    /// As maps; rows are maps of one pixel.
    pub(super) fn planes(&self) -> Planes {
        planes_of(&self.shape)
    }

    /// As rows of channels, a row for each pixel.
    pub(super) fn pixels(&self) -> Planes {
        let Planes { batch, channels, plane } = self.planes();
        Planes { batch: batch * plane, channels, plane: 1 }
    }

    /// Puts the values of a contiguous tensor of `f32` there.
    pub(super) fn put(&self, gpu: &Gpu, arena: &Arena, values: &Tensor) -> Result<()> {
        let (storage, at) = values.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else {
            bail!("the plan computes on a CUDA device, and a tensor is elsewhere")
        };
        let from = tensor::read(gpu, "plan", storage, at)?;
        let mut to = arena.write(gpu, self.part).map_err(wrong)?;
        layout::to_last(gpu, &self.planes(), self.pitch, &from, &mut to).map_err(wrong)
    }

    /// The values, as a tensor of `f32`.
    pub(super) fn get(&self, gpu: &Gpu, device: &CudaDevice, arena: &Arena) -> Result<Tensor> {
        let shape = Shape::from(self.shape.as_slice());
        let mut values = gpu.allocate::<f32>(shape.elem_count()).map_err(wrong)?;
        {
            let from = arena.read(gpu, self.part).map_err(wrong)?;
            let mut to = Out::new(gpu, values.as_view_mut());
            layout::to_first(gpu, &self.planes(), self.pitch, &from, &mut to).map_err(wrong)?;
        }
        let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(values, device.clone()));
        Ok(Tensor::from_storage(storage, shape, BackpropOp::none(), false))
    }
}

/// Numbers that a plan keeps on the device.
#[derive(Debug)]
pub(super) struct Stored(Arena, Part);

impl Stored {
    /// These, rounded to an element type.
    pub(super) fn new(gpu: &Gpu, scalar: Scalar, values: &[f32]) -> Result<Self> {
        let (arena, part) = Arena::store(gpu, scalar, values).map_err(wrong)?;
        Ok(Self(arena, part))
    }

    pub(super) fn read<'a>(&'a self, gpu: &'a Gpu) -> Result<In<'a>> {
        self.0.read(gpu, self.1).map_err(wrong)
    }
}

/// The numbers where there are some.
pub(super) fn read<'a>(stored: Option<&'a Stored>, gpu: &'a Gpu) -> Result<Option<In<'a>>> {
    stored.map(|stored| stored.read(gpu)).transpose()
}

pub(super) fn planes_of(shape: &[usize]) -> Planes {
    match *shape {
        [batch, channels, height, width] => Planes { batch, channels, plane: height * width },
        [batch, ref rest @ ..] => Planes { batch, channels: rest.iter().product(), plane: 1 },
        [] => Planes { batch: 1, channels: 1, plane: 1 },
    }
}
