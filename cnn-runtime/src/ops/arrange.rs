//! Operations that move values without changing them: composed of candle's, whose gradients are right for these.
use super::check;
use candle_core::{DType, Result, Tensor, bail};

/// `(N, C, H, W)` as `(N, C * H * W)`.
///
/// # Errors
/// If `x` has fewer than two dimensions, is empty or not of `f32` or `f64`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((2, 16, 5, 5), DType::F32, &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::flatten(&x)?.dims(), [2, 400]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn flatten(x: &Tensor) -> Result<Tensor> {
    check::input("flatten", x)?;
    flatten_sizes(x.dims())?;
    x.flatten_from(1)
}

/// The shape of a [`flatten`].
pub(crate) fn flatten_sizes(x: &[usize]) -> Result<[usize; 2]> {
    let planes = check::planes("flatten", x)?;
    Ok([planes.batch, planes.channels * planes.plane])
}

/// The tensors one after another along dimension 1.
///
/// # Errors
/// If there are none, or if their shapes differ elsewhere, or their dtypes.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((2, 3, 4, 4), DType::F32, &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::concat(&[&x, &x])?.dims(), [2, 6, 4, 4]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn concat(tensors: &[&Tensor]) -> Result<Tensor> {
    const OP: &str = "concat";
    let widest = tensors.iter().any(|tensor| tensor.dtype() == DType::F32);
    let is_mixed = widest && tensors.iter().any(|tensor| tensor.dtype() == DType::BF16);
    let tensors = tensors.iter().map(|&tensor| match is_mixed {
        true => tensor.to_dtype(DType::F32),
        false => Ok(tensor.clone()),
    });
    let tensors = tensors.collect::<Result<Vec<_>>>()?;
    for tensor in &tensors {
        check::input(OP, tensor)?;
        check::alike(OP, &tensors[0], tensor, "tensor")?;
    }
    let shapes: Vec<&[usize]> = tensors.iter().map(|tensor| tensor.dims()).collect();
    concat_sizes(&shapes)?;
    Tensor::cat(&tensors, 1)
}

/// The shape of a [`concat()`].
pub(crate) fn concat_sizes(shapes: &[&[usize]]) -> Result<Vec<usize>> {
    const OP: &str = "concat";
    shapes.iter().try_for_each(|shape| check::filled(OP, shape))?;
    let Some((first, others)) = shapes.split_first() else { bail!("{OP}: expected at least one tensor") };
    check::planes(OP, first)?;
    let mut shape = first.to_vec();
    for other in others {
        check::planes(OP, other)?;
        if first.len() != other.len() || first[0] != other[0] || first[2..] != other[2..] {
            bail!("{OP}: expected shapes that differ in their channels only, found {first:?} and {other:?}");
        }
        shape[1] = shape[1].saturating_add(other[1]);
    }
    check::shape(OP, &shape)?;
    Ok(shape)
}

/// `N` equal parts of dimension 1, in order; PyTorch's `chunk`.
///
/// # Errors
/// If `x` has fewer than two dimensions, or `N` does not divide its channels.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((2, 6, 4, 4), DType::F32, &Device::Cpu)?;
/// let [left, right] = cnn_runtime::ops::split(&x)?;
/// assert_eq!((left.dims(), right.dims()), (&[2, 3, 4, 4][..], &[2, 3, 4, 4][..]));
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn split<const N: usize>(x: &Tensor) -> Result<[Tensor; N]> {
    const OP: &str = "split";
    let parts = (0..N).map(|index| part(x, index, N)).collect::<Result<Vec<_>>>()?;
    parts.try_into().map_err(|_| candle_core::Error::Msg(format!("{OP}: not {N} parts")))
}

/// One of the parts of a [`split`].
pub(crate) fn part(x: &Tensor, index: usize, parts: usize) -> Result<Tensor> {
    check::input("split", x)?;
    let each = split_sizes(x.dims(), index, parts)?[1];
    x.narrow(1, index * each, each)
}

/// The shape of a part of a [`split`].
pub(crate) fn split_sizes(x: &[usize], index: usize, parts: usize) -> Result<Vec<usize>> {
    const OP: &str = "split";
    let channels = check::planes(OP, x)?.channels;
    if parts == 0 || !channels.is_multiple_of(parts) {
        bail!("{OP}: expected a number of parts that divides the channels of {x:?}, found {parts}");
    }
    if index >= parts {
        bail!("{OP}: there is no part {index} of {parts}");
    }
    let mut shape = x.to_vec();
    shape[1] = channels / parts;
    Ok(shape)
}

