"""How a case is recorded: inputs drawn from its name, expectations from PyTorch's autograd in float64.

Inputs are drawn in float32 and stored so, hence exact in both dtypes: one record serves the float32 and the
float64 run of the Rust side. Expectations are stored in float64.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

# What PyTorch's own float32 run may differ from the float64 truth, relative to the tensor's largest value. A case
# that float32 cannot answer better than this would not test the 1e-5 of the Rust side, but its own conditioning.
FLOAT32_FAIR = 4e-6


def normal(*shape, mean=0.0, std=1.0):
    """Normally distributed values."""
    return lambda rng: mean + std * rng.standard_normal(shape)


def uniform(*shape, low=-1.0, high=1.0):
    """Uniformly distributed values."""
    return lambda rng: rng.uniform(low, high, shape)


def levels(*shape, values):
    """Values of a short list only, so that neighbours tie."""
    return lambda rng: rng.choice(np.array(values), shape)


def rectified(*shape):
    """What a ReLU leaves: more than half exact zeros."""
    return lambda rng: np.maximum(rng.standard_normal(shape) - 0.3, 0.0)


def points(values, *shape):
    """The listed values (kinks, say), repeated to fill the shape."""
    return lambda rng: np.resize(np.array(values, dtype=np.float64), shape)


class Family:
    """The cases of one file."""

    def __init__(self, name):
        self.name = name
        self.cases = []
        self.tensors = {}
        self.worst_float32 = 0.0
        self.unfair = []

    def case(
        self,
        name,
        op,
        inputs,
        compute,
        attrs=None,
        args=None,
        outputs=("y",),
        grads=None,
        expand=None,
        fair=FLOAT32_FAIR,
    ):
        """Records one case.

        `inputs` maps names to one of the draws above; `compute` takes them as keyword arguments and returns the
        output (several for several `outputs`, of which the first is differentiated). `args` is the order in which
        the Rust side passes them (a name may come twice); `grads` the inputs whose gradients are recorded, all by
        default; `expand` maps an input to the shape that it is broadcast to before the operation; `fair` is for cases
        that PyTorch's own formula answers worse than need be.
        """
        assert all(case["name"] != name for case in self.cases), f"{self.name}/{name} twice"
        rng = np.random.Generator(np.random.PCG64(zlib.crc32(f"{self.name}/{name}".encode())))
        drawn = {key: torch.from_numpy(np.asarray(draw(rng), dtype=np.float32)) for key, draw in inputs.items()}
        grads = list(inputs) if grads is None else list(grads)
        expand = expand or {}

        cotangent = {}

        def run(dtype):
            leaves = {key: value.to(dtype).requires_grad_(key in grads) for key, value in drawn.items()}
            seen = {key: leaf.expand(expand[key]) if key in expand else leaf for key, leaf in leaves.items()}
            results = compute(**seen)
            results = results if isinstance(results, tuple) else (results,)
            assert len(results) == len(outputs), name
            found = dict(zip(outputs, results))
            if grads:
                if not cotangent:
                    random = rng.standard_normal(results[0].shape).astype(np.float32)
                    cotangent["cotangent"] = torch.from_numpy(random)
                loss = (results[0] * cotangent["cotangent"].to(dtype)).sum()
                for key, grad in zip(grads, torch.autograd.grad(loss, [leaves[key] for key in grads])):
                    found[f"grad.{key}"] = grad
            return {key: value.detach().contiguous() for key, value in found.items()}

        truth = run(torch.float64)
        single = run(torch.float32)
        for key, want in truth.items():
            self._fair(f"{self.name}/{name}: {key}", want, single[key], fair)

        for key, value in (drawn | cotangent | truth).items():
            self.tensors[f"{name}:{key}"] = value.contiguous().clone()
        entry = {"family": self.name, "name": name, "op": op, "args": list(args or inputs), "outputs": list(outputs)}
        entry |= {"grads": grads, "attrs": attrs or {}}
        if expand:
            entry["expand"] = {key: list(shape) for key, shape in expand.items()}
        self.cases.append(entry)

    def _fair(self, what, want, single, fair):
        """Refuses a case that PyTorch's float32 run does not answer well."""
        single = single.double()
        finite = torch.isfinite(want)
        assert torch.equal(finite, torch.isfinite(single)), f"{what}: float32 overflows"
        if not finite.any():
            return
        scale = want[finite].abs().max().item() or 1.0
        error = (single[finite] - want[finite]).abs().max().item() / scale
        if error > fair:
            self.unfair.append(f"{what}: float32 is {error:.1e} away from float64")
        self.worst_float32 = max(self.worst_float32, error)

    def save(self, folder: Path):
        """Writes the tensors and returns the size of the file."""
        path = folder / f"{self.name}.safetensors"
        save_file(dict(sorted(self.tensors.items())), path)
        return path.stat().st_size


def short(value):
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":"))


def save_index(families, folder: Path, versions):
    """Writes what the cases are: one line each, so that a change reads well in a diff."""
    lines = ",\n".join(short(case) for family in families for case in family.cases)
    (folder / "index.json").write_text(f'{{"versions":{short(versions)},"cases":[\n{lines}\n]}}\n')
