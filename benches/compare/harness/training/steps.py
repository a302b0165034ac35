"""A training step as PyTorch's users write it."""

import torch
from torch.nn import functional

from .networks import MOMENTUM


class Steps:
    """A network that learns one batch by heart."""

    def __init__(self, network, images, labels, learning_rate, momentum=MOMENTUM):
        self.network, self.images, self.labels = network, images, labels
        # Fused is a quarter faster than the default on the CPU, 3 % of ResNet-18's step.
        self.optimizer = torch.optim.SGD(network.parameters(), learning_rate, momentum, fused=True)

    def step(self):
        """Forward, backward, and a step of SGD. Gives the loss before it."""
        self.optimizer.zero_grad()
        loss = functional.cross_entropy(self.network(self.images), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()
