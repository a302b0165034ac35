"""How long a training step takes here and elsewhere: see benches/compare/README.md."""

import json

from .. import command, paths, recipe, workers
from ..job import Job
from . import networks

MADE_FROM = [
    "requirements.txt",
    "harness/weights.py",
    "harness/training/export.py",
    "harness/training/networks.py",
    "harness/training/steps.py",
]


def main(arguments):
    """Measures, prints and writes; fails where losses are wrong."""
    options = parse(arguments)
    recipe.make(options.networks, "harness.training.export", MADE_FROM, paths.training)
    jobs = [
        Job("training", name, networks.ALL[name].batch, threads, networks.ALL[name].learning_rate)
        for name in options.networks
        for threads in options.threads
    ]
    command.measure("training", jobs, options, checked="losses", flops=flops, check=error)


def parse(arguments):
    """The command line."""
    parser = command.parser("training", __doc__)
    names = list(networks.ALL)
    engines = workers.TRAINING_ENGINES + workers.TRAINING_VARIANTS
    parser.add_argument("--networks", type=command.some_of(names), default=names, help="a,b")
    parser.add_argument(
        "--engines", type=command.some_of(engines), default=workers.TRAINING_ENGINES, help="a,b"
    )
    return command.parse(parser, arguments)


def flops(job):
    """Operations of a step."""
    return 2 * expected(job.network)["macs"] * job.batch


def error(job, losses):
    """The largest difference from the losses of PyTorch's first steps, relative to each."""
    right = expected(job.network)["losses"]
    if len(losses) != len(right):
        raise workers.Failed(f"gives {len(losses)} losses instead of {len(right)}")
    return float(max(abs(found - loss) / loss for found, loss in zip(losses, right)))


def expected(network):
    """What was exported: multiply-accumulates of a step for one sample, and the losses of the first steps."""
    return json.loads(paths.training(network, "expected.json").read_text())
