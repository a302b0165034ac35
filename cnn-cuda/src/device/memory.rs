use cudarc::driver::{CudaSlice, CudaView, CudaViewMut, DeviceRepr, SyncOnDrop};

use super::error::{Doing, Result, sizes};
use super::gpu::Gpu;
use crate::source::Scalar;

/// An element type of device memory.
pub trait Element: DeviceRepr {
    /// Which it is.
    const SCALAR: Scalar;
}

impl Element for f32 {
    const SCALAR: Scalar = Scalar::F32;
}

impl Element for f64 {
    const SCALAR: Scalar = Scalar::F64;
}

impl Element for half::bf16 {
    const SCALAR: Scalar = Scalar::Bf16;
}

/// Device memory that a kernel reads.
#[derive(Debug)]
pub struct In<'a> {
    pub(crate) address: u64,
    len: usize,
    scalar: Scalar,
    /// Notes, when it is dropped, that the stream read it: other streams wait for that before they write.
    _read: SyncOnDrop<'a>,
}

impl<'a> In<'a> {
    /// These values, for work on this device's stream.
    pub fn new<T: Element>(gpu: &'a Gpu, values: CudaView<'a, T>) -> Self {
        let len = values.len();
        let (address, read) = values.view_ptr(&gpu.stream);
        Self { address, len, scalar: T::SCALAR, _read: read }
    }

    /// The values at a place.
    ///
    /// # Safety
    /// The memory is there for as long as this lives, and nothing else writes it outside of the device's stream.
    pub(super) unsafe fn at(gpu: &'a Gpu, Place { address, len, scalar }: Place) -> Self {
        Self { address, len, scalar, _read: SyncOnDrop::record_event(&None, &gpu.stream) }
    }

    /// Numbers that name things, as labels do.
    pub fn labels(gpu: &'a Gpu, values: CudaView<'a, u32>) -> Labels<'a> {
        let len = values.len();
        let (address, read) = values.view_ptr(&gpu.stream);
        Labels { address, len, _read: read }
    }

    /// The number of values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What they are.
    #[must_use]
    pub const fn scalar(&self) -> Scalar {
        self.scalar
    }

    /// Where they are, which tells whether two are the same.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    pub(crate) fn check(&self, kernel: &'static str, what: &str, scalar: Scalar, len: usize) -> Result<()> {
        check(kernel, what, (self.scalar, self.len), (scalar, len))
    }

    /// `len` of the values from `first` on; as many as there are.
    pub(crate) fn part(&self, first: usize, len: usize) -> In<'_> {
        let (address, len) = part(self.address, self.scalar, self.len, [first, len]);
        In { address, len, scalar: self.scalar, _read: SyncOnDrop::Record(None) }
    }
}

/// Where a part of so many values begins, and how long it is.
fn part(address: u64, scalar: Scalar, all: usize, [first, len]: [usize; 2]) -> (u64, usize) {
    let first = first.min(all);
    (address + (first * scalar.bytes()) as u64, len.min(all - first))
}

/// Device memory of `u32`.
#[derive(Debug)]
pub struct Labels<'a> {
    pub(crate) address: u64,
    pub(crate) len: usize,
    _read: SyncOnDrop<'a>,
}

/// Where values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) address: u64,
    pub(super) len: usize,
    pub(super) scalar: Scalar,
}

/// Device memory that a kernel writes.
#[derive(Debug)]
pub struct Out<'a> {
    pub(crate) address: u64,
    len: usize,
    scalar: Scalar,
    _write: SyncOnDrop<'a>,
}

impl<'a> Out<'a> {
    /// These values, for work on this device's stream.
    pub fn new<T: Element>(gpu: &'a Gpu, values: CudaViewMut<'a, T>) -> Self {
        let len = values.len();
        let (address, write) = values.view_ptr_mut(&gpu.stream);
        Self { address, len, scalar: T::SCALAR, _write: write }
    }

    /// The number of values.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What they are.
    #[must_use]
    pub const fn scalar(&self) -> Scalar {
        self.scalar
    }

    pub(crate) fn check(&self, kernel: &'static str, what: &str, scalar: Scalar, len: usize) -> Result<()> {
        check(kernel, what, (self.scalar, self.len), (scalar, len))
    }

