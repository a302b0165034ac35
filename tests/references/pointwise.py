"""Activations, softmax, and the elementwise layers with a weight."""

import torch
import torch.nn.functional as F

from record import Family, levels, normal, points, uniform
from windows import window

KINKS = [-6.5, -6.0, -3.5, -3.0, -2.5, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.5, 3.0, 3.5, 6.0, 6.5]
# Far out, where a careless formula overflows, or gives 0 * infinity in its derivative.
FAR = [-1e4, -1000.0, -200.0, -90.0, -40.0, -17.0, -9.0, 0.5, 9.0, 17.0, 40.0, 90.0, 200.0, 1000.0, 1e4, 0.25]


def hardsigmoid(x):
    """PyTorch's own backward multiplies by a sixth rounded to float32, in float64 too; the kinks are the same."""
    return F.relu6(x + 3.0) / 6.0


ACTIVATIONS = [
    ("relu", {}, F.relu),
    ("relu6", {}, F.relu6),
    ("leaky_relu", {"slope": 0.2}, lambda x: F.leaky_relu(x, 0.2)),
    ("elu", {"alpha": 1.0}, F.elu),
    ("elu", {"alpha": 0.7}, lambda x: F.elu(x, 0.7)),
    ("gelu", {}, F.gelu),
    ("silu", {}, F.silu),
    ("hardswish", {}, F.hardswish),
    ("hardsigmoid", {}, hardsigmoid),
    ("sigmoid", {}, torch.sigmoid),
    ("tanh", {}, torch.tanh),
]


def activation():
    family = Family("activation")
    for op, attrs, function in ACTIVATIONS:
        title = " ".join([op, *(str(value) for value in attrs.values())])

        def add(name, draw, expand=None):
            family.case(f"{title} {name}", op, {"x": draw}, lambda x: function(x), attrs, expand=expand)

        add("map", normal(2, 3, 3, 5, std=2.5))
        add("flat", normal(3, 7, std=2.5))
        add("one value", normal(1, 1, 1, 1))
        add("kinks", points(KINKS, 2, 2, 4, 4))
        add("near zero", uniform(1, 2, 3, 4, low=-1e-3, high=1e-3))
        add("far", points(FAR, 1, 2, 2, 8))
        add("long", normal(1, 1, 1, 67, std=2.0))
        add("expanded", normal(2, 1, 3, 1), expand={"x": (2, 3, 3, 2)})
    for slope in (0.01, 1.0, -0.5):
        family.case(
            f"leaky_relu {slope} kinks",
            "leaky_relu",
            {"x": points(KINKS, 1, 2, 4, 4)},
            lambda x, slope=slope: F.leaky_relu(x, slope),
            {"slope": slope},
        )

    def softmax(name, draw, expand=None):
        family.case(f"softmax {name}", "softmax", {"x": draw}, lambda x: x.softmax(1), expand=expand)

    softmax("flat", normal(3, 10))
    softmax("flat batch 1", normal(1, 7))
    softmax("flat one class", normal(3, 1))
    softmax("map", normal(2, 4, 3, 2))
    softmax("map one pixel", normal(2, 5, 1, 1))
    softmax("map channels height width equal", normal(4, 4, 4, 4))
    softmax("ties", levels(3, 6, values=[0.0, 1.0]))
    softmax("far", points([1000.0, 1001.0, -1000.0, 999.0, 100.0, -100.0], 3, 6))
    softmax("far below", points([-1000.0, -1001.0, -1000.5], 2, 3))
    softmax("larger map", normal(1, 3, 17, 19))
    softmax("many classes", normal(2, 131, std=3.0))
    softmax("expanded", normal(1, 5), expand={"x": (3, 5)})
    return family


def weighted():
    family = Family("weighted")

    def prelu(name, draw, parameters, weight=None, expand=None):
        inputs = {"x": draw, "weight": weight or normal(parameters)}
        family.case(f"prelu {name}", "prelu", inputs, lambda x, weight: F.prelu(x, weight), expand=expand)

    prelu("one weight", normal(2, 3, 4, 5), 1)
    prelu("weight per channel", normal(2, 3, 4, 5), 3)
    prelu("batch 1", normal(1, 4, 3, 3), 4)
    prelu("one channel", normal(2, 1, 3, 3), 1)
    prelu("one pixel", normal(3, 4, 1, 1), 4)
    prelu("flat one weight", normal(3, 5), 1)
    prelu("flat weight per feature", normal(3, 5), 5)
    prelu("kinks one weight", points(KINKS, 2, 2, 4, 4), 1)
    prelu("kinks weight per channel", points(KINKS, 2, 2, 4, 4), 2)
    prelu("zero weight", normal(1, 3, 3, 4), 3, weight=points([0.0], 3))
    prelu("weight above one", normal(1, 3, 3, 4), 3, weight=points([2.0, 1.0, -1.5], 3))
    prelu("channels height width equal", normal(4, 4, 4, 4), 4)
    prelu("many channels", normal(1, 35, 2, 2), 35)
    prelu("larger map", normal(1, 2, 17, 19), 2)
    prelu("expanded batch", normal(1, 3, 2, 3), 3, expand={"x": (3, 3, 2, 3)})

    def scale(name, draw, channels, weight=None, expand=None):
        inputs = {"x": draw, "weight": weight or normal(channels, 1, 1)}
        family.case(f"scale {name}", "scale", inputs, lambda x, weight: x * weight, expand=expand)

    scale("map", normal(2, 3, 4, 5), 3)
    scale("one pixel", normal(2, 4, 1, 1), 4)
    scale("small weights", normal(2, 3, 3, 3), 3, weight=points([1e-6, 2e-6, -1e-6], 3, 1, 1))
    scale("channels height width equal", normal(4, 4, 4, 4), 4)
    scale("batch height equal", normal(3, 2, 3, 2), 2)
    scale("expanded width", normal(2, 3, 2, 1), 3, expand={"x": (2, 3, 2, 4)})
    return family


