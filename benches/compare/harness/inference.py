"""How long inference takes here and elsewhere: see benches/compare/README.md."""

from safetensors.numpy import load_file

from . import command, networks, paths, recipe, workers
from .job import Job


def main(arguments):
    """Measures, prints and writes; fails where logits are wrong."""
    options = parse(arguments)
    recipe.make(options.networks)
    jobs = [
        Job("inference", network, batch, threads)
        for network in options.networks
        for batch in options.batch
        for threads in options.threads
    ]
    command.measure("inference", jobs, options, checked="logits", flops=flops, check=error)


def parse(arguments):
    """The command line."""
    parser = command.parser("inference", __doc__)
    engines = workers.ENGINES + workers.VARIANTS
    parser.add_argument("--networks", type=command.some_of(networks.NAMES), default=networks.NAMES, help="a,b")
    parser.add_argument("--engines", type=command.some_of(engines), default=workers.ENGINES, help="a,b")
    parser.add_argument("--batch", type=command.some_of(networks.BATCHES), default=networks.BATCHES, help="1,8")
    return command.parse(parser, arguments)


def flops(job):
    """Operations of a run."""
    return 2 * networks.MACS[job.network] * job.batch


def error(job, logits):
    """The largest difference from PyTorch's logits, relative to the largest of them."""
    expected = load_file(paths.model(job.network, "data.safetensors"))["logits"][: job.batch].ravel()
    if logits.shape != expected.shape:
        raise workers.Failed(f"gives {logits.size} logits instead of {expected.size}")
    return float(abs(logits - expected).max() / abs(expected).max())
