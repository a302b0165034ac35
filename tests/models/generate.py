"""Writes what torchvision's networks answer, with weights from a formula (`formula.py`).

    python3 -m venv .venv
    .venv/bin/pip install torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 safetensors==0.8.0
    .venv/bin/python tests/models/generate.py [NAME ..]

One JSON file per network goes beside this file, and all logits into `logits.safetensors`; `cargo test -p cnn-tests
--test models` compares. With names only these are made, and the logits of the others are kept. Any build of PyTorch
will do: only the CPU is used, in float64. Same versions, same processor features: same bytes. Elsewhere the last
digits may differ.
"""

import sys
from pathlib import Path

import numpy
import torch
import torchvision
from safetensors.numpy import load_file, save_file

from record import record, write
from twins import TWINS

PINNED = {"torch": "2.15.0", "torchvision": "0.29.2", "numpy": "2.4.6"}


def main():
    found = {"torch": torch.__version__, "torchvision": torchvision.__version__, "numpy": numpy.__version__}
    found = {name: version.split("+")[0] for name, version in found.items()}
    if found != PINNED:
        raise SystemExit(f"the references are made with {PINNED}, this is {found}")
    torch.use_deterministic_algorithms(True)
    folder = Path(__file__).parent
    file = folder / "logits.safetensors"
    wanted = sys.argv[1:] or list(TWINS)
    if unknown := [name for name in wanted if name not in TWINS]:
        raise SystemExit(f"no twin is called {', '.join(unknown)}; there are {', '.join(TWINS)}")
    logits = load_file(file) if sys.argv[1:] and file.exists() else {}
    for name in wanted:
        entry, outputs, line = record(name, TWINS[name])
        logits = {key: value for key, value in logits.items() if key.partition(":")[0] != name} | outputs
        write(folder / f"{name}.json", entry)
        print(f"{name:20} {line}", flush=True)
    versions = ", ".join(f"{name} {version}" for name, version in PINNED.items())
    # In one line, because several come in another order each time.
    save_file(dict(sorted(logits.items())), file, metadata={"made with": versions})


if __name__ == "__main__":
    main()