def cross_entropy():
    """The loss of classifiers: a mean over the batch. `labels` are classes, stored as f32."""
    family = Family("cross_entropy")

    def classes(name, draw, labels, smoothing=0.0, expand=None):
        def compute(x, labels):
            return F.cross_entropy(x, labels.long(), label_smoothing=smoothing)

        inputs = {"x": draw, "labels": labels}
        attrs = {"smoothing": smoothing}
        title = f"cross_entropy {name}"
        family.case(title, "cross_entropy", inputs, compute, attrs, grads=["x"], expand=expand)

    def labels(count, classes):
        return lambda rng: rng.integers(0, classes, count)

    def probabilities(name, draw, targets, smoothing=0.0):
        def compute(x, targets):
            return F.cross_entropy(x, targets, label_smoothing=smoothing)

        inputs = {"x": draw, "targets": targets}
        attrs = {"smoothing": smoothing}
        title = f"cross_entropy_with_probabilities {name}"
        family.case(title, "cross_entropy_with_probabilities", inputs, compute, attrs, grads=["x"])

    def distributions(count, classes):
        return lambda rng: rng.dirichlet([0.7] * classes, count)

    for smoothing in (0.0, 0.1, 1.0):
        classes(f"of 10, smoothing {smoothing}", normal(7, 10, std=3.0), labels(7, 10), smoothing)
        probabilities(f"of 10, smoothing {smoothing}", normal(7, 10, std=3.0), distributions(7, 10), smoothing)
    classes("one sample", normal(1, 4), labels(1, 4), 0.2)
    classes("one class", normal(3, 1), labels(3, 1), 0.2)
    classes("many classes", normal(2, 1000, std=2.0), labels(2, 1000), 0.1)
    classes("large batch", normal(80, 3), labels(80, 3))
    far = [1000.0, 1001.0, -1000.0, 999.0, 100.0, -100.0]
    classes("far", points(far, 3, 6), labels(3, 6))
    classes("far smoothed", points(far, 3, 6), labels(3, 6), 0.1)
    classes("far below", points([-1000.0, -1001.0, -1000.5], 2, 3), labels(2, 3))
    classes("expanded", normal(1, 5), labels(3, 5), expand={"x": (3, 5)})
    probabilities("one sample", normal(1, 4), distributions(1, 4))
    probabilities("one class", normal(3, 1), distributions(3, 1), 0.2)
    probabilities("not normalized", normal(4, 5), uniform(4, 5, low=0.0, high=2.0), 0.3)
    probabilities("one-hot", normal(2, 3), points([0.0, 1.0, 0.0, 1.0, 0.0, 0.0], 2, 3))
    probabilities("far", points(far, 3, 6), distributions(3, 6), 0.1)
    return family


def nonfinite():
    """What is not a number must stay visible: it passes, as PyTorch lets it, and is not rectified to zero."""
    family = Family("nonfinite")
    nan, inf = float("nan"), float("inf")
    for op, attrs, function in ACTIVATIONS:
        title = " ".join([op, *(str(value) for value in attrs.values())])
        draw = points([nan, 1.0, -1.0, nan, 0.5], 1, 2, 3, 5)
        family.case(f"{title} nan", op, {"x": draw}, lambda x: function(x), attrs, grads=[])
    for op, attrs, function in ACTIVATIONS:
        if op in ("relu", "relu6", "leaky_relu", "elu", "sigmoid", "hardsigmoid", "tanh"):
            title = " ".join([op, *(str(value) for value in attrs.values())])
            draw = points([inf, 1.0, -inf], 1, 2, 3, 3)
            family.case(f"{title} infinite", op, {"x": draw}, lambda x: function(x), attrs, grads=[])
    draw = points([1.0, nan, 0.5, 2.0, 1.0, 0.0], 2, 3)
    family.case("softmax nan", "softmax", {"x": draw}, lambda x: x.softmax(1), grads=[])
    # A window with a NaN has no maximum.
    draw = points([1.0, 2.0, nan, 0.5, -1.0, 3.0, 0.0], 1, 2, 5, 6)
    rest = {"kernel_size": 2, "stride": 2}
    family.case("max_pool2d nan", "max_pool2d", {"x": draw}, lambda x: F.max_pool2d(x, **rest), window(2, 2), grads=[])
    draw = points([-inf], 1, 1, 4, 4)
    family.case("max_pool2d infinite", "max_pool2d", {"x": draw}, lambda x: F.max_pool2d(x, **rest), window(2, 2))
    return family
