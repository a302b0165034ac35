use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cudarc::cublas::CudaBlas;
use cudarc::driver::sys::{self, CUdevice_attribute as Attribute};
use cudarc::driver::{CudaContext, CudaFunction, CudaModule, CudaSlice, CudaStream, DriverError, result};
use cudarc::nvrtc::{CompileError, CompileOptions, Ptx, compile_ptx_with_opts};

use super::error::{Doing, Error, Result};
use super::measure::Question;
use super::memory::{Element, Scratch};
use crate::cache::Cache;
use crate::source::{Scalar, Source};

/// A device, and the stream of it that everything is done on, in order.
#[derive(Clone, Debug)]
pub struct Gpu {
    pub(crate) stream: Arc<CudaStream>,
    pub(crate) blas: Arc<CudaBlas>,
    pub(crate) kernels: Arc<Kernels>,
    /// Whether products of `f32` may round their factors to TF32.
    pub(crate) tf32: bool,
}

impl Gpu {
    /// The device of a stream, with the cuBLAS handle that works on it.
    ///
    /// # Errors
    /// If the driver does not say what the device is.
    pub fn new(stream: Arc<CudaStream>, blas: Arc<CudaBlas>) -> Result<Self> {
        let kernels = Kernels::of(stream.context())?;
        Ok(Self { stream, blas, kernels, tf32: false })
    }

    /// Lets products of `f32` round their factors to TF32, which has ten binary digits: several times as fast, and not as
    /// exact. Sums stay in `f32`.
    #[must_use]
    pub fn with_tf32(self, tf32: bool) -> Self {
        Self { tf32, ..self }
    }

    /// Memory for `len` values, until it is dropped. What it holds at first is not said.
    ///
    /// # Errors
    /// If there is none.
    pub fn scratch(&self, scalar: Scalar, len: usize) -> Result<Scratch> {
        Scratch::new(self, scalar, len)
    }

    /// Memory for `len` values of a tensor. What it holds at first is not said.
    ///
    /// # Errors
    /// If there is none.
    pub fn allocate<T: Element>(&self, len: usize) -> Result<CudaSlice<T>> {
        // SAFETY: every pattern of bits is a number.
        unsafe { self.stream.alloc(len) }.doing("asking for memory")
    }

    /// A copy of these numbers on the device.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn upload(&self, values: &[u32]) -> Result<CudaSlice<u32>> {
        self.stream.clone_htod(values).doing("copying to the device")
    }

    /// Multiprocessors.
    #[must_use]
    pub fn processors(&self) -> usize {
        self.kernels.processors
    }

    /// Whether it has tensor cores for bf16 and TF32.
    #[must_use]
    pub fn has_tensor_cores(&self) -> bool {
        self.kernels.has_tensor_cores
    }

    /// How many parts a sum over `values` for each of `blocks` blocks is made in, so that the device is busy and no part is
    /// too small to be worth it.
    pub(crate) fn parts(&self, blocks: usize, values: usize) -> usize {
        const LEAST: usize = 2048;
        (4 * self.processors()).div_ceil(blocks.max(1)).min(values.div_ceil(LEAST)).clamp(1, 1024)
    }
}

/// The kernels of a device: compiled when they are first asked for, and kept as long as the process lives.
pub(crate) struct Kernels {
    arch: &'static str,
    /// Whether tensor cores take bf16 and TF32, and copies to shared memory go on their own: from Ampere on.
    has_tensor_cores: bool,
    processors: usize,
    modules: Mutex<HashMap<Key, Arc<CudaModule>>>,
    functions: Mutex<HashMap<(Key, &'static str), CudaFunction>>,
    /// Kernels that were compiled before, by any process.
    cache: Cache,
    /// Which ways were the fastest, where that was measured.
    pub(super) answers: Mutex<HashMap<Question, usize>>,
}

/// What a module was compiled from and for.
type Key = (Source, Scalar, bool);

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernels").field("arch", &self.arch).finish_non_exhaustive()
    }
}

