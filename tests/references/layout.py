"""Operations that move values: resizing, shuffling, cropping, padding, joining, and broadcast arithmetic."""

import torch
import torch.nn.functional as F

from record import Family, levels, normal


def resize():
    family = Family("resize")

    def add(op, mode, name, x, scale, expand=None, draw=None):
        options = {"align_corners": False} if mode == "bilinear" else {}
        family.case(
            f"{mode} {name}",
            op,
            {"x": draw or normal(*x)},
            lambda x: F.interpolate(x, scale_factor=[float(factor) for factor in scale], mode=mode, **options),
            {"scale": list(scale)},
            expand=expand,
        )

    for op, mode in (("upsample_nearest2d", "nearest"), ("upsample_bilinear2d", "bilinear")):
        add(op, mode, "2", (2, 3, 3, 4), (2, 2))
        add(op, mode, "3", (1, 2, 3, 3), (3, 3))
        add(op, mode, "4", (1, 1, 3, 2), (4, 4))
        add(op, mode, "2 by 3", (1, 2, 3, 4), (2, 3))
        add(op, mode, "3 by 1", (1, 2, 3, 4), (3, 1))
        add(op, mode, "1 by 2", (1, 2, 3, 4), (1, 2))
        add(op, mode, "1", (1, 2, 3, 4), (1, 1))
        add(op, mode, "5 by 7", (1, 1, 2, 3), (5, 7))
        add(op, mode, "one pixel", (2, 3, 1, 1), (2, 3))
        add(op, mode, "one row", (1, 2, 1, 5), (2, 2))
        add(op, mode, "channels height width equal", (4, 4, 4, 4), (2, 2))
        add(op, mode, "expanded batch", None, (2, 2), draw=normal(1, 2, 2, 3), expand={"x": (3, 2, 2, 3)})

    def pixel_shuffle(name, x, factor):
        inputs, attrs = {"x": normal(*x)}, {"factor": factor}
        family.case(f"pixel shuffle {name}", "pixel_shuffle", inputs, lambda x: F.pixel_shuffle(x, factor), attrs)

    pixel_shuffle("2", (2, 8, 3, 4), 2)
    pixel_shuffle("2 to one channel", (1, 4, 2, 3), 2)
    pixel_shuffle("3", (1, 18, 2, 3), 3)
    pixel_shuffle("1", (1, 3, 2, 3), 1)
    pixel_shuffle("one pixel", (2, 8, 1, 1), 2)
    pixel_shuffle("channels height width equal", (4, 4, 4, 4), 2)

    def channel_shuffle(name, x, groups):
        def compute(x):
            batch, channels, *size = x.shape
            return x.reshape(batch, groups, channels // groups, *size).transpose(1, 2).reshape(x.shape)

        family.case(f"channel shuffle {name}", "channel_shuffle", {"x": normal(*x)}, compute, {"groups": groups})

    channel_shuffle("2 of 6", (2, 6, 2, 3), 2)
    channel_shuffle("3 of 6", (1, 6, 3, 2), 3)
    channel_shuffle("1 of 4", (1, 4, 2, 2), 1)
    channel_shuffle("4 of 4", (1, 4, 2, 3), 4)
    channel_shuffle("channels height width equal", (4, 4, 4, 4), 2)
    return family


def moving():
    family = Family("moving")

    def crop(name, x, size):
        def compute(x):
            top, left = (x.shape[2] - size[0]) // 2, (x.shape[3] - size[1]) // 2
            return x[:, :, top : top + size[0], left : left + size[1]]

        family.case(f"crop {name}", "crop2d", {"x": normal(*x)}, compute, {"size": list(size)})

    crop("even", (2, 3, 6, 8), (4, 4))
    crop("odd remainder", (1, 2, 7, 6), (4, 3))
    crop("rows only", (1, 2, 5, 4), (2, 4))
    crop("nothing", (1, 2, 3, 4), (3, 4))
    crop("to one pixel", (2, 2, 4, 5), (1, 1))
    crop("channels height width equal", (4, 4, 4, 4), (3, 2))

    def pad(name, x, top, bottom, left, right):
        family.case(
            f"pad {name}",
            "pad2d",
            {"x": normal(*x)},
            lambda x: F.pad(x, (left, right, top, bottom)),
            {"sides": [top, bottom, left, right]},
        )

    pad("all sides", (2, 3, 3, 4), 1, 1, 1, 1)
    pad("four sizes", (1, 2, 3, 2), 1, 2, 3, 4)
    pad("bottom", (1, 2, 3, 4), 0, 1, 0, 0)
    pad("left", (1, 2, 3, 4), 0, 0, 2, 0)
    pad("nothing", (1, 2, 3, 4), 0, 0, 0, 0)
    pad("one pixel", (2, 3, 1, 1), 0, 2, 1, 0)
    pad("channels height width equal", (3, 3, 3, 3), 0, 1, 2, 0)

    def flatten(name, *x):
        family.case(f"flatten {name}", "flatten", {"x": normal(*x)}, lambda x: x.flatten(1))

    flatten("map", 2, 3, 4, 5)
    flatten("batch 1", 1, 2, 3, 2)
    flatten("one pixel", 3, 4, 1, 1)
    flatten("flat", 3, 5)
    flatten("channels height width equal", 3, 3, 3, 3)

    def concat(name, shapes, args=None):
        inputs = {f"x{index}": normal(*shape) for index, shape in enumerate(shapes)}
        args = args or list(inputs)

        def compute(**x):
            return torch.cat([x[key] for key in args], 1)

        family.case(f"concat {name}", "concat", inputs, compute, args=args)

    concat("one", [(2, 3, 2, 3)])
    concat("two", [(2, 3, 3, 4), (2, 2, 3, 4)])
    concat("two batch 1", [(1, 1, 3, 4), (1, 4, 3, 4)])
    concat("four", [(2, 1, 2, 3), (2, 3, 2, 3), (2, 2, 2, 3), (2, 1, 2, 3)])
    concat("flat", [(3, 4), (3, 2), (3, 1)])
    concat("one pixel", [(2, 3, 1, 1), (2, 2, 1, 1)])
    concat("a tensor with itself", [(2, 2, 2, 3), (2, 1, 2, 3)], args=["x0", "x1", "x0"])
    concat("channels height width equal", [(3, 3, 3, 3), (3, 3, 3, 3)])

    def spread(value, rank):
        return value.reshape(*value.shape, *[1] * (rank - value.dim()))

    def arithmetic(op, combine, name, a, b, expand=None, shapes=None):
        inputs = {"a": normal(*a), "b": normal(*b)}

        def compute(a, b):
            rank = max(a.dim(), b.dim())
            return combine(spread(a, rank), spread(b, rank))

        family.case(f"{op} {name}", op, inputs, compute, expand=expand)

    for op, combine in (("add", torch.add), ("mul", torch.mul)):
        arithmetic(op, combine, "maps", (2, 3, 4, 5), (2, 3, 4, 5))
        arithmetic(op, combine, "map and channel pixels", (2, 3, 4, 5), (2, 3, 1, 1))
        arithmetic(op, combine, "channel pixels and map", (2, 3, 1, 1), (2, 3, 4, 5))
        arithmetic(op, combine, "map and channels", (2, 3, 4, 5), (2, 3))
        arithmetic(op, combine, "channels and map", (2, 3), (2, 3, 4, 5))
        arithmetic(op, combine, "map and channels, all sizes equal", (4, 4, 4, 4), (4, 4))
        arithmetic(op, combine, "map and channel pixels, all sizes equal", (4, 4, 4, 4), (4, 4, 1, 1))
        arithmetic(op, combine, "channels and map, all sizes equal", (3, 3), (3, 3, 3, 3))
        arithmetic(op, combine, "batch 1 map and channels", (1, 3, 2, 2), (1, 3))
        arithmetic(op, combine, "one pixel map and channels", (2, 3, 1, 1), (2, 3))
        arithmetic(op, combine, "channels", (2, 3), (2, 3))
        arithmetic(op, combine, "one channel", (2, 1, 3, 4), (2, 1))
        arithmetic(op, combine, "expanded", (2, 3, 1, 4), (2, 3), expand={"a": (2, 3, 5, 4)})
        family.case(
            f"{op} a tensor with itself",
            op,
            {"a": levels(2, 2, 3, 3, values=[-2.0, -0.5, 0.0, 1.5])},
            lambda a, combine=combine: combine(a, a),
            args=["a", "a"],
        )
    return family
