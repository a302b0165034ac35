"""A sliding window's attributes, and padding as the Rust side's `Window` understands it."""

import torch.nn.functional as F


def pair(value):
    """`3` or `(3, 1)` as a list of two."""
    return [value, value] if isinstance(value, int) else list(value)


def sides(padding):
    """Padding as `[top, bottom, left, right]`, from one number, `(rows, columns)` or all four; `same` stays."""
    if padding == "same":
        return padding
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        return list(padding)
    rows, columns = pair(padding)
    return [rows, rows, columns, columns]


def window(kernel, stride=1, padding=0, dilation=1, ceil=False):
    """The attributes of a window."""
    return {
        "kernel_size": pair(kernel),
        "stride": pair(stride),
        "padding": sides(padding),
        "dilation": pair(dilation),
        "ceil": ceil,
    }


def same(size, kernel, stride, dilation):
    """TensorFlow's `same` on one axis: out = ceil(in / stride), the odd one after."""
    extent = dilation * (kernel - 1) + 1
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


def resolved(attrs, x):
    """The four paddings of the window over `x`."""
    if attrs["padding"] != "same":
        return attrs["padding"]
    axes = zip(x.shape[-2:], attrs["kernel_size"], attrs["stride"], attrs["dilation"])
    (top, bottom), (left, right) = (same(*axis) for axis in axes)
    return [top, bottom, left, right]


def padded(x, attrs, value=0.0):
    """`x` with the window's padding written out, so that PyTorch needs none."""
    top, bottom, left, right = resolved(attrs, x)
    return F.pad(x, (left, right, top, bottom), value=value)


def symmetric(attrs):
    """The padding as PyTorch's two numbers, where it is the same on both sides."""
    if attrs["padding"] == "same":
        return None
    top, bottom, left, right = attrs["padding"]
    return (top, left) if (top, left) == (bottom, right) else None
