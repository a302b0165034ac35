//! Maximum, average and adaptive average pooling.
use super::{
    check,
    kernel::{Differentiable, Kernel, apply1, gradient},
};
use candle_core::{Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use cnn_cuda::{self as cuda, Gpu, In, Out};
use cnn_ir::window::Window;
use cnn_kernels::{
    Float,
    pool::{self, Adaptive, Pool},
};

/// The maximum of every window of `x` `(N, C, H, W)`: `(N, C, H', W')`, PyTorch's `max_pool2d`.
///
/// Padding never wins. Where the maximum occurs more than once in a window, the first in scan order gets the
/// gradient; NaN wins over every number.
///
/// # Errors
/// If the window does not fit into the input, or if some window sees nothing but padding.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use cnn_runtime::{Window, ops::max_pool2d};
/// let x = Tensor::arange(0f32, 16., &Device::Cpu)?.reshape((1, 1, 4, 4))?;
/// let y = max_pool2d(&x, &Window::new([2, 2]).with_stride([2, 2]))?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [5., 7., 13., 15.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn max_pool2d(x: &Tensor, window: &Window) -> Result<Tensor> {
    check::input("max_pool2d", x)?;
    let (shape, pool) = sizes("max_pool2d", x.dims(), window)?;
    apply1(Max { shape, pool }, Vec::new(), [x])
}

/// The average of every window of `x` `(N, C, H, W)`: `(N, C, H', W')`, PyTorch's `avg_pool2d`.
///
/// With `count_include_pad` (PyTorch's default) the padding counts as zeros, else not at all; the part of a window
/// past the padding, where the size was rounded up, never counts.
///
/// # Errors
/// If the window does not fit into the input, or if some window sees nothing but padding.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use cnn_runtime::{Window, ops::avg_pool2d};
/// let x = Tensor::arange(0f32, 16., &Device::Cpu)?.reshape((1, 1, 4, 4))?;
/// let y = avg_pool2d(&x, &Window::new([2, 2]).with_stride([2, 2]), true)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [2.5, 4.5, 10.5, 12.5]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn avg_pool2d(x: &Tensor, window: &Window, count_include_pad: bool) -> Result<Tensor> {
    check::input("avg_pool2d", x)?;
    let (shape, pool) = sizes("avg_pool2d", x.dims(), window)?;
    apply1(Average { shape, pool, count_include_pad }, Vec::new(), [x])
}

/// The averages of `h x w` bins that cover `x` `(N, C, H, W)`: `(N, C, h, w)`, PyTorch's `adaptive_avg_pool2d`.
///
/// Bin `i` covers rows `floor(i H / h)` to `ceil((i + 1) H / h)`: bins may overlap where `h` does not divide `H`.
///
/// # Errors
/// If `x` is not a map, or an output size is 0.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((2, 3, 13, 9), DType::F32, &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::adaptive_avg_pool2d(&x, [7, 7])?.dims(), [2, 3, 7, 7]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn adaptive_avg_pool2d(x: &Tensor, [height, width]: [usize; 2]) -> Result<Tensor> {
    adaptive("adaptive_avg_pool2d", x, [height, width])
}

/// The average of every channel of `x` `(N, C, H, W)`: `(N, C, 1, 1)`.
///
/// # Errors
/// If `x` is not a map.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((2, 3, 7, 7), DType::F32, &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::global_avg_pool2d(&x)?.dims(), [2, 3, 1, 1]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn global_avg_pool2d(x: &Tensor) -> Result<Tensor> {
    adaptive("global_avg_pool2d", x, [1, 1])
}

fn adaptive(op: &'static str, x: &Tensor, output: [usize; 2]) -> Result<Tensor> {
    check::input(op, x)?;
    let (shape, pool) = adaptive_sizes(op, x.dims(), output)?;
    apply1(AdaptiveAverage { op, channels: shape[1], pool }, Vec::new(), [x])
}

/// The shape and sizes of an [`adaptive_avg_pool2d`] or [`global_avg_pool2d`].
pub(crate) fn adaptive_sizes(op: &str, x: &[usize], output: [usize; 2]) -> Result<([usize; 4], Adaptive)> {
    let [n, c, h, w] = check::map(op, x)?;
    if output.contains(&0) {
        bail!("{op}: expected an output size of at least 1x1, found {output:?}");
    }
    let shape = [n, c, output[0], output[1]];
    check::shape(op, &shape)?;
    Ok((shape, Adaptive { planes: n * c, input: [h, w], output }))
}

/// The shapes of input and output.
#[derive(Clone)]
struct Shapes {
    input: Shape,
    output: Shape,
}

fn sizes(op: &str, x: &[usize], window: &Window) -> Result<(Shapes, Pool)> {
    let (output, pool) = pool_sizes(op, x, window)?;
    Ok((Shapes { input: Shape::from(x), output: Shape::from(&output[..]) }, pool))
}

