"""Which models are to be exported: those that are not there, or were made from something else."""

import hashlib
import subprocess
import sys

from . import paths


def fingerprint():
    """Changes with whatever decides what is exported."""
    made_from = ["requirements.txt", "harness/export.py", "harness/weights.py"]
    return hashlib.sha256(b"".join((paths.CRATE / name).read_bytes() for name in made_from)).hexdigest()


def make(networks):
    """Exports what is to be exported; in a process of its own, because it takes much memory."""
    stale = [name for name in networks if not is_made(name)]
    if stale:
        subprocess.run(["nice", "-n", "10", sys.executable, "-W", "ignore", "-m", "harness.export", *stale], check=True)


def is_made(network):
    """Whether its models are there."""
    complete = paths.model(network, "complete")
    return complete.exists() and complete.read_text() == fingerprint()
