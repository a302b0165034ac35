//! Convolutions by cuDNN: forward, and by its own entry points backward. Maps are in NCHW order and weights (out, in, rows,
//! columns), or both have their channels last.
//!
//! Only algorithms are taken that give the same bits in every run. `f32` is computed in `f32` unless TF32 is asked for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;

use cnn_kernels::conv::Conv;
use cnn_kernels::window::Span;
use cudarc::cudnn::result::CudnnError;
use cudarc::cudnn::{result, sys};

use super::int;
use crate::device::{Error, Gpu, In, Out, Result};
use crate::source::Scalar;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Way {
    Forward,
    ByInput,
    ByWeight,
}

/// Where maps and weights have their channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Order {
    /// NCHW, and (out, in, rows, columns).
    First,
    /// NHWC, and (out, rows, columns, in).
    Last,
}

/// A convolution, and how it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub(super) way: Way,
    pub(super) conv: Conv,
    pub(super) scalar: Scalar,
    pub(super) order: Order,
}

/// The same with the precision of products of `f32`.
type Key = (Job, bool);

/// An algorithm's number among those of its way, and the bytes that it works in; none where there is no fit one.
type Choice = Option<(u32, usize)>;

thread_local! {
    /// cuDNN's handles are of one thread, and each of one stream.
    static HANDLES: RefCell<HashMap<(usize, usize), Handle>> = RefCell::default();
}

/// A handle, and what was chosen with it.
struct Handle {
    handle: sys::cudnnHandle_t,
    choices: HashMap<Key, Choice>,
}

fn wrong(doing: &'static str) -> impl Fn(CudnnError) -> Error {
    move |source| Error::Sizes { kernel: "cuDNN", what: format!("{doing}: {source:?}") }
}

/// The convolution; `false` where cuDNN does not have it.
pub(super) fn forward(gpu: &Gpu, conv: &Conv, x: &In<'_>, weight: &In<'_>, y: &mut Out<'_>) -> Result<bool> {
    run(gpu, Way::Forward, conv, x.scalar(), [x.address, weight.address, y.address])
}

/// Its gradient by the input; `false` where cuDNN does not have it.
pub(super) fn input_gradient(
    gpu: &Gpu,
    conv: &Conv,
    weight: &In<'_>,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<bool> {
    run(gpu, Way::ByInput, conv, grad.scalar(), [to.address, weight.address, grad.address])
}

/// Its gradient by the weight; `false` where cuDNN does not have it.
pub(super) fn weight_gradient(
    gpu: &Gpu,
    conv: &Conv,
    x: &In<'_>,
    grad: &In<'_>,
    to: &mut Out<'_>,
) -> Result<bool> {
    run(gpu, Way::ByWeight, conv, x.scalar(), [x.address, to.address, grad.address])
}

/// Whether the windows are those of a padding that is the same on both sides, as cuDNN has it.
fn is_even(span: Span) -> bool {
    let reach = (span.kernel() - 1) * span.dilation() + 1;
    let padded = span.input() + 2 * span.before();
    padded >= reach && (padded - reach) / span.stride() + 1 == span.output()
}

fn run(gpu: &Gpu, way: Way, conv: &Conv, scalar: Scalar, addresses: [u64; 3]) -> Result<bool> {
    let job = Job { way, conv: *conv, scalar, order: Order::First };
    let Some(bytes) = space(gpu, &job)? else { return Ok(false) };
    let mut space = gpu.scratch(Scalar::F32, bytes.div_ceil(size_of::<f32>()))?;
    launch(gpu, &job, (space.write(gpu).address, bytes), addresses)?;
    Ok(true)
}

/// The bytes that cuDNN works in; none where it does not have such a convolution.
pub(super) fn space(gpu: &Gpu, job: &Job) -> Result<Option<usize>> {
    if !is_even(job.conv.rows) || !is_even(job.conv.columns) {
        return Ok(None);
    }
    with_handle(gpu, |handle| Ok(handle.choice(gpu, job)?.map(|(_, bytes)| bytes)))
}

/// Does it, with so many bytes of space: input, weight and output are at these addresses, of lengths that were compared.
pub(super) fn launch(gpu: &Gpu, job: &Job, space: (u64, usize), addresses: [u64; 3]) -> Result<()> {
    with_handle(gpu, |handle| {
        let Some((algorithm, bytes)) = handle.choice(gpu, job)? else {
            return crate::device::sizes("cuDNN", "it does not have this convolution");
        };
        if bytes > space.1 {
            return crate::device::sizes("cuDNN", format_args!("{bytes} bytes of space are needed"));
        }
        Described::new(job, gpu.tf32)?.launch(handle.handle, job.way, algorithm, space, addresses)
    })
}

