"""The networks that are trained, and how PyTorch builds them. PyTorch is imported where it is needed only."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """How a network is trained."""

    # The shape of one sample.
    sample: tuple
    batch: int
    classes: int
    # Such that the first losses differ and weights stay sane over thousands of steps with the same batch.
    learning_rate: float


ALL = {
    "lenet5": Network((1, 28, 28), 32, 10, 0.01),
    "small_vgg": Network((3, 32, 32), 32, 10, 0.0001),
    "resnet18": Network((3, 64, 64), 16, 1000, 0.001),
    "mobilenet_v2": Network((3, 64, 64), 16, 1000, 0.0001),
}
MOMENTUM = 0.9
# The losses of so many steps are compared.
STEPS = 5


def build(name):
    """The network with whatever weights, in training mode; the dropout of MobileNetV2's classifier drops nothing."""
    if name == "lenet5":
        return sequential(lenet5())
    if name == "small_vgg":
        return sequential(small_vgg())
    import torchvision

    settings = {"dropout": 0.0} if name == "mobilenet_v2" else {}
    return getattr(torchvision.models, name)(weights=None, **settings).train()


def lenet5():
    """LeNet-5 as `cnn_examples` declares it for MNIST."""
    from torch import nn

    return {
        "conv1": nn.Conv2d(1, 6, 5, padding=2), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(6, 16, 5), "relu2": nn.ReLU(), "pool2": nn.MaxPool2d(2), "flatten": nn.Flatten(),
        "fc1": nn.Linear(400, 120), "relu3": nn.ReLU(), "fc2": nn.Linear(120, 84), "relu4": nn.ReLU(),
        "fc3": nn.Linear(84, 10),
    }  # fmt: skip


def small_vgg():
    """Two stages of VGG for images of 32x32."""
    from torch import nn

    return {
        "conv1": nn.Conv2d(3, 64, 3, padding=1), "relu1": nn.ReLU(),
        "conv2": nn.Conv2d(64, 64, 3, padding=1), "relu2": nn.ReLU(), "pool1": nn.MaxPool2d(2),
        "conv3": nn.Conv2d(64, 128, 3, padding=1), "relu3": nn.ReLU(),
        "conv4": nn.Conv2d(128, 128, 3, padding=1), "relu4": nn.ReLU(), "pool2": nn.MaxPool2d(2),
        "flatten": nn.Flatten(), "fc1": nn.Linear(8192, 256), "relu5": nn.ReLU(), "fc2": nn.Linear(256, 10),
    }  # fmt: skip


def sequential(layers):
    """Named layers, one after the other."""
    from torch import nn

    return nn.Sequential(OrderedDict(layers)).train()


def load(name):
    """The network with the weights that were exported."""
    from safetensors.torch import load_file

    from .. import paths

    network = build(name)
    weights = load_file(paths.training(name, "weights.safetensors"))
    missing, unexpected = network.load_state_dict(weights, strict=False)
    assert not unexpected and all(key.endswith("num_batches_tracked") for key in missing), missing
    return network
