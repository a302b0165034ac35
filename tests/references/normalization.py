"""Normalization: batch, layer, group, instance, local response."""

import torch
import torch.nn.functional as F

from record import Family, normal, points, rectified, uniform


def batch_norm():
    family = Family("batch_norm")

    def train(name, draw, channels, affine=True, eps=1e-5, expand=None):
        inputs = {"x": draw} | ({"weight": normal(channels), "bias": normal(channels)} if affine else {})

        def compute(x, weight=None, bias=None):
            mean = x.mean((0, 2, 3)).detach()
            variance = x.var((0, 2, 3), unbiased=False).detach()
            return F.batch_norm(x, None, None, weight, bias, training=True, eps=eps), mean, variance

        outputs = ("y", "mean", "variance")
        family.case(f"train {name}", "batch_norm_train", inputs, compute, {"eps": eps}, outputs=outputs, expand=expand)

    train("odd", normal(3, 2, 5, 3), 2)
    train("not affine", normal(2, 3, 4, 5), 3, affine=False)
    train("batch 1", normal(1, 3, 4, 3), 3)
    train("one pixel", normal(5, 4, 1, 1), 4)
    train("two values", normal(2, 3, 1, 1), 3, eps=0.5)
    train("one channel", normal(2, 1, 3, 4), 1)
    train("large eps", normal(2, 2, 3, 3), 2, eps=0.1)
    train("small eps", normal(2, 2, 3, 4), 2, eps=1e-12)
    train("channels height width equal", normal(4, 4, 4, 4), 4)
    train("many channels", normal(2, 35, 2, 3), 35)
    train("large mean", normal(2, 2, 4, 5, mean=15.0), 2)
    train("rectified", rectified(3, 3, 4, 4), 3)
    train("constant zero", points([0.0], 2, 2, 3, 3), 2)
    train("constant channels", points([1.0, 2.0], 2, 2, 1, 1), 2, eps=0.01)
    train("larger map", normal(2, 2, 17, 19), 2)
    train("expanded width", normal(3, 2, 4, 1), 2, expand={"x": (3, 2, 4, 3)})

    def evaluate(name, draw, channels, affine=True, eps=1e-5, expand=None):
        inputs = {"x": draw, "mean": normal(channels), "variance": uniform(channels, low=0.2, high=3.0)}
        inputs |= {"weight": normal(channels), "bias": normal(channels)} if affine else {}
        family.case(
            f"eval {name}",
            "batch_norm_eval",
            inputs,
            lambda x, mean, variance, weight=None, bias=None: F.batch_norm(x, mean, variance, weight, bias, eps=eps),
            {"eps": eps},
            grads=[key for key in inputs if key not in ("mean", "variance")],
            expand=expand,
        )

    evaluate("odd", normal(3, 2, 5, 3), 2)
    evaluate("not affine", normal(2, 3, 4, 5), 3, affine=False)
    evaluate("one value", normal(1, 3, 1, 1), 3)
    evaluate("batch 1", normal(1, 3, 4, 3), 3)
    evaluate("large eps", normal(2, 2, 3, 3), 2, eps=0.1)
    evaluate("channels height width equal", normal(4, 4, 4, 4), 4)
    evaluate("many channels", normal(1, 35, 2, 3), 35)
    evaluate("expanded batch", normal(1, 3, 2, 3), 3, expand={"x": (4, 3, 2, 3)})
    return family


