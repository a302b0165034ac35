"""Pooling: maximum, average, adaptive and global."""

import torch
import torch.nn.functional as F

from record import Family, levels, normal, points, rectified
from windows import padded, symmetric, window


def max_pool2d():
    family = Family("max_pool2d")

    def add(name, draw, kernel, expand=None, **geometry):
        attrs = window(kernel, **{"stride": kernel} | geometry)

        def compute(x):
            rest = {"stride": attrs["stride"], "dilation": attrs["dilation"], "ceil_mode": attrs["ceil"]}
            both = symmetric(attrs)
            if both is None or any(2 * pad > kernel for pad, kernel in zip(both, attrs["kernel_size"])):
                assert not attrs["ceil"], "where the last window may start depends on what is padding"
                return F.max_pool2d(padded(x, attrs, float("-inf")), attrs["kernel_size"], **rest)
            return F.max_pool2d(x, attrs["kernel_size"], padding=both, **rest)

        family.case(name, "max_pool2d", {"x": draw}, compute, attrs, expand=expand)

    few = [-1.0, 0.0, 0.5, 1.0]
    add("2x2", normal(2, 3, 6, 8), 2)
    add("2x2 odd size", normal(2, 2, 7, 9), 2)
    add("2x2 odd size ceil", normal(2, 2, 7, 9), 2, ceil=True)
    add("2x2 remainder of 9", normal(1, 2, 9, 9), 2)
    add("2x2 stride 1", normal(1, 2, 4, 5), 2, stride=1)
    add("2x2 stride 3", normal(1, 2, 8, 7), 2, stride=3)
    add("2x2 stride 3 ceil", normal(1, 2, 8, 7), 2, stride=3, ceil=True)
    add("2x2 padded", normal(1, 2, 5, 6), 2, padding=1)
    add("2x2 padded ceil", normal(1, 2, 6, 5), 2, padding=1, ceil=True)
    add("3x3", normal(1, 2, 9, 6), 3)
    add("3x3 remainder", normal(1, 2, 8, 10), 3)
    add("3x3 stride 2", normal(1, 2, 7, 9), 3, stride=2)
    add("3x3 stride 2 even size", normal(1, 2, 8, 6), 3, stride=2)
    add("3x3 stride 2 ceil", normal(1, 2, 8, 6), 3, stride=2, ceil=True)
    add("3x3 stride 2 padded", normal(2, 3, 7, 8), 3, stride=2, padding=1)
    add("3x3 stride 2 padded ceil", normal(1, 2, 6, 9), 3, stride=2, padding=1, ceil=True)
    add("3x3 stride 1 half", normal(1, 2, 5, 6), 3, stride=1, padding=1)
    add("3x3 stride 3 padded", normal(1, 2, 7, 8), 3, padding=1)
    add("3x3 stride 1 by 2", normal(1, 2, 6, 7), 3, stride=(1, 2), padding=(0, 1))
    add("3x3 dilation 2", normal(1, 2, 7, 8), 3, stride=1, dilation=2)
    add("3x3 dilation 2 stride 2 padded", normal(1, 2, 8, 9), 3, stride=2, dilation=2, padding=1)
    add("3x3 dilation 2 by 3 stride 3 by 1", normal(1, 1, 9, 9), 3, stride=(3, 1), dilation=(2, 3), padding=1)
    add("2x3", normal(1, 2, 5, 7), (2, 3))
    add("3x1 stride 1 by 3", normal(1, 2, 5, 7), (3, 1), stride=(1, 3), padding=(1, 0))
    add("1x2 stride 2 by 1", normal(1, 2, 5, 4), (1, 2), stride=(2, 1))
    add("1x1", normal(1, 2, 3, 4), 1)
    add("1x1 stride 2", normal(1, 2, 5, 4), 1, stride=2)
    add("5x5 overlapping half", normal(1, 2, 6, 7), 5, stride=1, padding=2)
    add("whole map", normal(2, 3, 4, 5), (4, 5))
    add("one pixel", normal(3, 2, 1, 1), 1)
    add("one pixel padded", normal(2, 2, 1, 1), 3, stride=2, padding=1)
    add("one row", normal(1, 2, 1, 7), (1, 2))
    add("channels height width equal", normal(4, 4, 4, 4), 2)
    add("many channels", normal(1, 37, 4, 5), 2, stride=1)
    add("wide map", normal(1, 1, 3, 131), 3, stride=2, padding=1)
    add("uneven pad", normal(1, 2, 5, 6), 3, stride=2, padding=(0, 1, 1, 0))
    add("uneven pad one side", normal(1, 2, 6, 6), 2, padding=(1, 0, 0, 1))
    add("same stride 2", normal(1, 2, 7, 8), 3, stride=2, padding="same")
    add("same stride 1 even kernel", normal(1, 2, 4, 5), 2, stride=1, padding="same")
    add("same stride 3 by 2 dilation", normal(1, 2, 9, 8), (2, 3), stride=(3, 2), dilation=2, padding="same")
    # Ties: the gradient goes to the first of the maxima, in row order.
    add("tied 2x2", levels(2, 2, 6, 6, values=few), 2)
    add("tied 3x3 stride 2 padded", levels(2, 2, 7, 7, values=few), 3, stride=2, padding=1)
    add("tied 3x3 stride 1", levels(1, 2, 5, 6, values=few), 3, stride=1, padding=1)
    add("tied 3x3 stride 2 ceil", levels(1, 2, 6, 8, values=few), 3, stride=2, ceil=True)
    add("tied dilation 2", levels(1, 2, 8, 7, values=few), 2, stride=1, dilation=2)
    add("rectified 2x2", rectified(2, 3, 6, 6), 2)
    add("rectified 3x3 stride 2", rectified(2, 2, 9, 8), 3, stride=2)
    add("constant 2x2", points([0.0], 1, 2, 5, 5), 2)
    add("constant 3x3 padded", points([-2.0], 1, 2, 5, 5), 3, stride=2, padding=1)
    add("signed zeros", points([0.0, -0.0, -0.0, 0.0, -1.0], 1, 2, 6, 6), 2)
    add("all negative padded", points([-5.0, -3.0, -4.0, -7.0], 1, 2, 5, 6), 3, stride=2, padding=1)
    add("far below zero", normal(1, 2, 5, 5, mean=-1e30, std=1e29), 3, stride=2, padding=1)
    add("expanded batch", normal(1, 2, 5, 5), 3, stride=2, expand={"x": (3, 2, 5, 5)})
    return family


