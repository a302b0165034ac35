//! Memory for vectors.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;

use memmap2::MmapMut;

/// A fixed number of values, zero at first, aligned to cache lines.
///
/// Large ones are mapped, in huge pages where the system has them: weights are read in long streams, which then miss
/// fewer translations of addresses.
pub struct Buffer<T = f32> {
    data: NonNull<T>,
    len: usize,
    /// Who owns the memory, if not the allocator.
    mapping: Option<MmapMut>,
}

mod sealed {
    pub trait Plain: Copy {}
    impl Plain for f32 {}
    impl Plain for u16 {}
}

/// Of zeros all bits are zero.
pub(crate) use sealed::Plain;

// SAFETY: it owns its memory, as a `Vec` of numbers does.
unsafe impl<T: Plain> Send for Buffer<T> {}
// SAFETY: as above; a shared reference only reads.
unsafe impl<T: Plain> Sync for Buffer<T> {}

#[allow(private_bounds, reason = "only for numbers whose zero is all zero bits")]
impl<T: Plain> Buffer<T> {
    const ALIGN: usize = 64;

    /// Bytes from which on memory is mapped: two huge pages of x86-64.
    const MAPPED: usize = 4 << 20;

    /// So many zeros. The pages are touched when they are first written.
    ///
    /// # Panics
    /// Where that many do not fit an address space, as `Vec` does.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        let Some(layout) = Self::layout(len) else {
            return Self { data: NonNull::dangling(), len: 0, mapping: None };
        };
        if layout.size() >= Self::MAPPED
            && let Ok(mut mapping) = MmapMut::map_anon(layout.size())
            && let Some(data) = NonNull::new(mapping.as_mut_ptr().cast::<T>())
        {
            // Only advice: a system without them uses small pages.
            #[cfg(target_os = "linux")]
            let _ = mapping.advise(memmap2::Advice::HugePage);
            return Self { data, len, mapping: Some(mapping) };
        }
        // SAFETY: the layout is not empty.
        let data = unsafe { alloc_zeroed(layout) };
        let Some(data) = NonNull::new(data.cast::<T>()) else { handle_alloc_error(layout) };
        Self { data, len, mapping: None }
    }

    /// A copy of these values.
    #[must_use]
    pub fn from_slice(values: &[T]) -> Self {
        let mut buffer = Self::zeros(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    fn layout(len: usize) -> Option<Layout> {
        if len == 0 {
            return None;
        }
        let bytes = len.checked_mul(size_of::<T>()).expect("a buffer that fits an address space");
        Some(Layout::from_size_align(bytes, Self::ALIGN).expect("a buffer that fits an address space"))
    }

    pub(crate) fn pointer(&self) -> *const T {
        self.data.as_ptr()
    }

    pub(crate) fn pointer_mut(&mut self) -> *mut T {
        self.data.as_ptr()
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        if self.len > 0 && self.mapping.is_none() {
            // SAFETY: `zeros` allocated it with this layout.
            unsafe {
                let layout = Layout::from_size_align_unchecked(self.len * size_of::<T>(), 64);
                dealloc(self.data.as_ptr().cast(), layout);
            }
        }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` values, initialized, owned.
        unsafe { slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: `len` values, initialized, owned and borrowed alone.
        unsafe { slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

impl<T> std::fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} values)", self.len)
    }
}