/// The centre of `x` `(N, C, H, W)`: `(N, C, height, width)`, from row `(H - height) / 2` and column
/// `(W - width) / 2`, both rounded down (U-Net's "crop", Ronneberger et al., arXiv 1505.04597).
///
/// # Errors
/// If `x` is not a map, or is smaller than that.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((1, 64, 64, 64), DType::F32, &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::crop2d(&x, [56, 56])?.dims(), [1, 64, 56, 56]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn crop2d(x: &Tensor, [height, width]: [usize; 2]) -> Result<Tensor> {
    check::input("crop2d", x)?;
    let [top, left] = crop2d_sizes(x.dims(), [height, width])?;
    x.narrow(2, top, height)?.narrow(3, left, width)?.contiguous()
}

/// The first row and column of a [`crop2d`].
pub(crate) fn crop2d_sizes(x: &[usize], [height, width]: [usize; 2]) -> Result<[usize; 2]> {
    const OP: &str = "crop2d";
    let [_, _, h, w] = check::map(OP, x)?;
    if height == 0 || width == 0 || height > h || width > w {
        bail!("{OP}: expected a size from 1x1 to {h}x{w} for the input {x:?}, found {height}x{width}");
    }
    Ok([(h - height) / 2, (w - width) / 2])
}

/// `x` `(N, C, H, W)` with zeros around it.
///
/// # Errors
/// If `x` is not a map, or the result is too large.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((1, 1, 3, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::pad2d(&x, 1, 2, 3, 4)?.dims(), [1, 1, 6, 10]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn pad2d(x: &Tensor, top: usize, bottom: usize, left: usize, right: usize) -> Result<Tensor> {
    check::input("pad2d", x)?;
    pad2d_sizes(x.dims(), [top, bottom, left, right])?;
    x.pad_with_zeros(2, top, bottom)?.pad_with_zeros(3, left, right)
}

/// The shape of a [`pad2d`].
pub(crate) fn pad2d_sizes(x: &[usize], [top, bottom, left, right]: [usize; 4]) -> Result<[usize; 4]> {
    const OP: &str = "pad2d";
    let [n, c, h, w] = check::map(OP, x)?;
    let (height, width) =
        (h.saturating_add(top).saturating_add(bottom), w.saturating_add(left).saturating_add(right));
    check::shape(OP, &[n, c, height, width])?;
    Ok([n, c, height, width])
}

/// `(N, C, H, W)` as `(N, C / r^2, H r, W r)`: channel `c r^2 + i r + j` becomes the pixels `(y r + i, x r + j)` of
/// channel `c`. Shi et al., arXiv 1609.05158.
///
/// # Errors
/// If `x` is not a map, or its channels are not a multiple of `r^2`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// let x = Tensor::ones((1, 12, 4, 4), DType::F32, &Device::Cpu)?;
/// assert_eq!(cnn_runtime::ops::pixel_shuffle(&x, 2)?.dims(), [1, 3, 8, 8]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn pixel_shuffle(x: &Tensor, r: usize) -> Result<Tensor> {
    check::input("pixel_shuffle", x)?;
    let [n, c, height, width] = pixel_shuffle_sizes(x.dims(), r)?;
    let cells = x.reshape(&[n, c, r, r, height / r, width / r])?;
    cells.permute([0, 1, 4, 2, 5, 3])?.contiguous()?.reshape((n, c, height, width))
}

/// The shape of a [`pixel_shuffle`].
pub(crate) fn pixel_shuffle_sizes(x: &[usize], r: usize) -> Result<[usize; 4]> {
    const OP: &str = "pixel_shuffle";
    let [n, c, h, w] = check::map(OP, x)?;
    match r.checked_mul(r) {
        Some(square) if square > 0 && c.is_multiple_of(square) => Ok([n, c / square, h * r, w * r]),
        _ => bail!("{OP}: expected channels that are a multiple of {r} * {r}, found shape {x:?}"),
    }
}

/// The channels of `x` `(N, C, H, W)`, seen as `groups` rows, transposed: channel `i * C / groups + j` becomes
/// channel `j * groups + i`. Zhang et al., arXiv 1707.01083.
///
/// # Errors
/// If `x` is not a map, or `groups` does not divide its channels.
///
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::arange(0f32, 6., &Device::Cpu)?.reshape((1, 6, 1, 1))?;
/// let y = cnn_runtime::ops::channel_shuffle(&x, 2)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [0., 3., 1., 4., 2., 5.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn channel_shuffle(x: &Tensor, groups: usize) -> Result<Tensor> {
    check::input("channel_shuffle", x)?;
    let [n, c, h, w] = channel_shuffle_sizes(x.dims(), groups)?;
    x.reshape((n, groups, c / groups, h * w))?.transpose(1, 2)?.contiguous()?.reshape((n, c, h, w))
}

/// The sizes of a [`channel_shuffle`].
pub(crate) fn channel_shuffle_sizes(x: &[usize], groups: usize) -> Result<[usize; 4]> {
    const OP: &str = "channel_shuffle";
    let sizes = check::map(OP, x)?;
    if groups == 0 || !sizes[1].is_multiple_of(groups) {
        bail!("{OP}: expected a number of groups that divides the channels of {x:?}, found {groups}");
    }
    Ok(sizes)
}