    /// `len` of the values from `first` on; as many as there are.
    pub(crate) fn part(&mut self, first: usize, len: usize) -> Out<'_> {
        let (address, len) = part(self.address, self.scalar, self.len, [first, len]);
        Out { address, len, scalar: self.scalar, _write: SyncOnDrop::Record(None) }
    }

    /// The values before `at`, and those from there on.
    #[cfg(feature = "cudnn")]
    pub(crate) fn split(&mut self, at: usize) -> (Out<'_>, Out<'_>) {
        let of = |first, len| {
            let (address, len) = part(self.address, self.scalar, self.len, [first, len]);
            Out { address, len, scalar: self.scalar, _write: SyncOnDrop::Record(None) }
        };
        (of(0, at), of(at, usize::MAX))
    }

    /// The memory as so many values of another element type.
    #[cfg(feature = "cudnn")]
    pub(crate) fn of(self, scalar: Scalar, len: usize) -> Result<Self> {
        if len * scalar.bytes() > self.len * self.scalar.bytes() {
            return sizes(
                "memory",
                format_args!("{len} values of {scalar:?} are more than there is room for"),
            );
        }
        Ok(Self { scalar, len, ..self })
    }

    /// The values, to be read by what is launched later.
    #[must_use]
    pub fn read(&self) -> In<'_> {
        let Self { address, len, scalar, .. } = *self;
        In { address, len, scalar, _read: SyncOnDrop::Record(None) }
    }

    /// Where the values are.
    pub(crate) const fn place(&self) -> Place {
        Place { address: self.address, len: self.len, scalar: self.scalar }
    }

    /// The values at a place.
    ///
    /// # Safety
    /// The memory is there for as long as this lives, and nothing else reads or writes it outside of the device's stream.
    pub(crate) unsafe fn at(gpu: &'a Gpu, Place { address, len, scalar }: Place) -> Self {
        Self { address, len, scalar, _write: SyncOnDrop::record_event(&None, &gpu.stream) }
    }

    /// Copies as many values.
    ///
    /// # Errors
    /// For other lengths or element types; if the driver refuses.
    pub fn copy(&mut self, gpu: &Gpu, from: &In<'_>) -> Result<()> {
        from.check("copy", "the values", self.scalar, self.len)?;
        gpu.stream.context().bind_to_thread().doing("entering the context")?;
        let (bytes, stream) = (self.len * self.scalar.bytes(), gpu.stream.cu_stream());
        // SAFETY: both are `len` values long, and neither is part of the other: this was made from a mutable view.
        unsafe { cudarc::driver::result::memcpy_dtod_async(self.address, from.address, bytes, stream) }
            .doing("copying memory")
    }

    /// Sets all bytes to zero.
    ///
    /// # Errors
    /// If the driver refuses.
    pub fn clear(&mut self, gpu: &Gpu) -> Result<()> {
        gpu.stream.context().bind_to_thread().doing("entering the context")?;
        let (bytes, stream) = (self.len * self.scalar.bytes(), gpu.stream.cu_stream());
        // SAFETY: the memory is `len` values long, and nobody else has it: it was made from a mutable view.
        unsafe { cudarc::driver::result::memset_d8_async(self.address, 0, bytes, stream) }
            .doing("clearing memory")
    }
}

fn check(kernel: &'static str, what: &str, found: (Scalar, usize), expected: (Scalar, usize)) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let ((found, found_len), (expected, expected_len)) = (found, expected);
    sizes(
        kernel,
        format_args!(
            "expected {expected_len} values of {expected:?} as {what}, found {found_len} of {found:?}"
        ),
    )
}

/// Structs on the device.
#[derive(Debug)]
pub(crate) struct Table {
    bytes: CudaSlice<u8>,
}

impl Table {
    /// A copy of these, which are plain numbers.
    pub(crate) fn new<T: Copy + PartialEq>(gpu: &Gpu, rows: &[T]) -> Result<Self> {
        // SAFETY: the structs of `sizes` have no padding: their fields are of one size, or come in pairs of ints.
        let bytes = unsafe { std::slice::from_raw_parts(rows.as_ptr().cast::<u8>(), size_of_val(rows)) };
        let bytes = if bytes.is_empty() { &[0] } else { bytes };
        Ok(Self { bytes: gpu.stream.clone_htod(bytes).doing("copying to the device")? })
    }

    pub(super) fn address(&self) -> u64 {
        // One stream writes and reads it.
        let stream = self.bytes.stream();
        self.bytes.as_view().view_ptr(stream).0
    }
}

/// Device memory of an operation's own.
#[derive(Debug)]
pub struct Scratch {
    bytes: CudaSlice<u8>,
    len: usize,
    scalar: Scalar,
}

impl Scratch {
    pub(super) fn new(gpu: &Gpu, scalar: Scalar, len: usize) -> Result<Self> {
        let Some(bytes) = len.checked_mul(scalar.bytes()) else {
            return sizes("scratch", format_args!("{len} values are too many"));
        };
        // The driver gives no memory of no bytes.
        // SAFETY: bytes have no wrong values, and what reads them wrote them before.
        let bytes = unsafe { gpu.stream.alloc::<u8>(bytes.max(1)) }.doing("asking for memory")?;
        Ok(Self { bytes, len, scalar })
    }

    /// Its values, to be read.
    #[must_use]
    pub fn read<'a>(&'a self, gpu: &'a Gpu) -> In<'a> {
        self.read_part(gpu, 0, self.len)
    }

    /// Its values of `f64`, on the host.
    pub(crate) fn download(&self, gpu: &Gpu) -> Result<Vec<f64>> {
        // SAFETY: every pattern of bits is a number, and the memory has as many bytes.
        let values = unsafe { self.bytes.transmute::<f64>(self.len) };
        match values {
            Some(values) if self.scalar == Scalar::F64 => {
                gpu.stream.clone_dtoh(&values).doing("copying from the device")
            }
            _ => sizes("scratch", format_args!("{:?} where F64 is read", self.scalar)),
        }
    }

    /// `len` of its values from `first` on, to be read.
    pub(crate) fn read_part<'a>(&'a self, gpu: &'a Gpu, first: usize, len: usize) -> In<'a> {
        let bytes = self.bytes.slice(first * self.scalar.bytes()..(first + len) * self.scalar.bytes());
        let (address, read) = bytes.view_ptr(&gpu.stream);
        In { address, len, scalar: self.scalar, _read: read }
    }

    /// Its values, to be written.
    #[must_use]
    pub fn write<'a>(&'a mut self, gpu: &'a Gpu) -> Out<'a> {
        let len = self.len;
        self.write_part(gpu, 0, len)
    }

    /// `len` of its values from `first` on, to be written.
    pub(crate) fn write_part<'a>(&'a mut self, gpu: &'a Gpu, first: usize, len: usize) -> Out<'a> {
        let scalar = self.scalar;
        let bytes = self.bytes.slice_mut(first * scalar.bytes()..(first + len) * scalar.bytes());
        let (address, write) = bytes.view_ptr_mut(&gpu.stream);
        Out { address, len, scalar, _write: write }
    }
}
