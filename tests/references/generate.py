"""Writes what PyTorch answers, and how it differentiates, for every operation of the library.

    python3 -m venv .venv && .venv/bin/pip install torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python tests/references/generate.py

One safetensors file per family and `index.json` go beside this file; `cargo test -p cnn-tests --test references`
compares. Any build of PyTorch will do: only the CPU is used, in one thread. Same versions, same processor
features: same bytes. Elsewhere the last digits of a float64 may differ.
"""

from pathlib import Path

import numpy
import torch

import convolution
import layout
import normalization
import pointwise
import pooling
from record import save_index

PINNED = {"torch": "2.15.0", "numpy": "2.4.6"}


def main():
    found = {"torch": torch.__version__.split("+")[0], "numpy": numpy.__version__}
    if found != PINNED:
        raise SystemExit(f"the references are made with {PINNED}, this is {found}")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    families = [
        convolution.conv2d(),
        convolution.conv_transpose2d(),
        convolution.linear(),
        pooling.max_pool2d(),
        pooling.avg_pool2d(),
        pooling.adaptive_pool2d(),
        normalization.batch_norm(),
        normalization.batch_norm_layer(),
        normalization.other_norms(),
        pointwise.activation(),
        pointwise.weighted(),
        pointwise.cross_entropy(),
        pointwise.nonfinite(),
        layout.resize(),
        layout.moving(),
    ]
    unfair = [line for family in families for line in family.unfair]
    if unfair:
        raise SystemExit("\n".join(unfair))
    folder = Path(__file__).parent
    total = 0
    for family in families:
        size = family.save(folder)
        total += size
        line = f"{family.name:18} {len(family.cases):4} cases {size / 1024:8.1f} KiB"
        print(f"{line}   float32 of PyTorch is within {family.worst_float32:.1e}")
    save_index(families, folder, PINNED)
    total += (folder / "index.json").stat().st_size
    print(f"{'all':18} {sum(len(family.cases) for family in families):4} cases {total / 1024:8.1f} KiB with the index")


if __name__ == "__main__":
    main()