/// Calls `f` with this thread's handle for the device's stream.
fn with_handle<T>(gpu: &Gpu, f: impl FnOnce(&mut Handle) -> Result<T>) -> Result<T> {
    let context = gpu.stream.context();
    context.bind_to_thread().map_err(|source| Error::Driver { doing: "entering the context", source })?;
    HANDLES.with_borrow_mut(|handles| {
        let key = (context.ordinal(), gpu.stream.cu_stream() as usize);
        match handles.entry(key) {
            std::collections::hash_map::Entry::Occupied(entry) => f(entry.into_mut()),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let handle = result::create_handle().map_err(wrong("making a handle"))?;
                // SAFETY: the handle was made now, and the stream lives as long as its context, which is the process's.
                unsafe { result::set_stream(handle, gpu.stream.cu_stream().cast()) }
                    .map_err(wrong("giving a handle its stream"))?;
                f(entry.insert(Handle { handle, choices: HashMap::new() }))
            }
        }
    })
}

impl Handle {
    fn choice(&mut self, gpu: &Gpu, job: &Job) -> Result<Choice> {
        let key = (*job, gpu.tf32);
        if let Some(choice) = self.choices.get(&key) {
            return Ok(*choice);
        }
        let choice = Described::new(job, gpu.tf32)?.choose(self.handle, job.way)?;
        self.choices.insert(key, choice);
        Ok(choice)
    }
}

/// The descriptors of a convolution.
struct Described {
    input: sys::cudnnTensorDescriptor_t,
    output: sys::cudnnTensorDescriptor_t,
    weight: sys::cudnnFilterDescriptor_t,
    conv: sys::cudnnConvolutionDescriptor_t,
    math: sys::cudnnMathType_t,
    scalar: Scalar,
}

impl Drop for Described {
    fn drop(&mut self) {
        // SAFETY: each was made by `new` and is destroyed once; what cannot be destroyed is lost, and nothing else.
        unsafe {
            let _ = result::destroy_tensor_descriptor(self.input);
            let _ = result::destroy_tensor_descriptor(self.output);
            let _ = result::destroy_filter_descriptor(self.weight);
            let _ = result::destroy_convolution_descriptor(self.conv);
        }
    }
}

impl Described {
    fn new(&Job { conv, scalar, order, .. }: &Job, tf32: bool) -> Result<Self> {
        const NAME: &str = "cuDNN";
        let Conv { batch, in_channels, out_channels, groups, rows, columns } = conv;
        let (data, compute) = match scalar {
            Scalar::F32 => (sys::cudnnDataType_t::CUDNN_DATA_FLOAT, sys::cudnnDataType_t::CUDNN_DATA_FLOAT),
            Scalar::F64 => (sys::cudnnDataType_t::CUDNN_DATA_DOUBLE, sys::cudnnDataType_t::CUDNN_DATA_DOUBLE),
            Scalar::Bf16 => {
                (sys::cudnnDataType_t::CUDNN_DATA_BFLOAT16, sys::cudnnDataType_t::CUDNN_DATA_FLOAT)
            }
        };
        let math = match scalar {
            Scalar::Bf16 => sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
            Scalar::F32 if tf32 => sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH,
            // The default would round f32 to TF32.
            Scalar::F32 | Scalar::F64 => sys::cudnnMathType_t::CUDNN_FMA_MATH,
        };
        let ints = |sizes: [usize; 4]| -> Result<[i32; 4]> {
            let [a, b, c, d] = sizes;
            Ok([int(NAME, a)?, int(NAME, b)?, int(NAME, c)?, int(NAME, d)?])
        };
        let input = ints([batch, in_channels, rows.input(), columns.input()])?;
        let output = ints([batch, out_channels, rows.output(), columns.output()])?;
        let weight = ints([out_channels, in_channels / groups, rows.kernel(), columns.kernel()])?;
        let [top, left, down, right] =
            ints([rows.before(), columns.before(), rows.stride(), columns.stride()])?;
        let [dilation_y, dilation_x, groups, _] = ints([rows.dilation(), columns.dilation(), groups, 0])?;
        let wrong = wrong("describing a convolution");
        let described = Self {
            input: result::create_tensor_descriptor().map_err(&wrong)?,
            output: result::create_tensor_descriptor().map_err(&wrong)?,
            weight: result::create_filter_descriptor().map_err(&wrong)?,
            conv: result::create_convolution_descriptor().map_err(&wrong)?,
            math,
            scalar,
        };
        let format = match order {
            Order::First => sys::cudnnTensorFormat_t::CUDNN_TENSOR_NCHW,
            Order::Last => sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC,
        };
        // SAFETY: the descriptors were made above.
        unsafe {
            result::set_tensor4d_descriptor(described.input, format, data, input).map_err(&wrong)?;
            result::set_tensor4d_descriptor(described.output, format, data, output).map_err(&wrong)?;
            result::set_filter4d_descriptor(described.weight, data, format, weight).map_err(&wrong)?;
            let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
            result::set_convolution2d_descriptor(
                described.conv,
                top,
                left,
                down,
                right,
                dilation_y,
                dilation_x,
                mode,
                compute,
            )
            .map_err(&wrong)?;
            result::set_convolution_group_count(described.conv, groups).map_err(&wrong)?;
            result::set_convolution_math_type(described.conv, math).map_err(&wrong)?;
        }
        Ok(described)
    }