/// The shape and sizes of a [`max_pool2d`] or [`avg_pool2d`].
pub(crate) fn pool_sizes(op: &str, x: &[usize], window: &Window) -> Result<([usize; 4], Pool)> {
    let [n, c, h, w] = check::map(op, x)?;
    let (Some([rows, columns]), Some([out_h, out_w])) = (window.axes([h, w]), window.out([h, w])) else {
        bail!("{op}: the window does not fit into the input {x:?}: {window:?}");
    };
    let output = [n, c, out_h, out_w];
    check::shape(op, &output)?;
    let (rows, columns) = (check::span(op, rows, h, out_h)?, check::span(op, columns, w, out_w)?);
    if rows.empty_window().or(columns.empty_window()).is_some() {
        bail!("{op}: a window sees nothing but padding of the input {x:?}: {window:?}");
    }
    Ok((output, Pool { planes: n * c, rows, columns }))
}

struct Max {
    shape: Shapes,
    pool: Pool,
}

impl Kernel<1, 1> for Max {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.output.clone()]
    }

    fn cpu<T: Float>(&self, [x]: [&[T]; 1], [y]: [&mut [T]; 1]) {
        pool::max(&self.pool, x, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x]: [&In<'_>; 1], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::pool::max(gpu, &self.pool, 1, x, y)
    }
}

impl Differentiable<1, 1> for Max {
    fn gradients(
        &self,
        [x]: [&Tensor; 1],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([gradient(x, &MaxGradient { shape: self.shape.input.clone(), pool: self.pool }, [x, grad])?])
    }
}

struct MaxGradient {
    shape: Shape,
    pool: Pool,
}

impl Kernel<2, 1> for MaxGradient {
    fn name(&self) -> &'static str {
        "max_pool2d gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [x, grad]: [&[T]; 2], [target]: [&mut [T]; 1]) {
        pool::max_gradient(&self.pool, x, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x, grad]: [&In<'_>; 2], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::pool::max_gradient(gpu, &self.pool, 1, x, grad, target)
    }
}

struct Average {
    shape: Shapes,
    pool: Pool,
    count_include_pad: bool,
}

impl Kernel<1, 1> for Average {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.output.clone()]
    }

    fn cpu<T: Float>(&self, [x]: [&[T]; 1], [y]: [&mut [T]; 1]) {
        pool::average(&self.pool, self.count_include_pad, x, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x]: [&In<'_>; 1], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::pool::average(gpu, &self.pool, 1, self.count_include_pad, x, y)
    }
}

impl Differentiable<1, 1> for Average {
    fn gradients(
        &self,
        [x]: [&Tensor; 1],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 1]> {
        let (shape, pool) = (self.shape.input.clone(), self.pool);
        Ok([gradient(
            x,
            &AverageGradient { shape, pool, count_include_pad: self.count_include_pad },
            [grad],
        )?])
    }
}

struct AverageGradient {
    shape: Shape,
    pool: Pool,
    count_include_pad: bool,
}

impl Kernel<1, 1> for AverageGradient {
    fn name(&self) -> &'static str {
        "avg_pool2d gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape.clone()]
    }

    fn cpu<T: Float>(&self, [grad]: [&[T]; 1], [target]: [&mut [T]; 1]) {
        pool::average_gradient(&self.pool, self.count_include_pad, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [grad]: [&In<'_>; 1], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::pool::average_gradient(gpu, &self.pool, 1, self.count_include_pad, grad, target)
    }
}

#[derive(Clone, Copy)]
struct AdaptiveAverage {
    op: &'static str,
    channels: usize,
    pool: Adaptive,
}

impl AdaptiveAverage {
    fn shape(&self, [height, width]: [usize; 2]) -> Shape {
        Shape::from((self.pool.planes / self.channels, self.channels, height, width))
    }
}

impl Kernel<1, 1> for AdaptiveAverage {
    fn name(&self) -> &'static str {
        self.op
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.shape(self.pool.output)]
    }

    fn cpu<T: Float>(&self, [x]: [&[T]; 1], [y]: [&mut [T]; 1]) {
        pool::adaptive_average(&self.pool, x, y);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [x]: [&In<'_>; 1], [y]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::pool::adaptive_average(gpu, &self.pool, 1, x, y)
    }
}

impl Differentiable<1, 1> for AdaptiveAverage {
    fn gradients(
        &self,
        [x]: [&Tensor; 1],
        _: &[Tensor],
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 1]> {
        Ok([gradient(x, &AdaptiveGradient(*self), [grad])?])
    }
}

struct AdaptiveGradient(AdaptiveAverage);

impl Kernel<1, 1> for AdaptiveGradient {
    fn name(&self) -> &'static str {
        "adaptive_avg_pool2d gradient"
    }

    fn shapes(&self) -> [Shape; 1] {
        [self.0.shape(self.0.pool.input)]
    }

    fn cpu<T: Float>(&self, [grad]: [&[T]; 1], [target]: [&mut [T]; 1]) {
        pool::adaptive_average_gradient(&self.0.pool, grad, target);
    }

    #[cfg(feature = "cuda")]
    fn cuda(&self, gpu: &Gpu, [grad]: [&In<'_>; 1], [target]: [&mut Out<'_>; 1]) -> cnn_cuda::Result<()> {
        cuda::pool::adaptive_average_gradient(gpu, &self.0.pool, 1, grad, target)
    }
}