def batch_norm_layer():
    """Three training steps and one evaluation of the layer: outputs and running statistics of each step."""
    family = Family("batch_norm_layer")

    def add(name, steps, affine=True, eps=1e-5, momentum=0.1):
        channels = steps[0][1]
        inputs = {f"x{index}": normal(*shape, mean=0.5, std=1.5) for index, shape in enumerate(steps)}
        inputs |= {"unseen": normal(*steps[0])}
        inputs |= {"weight": normal(channels), "bias": normal(channels)} if affine else {}

        def compute(weight=None, bias=None, **x):
            dtype = x["unseen"].dtype
            mean, variance = torch.zeros(channels, dtype=dtype), torch.ones(channels, dtype=dtype)
            found = []
            for index in range(len(steps)):
                seen = x[f"x{index}"]
                y = F.batch_norm(seen, mean, variance, weight, bias, training=True, momentum=momentum, eps=eps)
                found += [y, mean.clone(), variance.clone()]
            y = F.batch_norm(x["unseen"], mean, variance, weight, bias, eps=eps)
            return y, *found

        outputs = ["y"]
        for index in range(len(steps)):
            outputs += [f"y{index}", f"mean{index}", f"variance{index}"]
        attrs = {"eps": eps, "momentum": momentum, "affine": affine, "channels": channels, "steps": len(steps)}
        grads = ["unseen", "weight", "bias"] if affine else ["unseen"]
        family.case(name, "batch_norm_layer", inputs, compute, attrs, outputs=outputs, grads=grads)

    add("one step", [(3, 2, 4, 3)])
    add("three steps", [(2, 3, 3, 4)] * 3)
    add("three steps of different sizes", [(2, 2, 3, 4), (1, 2, 5, 5), (4, 2, 1, 2)])
    add("momentum 0.3", [(2, 3, 3, 3)] * 3, momentum=0.3)
    add("momentum 1", [(2, 2, 3, 3)] * 3, momentum=1.0)
    add("momentum 0", [(2, 2, 3, 3)] * 2, momentum=0.0)
    add("not affine", [(2, 3, 3, 4)] * 3, affine=False)
    add("large eps", [(2, 2, 3, 3)] * 3, eps=0.01)
    add("two values", [(2, 3, 1, 1)] * 3, eps=0.5)
    return family