impl Kernels {
    fn of(context: &Arc<CudaContext>) -> Result<Arc<Self>> {
        static ALL: OnceLock<Mutex<HashMap<usize, Arc<Kernels>>>> = OnceLock::new();
        let all = ALL.get_or_init(Mutex::default);
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernels) = all.get(&context.ordinal()) {
            return Ok(Arc::clone(kernels));
        }
        let (major, minor) = context.compute_capability().doing("asking for the compute capability")?;
        let processors = context
            .attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
            .doing("asking for the number of multiprocessors")?;
        let kernels = Arc::new(Self {
            // Once for each device: the options of NVRTC want it to live as long as the process.
            arch: Box::leak(format!("compute_{major}{minor}").into_boxed_str()),
            has_tensor_cores: major >= 8,
            processors: usize::try_from(processors).unwrap_or(1).max(1),
            modules: Mutex::default(),
            functions: Mutex::default(),
            cache: Cache::of_user(),
            answers: Mutex::default(),
        });
        if context.has_async_alloc() {
            keep_memory(context.cu_device()).doing("setting up the memory pool")?;
        }
        all.insert(context.ordinal(), Arc::clone(&kernels));
        Ok(kernels)
    }

    /// A kernel, compiled now if it was not before.
    pub(super) fn function(
        &self,
        context: &Arc<CudaContext>,
        source: &Source,
        scalar: Scalar,
        wide: bool,
        name: &'static str,
    ) -> Result<CudaFunction> {
        let key = (*source, scalar, wide);
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = functions.get(&(key, name)) {
            return Ok(function.clone());
        }
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let module = match modules.get(&key) {
            Some(module) => Arc::clone(module),
            None => {
                let module = self.compile(context, source, scalar, wide)?;
                modules.insert(key, Arc::clone(&module));
                module
            }
        };
        let function = module.load_function(name).doing("looking a kernel up")?;
        functions.insert((key, name), function.clone());
        Ok(function)
    }

    fn compile(
        &self,
        context: &Arc<CudaContext>,
        source: &Source,
        scalar: Scalar,
        wide: bool,
    ) -> Result<Arc<CudaModule>> {
        let text = source.text(scalar, wide);
        let key = [text.as_str(), self.arch, &compiler()];
        let ptx = match self.cache.get(&key) {
            Some(ptx) => Ptx::from_src(ptx),
            None => {
                let ptx = compile(source, scalar, wide, self.arch)?;
                self.cache.put(&key, &ptx.to_src());
                ptx
            }
        };
        context.load_module(ptx).doing("loading kernels")
    }
}

/// Which NVRTC compiles.
fn compiler() -> String {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the call writes two numbers.
    let said = unsafe { cudarc::nvrtc::sys::nvrtcVersion(&mut major, &mut minor) };
    format!("NVRTC {major}.{minor} {said:?}")
}

/// Lets the device's pool keep memory that was freed: by default it goes back to the driver whenever the host waits, and is
/// asked for again in the next step.
fn keep_memory(device: sys::CUdevice) -> std::result::Result<(), DriverError> {
    let mut bytes = u64::MAX;
    // SAFETY: the device is that of a context; the attribute is a number of 64 bits, which the call reads.
    unsafe {
        let pool = result::device::get_default_mem_pool(device)?;
        let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        sys::cuMemPoolSetAttribute(pool, attribute, std::ptr::from_mut(&mut bytes).cast()).result()
    }
}

/// The PTX of a file of kernels, by NVRTC, for an architecture such as `compute_90`. Needs no device.
///
/// # Errors
/// [`Error::Compile`] with what NVRTC says.
pub fn compile(source: &Source, scalar: Scalar, wide: bool, arch: &'static str) -> Result<Ptx> {
    let options = CompileOptions { arch: Some(arch), ..CompileOptions::default() };
    compile_ptx_with_opts(source.text(scalar, wide), options).map_err(|error| {
        let log = match &error {
            CompileError::CompileError { log, .. } => log.to_string_lossy().into_owned(),
            other => format!("{other:?}"),
        };
        Error::Compile { file: source.name, arch, log }
    })
}
