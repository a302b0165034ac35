"""How long inference and training take here and elsewhere: see benches/compare/README.md."""

import sys

from . import gpu, inference
from .training import command as training

TASKS = {"inference": inference.main, "training": training.main, "gpu": gpu.main}

if __name__ == "__main__":
    TASKS[sys.argv[1]](sys.argv[2:])
