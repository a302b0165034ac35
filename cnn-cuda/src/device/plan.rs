//! What plans need: memory that stays, and runs that are captured.
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUstreamCaptureMode};
use cudarc::driver::{CudaEvent, CudaGraph, CudaSlice};

use super::error::{Doing, Error, Result, sizes};
use super::gpu::Gpu;
use super::memory::{In, Out, Place};
use crate::source::Scalar;

/// Memory for activations, of which kernels take parts. They run one after the other, so that parts may overlap whose values
/// are not alive together.
#[derive(Debug)]
pub struct Arena {
    bytes: CudaSlice<u8>,
    /// Found once: asking again would have the stream wait for what was written before, which a capture does not allow.
    address: u64,
}

/// A part of an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes before it, a multiple of 16.
    pub offset: usize,
    /// Values.
    pub len: usize,
    /// What they are.
    pub scalar: Scalar,
}

impl Arena {
    /// Memory of so many bytes, zeros at first.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(gpu: &Gpu, bytes: usize) -> Result<Self> {
        Ok(Self::of(gpu, gpu.stream.alloc_zeros(bytes.max(1)).doing("asking for memory")?))
    }

    /// Memory that holds these values, rounded to this element type, and the part that they are.
    ///
    /// # Errors
    /// If there is none.
    pub fn store(gpu: &Gpu, scalar: Scalar, values: &[f32]) -> Result<(Self, Part)> {
        let bytes = scalar.bytes_of(values);
        let bytes = if bytes.is_empty() { &[0] } else { bytes.as_slice() };
        let bytes = gpu.stream.clone_htod(bytes).doing("copying to the device")?;
        Ok((Self::of(gpu, bytes), Part { offset: 0, len: values.len(), scalar }))
    }

    fn of(gpu: &Gpu, bytes: CudaSlice<u8>) -> Self {
        let (address, _) = bytes.as_view().view_ptr(&gpu.stream);
        Self { bytes, address }
    }

    /// Its bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.len() <= 1
    }

    fn place(&self, part: Part) -> Result<Place> {
        let Part { offset, len, scalar } = part;
        let end = len.checked_mul(scalar.bytes()).and_then(|bytes| bytes.checked_add(offset));
        if !offset.is_multiple_of(16) || end.is_none_or(|end| end > self.bytes.len()) {
            return sizes("arena", format_args!("{part:?} is not in {} bytes", self.bytes.len()));
        }
        Ok(Place { address: self.address + offset as u64, len, scalar })
    }

    /// A part, to be read.
    ///
    /// # Errors
    /// If it is not inside.
    pub fn read<'a>(&'a self, gpu: &'a Gpu, part: Part) -> Result<In<'a>> {
        let place = self.place(part)?;
        // SAFETY: the arena has this memory for as long as it is borrowed; kernels of the stream follow each other.
        Ok(unsafe { In::at(gpu, place) })
    }

    /// A part, to be written.
    ///
    /// # Errors
    /// If it is not inside.
    pub fn write<'a>(&'a self, gpu: &'a Gpu, part: Part) -> Result<Out<'a>> {
        let place = self.place(part)?;
        // SAFETY: as in `read`.
        Ok(unsafe { Out::at(gpu, place) })
    }
}

/// Launches that were captured, to be repeated at once (a CUDA graph).
pub struct Captured(CudaGraph);

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Captured")
    }
}

// SAFETY: a graph belongs to no thread; CUDA asks only that two threads do not use it at the same time, and `launch` takes it
// mutably.
unsafe impl Send for Captured {}
// SAFETY: as above: nothing can be done with a shared one.
unsafe impl Sync for Captured {}

impl Captured {
    /// What `body` launches, without running it; `wrong` makes errors of the driver such as the body's.
    ///
    /// # Errors
    /// What `body` says; if the driver cannot capture something of it.
    pub fn new<E>(
        gpu: &Gpu,
        wrong: impl Fn(Error) -> E,
        body: impl FnOnce() -> std::result::Result<(), E>,
    ) -> std::result::Result<Self, E> {
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        gpu.stream.begin_capture(mode).doing("beginning to capture a graph").map_err(&wrong)?;
        let done = body();
        // Also where the body failed: a stream that goes on capturing is of no use.
        let graph = gpu.stream.end_capture(CUgraphInstantiate_flags(0)).doing("capturing a graph");
        done?;
        match graph.map_err(&wrong)? {
            Some(graph) => Ok(Self(graph)),
            None => Err(wrong(Error::Sizes { kernel: "graph", what: "nothing was launched".to_owned() })),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn launch(&mut self) -> Result<()> {
        self.0.launch().doing("launching a graph")
    }
}

/// A moment on a device's stream.
#[derive(Debug)]
pub struct Moment(CudaEvent);

impl Moment {
    /// When all that was launched until now is done.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn now(gpu: &Gpu) -> Result<Self> {
        gpu.stream.record_event(None).map(Self).doing("noting a moment")
    }

    /// Lets what is launched from now on wait for it: on the stream of another thread, too.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn wait(&self, gpu: &Gpu) -> Result<()> {
        gpu.stream.wait(&self.0).doing("waiting for a moment")
    }
}
