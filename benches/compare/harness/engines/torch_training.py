"""A training step of PyTorch without any compiler; as `pytorch_cl` in the channels_last layout."""

import math

import numpy
import torch
from safetensors.torch import load_file

from .. import paths
from ..training import networks
from ..training.steps import Steps
from .torch_eager import keep_memory


class Engine:
    def __init__(self, options):
        keep_memory()
        torch.set_num_threads(options.threads)
        torch.set_num_interop_threads(1)
        layout = torch.channels_last if options.engine == "pytorch_cl" else torch.contiguous_format
        data = load_file(paths.training(options.network, "data.safetensors"))
        images = data["input"].contiguous(memory_format=layout)
        network = networks.load(options.network).to(memory_format=layout)
        self.steps = Steps(network, images, data["labels"], options.learning_rate)
        self.losses = []

    def run(self):
        loss = self.steps.step()
        if len(self.losses) < networks.STEPS:
            self.losses.append(loss)
        if not math.isfinite(loss):
            raise RuntimeError(f"the loss is {loss}")

    def found(self):
        return numpy.array(self.losses)
