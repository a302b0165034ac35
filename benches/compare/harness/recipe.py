"""Which models are to be exported: those that are not there, or were made from something else."""

import hashlib
import subprocess
import sys

from . import paths

INFERENCE = ["requirements.txt", "harness/export.py", "harness/weights.py"]


def fingerprint(made_from=INFERENCE):
    """Changes with whatever decides what is exported."""
    return hashlib.sha256(b"".join((paths.CRATE / name).read_bytes() for name in made_from)).hexdigest()


def make(networks, module="harness.export", made_from=INFERENCE, path=paths.model):
    """Exports what is to be exported; in a process of its own, because it takes much memory."""
    wanted = fingerprint(made_from)
    stale = [name for name in networks if not is_made(path(name, "complete"), wanted)]
    if stale:
        subprocess.run(["nice", "-n", "10", sys.executable, "-W", "ignore", "-m", module, *stale], check=True)


def is_made(complete, wanted):
    """Whether a network's models are there."""
    return complete.exists() and complete.read_text() == wanted