    /// The first algorithm, in cuDNN's order by its own measurements, that is deterministic and of this precision.
    fn choose(&self, handle: sys::cudnnHandle_t, way: Way) -> Result<Choice> {
        const MOST: usize = 10;
        let wrong = wrong("choosing an algorithm");
        let fits =
            |status: sys::cudnnStatus_t, determinism: sys::cudnnDeterminism_t, math: sys::cudnnMathType_t| {
                use sys::cudnnMathType_t::{CUDNN_DEFAULT_MATH, CUDNN_FMA_MATH};
                status == sys::cudnnStatus_t::CUDNN_STATUS_SUCCESS
                    && determinism == sys::cudnnDeterminism_t::CUDNN_DETERMINISTIC
                    && (math == self.math || matches!(math, CUDNN_FMA_MATH | CUDNN_DEFAULT_MATH))
            };
        macro_rules! choose {
            ($get:ident, $algorithm:ident, [$($descriptor:expr),+]) => {{
                let mut count = 0;
                // SAFETY: plain numbers, for which zeros are values; cuDNN writes at most `MOST` of them, and says how many.
                let found = unsafe {
                    let mut found: [sys::$algorithm; MOST] = std::mem::zeroed();
                    match result::$get(handle, $($descriptor),+, MOST as i32, &mut count, found.as_mut_ptr()) {
                        Ok(()) => found,
                        Err(CudnnError(sys::cudnnStatus_t::CUDNN_STATUS_NOT_SUPPORTED)) => return Ok(None),
                        Err(error) => return Err(wrong(error)),
                    }
                };
                let count = usize::try_from(count).unwrap_or(0).min(MOST);
                let fit = found[..count].iter().find(|one| fits(one.status, one.determinism, one.mathType));
                fit.map(|one| (one.algo as u32, one.memory))
            }};
        }
        Ok(match way {
            Way::Forward => choose!(
                get_convolution_forward_algorithm,
                cudnnConvolutionFwdAlgoPerf_t,
                [self.input, self.weight, self.conv, self.output]
            ),
            Way::ByInput => choose!(
                get_convolution_backward_data_algorithm,
                cudnnConvolutionBwdDataAlgoPerf_t,
                [self.weight, self.output, self.conv, self.input]
            ),
            Way::ByWeight => choose!(
                get_convolution_backward_filter_algorithm,
                cudnnConvolutionBwdFilterAlgoPerf_t,
                [self.input, self.output, self.conv, self.weight]
            ),
        })
    }

    fn launch(
        &self,
        handle: sys::cudnnHandle_t,
        way: Way,
        algorithm: u32,
        (space, bytes): (u64, usize),
        [input, weight, output]: [u64; 3],
    ) -> Result<()> {
        let (single, double) = ([1f32, 0.0], [1f64, 0.0]);
        let [alpha, beta]: [*const c_void; 2] = match self.scalar {
            Scalar::F64 => double.each_ref().map(|factor| std::ptr::from_ref(factor).cast()),
            Scalar::F32 | Scalar::Bf16 => single.each_ref().map(|factor| std::ptr::from_ref(factor).cast()),
        };
        let [input, weight, output, space] =
            [input, weight, output, space].map(|address| address as *mut c_void);
        // SAFETY: the caller compared the lengths of the three with the sizes that are described; the algorithm is one that
        // cuDNN named for them, with that much space; alpha and beta outlive the call, which reads them.
        unsafe {
            match way {
                Way::Forward => result::convolution_forward(
                    handle,
                    alpha,
                    self.input,
                    input,
                    self.weight,
                    weight,
                    self.conv,
                    std::mem::transmute::<u32, sys::cudnnConvolutionFwdAlgo_t>(algorithm),
                    space,
                    bytes,
                    beta,
                    self.output,
                    output,
                ),
                Way::ByInput => result::convolution_backward_data(
                    handle,
                    alpha,
                    self.weight,
                    weight,
                    self.output,
                    output,
                    self.conv,
                    std::mem::transmute::<u32, sys::cudnnConvolutionBwdDataAlgo_t>(algorithm),
                    space,
                    bytes,
                    beta,
                    self.input,
                    input,
                ),
                Way::ByWeight => result::convolution_backward_filter(
                    handle,
                    alpha,
                    self.input,
                    input,
                    self.output,
                    output,
                    self.conv,
                    std::mem::transmute::<u32, sys::cudnnConvolutionBwdFilterAlgo_t>(algorithm),
                    space,
                    bytes,
                    beta,
                    self.weight,
                    weight,
                ),
            }
        }
        .map_err(wrong("a convolution"))
    }
}
