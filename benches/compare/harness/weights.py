"""Weights from a seed, such that the logits mean something: values neither vanish nor explode on their way, and each
image gives logits of its own."""

import torch
from torch import nn
from torchvision.models import mobilenetv2, resnet

SEED = 20261125


def fill(network, sample_shape):
    """Gives the network its weights: He's variance (2015), biases and scales that are not trivial, and running
    statistics near those of random images, as training would leave them."""
    generator = torch.Generator().manual_seed(SEED)

    def normal(tensor, std):
        with torch.no_grad():
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * std)

    def uniform(tensor, low, high):
        with torch.no_grad():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    norms = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            normal(module.weight, (2 / module.weight[0].numel()) ** 0.5)
            if module.bias is not None:
                uniform(module.bias, -0.2, 0.2)
        elif isinstance(module, nn.BatchNorm2d):
            norms.append(module)
            uniform(module.weight, 0.5, 1.5)
            uniform(module.bias, -0.3, 0.3)
    for norm in ends_of_residuals(network):
        uniform(norm.weight, 0.2, 0.6)
    if norms:
        measure(network, norms, torch.randn((16, *sample_shape), generator=generator))
    for norm in norms:
        spread = norm.running_var.sqrt()
        norm.running_mean += spread * (torch.rand(spread.shape, generator=generator) - 0.5) * 0.2
        norm.running_var *= torch.rand(spread.shape, generator=generator) * 0.4 + 0.8
    return network.eval()


def ends_of_residuals(network):
    """The last norm of every branch that is added to its shortcut. Their scales are small in trained networks; with
    scales near 1, ResNet-50 would magnify a rounding error thirtyfold, and logits would say little about an engine."""
    for module in network.modules():
        if isinstance(module, resnet.BasicBlock):
            yield module.bn2
        elif isinstance(module, resnet.Bottleneck):
            yield module.bn3
        elif isinstance(module, mobilenetv2.InvertedResidual) and module.use_res_connect:
            yield module.conv[-1]


def measure(network, norms, images):
    """Sets the running statistics to those of some images."""
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.inference_mode():
        network(images)
    for norm in norms:
        norm.eval()


def images(sample_shape, count):
    """Images from a seed."""
    return torch.randn((count, *sample_shape), generator=torch.Generator().manual_seed(SEED + 1))