def avg_pool2d():
    family = Family("avg_pool2d")

    def add(name, draw, kernel, expand=None, counts=(True, False), **geometry):
        attrs = window(kernel, **{"stride": kernel} | geometry)

        def compute(x, count):
            rest = {"stride": attrs["stride"], "ceil_mode": attrs["ceil"]}
            both = symmetric(attrs)
            if attrs["dilation"] != [1, 1]:
                # PyTorch has no such pooling: a convolution of every channel by itself.
                taps = torch.ones(x.shape[1], 1, *attrs["kernel_size"], dtype=x.dtype)
                rest = {"stride": attrs["stride"], "dilation": attrs["dilation"], "groups": x.shape[1]}
                area = taps[0].numel() if count else F.conv2d(padded(torch.ones_like(x), attrs), taps, **rest)
                return F.conv2d(padded(x, attrs), taps, **rest) / area
            if both is not None:
                return F.avg_pool2d(x, attrs["kernel_size"], padding=both, count_include_pad=count, **rest)
            assert not attrs["ceil"], "where the last window may start depends on what is padding"
            mean = F.avg_pool2d(padded(x, attrs), attrs["kernel_size"], **rest)
            if count:
                return mean
            return mean / F.avg_pool2d(padded(torch.ones_like(x), attrs), attrs["kernel_size"], **rest)

        for count in counts:
            suffix = "" if len(counts) == 1 else " counting pads" if count else " not counting pads"
            family.case(
                name + suffix,
                "avg_pool2d",
                {"x": draw},
                lambda x: compute(x, count),
                attrs | {"count_include_pad": count},
                expand=expand,
            )

    one = {"counts": (True,)}
    add("2x2", normal(2, 3, 6, 4), 2)
    add("2x2 odd size", normal(1, 2, 7, 5), 2, **one)
    add("2x2 remainder of 9", normal(1, 1, 9, 9), 2, **one)
    add("2x2 odd size ceil", normal(1, 2, 7, 5), 2, ceil=True)
    add("2x2 padded", normal(1, 2, 5, 4), 2, padding=1)
    add("2x2 padded ceil", normal(1, 2, 4, 5), 2, padding=1, ceil=True)
    add("2x2 stride 3", normal(1, 2, 7, 8), 2, stride=3, **one)
    add("2x2 stride 3 ceil", normal(1, 2, 7, 8), 2, stride=3, ceil=True)
    add("3x3", normal(1, 2, 6, 9), 3, **one)
    add("3x3 remainder", normal(1, 2, 8, 10), 3, **one)
    add("3x3 stride 2", normal(1, 2, 7, 8), 3, stride=2, **one)
    add("3x3 stride 2 padded", normal(2, 2, 7, 6), 3, stride=2, padding=1)
    add("3x3 stride 2 padded ceil", normal(1, 2, 6, 8), 3, stride=2, padding=1, ceil=True)
    add("3x3 stride 2 ceil", normal(1, 2, 6, 8), 3, stride=2, ceil=True)
    add("3x3 stride 1 half", normal(1, 2, 5, 4), 3, stride=1, padding=1)
    add("4x4 stride 3 padded 2 ceil", normal(1, 2, 7, 9), 4, stride=3, padding=2, ceil=True)
    add("2x3 stride 1 by 2", normal(1, 2, 5, 6), (2, 3), stride=(1, 2), padding=(1, 0))
    add("1x3", normal(1, 2, 3, 7), (1, 3), padding=(0, 1))
    add("1x1 stride 2", normal(1, 2, 5, 4), 1, stride=2, **one)
    add("3x2 dilation 2 stride 1 by 2 padded", normal(1, 2, 7, 8), (3, 2), stride=(1, 2), padding=1, dilation=2)
    add("2x2 dilation 3 same", normal(1, 2, 6, 5), 2, stride=2, padding="same", dilation=3)
    add("whole map", normal(2, 3, 4, 5), (4, 5), **one)
    add("one pixel", normal(2, 3, 1, 1), 1, **one)
    add("one pixel padded", normal(2, 2, 1, 1), 3, stride=1, padding=1)
    add("channels height width equal", normal(4, 4, 4, 4), 2, stride=1, **one)
    add("many channels", normal(1, 37, 3, 4), 2, stride=1, **one)
    add("uneven pad", normal(1, 2, 5, 6), 3, stride=2, padding=(0, 1, 1, 0))
    add("same stride 2", normal(1, 2, 6, 7), 3, stride=2, padding="same")
    add("same stride 1 even kernel", normal(1, 2, 4, 5), 2, stride=1, padding="same")
    add("larger map", normal(1, 2, 17, 19), 5, stride=2, padding=2)
    add("expanded rows", normal(2, 2, 1, 6), 2, expand={"x": (2, 2, 4, 6)}, **one)
    return family


