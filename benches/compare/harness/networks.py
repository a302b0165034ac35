"""The networks by name, and how PyTorch builds them. PyTorch is imported where it is needed only."""

# Name: shape of one sample.
INPUTS = {
    "lenet5": (1, 32, 32),
    "alexnet": (3, 224, 224),
    "vgg16": (3, 224, 224),
    "resnet18": (3, 224, 224),
    "resnet50": (3, 224, 224),
    "mobilenet_v2": (3, 224, 224),
}
# Multiply-accumulates of one sample, as the project's tests have them.
MACS = {
    "lenet5": 416_520,
    "alexnet": 714_188_480,
    "vgg16": 15_470_264_320,
    "resnet18": 1_814_073_344,
    "resnet50": 4_089_184_256,
    "mobilenet_v2": 300_774_272,
}
NAMES = list(INPUTS)
BATCHES = [1, 8]


def build(name):
    """The network with whatever weights, in eval mode."""
    if name == "lenet5":
        return lenet5().eval()
    import torchvision

    return getattr(torchvision.models, name)(weights=None).eval()


def lenet5():
    """LeNet-5 as the project declares it, with the names of an `nn.Sequential` without its flatten."""
    from collections import OrderedDict

    from torch import nn

    layers = [
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    ]  # fmt: skip
    named = [(str(index), layer) for index, layer in enumerate(layers)]
    return nn.Sequential(OrderedDict(named[:6] + [("flatten", nn.Flatten())] + named[6:]))


def load(name):
    """The network with the weights that were exported."""
    from safetensors.torch import load_file

    from . import paths

    network = build(name)
    missing, unexpected = network.load_state_dict(
        load_file(paths.model(name, "weights.safetensors")), strict=False
    )
    assert not unexpected and all(key.endswith("num_batches_tracked") for key in missing), missing
    return network
