"""How a network is recorded: its tensors' names and shapes, its logits, a digest of every module and gradient.

Everything is computed in float64, from weights and inputs in float32.
"""

import json

import numpy as np
import torch

import formula

# Images in a batch, their size, and the classes that the logits are for.
BATCH, IMAGE = 2, (3, 224, 224)
# How far PyTorch's own float32 logits may be from the float64 ones, as a part of their range. Weights that float32
# answers worse would test the condition of the network, not the 1e-4 asked of ours.
FLOAT32_FAIR = 1e-5


def digest(tensor, digits=9):
    """Four numbers that hardly stay the same where a value changes: the mean, the least and the largest value, and
    the sum of the products with `probe` over the root of their number."""
    values = tensor.detach().double().flatten().numpy()
    probe = formula.values("probe", values.size).astype(np.float64)
    numbers = [values.mean(), values.min(), values.max(), values @ probe / np.sqrt(values.size)]
    return [float(f"{number:.{digits}g}") for number in numbers]


def shape(tensor):
    """Sizes as `2x3x224x224`."""
    return "x".join(map(str, tensor.shape))


def tensors(net):
    """The tensors that count: PyTorch's counters of batches are of no use to inference."""
    return {key: value for key, value in net.state_dict().items() if not key.endswith("num_batches_tracked")}


class Hardsigmoid(torch.nn.Module):
    """Written out, because PyTorch's own gradient is that of float32 even in float64: its sixth is rounded so."""

    def forward(self, x):
        return torch.nn.functional.relu6(x + 3) / 6


def exact(net):
    """Puts the exact hardsigmoid in the place of PyTorch's."""
    for name, module in list(net.named_modules()):
        if isinstance(module, torch.nn.Hardsigmoid):
            parent, _, child = name.rpartition(".")
            setattr(net.get_submodule(parent), child, Hardsigmoid())
    return net


def twin(made):
    """The network in eval mode, with the weights of the formula."""
    net = exact(made.make(weights=None))
    state = {key: formula.tensor(key, tuple(value.shape), made.gain) for key, value in tensors(net).items()}
    missing = net.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()}, strict=False)
    assert not missing.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in missing.missing_keys), missing
    return net.eval()


class Look:
    """Digests of what the modules give, of those whose path has at most two names."""

    def __init__(self, net, kept):
        self.digests, self.kept = {}, dict.fromkeys(kept)
        for name, module in net.named_modules():
            if name and name.count(".") < 2:
                module.register_forward_hook(lambda module, inputs, output, name=name: self.see(name, output))

    def see(self, name, output):
        """Looks at once, because the layer behind may work in place."""
        assert name not in self.digests, f"{name} runs twice"
        self.digests[name] = [shape(output), *digest(output)]
        if name in self.kept:
            self.kept[name] = output.detach().clone()


def spread(values):
    """The range of the values."""
    return (values.max() - values.min()).item()


def record(name, made):
    """The entry of a network, its outputs, and a line about them."""
    net = twin(made)
    images = torch.from_numpy(formula.images((BATCH, *IMAGE)))
    with torch.no_grad():
        single = net(images).double()
    net.double()
    look = Look(net, [read for _, read in made.heads.values()])
    images = images.double().requires_grad_(made.gradients)
    with torch.set_grad_enabled(made.gradients):
        logits = net(images)
    outputs = {"logits": logits}
    with torch.no_grad():
        outputs |= {head: net.get_submodule(module)(look.kept[read]) for head, (module, read) in made.heads.items()}
    unfair = (single - logits).abs().max().item() / spread(logits)
    assert unfair < FLOAT32_FAIR, f"{name}: float32 is {unfair:.1e} of the range away from float64"

    entry = {"name": name, "gain": made.gain, "input": shape(images)}
    entry["tensors"] = [[key, shape(value)] for key, value in tensors(net).items()]
    entry["modules"] = [[key, *values] for key, values in look.digests.items()]
    if made.gradients:
        entry["gradients"] = gradients(net, images, logits)
    stored = {f"{name}:{key}": np.ascontiguousarray(value.detach().float().numpy()) for key, value in outputs.items()}
    line = f"logits {logits.min():9.3g} .. {logits.max():<9.3g} float32 within {unfair:.1e} of their range"
    return entry, stored, line


def gradients(net, images, logits):
    """The digest of the gradient of every parameter and of the input, of the sum of the logits times `cotangent`."""
    cotangent = formula.values("cotangent", logits.numel()).astype(np.float64).reshape(logits.shape)
    leaves = {"input": images} | dict(net.named_parameters())
    found = torch.autograd.grad((logits * torch.from_numpy(cotangent)).sum(), list(leaves.values()))
    return [[key, *digest(value, digits=12)] for key, value in zip(leaves, found)]


def write(path, entry):
    """Writes an entry: a line for each tensor, stage and gradient, so that a change reads well in a diff."""
    lines = []
    for key, value in entry.items():
        if isinstance(value, list):
            rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in value)
            lines.append(f'"{key}": [\n{rows}\n]')
        else:
            lines.append(f'"{key}": {json.dumps(value)}')
    path.write_text("{" + ",\n".join(lines) + "}\n")