def adaptive_pool2d():
    family = Family("adaptive_pool2d")

    def add(name, x, size, expand=None, draw=None):
        family.case(
            name,
            "adaptive_avg_pool2d",
            {"x": draw or normal(*x)},
            lambda x: F.adaptive_avg_pool2d(x, size),
            {"size": list(size)},
            expand=expand,
        )

    add("to one", (2, 3, 5, 7), (1, 1))
    add("even bins", (1, 2, 6, 8), (3, 4))
    add("uneven bins", (2, 2, 7, 5), (3, 2))
    add("uneven overlapping bins", (1, 2, 7, 8), (5, 6))
    add("7 to 6", (1, 1, 7, 7), (6, 6))
    add("10 to 7", (1, 2, 10, 11), (7, 4))
    add("same size", (1, 2, 3, 4), (3, 4))
    add("up-sizing", (1, 2, 3, 2), (7, 7))
    add("up-sizing by a factor", (1, 2, 2, 3), (4, 6))
    add("up and down", (1, 2, 3, 9), (5, 4))
    add("one pixel to 3x2", (2, 3, 1, 1), (3, 2))
    add("one pixel to one", (2, 3, 1, 1), (1, 1))
    add("rows only", (1, 2, 5, 6), (1, 6))
    add("channels height width equal", (4, 4, 4, 4), (3, 3))
    add("expanded batch", (2, 2, 5, 4), (2, 3), draw=normal(1, 2, 5, 4), expand={"x": (2, 2, 5, 4)})

    def add_global(name, *x):
        family.case(f"global {name}", "global_avg_pool2d", {"x": normal(*x)}, lambda x: x.mean((2, 3), keepdim=True))

    add_global("odd", 2, 3, 5, 7)
    add_global("one pixel", 3, 4, 1, 1)
    add_global("one channel", 1, 1, 3, 4)
    add_global("channels height width equal", 4, 4, 4, 4)
    add_global("larger map", 1, 2, 17, 19)
    add_global("many channels", 1, 37, 2, 3)
    return family
