"""Convolution, transposed convolution and fully connected layers."""

import torch.nn.functional as F

from record import Family, levels, normal, rectified
from windows import pair, padded, sides, symmetric, window


def conv2d():
    family = Family("conv2d")

    def add(name, x, out, kernel, groups=1, bias=True, draw=None, expand=None, weight=None, **geometry):
        attrs = window(kernel, **geometry) | {"groups": groups}
        inputs = {"x": draw or normal(*x), "weight": weight or normal(out, x[1] // groups, *pair(kernel))}
        if bias:
            inputs["bias"] = normal(out)

        def compute(x, weight, bias=None):
            rest = {"stride": attrs["stride"], "dilation": attrs["dilation"], "groups": groups}
            both = symmetric(attrs)
            if both is None:
                return F.conv2d(padded(x, attrs), weight, bias, **rest)
            return F.conv2d(x, weight, bias, padding=both, **rest)

        family.case(name, "conv2d", inputs, compute, attrs, expand=expand)

    add("1x1", (2, 3, 4, 5), 4, 1)
    add("1x1 no bias", (2, 3, 4, 5), 4, 1, bias=False)
    add("1x1 stride 2", (1, 4, 5, 5), 3, 1, stride=2)
    add("1x1 stride 3 by 2", (2, 3, 7, 6), 2, 1, stride=(3, 2))
    add("1x1 padded", (1, 2, 3, 4), 3, 1, padding=1)
    add("1x1 padded stride 2", (1, 2, 4, 3), 2, 1, padding=(2, 1), stride=2)
    add("1x1 groups 2", (2, 4, 3, 3), 6, 1, groups=2)
    add("1x1 one pixel", (3, 5, 1, 1), 7, 1)
    add("1x1 one channel", (1, 1, 3, 4), 1, 1)
    add("3x3 valid", (1, 2, 5, 6), 3, 3)
    add("3x3 half", (2, 3, 5, 7), 4, 3, padding=1)
    add("3x3 half no bias", (1, 3, 6, 5), 2, 3, padding=1, bias=False)
    add("3x3 half even size", (1, 2, 8, 8), 2, 3, padding=1)
    add("3x3 full", (1, 2, 4, 3), 2, 3, padding=2)
    add("3x3 beyond full", (1, 1, 3, 2), 2, 3, padding=4)
    add("3x3 stride 2", (2, 2, 7, 9), 3, 3, stride=2, padding=1)
    add("3x3 stride 2 even size", (1, 3, 8, 6), 2, 3, stride=2, padding=1)
    add("3x3 stride 2 drops a row", (1, 2, 8, 6), 2, 3, stride=2)
    add("3x3 stride 3", (1, 2, 10, 8), 2, 3, stride=3, padding=1)
    add("3x3 stride 3 drops two", (1, 2, 8, 11), 2, 3, stride=3)
    add("3x3 stride past the kernel", (1, 2, 9, 9), 2, 2, stride=3)
    add("3x3 dilation 2", (1, 2, 7, 8), 2, 3, dilation=2)
    add("3x3 dilation 2 half", (1, 2, 6, 5), 3, 3, dilation=2, padding=2)
    add("3x3 dilation 3 by 1", (1, 2, 9, 5), 2, 3, dilation=(3, 1), padding=(3, 1))
    add("3x3 dilation 2 stride 2", (1, 2, 9, 8), 2, 3, dilation=2, stride=2, padding=1)
    add("3x3 dilation 2 stride 3 groups 2", (1, 4, 9, 7), 2, 3, dilation=2, stride=3, padding=2, groups=2)
    add("3x3 one pixel", (2, 3, 1, 1), 2, 3, padding=1)
    add("3x3 one row", (1, 2, 1, 6), 3, 3, padding=1)
    add("3x3 one column stride 2", (1, 2, 6, 1), 3, 3, padding=1, stride=2)
    add("3x3 whole map", (2, 3, 3, 3), 4, 3)
    add("3x3 channels height width equal", (4, 4, 4, 4), 4, 3, padding=1)
    add("2x2 valid", (1, 3, 5, 4), 2, 2)
    add("2x2 stride 2", (1, 3, 6, 5), 2, 2, stride=2)
    add("4x4 stride 2 padded", (1, 2, 8, 8), 3, 4, stride=2, padding=1)
    add("4x4 stride 4", (1, 2, 9, 8), 3, 4, stride=4)
    add("5x5 half", (1, 2, 6, 7), 2, 5, padding=2)
    add("5x5 whole map", (2, 2, 5, 5), 6, 5)
    add("7x7 stride 2", (1, 3, 11, 12), 2, 7, stride=2, padding=3)
    add("7x7 over a small map", (1, 1, 2, 3), 2, 7, padding=3)
    add("11x11 stride 4", (1, 1, 19, 15), 2, 11, stride=4, padding=2)
    add("1x3", (1, 2, 4, 6), 3, (1, 3), padding=(0, 1))
    add("3x1", (1, 2, 6, 4), 3, (3, 1), padding=(1, 0))
    add("1x7 half", (1, 2, 3, 8), 2, (1, 7), padding=(0, 3))
    add("7x1 half", (1, 2, 8, 3), 2, (7, 1), padding=(3, 0))
    add("2x3 stride 1 by 2", (1, 2, 5, 8), 2, (2, 3), stride=(1, 2), padding=(1, 0))
    add("3x2 stride 3 by 1 dilation 1 by 2", (2, 2, 8, 5), 2, (3, 2), stride=(3, 1), dilation=(1, 2), padding=(2, 1))
    add("3x3 uneven pad", (1, 2, 5, 4), 2, 3, padding=(0, 1, 2, 0))
    add("3x3 uneven pad stride 2", (1, 2, 6, 7), 2, 3, padding=(1, 0, 0, 2), stride=2)
    add("3x3 uneven pad groups 2", (1, 4, 5, 4), 4, 3, padding=(2, 0, 1, 0), groups=2)
    add("3x3 same", (1, 2, 5, 6), 2, 3, padding="same")
    add("3x3 same stride 2 even size", (1, 3, 6, 8), 2, 3, padding="same", stride=2)
    add("3x3 same stride 2 odd size", (1, 3, 7, 5), 2, 3, padding="same", stride=2)
    add("2x2 same", (1, 2, 4, 5), 2, 2, padding="same")
    add("4x5 same stride 3 by 2", (1, 2, 8, 7), 2, (4, 5), padding="same", stride=(3, 2))
    add("3x3 same dilation 2", (1, 2, 6, 6), 2, 3, padding="same", dilation=2)
    add("1x1 same stride 2", (1, 2, 5, 5), 2, 1, padding="same", stride=2)
    add("3x3 groups 2", (2, 4, 5, 4), 6, 3, padding=1, groups=2)
    add("3x3 groups 3 stride 2 no bias", (1, 6, 5, 7), 3, 3, padding=1, groups=3, stride=2, bias=False)
    add("5x5 groups 2", (1, 4, 6, 5), 4, 5, padding=2, groups=2)
    add("depthwise 3x3", (2, 5, 5, 6), 5, 3, padding=1, groups=5)
    add("depthwise 3x3 stride 2", (1, 4, 7, 8), 4, 3, padding=1, groups=4, stride=2)
    add("depthwise 3x3 stride 2 same", (1, 4, 6, 7), 4, 3, padding="same", groups=4, stride=2)
    add("depthwise 3x3 dilation 2", (1, 3, 6, 7), 3, 3, padding=2, groups=3, dilation=2)
    add("depthwise 5x5 stride 2 no bias", (1, 3, 8, 7), 3, 5, padding=2, groups=3, stride=2, bias=False)
    add("depthwise 7x7", (1, 3, 7, 6), 3, 7, padding=3, groups=3)
    add("depthwise 3x1 valid", (1, 3, 5, 4), 3, (3, 1), groups=3)
    add("depthwise 1x1", (2, 4, 3, 4), 4, 1, groups=4)
    add("depthwise multiplier 2", (1, 3, 5, 5), 6, 3, padding=1, groups=3)
    add("depthwise multiplier 3 stride 3", (1, 2, 7, 7), 6, 2, stride=3, groups=2)
    add("depthwise one pixel", (2, 3, 1, 1), 3, 3, padding=1, groups=3)
    add("rectified input", (1, 3, 6, 6), 3, 3, padding=1, draw=rectified(1, 3, 6, 6))
    add("expanded batch", (3, 2, 4, 5), 3, 3, padding=1, draw=normal(1, 2, 4, 5), expand={"x": (3, 2, 4, 5)})
    add(
        "expanded channels",
        (2, 4, 4, 4),
        2,
        3,
        padding=1,
        draw=normal(2, 1, 4, 4),
        expand={"x": (2, 4, 4, 4)},
    )
    # Past the widths of vectors and blocks, with a remainder everywhere.
    add("3x3 many channels", (2, 17, 7, 9), 19, 3, padding=1)
    add("3x3 16 to 16", (1, 16, 12, 12), 16, 3, padding=1, bias=False)
    add("3x3 many channels stride 2", (1, 19, 9, 7), 17, 3, padding=1, stride=2)
    add("1x1 many channels", (2, 33, 5, 5), 35, 1)
    add("1x1 many channels stride 2", (1, 33, 5, 7), 18, 1, stride=2)
    add("3x3 wide map", (1, 1, 5, 131), 2, 3, padding=1)
    add("3x3 more than 512 pixels", (1, 1, 27, 29), 1, 3, padding=1)
    add("depthwise many channels", (1, 35, 5, 6), 35, 3, padding=1, groups=35)
    add("3x3 batch 9", (9, 2, 3, 4), 3, 3, padding=1)
    # Large enough to be cut into blocks, or shared among threads, also within one image.
    add("7x7 larger map", (1, 4, 18, 19), 4, 7, padding=3)
    add("9x9 groups 4 larger map", (1, 8, 15, 16), 8, 9, padding=4, groups=4)
    add("11x11 larger map", (1, 6, 21, 22), 1, 11, padding=5)
    add("depthwise 3x3 larger map", (1, 2, 25, 27), 2, 3, padding=1, groups=2)
    add(
        "11x11 of 90 equal channels",
        (1, 90, 21, 22),
        1,
        11,
        padding=5,
        draw=normal(1, 1, 21, 22),
        weight=normal(1, 90, 1, 11),
        expand={"x": (1, 90, 21, 22), "weight": (1, 90, 11, 11)},
    )
    # Weights of more than 2^15 values, without storing them all.
    for what, weight in (("output", normal(1, 48, 3, 3)), ("input", normal(80, 1, 3, 3))):
        expand = {"weight": (80, 48, 3, 3)}
        add(f"3x3 large weight, every {what} the same", (2, 48, 3, 4), 80, 3, padding=1, weight=weight, expand=expand)
    add(
        "3x3 large weight in 2 groups, every input the same",
        (2, 96, 3, 2),
        80,
        3,
        padding=1,
        groups=2,
        weight=normal(80, 1, 3, 3),
        expand={"weight": (80, 48, 3, 3)},
    )
    add("integers", (1, 3, 5, 5), 3, 3, padding=1, draw=levels(1, 3, 5, 5, values=[-2, -1, 0, 1, 2]))
    return family


def conv_transpose2d():
    family = Family("conv_transpose2d")

    def add(name, x, out, kernel, groups=1, bias=True, output_padding=0, expand=None, draw=None, **geometry):
        attrs = window(kernel, **geometry) | {"groups": groups, "output_padding": pair(output_padding)}
        inputs = {"x": draw or normal(*x), "weight": normal(x[1], out // groups, *pair(kernel))}
        if bias:
            inputs["bias"] = normal(out)

        def compute(x, weight, bias=None):
            rest = {"stride": attrs["stride"], "dilation": attrs["dilation"], "groups": groups}
            rest["output_padding"] = attrs["output_padding"]
            both = symmetric(attrs)
            if both is not None:
                return F.conv_transpose2d(x, weight, bias, padding=both, **rest)
            # The padding of a transposed convolution crops its output.
            top, bottom, left, right = sides(attrs["padding"])
            whole = F.conv_transpose2d(x, weight, bias, **rest)
            return whole[:, :, top : whole.shape[2] - bottom, left : whole.shape[3] - right]

        family.case(name, "conv_transpose2d", inputs, compute, attrs, expand=expand)

    add("1x1", (2, 3, 3, 4), 2, 1)
    add("1x1 stride 2", (1, 3, 3, 2), 2, 1, stride=2)
    add("1x1 stride 2 outpad", (1, 2, 3, 2), 2, 1, stride=2, output_padding=1)
    add("2x2 stride 2", (2, 3, 3, 4), 2, 2, stride=2)
    add("2x2 stride 2 no bias", (1, 4, 4, 3), 2, 2, stride=2, bias=False)
    add("2x2 stride 3 gaps", (1, 2, 3, 3), 2, 2, stride=3)
    add("3x3", (1, 2, 4, 3), 3, 3)
    add("3x3 padded", (1, 2, 4, 5), 3, 3, padding=1)
    add("3x3 stride 2 padded", (1, 2, 4, 3), 2, 3, stride=2, padding=1)
    add("3x3 stride 2 outpad", (1, 3, 3, 4), 2, 3, stride=2, padding=1, output_padding=1)
    add("3x3 stride 3 outpad 2", (1, 2, 2, 3), 2, 3, stride=3, padding=1, output_padding=2)
    add("3x3 stride 2 outpad 1 by 0", (1, 2, 3, 3), 2, 3, stride=2, padding=1, output_padding=(1, 0))
    add("3x3 stride 1 by 2", (1, 2, 3, 4), 2, 3, stride=(1, 2), padding=(0, 1))
    add("3x3 dilation 2", (1, 2, 4, 3), 2, 3, dilation=2)
    add("3x3 dilation 2 stride 2 padded", (1, 2, 3, 4), 2, 3, dilation=2, stride=2, padding=2)
    add("3x3 dilation 3 outpad", (1, 2, 3, 3), 2, 3, dilation=3, padding=1, output_padding=2)
    add("4x4 stride 2 padded", (1, 3, 4, 4), 2, 4, stride=2, padding=1)
    add("4x4 from one pixel", (2, 5, 1, 1), 3, 4)
    add("3x3 one pixel padded", (2, 3, 1, 1), 2, 3, padding=1)
    add("5x5 stride 3", (1, 2, 3, 2), 2, 5, stride=3, padding=2, output_padding=1)
    add("2x3", (1, 2, 3, 4), 2, (2, 3), stride=(2, 1), padding=(0, 1))
    add("1x4 stride 1 by 2", (1, 2, 3, 3), 2, (1, 4), stride=(1, 2), padding=(0, 1))
    add("3x3 groups 2", (1, 4, 3, 4), 6, 3, groups=2, padding=1)
    outpad = {"stride": 2, "padding": 1, "output_padding": 1}
    add("3x3 groups 2 stride 2 outpad no bias", (2, 4, 3, 3), 2, 3, groups=2, bias=False, **outpad)
    add("4x4 depthwise stride 2", (1, 4, 3, 3), 4, 4, groups=4, stride=2, padding=1)
    add("3x3 groups 3 dilation 2", (1, 3, 3, 4), 6, 3, groups=3, dilation=2, padding=1)
    add("channels height width equal", (3, 3, 3, 3), 3, 3, padding=1)
    add("3x3 uneven crop", (1, 2, 4, 4), 2, 3, stride=2, padding=(0, 1, 1, 0))
    add("3x3 many channels", (1, 17, 4, 5), 18, 3, stride=2, padding=1, output_padding=1)
    add("4x4 stride 2 larger map", (1, 4, 13, 12), 3, 4, stride=2, padding=1)
    add("expanded batch", (3, 2, 3, 3), 2, 2, stride=2, draw=normal(1, 2, 3, 3), expand={"x": (3, 2, 3, 3)})
    return family


def linear():
    family = Family("linear")

    def add(name, x, out, bias=True, expand=None, draw=None):
        features = 1
        for size in x[1:]:
            features *= size
        inputs = {"x": draw or normal(*x), "weight": normal(out, features)}
        if bias:
            inputs["bias"] = normal(out)
        family.case(
            name,
            "linear",
            inputs,
            lambda x, weight, bias=None: F.linear(x.flatten(1), weight, bias),
            expand=expand,
        )

    add("flat", (3, 5), 4)
    add("flat no bias", (3, 5), 4, bias=False)
    add("batch 1", (1, 7), 3)
    add("one feature", (4, 1), 3)
    add("one output", (4, 6), 1)
    add("one of each", (1, 1), 1)
    add("square", (4, 4), 4)
    add("map", (2, 3, 4, 5), 6)
    add("map no bias", (2, 3, 2, 3), 5, bias=False)
    add("one pixel map", (3, 5, 1, 1), 4)
    add("batch 1 map", (1, 4, 3, 3), 2)
    add("channels height width equal", (3, 3, 3, 3), 3)
    add("many features", (2, 67), 35)
    add("expanded batch", (4, 5), 3, draw=normal(1, 5), expand={"x": (4, 5)})
    add("expanded map", (2, 3, 2, 4), 3, draw=normal(2, 3, 1, 4), expand={"x": (2, 3, 2, 4)})
    return family
