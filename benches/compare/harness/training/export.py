"""Writes what every engine starts from, and what it must arrive at.

Of each network: `weights.safetensors`, `data.safetensors` (one batch of images and labels) and `expected.json` (the losses of
the first steps, and the multiply-accumulates of a step). `complete` says from what all was made.
"""

import copy
import json
import shutil
import sys

import torch
from safetensors.torch import save_file
from torch import nn

from .. import paths, recipe, weights
from . import networks
from .command import MADE_FROM
from .steps import Steps


def export(name):
    """Writes everything of one network."""
    print(f"exporting {name} for training", flush=True)
    shutil.rmtree(paths.TRAINING / name, ignore_errors=True)
    (paths.TRAINING / name).mkdir(parents=True)
    settings = networks.ALL[name]
    network = weights.fill(networks.build(name), settings.sample).train()
    images = weights.images(settings.sample, settings.batch)
    generator = torch.Generator().manual_seed(weights.SEED + 2)
    labels = torch.randint(settings.classes, (settings.batch,), generator=generator)
    save_file(
        {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")},
        paths.training(name, "weights.safetensors"),
    )
    save_file({"input": images, "labels": labels}, paths.training(name, "data.safetensors"))
    expected = {"losses": reference(network, images, labels, settings.learning_rate), "macs": macs(network, images)}
    paths.training(name, "expected.json").write_text(json.dumps(expected))
    paths.training(name, "complete").write_text(recipe.fingerprint(MADE_FROM))


def reference(network, images, labels, learning_rate):
    """PyTorch's losses in double precision: nobody's rounding is the reference."""
    exact = losses(network.double(), images.double(), labels, learning_rate)
    own = losses(network.float(), images, labels, learning_rate)
    without_momentum = losses(network.float(), images, labels, learning_rate, momentum=0.0)
    print("  losses " + ", ".join(f"{loss:.4f}" for loss in exact), flush=True)
    # What is compared must say something: about the gradients, the optimizer, and not about rounding.
    assert distance(own, exact) < 1e-4, f"the network magnifies rounding errors: {own}, {exact}"
    assert distance(without_momentum, exact) > 1e-2, f"momentum makes no difference: {without_momentum}, {exact}"
    return exact


def losses(network, images, labels, learning_rate, momentum=networks.MOMENTUM):
    """The losses of the first steps; the network itself stays as it is."""
    steps = Steps(copy.deepcopy(network), images, labels, learning_rate, momentum)
    return [steps.step() for _ in range(networks.STEPS)]


def distance(some, others):
    """The largest relative difference."""
    return max(abs(one - other) / other for one, other in zip(some, others))


def macs(network, images):
    """Multiply-accumulates of a step for one sample: those of the convolutions and fully connected layers on the way there,
    and twice as many on the way back, but for the gradient by the images, which nobody needs."""
    counts = []

    def count(layer, _, output):
        counts.append(output[0].numel() * layer.weight[0].numel())

    network = copy.deepcopy(network)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(images)
    return 3 * sum(counts) - counts[0]


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        export(wanted)