def other_norms():
    family = Family("norms")

    def with_affine(draw, channels, affine):
        return {"x": draw} | ({"weight": normal(channels), "bias": normal(channels)} if affine else {})

    def layer(name, *x, eps=1e-5, affine=True, expand=None, draw=None):
        def compute(x, weight=None, bias=None):
            if x.dim() == 2:
                return F.layer_norm(x, x.shape[1:], weight, bias, eps)
            return F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], weight, bias, eps).permute(0, 3, 1, 2)

        inputs = with_affine(draw or normal(*x), x[1], affine)
        family.case(f"layer {name}", "layer_norm", inputs, compute, {"eps": eps}, expand=expand)

    layer("flat", 3, 7)
    layer("flat batch 1", 1, 5)
    layer("flat many features", 2, 131)
    layer("map", 2, 5, 3, 4)
    layer("map batch 1", 1, 4, 2, 3)
    layer("map one pixel", 2, 6, 1, 1)
    layer("map eps of ConvNeXt", 2, 4, 3, 3, eps=1e-6)
    layer("map channels height width equal", 4, 4, 4, 4)
    layer("map many channels", 1, 35, 2, 3)
    layer("map large mean", 1, 9, 3, 2, draw=normal(1, 9, 3, 2, mean=15.0))
    layer("map expanded height", 2, 5, 3, 2, draw=normal(2, 5, 1, 2), expand={"x": (2, 5, 3, 2)})
    layer("map larger map", 1, 3, 17, 19)
    layer("map two channels", 2, 2, 3, 3, eps=0.5)

    def group(name, groups, *x, eps=1e-5, affine=True, draw=None, expand=None, **options):
        family.case(
            f"group {name}",
            "group_norm",
            with_affine(draw or normal(*x), x[1], affine),
            lambda x, weight=None, bias=None: F.group_norm(x, groups, weight, bias, eps),
            {"groups": groups, "eps": eps},
            expand=expand,
            **options,
        )

    group("2 of 6", 2, 2, 6, 3, 4)
    group("3 of 6 not affine", 3, 2, 6, 3, 3, affine=False)
    group("1 of 3", 1, 2, 3, 4, 5)
    group("every channel", 4, 2, 4, 3, 3)
    group("batch 1", 2, 1, 4, 5, 3)
    group("one pixel", 2, 3, 8, 1, 1)
    group("large eps", 2, 2, 4, 2, 3, eps=0.1)
    group("channels height width equal", 2, 4, 4, 4, 4)
    group("many channels", 5, 1, 35, 2, 3)
    # PyTorch takes the weight's gradient as the difference of two large sums.
    group("large mean", 2, 1, 4, 3, 4, draw=normal(1, 4, 3, 4, mean=8.0), fair=1e-5)
    group("rectified", 2, 2, 4, 4, 4, draw=rectified(2, 4, 4, 4))
    group("larger map", 2, 1, 4, 17, 16)
    group("expanded batch", 2, 3, 4, 2, 3, draw=normal(1, 4, 2, 3), expand={"x": (3, 4, 2, 3)})

    def instance(name, *x, eps=1e-5, affine=True, draw=None):
        family.case(
            f"instance {name}",
            "instance_norm",
            with_affine(draw or normal(*x), x[1], affine),
            lambda x, weight=None, bias=None: F.instance_norm(x, weight=weight, bias=bias, eps=eps),
            {"eps": eps},
        )

    instance("odd", 2, 3, 5, 3)
    instance("not affine", 2, 3, 4, 5, affine=False)
    instance("batch 1", 1, 2, 3, 4)
    instance("two pixels", 2, 3, 1, 2, eps=0.5)
    instance("large eps", 1, 2, 3, 3, eps=0.1)
    instance("channels height width equal", 4, 4, 4, 4)
    instance("large mean", 1, 2, 4, 4, draw=normal(1, 2, 4, 4, mean=15.0))
    instance("rectified", 2, 3, 4, 4, draw=rectified(2, 3, 4, 4))

    def response(name, size, *x, alpha=1e-4, beta=0.75, k=1.0, draw=None, expand=None):
        family.case(
            f"local response {name}",
            "local_response_norm",
            {"x": draw or normal(*x)},
            lambda x: F.local_response_norm(x, size, alpha, beta, k),
            {"size": size, "alpha": alpha, "beta": beta, "k": k},
            expand=expand,
        )

    response("1", 1, 2, 4, 3, 3, alpha=0.5)
    response("2", 2, 2, 5, 3, 2, alpha=0.7)
    response("3", 3, 2, 5, 3, 4, alpha=0.5)
    response("4", 4, 1, 7, 3, 3, alpha=0.9, beta=0.5)
    response("5", 5, 2, 7, 2, 3, alpha=0.5, k=2.0)
    response("5 of AlexNet", 5, 1, 8, 3, 3, k=2.0, draw=normal(1, 8, 3, 3, std=20.0))
    response("5 over 3 channels", 5, 1, 3, 3, 4, alpha=0.5)
    response("6 over 2 channels", 6, 2, 2, 2, 3, alpha=1.0)
    response("5 beta 1", 5, 1, 6, 2, 2, alpha=0.5, beta=1.0)
    response("3 over one channel", 3, 2, 1, 3, 3, alpha=0.5)
    response("3 one pixel", 3, 3, 5, 1, 1, alpha=0.5)
    response("4 channels height width equal", 4, 4, 4, 4, 4, alpha=0.5)
    response("5 many channels", 5, 1, 37, 2, 2, alpha=0.5)
    response("5 rectified", 5, 1, 6, 4, 3, alpha=0.5, draw=rectified(1, 6, 4, 3))
    response("5 beta 0.3", 5, 1, 6, 3, 3, alpha=2.0, beta=0.3, k=0.5)
    response("3 larger map", 3, 1, 4, 17, 19, alpha=0.5)
    response("4 larger map", 4, 1, 5, 16, 17, alpha=0.7, beta=0.6)
    response("3 expanded channels", 3, 1, 5, 3, 3, alpha=0.5, draw=normal(1, 1, 3, 3), expand={"x": (1, 5, 3, 3)})
    return family
